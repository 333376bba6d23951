"""How many tokens a prompt has, as its provider counts them.

Free: nothing is held and nothing is booked, and no provider is judged by its answer.
"""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from portico.dialects import Dialect, Quirks, RequestHead
from portico.dialects.seals import readable_by
from portico.errors import UpstreamError, UpstreamModelGone, UpstreamRejected
from portico.jsonio import JsonError
from portico.ports import UpstreamRequest
from portico.providers.signing import Outgoing
from portico.requesting import forwarded_to, guard_secrets, key_for
from portico.resources import Call, Resources, access_to
from portico.routing import Candidate
from portico.seen import Seen

CountBody = Callable[[RequestHead, str, frozenset[str], Quirks], bytes]
"""Writes the question: (the request, the provider's name of the model, the parameters that
the endpoint takes, the provider's quirks) -> the body."""

SIDE_URL = "count_tokens"
"""Its name in `ProviderAccess.side_urls`."""

_PATIENCE_S = 5.0
_ANSWER_BYTES = 64 * 1024


class _Counted(msgspec.Struct):
    input_tokens: int


_decode = msgspec.json.Decoder(_Counted).decode


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: the caller's request, its dialect, and how that writes the question."""

    call: Call
    head: RequestHead
    surface: Dialect
    body: CountBody


async def provider_count(
    question: Question, candidates: Sequence[Candidate], resources: Resources
) -> int | None:
    """What the first provider says that speaks the caller's dialect and counts.

    None: there is none for the model, or it does not say.

    Raises:
        UpstreamRejected: it says that the request is wrong.
    """
    for candidate in candidates:
        access = access_to(resources.providers, candidate.endpoint)
        asked_for = candidate.endpoint.model == candidates[0].endpoint.model
        if (
            asked_for
            and access.dialect.name == question.surface.name
            and SIDE_URL in access.side_urls
        ):
            break
    else:
        return None
    seen = Seen(candidate, question.surface, resources)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await _ask(question, seen, resources)
    except UpstreamRejected as error:
        if error.status != 400 or isinstance(error, UpstreamModelGone):
            return None
        guard_secrets(error, seen, question.call, resources.tokens)
        raise
    except (UpstreamError, TimeoutError):
        return None


async def _ask(question: Question, seen: Seen, resources: Resources) -> int | None:
    reservation = resources.store.free(question.call.principal.key.hash)
    request = _request(question, seen)
    async with resources.transport.open(request, reservation) as answer:
        body = await answer.read(_ANSWER_BYTES)
        if answer.status != 200:
            raise seen.dialect.decode_error(answer.status, answer.headers, body)
    try:
        tokens = _decode(body).input_tokens
    except JsonError:
        return None
    return tokens if tokens > 0 else None


def _request(question: Question, seen: Seen) -> UpstreamRequest:
    access, endpoint, call = seen.access, seen.endpoint, question.call
    head = readable_by(question.head, endpoint.tag) if question.head.sealed else question.head
    outgoing = Outgoing(
        method="POST",
        url=access.side_urls[SIDE_URL],
        headers=(*access.unsigned_headers, *forwarded_to(access, call)),
        body=question.body(
            head, endpoint.upstream_model, endpoint.supported_parameters, seen.quirks
        ),
    )
    secret = key_for(seen.candidate, access, call.brought_keys)
    if secret is not None:
        outgoing = access.scheme.sign(outgoing, secret, seen.started_ms)
    return UpstreamRequest(
        method=outgoing.method, url=outgoing.url, headers=outgoing.headers, body=outgoing.body
    )
