"""`GET /credits`: what the calling key has left, as a balance (contract/catalog-account 3)."""

from portico.limits import spent_picousd
from portico.money import PICOUSD, usd_number
from portico.server.asgi import AsgiReply
from portico.server.request import Request, Route, Site, answer_json


async def credits_left(site: Site, request: Request, reply: AsgiReply) -> None:
    """What the key has spent, and that plus what it may still spend: clients show the difference.

    There is no prepaid money: a key without a limit shows what
    `credits_display_unlimited_usd` says.
    """
    resources, api_key = site.gateway.resources, request.who().key
    spending = await resources.store.spending(api_key.hash, resources.now_ms())
    left = site.credits_display_unlimited_usd * PICOUSD
    if api_key.limit_picousd is not None:
        left = max(0, api_key.limit_picousd - spent_picousd(spending, api_key.limit_reset))
    total = spending.total_picousd
    data = {"total_credits": usd_number(total + left), "total_usage": usd_number(total)}
    await answer_json(reply, {"data": data})


CREDITS = Route(method="GET", path="/credits", access="key", handler=credits_left)
