"""From a request's head to what goes to one endpoint: body, URL, and the key that pays."""

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from portico.dialects import Dialect, Quirks, RequestHead, request_between
from portico.dialects.seals import readable_by
from portico.errors import InvalidRequest, UpstreamError, UpstreamRejected, UpstreamUnavailable
from portico.jsonio import dumps
from portico.ports import Tokens, UpstreamRequest
from portico.providers.signing import SCHEMES, Outgoing, secrets_in
from portico.resources import Call, GatewayOptions, ProviderAccess
from portico.routing import Candidate
from portico.routing.credentials import REQUEST_KEY
from portico.seen import Seen
from portico.vocabulary import Endpoint, Reservation

Headers = tuple[tuple[str, str], ...]
_BETA = "anthropic-beta"


def key_for(candidate: Candidate, access: ProviderAccess, brought: Mapping[str, str]) -> str | None:
    """The key that a candidate is called with; `brought` are the caller's own by provider."""
    if candidate.credential == REQUEST_KEY:
        return brought[access.slug]
    return access.keys.get(candidate.credential or "", access.secret)


async def exchange_key(seen: Seen, call: Call, tokens: Tokens, reservation: Reservation) -> None:
    """Set `seen.token` where the attempt's key has to be exchanged for one.

    Raises:
        UpstreamError: there is none.
    """
    secret = key_for(seen.candidate, seen.access, call.brought_keys)
    if secret is not None and seen.access.scheme.exchange is not None:
        own = seen.candidate.credential != REQUEST_KEY
        seen.token = await tokens.token(seen.access.scheme, secret, reservation, own=own)


def guard_secrets(error: UpstreamError, seen: Seen, call: Call, tokens: Tokens) -> None:
    """Take what was shown to the provider out of what it says; a refused token is done with."""
    secret = key_for(seen.candidate, seen.access, call.brought_keys)
    if secret is None:
        return
    for part in secrets_in(secret):
        error.conceal(part)
    if seen.token is not None:
        error.conceal(seen.token)
        if error.upstream_status == 401:
            tokens.forget(secret)


def upstream_request(
    seen: Seen,
    head: RequestHead,
    surface: Dialect,
    call: Call,
    options: GatewayOptions,
) -> UpstreamRequest:
    """The signed request for the attempt that `seen` is about to be.

    The proof is `seen.token` where the key was exchanged for one.

    Raises:
        UpstreamRejected: the conversation cannot be put into the provider's dialect.
        UpstreamUnavailable: the key is not in the form that the provider asks for, or
            the provider does not have the API.
    """
    endpoint, access = seen.endpoint, seen.access
    quirks = seen.quirks
    foreign = seen.dialect.name != surface.name
    if endpoint.max_completion_tokens is not None and (foreign or head.max_output_tokens is None):
        quirks = msgspec.structs.replace(quirks, output_limit_tokens=endpoint.max_completion_tokens)
    body, seen.dropped = _said(surface, seen.dialect, _head_for(head, endpoint), endpoint, quirks)
    added: Headers = ()
    if call.forwarded and not foreign:
        added = forwarded_to(access, call)
    if surface.side is not None and surface.side.content_type is not None:
        kind = surface.side.content_type(body)
        added = (*added, ("Content-Type", kind)) if kind is not None else added
    url = _url(seen, head)
    headers = _with(access.headers, added)
    scheme, secret = access.scheme, key_for(seen.candidate, access, call.brought_keys)
    if seen.token is not None:
        scheme, secret = SCHEMES["bearer"], seen.token
    if secret is not None and not (scheme.constant and secret is access.secret):
        unsigned = _with(access.unsigned_headers, added)
        request = Outgoing(method="POST", url=url, headers=unsigned, body=body)
        signed = scheme.sign(request, secret, seen.started_ms)
        url, headers = signed.url, signed.headers
    return UpstreamRequest(
        method="POST",
        url=url,
        headers=headers,
        body=body,
        connect_within_s=options.deadlines.connect_s,
    )


def _said(
    surface: Dialect, upstream: Dialect, head: RequestHead, endpoint: Endpoint, quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The body for the endpoint. One that cannot be said there may be said at another."""
    supported = endpoint.supported_parameters
    try:
        return request_between(surface, upstream, head, endpoint.upstream_model, supported, quirks)
    except InvalidRequest as error:
        refusal = UpstreamRejected(error.message)
        refusal.unsent = True
        raise refusal from error


def forwarded_to(access: ProviderAccess, call: Call) -> Headers:
    """The client's headers that a provider of its dialect is sent, without betas unknown there."""
    headers = ((n, _betas(v, access) if n == _BETA else v) for n, v in call.forwarded)
    return tuple(header for header in headers if header[0] in access.forwards and header[1])


def _betas(value: str, access: ProviderAccess) -> str:
    known = access.known_betas
    if known is None:
        return value
    return ",".join(beta for beta in map(str.strip, value.split(",")) if beta in known)


def lost_on_the_way(
    surface: Dialect, access: ProviderAccess, head: RequestHead, endpoint: Endpoint
) -> frozenset[str]:
    """Return the parameters that the provider's dialect has no place for.

    Between equal dialects that is none: what the endpoint takes decides alone.
    """
    if surface.side is not None or access.dialect.name == surface.name:
        return frozenset()
    quirks = msgspec.structs.replace(
        access.quirks, output_limit_tokens=endpoint.max_completion_tokens
    )
    supported = endpoint.supported_parameters
    try:
        _, dropped = request_between(
            surface, access.dialect, head, endpoint.upstream_model, supported, quirks
        )
    except (InvalidRequest, UpstreamRejected):
        return frozenset()  # it cannot be sent there at all: the attempt says why
    return dropped


def _url(seen: Seen, head: RequestHead) -> str:
    """Where the attempt goes."""
    access, side, path = seen.access, seen.dialect.side, seen.dialect.path
    model = seen.endpoint.upstream_model
    if side is not None:
        name = side.name if side.url_name is None else side.url_name(head, model, seen.quirks)
        url = access.side_urls.get(name)
        if url is None:
            raise UpstreamUnavailable(f"{access.name} has no {side.name} that this gateway knows.")
    elif path is not None:
        return access.url + path(model, head.stream)
    else:
        url = access.stream_url or access.url if head.stream else access.url
    return url.replace("{model}", quote(model, safe="@:")) if "{model}" in url else url


def _with(headers: Headers, added: Headers) -> Headers:
    """The headers with further ones, which take the place of their namesakes."""
    if not added:
        return headers
    names = {name.lower() for name, _ in added}
    return (*(header for header in headers if header[0].lower() not in names), *added)


def _head_for(head: RequestHead, endpoint: Endpoint) -> RequestHead:
    """The request as the endpoint can read it, with the service tier that the endpoint is
    where none was named."""
    if head.sealed:
        head = readable_by(head, endpoint.tag)
    if endpoint.service_tier is None or "service_tier" in head.fields:
        return head
    fields = {**head.fields, "service_tier": msgspec.Raw(dumps(endpoint.service_tier))}
    return msgspec.structs.replace(head, fields=fields)
