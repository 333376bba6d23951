"""A request that is larger than a provider takes: several exchanges that make one attempt.

They are one after the other, and what they give is one answer: a single row in the ledger,
one hold, one charge. If one of them fails, the attempt has failed, and nothing is charged
for those before it.
"""

from portico.dialects import Dialect, RequestHead
from portico.dialects.answers import restated
from portico.errors import UpstreamError, UpstreamUnavailable
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
    if not 200 <= answer.status < 300:
        raise await failure(answer, seen, watch)
    seen.pieces.append(restated(await read_whole(answer, watch, limit_bytes), seen.quirks))


def merged(body: bytes, seen: Seen, surface: Dialect) -> bytes:
    """Return one body of what the provider gave for the last piece and for those before it.

    Raises:
        UpstreamError: it cannot be read.
    """
    side, most = surface.side, seen.quirks.most_inputs
    if side is None:
        return body
    body = restated(body, seen.quirks)
    if not seen.pieces or side.merge is None or most is None:
        return body
    return side.merge([*seen.pieces, body], most)


async def failure(answer: UpstreamResponse, seen: Seen, watch: Watch) -> UpstreamError:
    """What an answer says whose status is not one of success.

    Raises:
        UpstreamError: it broke.
    """
    watch.begun()  # an error is not thought about
    body = await read_whole(answer, watch, ERROR_BODY_BYTES, cut=True)
    return seen.dialect.decode_error(answer.status, answer.headers, body)


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
        size += len(data)
        if size > limit_bytes:
            if cut:
                parts.append(data[: limit_bytes - size])
                break
            parts.clear()  # the error's traceback would keep them
            raise UpstreamUnavailable("the upstream's answer exceeds the size limit")
        parts.append(data)
    return b"".join(parts)
