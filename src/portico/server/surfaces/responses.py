"""`POST /responses`, stateless, in the dialect of OpenAI's newer clients (contract/other-apis 1)."""

from collections.abc import Mapping

from portico.dialects import DIALECTS, Dialect
from portico.dialects.openai_responses import speaking
from portico.dialects.openai_responses.feed import Manner
from portico.server.asgi import AsgiReply
from portico.server.request import Request, Route, Site
from portico.server.surfaces.answering import answer

_SESSION = b"session_id"  # as Codex names it, unless something on the way takes no underscores
_HYPHENED = b"session-id"
_CODEX = b"codex"  # how its originators begin
_SPOKEN: dict[tuple[bool, bool], Dialect] = {
    (event_lines, precise): speaking(Manner(event_lines=event_lines, precise_codes=precise))
    for event_lines in (False, True)
    for precise in (False, True)
}


def manner_of(site: Site, headers: Mapping[bytes, bytes]) -> Dialect:
    """The dialect as the operator and the client want it spoken (contract/clients 11)."""
    options = site.gateway.resources.options
    precise = options.codex_error_codes == "always" or (
        options.codex_error_codes == "by_originator"
        and headers.get(b"originator", b"").lower().startswith(_CODEX)
    )
    return _SPOKEN[options.responses_event_lines, precise]


async def responses(site: Site, request: Request, reply: AsgiReply) -> None:
    """Answer a conversation in the form of OpenAI's Responses API, as JSON or as a stream;
    nothing is stored."""
    dialect = manner_of(site, request.headers)
    session = _SESSION if _SESSION in request.headers else _HYPHENED
    await answer(site, request, reply, dialect, session_header=session)


RESPONSES = Route(
    method="POST",
    path="/responses",
    access="key",
    handler=responses,
    dialect=DIALECTS["openai_responses"],
    manner=manner_of,
)
