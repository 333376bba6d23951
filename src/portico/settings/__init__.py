"""Settings: command line over environment over `portico.toml` over defaults.

The file is read strictly: an unknown key, a wrong type or a money amount that
is not exact stops the start with file, line, section and key, because a
setting that is silently ignored is found out on the bill.
"""

from portico.settings.loading import DEFAULT_FILE, load_settings
from portico.settings.records import (
    ConfigError,
    LimitSettings,
    Origin,
    ProviderSettings,
    RecordingSettings,
    ResolvedProviders,
    RoutingSettings,
    Secret,
    ServerSettings,
    Settings,
    StreamSettings,
)
from portico.settings.resolving import resolve_providers
from portico.settings.rules import routing_rules

__all__ = [
    "DEFAULT_FILE",
    "ConfigError",
    "LimitSettings",
    "Origin",
    "ProviderSettings",
    "RecordingSettings",
    "ResolvedProviders",
    "RoutingSettings",
    "Secret",
    "ServerSettings",
    "Settings",
    "StreamSettings",
    "load_settings",
    "resolve_providers",
    "routing_rules",
]
