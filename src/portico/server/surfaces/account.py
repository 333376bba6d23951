"""`GET /key`: what the calling key may spend and has spent (contract/catalog-account 3)."""

from datetime import UTC, datetime

from portico.jsonio import JsonObject
from portico.limits import spent_picousd
from portico.money import usd_number
from portico.server.asgi import AsgiReply
from portico.server.request import Request, Route, Site, answer_json

_NO_QUOTA = 1_000_000_000


async def key(site: Site, request: Request, reply: AsgiReply) -> None:
    """Limits and usage of the key itself; the dead `rate_limit` field is kept for old clients.

    There is one budget, the key's own limit, and no quota on free models: their
    figures are what "no quota" looks like in fields that have no null.
    """
    resources, owner = site.gateway.resources, request.who()
    api_key = owner.key
    spending = await resources.store.spending(api_key.hash, resources.now_ms())
    limit, remaining, budget = api_key.limit_picousd, None, None
    if limit is not None:
        spent = spent_picousd(spending, api_key.limit_reset)
        remaining = usd_number(max(0, limit - spent))
        budget = {
            "scope": "key_limit",
            "budget_id": None,
            "guardrail_id": None,
            "include_byok": False,
            "limit_usd": usd_number(limit),
            "remaining_usd": remaining,
            "spend_usd": usd_number(spent),
            "reset_interval": api_key.limit_reset,
            "resets_at": None,
        }
    data: JsonObject = {
        "label": api_key.label,
        "limit": None if limit is None else usd_number(limit),
        "limit_remaining": remaining,
        "limit_reset": api_key.limit_reset,
        "include_byok_in_limit": False,
        "usage": usd_number(spending.total_picousd),
        "usage_daily": usd_number(spending.daily_picousd),
        "usage_weekly": usd_number(spending.weekly_picousd),
        "usage_monthly": usd_number(spending.monthly_picousd),
        "byok_usage": 0,
        "byok_usage_daily": 0,
        "byok_usage_weekly": 0,
        "byok_usage_monthly": 0,
        "is_free_tier": False,
        "is_management_key": False,
        "is_provisioning_key": False,
        "creator_user_id": owner.user_id,
        "expires_at": None if api_key.expires_ms is None else iso_time(api_key.expires_ms),
        "workspace_id": None,
        "organization_id": None,
        "allowed_data_regions": ["global"],
        "free_model_daily_requests": {"limit": _NO_QUOTA, "remaining": _NO_QUOTA, "used": 0},
        "budgets": [] if budget is None else [budget],
        "effective_budget": budget,
        "rate_limit": {"requests": -1, "interval": "10s", "note": "deprecated"},
    }
    await answer_json(reply, {"data": data})


def iso_time(at_ms: int) -> str:
    """ISO 8601 in UTC, with milliseconds."""
    text = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


KEY = Route(method="GET", path="/key", access="key", handler=key)
AUTH_KEY = Route(method="GET", path="/auth/key", access="key", handler=key)
