"""What the stream tests of all dialects share: a relay fed in pieces, and the recorded streams."""

from collections.abc import Iterator, Sequence

from tests.conftest import body_of, recorded

from portico.dialects import Envelope, StreamRelay
from portico.vocabulary import Cost

COST = Cost(prompt_picousd=20_000_000, completion_picousd=12_000_000)


def envelope(**changes) -> Envelope:
    fields = {
        "generation_id": "gen-1758703127-HhgBCe5YfgeAGz9bvnU7",
        "created_s": 1758703127,
        "model": "acme/orca-2",
        "provider": "Acme",
    }
    return Envelope(**{**fields, **changes})


def relay_bytes(relay: StreamRelay, pieces: Sequence[bytes]) -> bytes:
    """Everything a client receives for an upstream that sends `pieces` and ends."""
    out: list[bytes] = []
    for piece in pieces:
        out.append(relay.feed(piece))
        if relay.error is not None:  # the gateway hangs up
            break
    if relay.error is None:
        out.append(relay.end())
    if relay.error is None:
        out.append(relay.trailer(COST))
    else:
        out.append(relay.fail(relay.error))
    return b"".join(out)


def pieces_of(stream: bytes, size: int) -> list[bytes]:
    return [stream[i : i + size] for i in range(0, len(stream), size)]


def recorded_streams(api: str) -> Iterator[tuple[dict, bytes]]:
    """Every recording of an API that was asked for as a stream and answered 200, and its body."""
    for record in recorded(api):
        response, body = record["response"], body_of(record)
        plain = response.get("body_encoding") != "base64"
        if record["stream"] and body and plain and response["status"] == 200:
            yield record, body
