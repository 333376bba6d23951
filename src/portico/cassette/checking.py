"""What is wrong with a cassette, or worth knowing before it is relied on."""

from collections.abc import Iterator

import msgspec

from portico.cassette.encoding import decompressed
from portico.cassette.model import Cassette, Interaction, RecordedResponse, header
from portico.cassette.redaction import Redactor
from portico.jsonio import JsonError, loads


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing about one interaction. A `problem` keeps it from being replayed as recorded."""

    interaction: int
    kind: str
    message: str
    problem: bool


def check(cassette: Cassette, redactor: Redactor) -> list[Finding]:
    """Return what is found, in the order of the interactions."""
    found = []
    for number, one in enumerate(cassette.interactions):
        for kind, message, problem in _findings(one, redactor):
            found.append(Finding(interaction=number, kind=kind, message=message, problem=problem))
    return found


def _findings(one: Interaction, redactor: Redactor) -> Iterator[tuple[str, str, bool]]:
    request, response = one.request, one.response
    if "://" not in request.url:
        yield "url", f"{request.url[:80]!r} is no address", True
    if not 100 <= response.status <= 599 and response.ended == "done":
        yield "status", f"{response.status} is no HTTP status", True
    times = [frame.at_s for frame in response.frames]
    if times != sorted(times):
        yield "frames", "the times of the frames go back", True
    try:
        plain = decompressed(response)
    except ValueError as error:
        yield "encoding", str(error), True
        return
    yield from _about_body(plain)
    for where, data in (
        ("request.url", request.url.encode()),
        ("request.body", request.body),
        ("response.body", plain.body),
    ):
        for secret in redactor.findings(data):
            yield "secret", f"{where} holds what looks like a secret: {secret}", False


def _about_body(response: RecordedResponse) -> Iterator[tuple[str, str, bool]]:
    body = response.body
    if response.ended != "done":
        how = "was left by its reader" if response.ended == "aborted" else "broke"
        yield "ended", f"the answer {how} after {len(body)} bytes", False
    elif not body:
        yield "empty", "the answer has no body", False
    elif response.is_event_stream and not body.endswith((b"\n", b"\r")):
        yield "stream", "the last event has no end", False
    elif "json" in header(response.headers, "content-type"):
        try:
            loads(body)
        except JsonError:
            yield "json", "the body says it is JSON and is not", False
