"""From a request's head to what goes to one endpoint: body, URL, and the key that pays."""

from collections.abc import Mapping

import msgspec

from portico.dialects import Dialect, RequestHead, request_between
from portico.errors import InvalidRequest, UpstreamUnavailable
from portico.jsonio import dumps
from portico.ports import UpstreamRequest
from portico.providers.signing import Outgoing
from portico.resources import Call, GatewayOptions, ProviderAccess
from portico.routing import Candidate
from portico.routing.credentials import REQUEST_KEY
from portico.seen import Seen
from portico.vocabulary import Endpoint

Headers = tuple[tuple[str, str], ...]


def key_for(candidate: Candidate, access: ProviderAccess, brought: Mapping[str, str]) -> str | None:
    """The key that a candidate is called with; `brought` are the caller's own by provider."""
    if candidate.credential == REQUEST_KEY:
        return brought[access.slug]
    return access.keys.get(candidate.credential or "", access.secret)


def upstream_request(
    seen: Seen,
    head: RequestHead,
    surface: Dialect,
    call: Call,
    options: GatewayOptions,
) -> UpstreamRequest:
    """The signed request for the attempt that `seen` is about to be.

    Raises:
        InvalidRequest: the conversation cannot be put into the provider's dialect.
        UpstreamUnavailable: the key is not in the form that the provider asks for, or
            the provider does not have the API.
    """
    endpoint, access = seen.endpoint, seen.access
    quirks = seen.quirks
    foreign = seen.dialect is not surface
    if endpoint.max_completion_tokens is not None and (foreign or head.max_output_tokens is None):
        quirks = msgspec.structs.replace(quirks, output_limit_tokens=endpoint.max_completion_tokens)
    body, seen.dropped = request_between(
        surface,
        seen.dialect,
        _head_for(head, endpoint),
        endpoint.upstream_model,
        endpoint.supported_parameters,
        quirks,
    )
    added: Headers = ()
    if call.forwarded and not foreign:
        added = tuple(header for header in call.forwarded if header[0] in access.forwards)
    if surface.side is not None and surface.side.content_type is not None:
        added = (*added, ("Content-Type", surface.side.content_type(body)))
    secret = key_for(seen.candidate, access, call.brought_keys)
    url = _url(seen, head)
    headers = _with(access.headers, added)
    if secret is not None and not (access.scheme.constant and secret is access.secret):
        unsigned = _with(access.unsigned_headers, added)
        request = Outgoing(method="POST", url=url, headers=unsigned, body=body)
        signed = access.scheme.sign(request, secret, seen.started_ms)
        url, headers = signed.url, signed.headers
    return UpstreamRequest(
        method="POST",
        url=url,
        headers=headers,
        body=body,
        connect_within_s=options.deadlines.connect_s,
    )


def lost_on_the_way(
    surface: Dialect, access: ProviderAccess, head: RequestHead, endpoint: Endpoint
) -> frozenset[str]:
    """Return the parameters that the provider's dialect has no place for.

    Between equal dialects that is none: what the endpoint takes decides alone.
    """
    if surface.side is not None or access.dialect is surface:
        return frozenset()
    quirks = msgspec.structs.replace(
        access.quirks, output_limit_tokens=endpoint.max_completion_tokens
    )
    supported = endpoint.supported_parameters
    try:
        _, dropped = request_between(
            surface, access.dialect, head, endpoint.upstream_model, supported, quirks
        )
    except InvalidRequest:
        return frozenset()  # it cannot be sent there at all: the attempt says why
    return dropped


def _url(seen: Seen, head: RequestHead) -> str:
    """Where the attempt goes."""
    access, side = seen.access, seen.dialect.side
    if side is not None:
        url = access.side_urls.get(side.name)
        if url is None:
            raise UpstreamUnavailable(f"{access.name} has no {side.name} that this gateway knows.")
        return url
    path = seen.dialect.path
    return access.url + (path(seen.endpoint.upstream_model, head.stream) if path else "")


def _with(headers: Headers, added: Headers) -> Headers:
    """The headers with further ones, which take the place of their namesakes."""
    if not added:
        return headers
    names = {name.lower() for name, _ in added}
    return (*(header for header in headers if header[0].lower() not in names), *added)


def _head_for(head: RequestHead, endpoint: Endpoint) -> RequestHead:
    """The request, with the service tier that the endpoint is where none was named."""
    if endpoint.service_tier is None or "service_tier" in head.fields:
        return head
    fields = {**head.fields, "service_tier": msgspec.Raw(dumps(endpoint.service_tier))}
    return msgspec.structs.replace(head, fields=fields)
