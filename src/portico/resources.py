"""What one answer is made with: the ports, the providers and the operator's choices."""

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from portico.alarms import Alarms
from portico.dialects import Dialect, Quirks, WireProfile
from portico.ports import Deadlines, Store, Tokens, Transport
from portico.providers.signing import SCHEMES, Headers, Scheme
from portico.routing.budget import RetryBudget
from portico.routing.health import HealthTracker
from portico.vocabulary import Endpoint, Origin, Principal, StreamTail

CodexErrorCodes = Literal["by_originator", "always", "never"]


class ProviderAccess(msgspec.Struct, frozen=True, kw_only=True):
    """How to call one provider: its chat URL, dialect, quirks, and how it is told who pays.

    "{model}" in a URL stands for the model; `stream_url` is that of streams, if it is
    another.

    `scheme` signs requests that have `unsigned_headers`. `headers` are these with the
    proof for `secret`, where it is the same for every request: never log or show
    them. `keys` are the operator's other secrets by name. `replayed`:
    a recording answers in the provider's place. `forwards` names the headers of a client
    of the same dialect that are sent on, `known_betas` what may stand in `anthropic-beta`.
    `side_urls` are those of the APIs beside conversations, by the name of the API, and
    `side_quirks` what is odd about them. `facts` are what `GET
    /providers` tells about it. `others` are the same in dialects that single
    endpoints of it speak, by name.
    """

    slug: str
    name: str
    dialect: Dialect
    url: str
    headers: Headers
    stream_url: str | None = None
    secret: str | None = None
    unsigned_headers: Headers = ()
    scheme: Scheme = SCHEMES["none"]
    keys: Mapping[str, str] = {}
    quirks: Quirks = Quirks()
    replayed: bool = False
    forwards: frozenset[str] = frozenset()
    known_betas: frozenset[str] | None = None
    side_urls: Mapping[str, str] = {}
    side_quirks: Mapping[str, Quirks] = {}
    facts: Mapping[str, object] = {}
    others: Mapping[str, "ProviderAccess"] = {}

    def __repr__(self) -> str:
        return f"ProviderAccess({self.slug})"


def access_to(providers: Mapping[str, ProviderAccess], endpoint: Endpoint) -> ProviderAccess:
    """How to call an endpoint: as its provider, in the dialect that it speaks."""
    access = providers[endpoint.provider]
    return access if endpoint.dialect is None else access.others.get(endpoint.dialect, access)


class GatewayOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator can set about answers; see the settings for each meaning."""

    wire_profile: WireProfile = "current"
    stream_tail: StreamTail | None = None
    keepalive_s: float = 10.0
    stream_commit_after_s: float = 5.0
    nonstream_keepalive_after_s: float = 20.0
    responses_in_progress_s: float = 30.0
    responses_event_lines: bool = False
    codex_error_codes: CodexErrorCodes = "by_originator"
    default_output_tokens: int = 4096
    max_response_bytes: int = 64 * 1024 * 1024
    tag_reasoning: bool = False
    deadlines: Deadlines = Deadlines()

    def origin_of(self, endpoint: Endpoint, access: ProviderAccess) -> Origin | None:
        """What its sealed reasoning is tagged with; None where it is told as it comes."""
        tags = self.tag_reasoning and not access.replayed
        return (endpoint.model, endpoint.tag) if tags else None

    @property
    def tail(self) -> StreamTail:
        """The set form of the last chunks, else the one that the profile's era had."""
        era: StreamTail = "null_finish" if self.wire_profile == "2025" else "repeat_finish"
        return self.stream_tail or era


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One inference request as it reached a surface.

    `brought_keys` are the caller's own keys by provider slug, `wants_metadata` asks
    for `openrouter_metadata` in the answer. `forwarded` are headers of the surface's own
    dialect; only what a provider lists is sent to it. Never log it.
    """

    principal: Principal
    body: bytes
    user_agent: str | None = None
    http_referer: str | None = None
    app_title: str | None = None
    session_id: str | None = None
    brought_keys: Mapping[str, str] = {}
    wants_metadata: bool = False
    forwarded: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"Call({self.principal.key.label}, {len(self.body)} bytes)"


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """The ports and settings that every answer shares. `providers` is keyed by slug.

    `now_ms` is the wall clock, for rows; `clock_s` never goes back, for durations.
    """

    store: Store
    transport: Transport
    tokens: Tokens
    providers: Mapping[str, ProviderAccess]
    options: GatewayOptions
    health: HealthTracker
    budget: RetryBudget
    now_ms: Callable[[], int]
    clock_s: Callable[[], float]
    alarms: Alarms = msgspec.field(default_factory=Alarms)

    @property
    def names(self) -> dict[str, str]:
        """Display names of the providers by slug."""
        return {slug: access.name for slug, access in self.providers.items()}

    @property
    def deadlines(self) -> Deadlines:
        """Those of every attempt."""
        return self.options.deadlines
