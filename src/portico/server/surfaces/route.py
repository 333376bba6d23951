"""`POST /route/explain`: how a request would be routed, without sending it. An extension."""

from portico.dialects import DIALECTS
from portico.explaining import as_json
from portico.resources import Call
from portico.routing.credentials import parse_request_keys
from portico.server.asgi import AsgiReply, read_body
from portico.server.request import Request, Route, Site, answer_json

_SURFACE = DIALECTS["openai_chat"]


async def explain(site: Site, request: Request, reply: AsgiReply) -> None:
    """How a chat request would be routed: candidates with the numbers that ordered them, what
    was left out and why, and the estimated cost. Takes the body of a chat request; nothing is
    sent and nothing is charged."""
    body = await read_body(request.headers, request.receive, site.max_body_bytes)
    call = Call(principal=request.who(), body=body, session_id=request.header(b"x-session-id"))
    brought = parse_request_keys(request.header(b"x-provider-api-keys"))
    told = site.gateway.explain(call, _SURFACE, brought=brought)
    await answer_json(reply, {"data": as_json(told)})


EXPLAIN = Route(method="POST", path="/route/explain", access="key", handler=explain)
