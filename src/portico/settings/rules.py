"""The settings as routing takes them."""

from portico.dialects.anthropic_messages import slug_of
from portico.planning import RoutingRules
from portico.routing.needs import Restrictions
from portico.settings.records import ResolvedProviders, Settings


def routing_rules(settings: Settings, resolved: ResolvedProviders) -> RoutingRules:
    """Return what the settings say about routing, with the keys of providers that have several."""
    said = settings.routing
    own = Restrictions(
        only=said.only,
        ignore=said.ignore,
        models=said.models,
        zdr=said.zdr,
        deny_training=said.data_collection == "deny",
        data_region=said.data_region,
    )
    return RoutingRules(
        aliases={slug_of(name): of for name, of in settings.aliases.items()} | settings.aliases,
        routers=settings.router,
        restrictions=() if own == Restrictions() else (own,),
        credentials=resolved.credentials,
        ignore_unsupported_tools=said.tools_unsupported == "ignore",
        auto_exacto=said.auto_exacto,
        shared_after_byok=said.allow_shared_after_byok,
        sticky_idle_ms=round(said.sticky_idle_s * 1000),
    )
