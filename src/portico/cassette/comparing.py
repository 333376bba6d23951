"""What has changed: between two cassettes, and between a tape and what clients ask today."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import msgspec

from portico.cassette.encoding import decompressed
from portico.cassette.matching import Matcher, closest_miss, differences, matches
from portico.cassette.model import Cassette, Headers, Interaction, RecordedRequest
from portico.jsonio import JsonError, loads


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference: in which interaction, where (`request.body /messages/0`), and what."""

    interaction: int
    where: str
    what: str


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """How today's requests stand to a tape.

    `matched` are as recorded. `changed` are requests that nothing on the tape
    matches, each with the closest recording and what differs from it. `unasked`
    are the numbers of recordings that no request asked for.
    """

    matched: int
    changed: list["Changed"]
    unasked: list[int]


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is not on the tape; without a `closest` the tape is empty."""

    request: int
    method: str
    url: str
    closest: int | None
    differs_in: list[str]


def diff(a: Cassette, b: Cassette) -> list[Change]:
    """Compare two cassettes, interaction by interaction in their order. Times do not count."""
    return [
        Change(interaction=number, where=where, what=what)
        for number, (left, right) in enumerate(zip_longest(a.interactions, b.interactions))
        for where, what in _between(left, right)
    ]


def drift(
    tape: Cassette, requests: Sequence[RecordedRequest], matchers: Sequence[Matcher]
) -> Drift:
    """Run requests against a tape: each takes the first recording that matches and is not taken.

    More requests than recordings of a kind count as matched: replay repeats the last.
    """
    recorded = [one.request for one in tape.interactions]
    free = set(range(len(recorded)))
    matched, changed = 0, []
    for number, request in enumerate(requests):
        fitting = [n for n, one in enumerate(recorded) if matches(request, one, matchers)]
        if fitting:
            matched += 1
            free.discard(next((n for n in fitting if n in free), fitting[-1]))
            continue
        closest = closest_miss(request, recorded, matchers)
        changed.append(
            Changed(
                request=number,
                method=request.method,
                url=request.url,
                closest=None if closest is None else closest[0],
                differs_in=[] if closest is None else closest[1],
            )
        )
    return Drift(matched=matched, changed=changed, unasked=sorted(free))


def without(tape: Cassette, numbers: Sequence[int]) -> Cassette:
    """The cassette without some of its interactions."""
    gone = set(numbers)
    kept = tuple(one for n, one in enumerate(tape.interactions) if n not in gone)
    return msgspec.structs.replace(tape, interactions=kept)


def repeated(tape: Cassette) -> list[int]:
    """The numbers of interactions that say in request and answer what an earlier one says."""
    seen: set[tuple[object, ...]] = set()
    numbers = []
    for number, one in enumerate(tape.interactions):
        request, response = one.request, one.response
        said = (request.method, request.url, request.body, response.status, response.body)
        if said in seen:
            numbers.append(number)
        seen.add(said)
    return numbers


def _between(a: Interaction | None, b: Interaction | None) -> Iterator[tuple[str, str]]:
    if a is None or b is None:
        yield "interaction", "only in the second" if a is None else "only in the first"
        return
    if a.request.method != b.request.method:
        yield "request.method", f"{a.request.method} != {b.request.method}"
    if a.request.url != b.request.url:
        yield "request.url", f"{a.request.url} != {b.request.url}"
    yield from _headers("request", a.request.headers, b.request.headers)
    yield from _bodies("request", a.request.body, b.request.body)
    left, right = decompressed(a.response), decompressed(b.response)
    if left.status != right.status:
        yield "response.status", f"{left.status} != {right.status}"
    if left.ended != right.ended:
        yield "response.ended", f"{left.ended} != {right.ended}"
    yield from _headers("response", left.headers, right.headers)
    yield from _bodies("response", left.body, right.body)


def _headers(side: str, a: Headers, b: Headers) -> Iterator[tuple[str, str]]:
    left, right = ({name.lower(): value for name, value in headers} for headers in (a, b))
    for found in differences(left, right):
        pointer, _, what = found.partition(": ")
        yield f"{side}.headers{pointer}", what


def _bodies(side: str, a: bytes, b: bytes) -> Iterator[tuple[str, str]]:
    if a == b:
        return
    try:
        found = list(differences(loads(a), loads(b)))
    except JsonError:
        yield f"{side}.body", _first_difference(a, b)
        return
    for line in found:
        pointer, _, what = line.partition(": ")
        yield f"{side}.body {pointer}", what
    if not found:
        yield f"{side}.body", "the same JSON, written otherwise"


def _first_difference(a: bytes, b: bytes) -> str:
    place = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), None)
    if place is None:
        return f"{len(a)} bytes != {len(b)} bytes, the same as far as they go"
    left, right = (data[place : place + 40].decode("utf-8", "replace") for data in (a, b))
    return f"from byte {place}: {left!r} != {right!r}"
