"""A request that is larger than a provider takes: several exchanges that make one attempt.

They are one after the other, and what they give is one answer: a single row in the ledger,
one hold, one charge. If one of them fails, the attempt has failed, and nothing is charged
for those before it.
"""

from collections.abc import Sequence

from portico.dialects import Dialect, RequestHead
from portico.dialects.answers import restated
from portico.errors import UpstreamUnavailable
from portico.ports import UpstreamRequest, UpstreamResponse
from portico.requesting import upstream_request
from portico.resources import Call, GatewayOptions
from portico.seen import Seen
from portico.watch import Watch

ERROR_BODY_BYTES = 64 * 1024


def requests_of(
    seen: Seen, head: RequestHead, surface: Dialect, call: Call, options: GatewayOptions
) -> list[UpstreamRequest]:
    """The signed requests for an attempt: one, or as many as it takes for the provider.

    Raises:
        InvalidRequest, UpstreamUnavailable: as of `upstream_request`.
    """
    side, most = surface.side, seen.quirks.most_inputs
    if side is None or side.split is None or most is None:
        return [upstream_request(seen, head, surface, call, options)]
    return [
        upstream_request(seen, piece, surface, call, options) for piece in side.split(head, most)
    ]


async def read_piece(answer: UpstreamResponse, seen: Seen, watch: Watch, limit_bytes: int) -> None:
    """Keep what a provider gives for one of several pieces, in the API's form.

    Raises:
        UpstreamError: it fails.
    """
    seen.status = answer.status
    await refuse_failure(answer, seen, watch)
    seen.pieces.append(restated(await read_whole(answer, watch, limit_bytes), seen.quirks))


def joined(surface: Dialect, bodies: Sequence[bytes], seen: Seen) -> bytes:
    """One body of those of all pieces.

    Raises:
        UpstreamError: one cannot be read.
    """
    side, most = surface.side, seen.quirks.most_inputs
    if len(bodies) == 1 or side is None or side.merge is None or most is None:
        return bodies[-1]
    return side.merge(bodies, most)


async def refuse_failure(answer: UpstreamResponse, seen: Seen, watch: Watch) -> None:
    """Look at the status.

    Raises:
        UpstreamError: it is not one of success.
    """
    if not 200 <= answer.status < 300:
        watch.begun()  # an error is not thought about
        body = await read_whole(answer, watch, ERROR_BODY_BYTES, cut=True)
        raise seen.dialect.decode_error(answer.status, answer.headers, body)


async def read_whole(
    answer: UpstreamResponse, watch: Watch, limit_bytes: int, *, cut: bool = False
) -> bytes:
    """The whole body, for which the upstream may not fall silent once it has begun.

    With `cut` what is longer is left unread: what an error is stands at its beginning.

    Raises:
        UpstreamError: it broke or exceeds `limit_bytes`.
    """
    parts: list[bytes] = []
    size = 0
    async for data in answer.chunks():
        watch.reads += 1
        if not parts:
            watch.begun()
        size += len(data)
        if size > limit_bytes:
            if cut:
                parts.append(data[: limit_bytes - size])
                break
            parts.clear()  # the error's traceback would keep them
            raise UpstreamUnavailable("the upstream's answer exceeds the size limit")
        parts.append(data)
    return b"".join(parts)
