"""The settings as records: sections, what an operator said, and what can be used."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from portico.catalog import EndpointDeclaration, ProviderDeclaration
from portico.ports import Deadlines
from portico.providers import Provider
from portico.resources import CodexErrorCodes
from portico.routing.budget import RetryPolicy
from portico.routing.health import HealthPolicy
from portico.routing.needs import Credential
from portico.routing.routers import RouterLists

Origin = Literal["flag", "env", "file", "default"]

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
SecondsOrNever = Annotated[float, msgspec.Meta(ge=0)]
Weight = Annotated[float, msgspec.Meta(ge=0)]


class ConfigError(Exception):
    """The settings cannot be used; the message says where and what would be right."""


class Secret(str):
    """A secret that cannot be printed by accident.

    As text it is "[redacted]", in f-strings, logs and JSON alike; only
    `reveal` gives the value. Two secrets are equal when their values are.
    """

    __slots__ = ("_value",)
    _value: str

    def __new__(cls, value: str) -> "Secret":
        """Hide `value`."""
        secret = super().__new__(cls, "[redacted]")
        secret._value = value
        return secret

    def reveal(self) -> str:
        """Return the value. For the moment of signing a request, nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return "[redacted]"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not serialised")


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[server]`: where the gateway listens and keeps its state.

    Attributes:
        host: address to listen on. Anything but a loopback address can be
            reached by other machines.
        port: port to listen on; 0 takes any free one.
        data_dir: directory of the ledger and the keys; made if it is missing.
            One gateway at a time may use it.
        public_catalog: answer the catalogue routes (`/models`, `/providers`)
            without a key, too.
        credits_display_unlimited_usd: what `GET /credits` shows as left for a key
            without a limit; some clients stop where nothing is left.
    """

    host: str = "127.0.0.1"
    port: Port = 8400
    data_dir: Path = Path("~/.local/share/portico")
    public_catalog: bool = False
    credits_display_unlimited_usd: Count = 1_000_000


class StreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[stream]`: the form of answers, and signs of life while a client waits.

    Attributes:
        wire_profile: the era of OpenRouter's wire format to speak: today's, or
            that of 2025, for clients that depend on its order of fields.
        stream_tail: what stands in `choices` of the last chunk, the one with
            the usage: the finish reason again, a null finish reason, or
            nothing. Unset: as the wire profile has it ("repeat_finish" today,
            "null_finish" in 2025).
        keepalive_s: seconds between two signs of life in a silent answer:
            comments in a stream, white space before a JSON body; 0 for none.
        stream_commit_after_s: seconds without an outcome after which a stream
            is begun with 200 and comments. A failure after that is told
            inside the stream. 0 for never: a failure before the content
            keeps its status, however late it comes.
        nonstream_keepalive_after_s: likewise for a JSON answer.
        responses_in_progress_s: seconds of silence in a stream of `/responses` after
            which the sign of life is a `response.in_progress`: Codex waits for events
            and does not see comments. 0 for comments only.
        responses_event_lines: write an `event:` line before each event of
            `/responses`, as OpenAI does; OpenRouter does not.
        codex_error_codes: on `/responses`, tell a prompt that is too long, an
            exhausted limit and a rate limit by the codes that Codex understands,
            `context_length_exceeded`, `insufficient_quota` and
            `rate_limit_exceeded`, in the place of OpenRouter's coarser ones:
            where the header `originator` names Codex, always, or never.
    """

    wire_profile: Literal["current", "2025"] = "current"
    stream_tail: Literal["repeat_finish", "null_finish", "empty_choices"] | None = None
    keepalive_s: SecondsOrNever = 10.0
    stream_commit_after_s: SecondsOrNever = 5.0
    nonstream_keepalive_after_s: SecondsOrNever = 20.0
    responses_in_progress_s: SecondsOrNever = 30.0
    responses_event_lines: bool = False
    codex_error_codes: CodexErrorCodes = "by_originator"


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[limits]`: the largest bodies, and the output a hold assumes when none is asked for.

    Attributes:
        max_body_bytes: largest request body in bytes; a larger one is refused with 413.
        default_output_tokens: output tokens to set money aside for where a
            request has no `max_tokens`; the endpoint's own cap if that is less.
        max_response_bytes: largest JSON answer of a provider in bytes; a larger
            one counts as a failed attempt. Streams have no such limit.
    """

    max_body_bytes: Count = 33_554_432
    default_output_tokens: Count = 4096
    max_response_bytes: Count = 67_108_864


class DeadlineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[deadlines]`: how long a provider may take before the attempt has failed.

    Attributes:
        connect_s: seconds to accept the connection.
        first_byte_s: seconds to the first token of a stream. A JSON answer
            comes when it is finished: only `connect_s` and `total_s` count. Where enough
            was measured of an endpoint and another one is left to ask, it is given up
            after twice what its slowest hundredth of streams takes, but 10 s at least.
        thinking_first_byte_s: seconds to the first token of models that think. What was
            measured shortens it to `first_byte_s` at most.
        idle_s: seconds of silence in an answer that has begun.
        total_s: seconds for one attempt in all; time that the client takes to
            read does not count.
        first_token_within_s: seconds for all attempts of a request together,
            until the first token: after that no other one is begun. Endpoints that
            have a longer time than `first_byte_s` have twice that time in all.
    """

    connect_s: Seconds = Deadlines().connect_s
    first_byte_s: Seconds = Deadlines().first_byte_s
    thinking_first_byte_s: Seconds = Deadlines().thinking_first_byte_s
    idle_s: Seconds = Deadlines().idle_s
    total_s: Seconds = Deadlines().total_s
    first_token_within_s: Seconds = Deadlines().first_token_within_s


class RoutingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[routing]`: what requests may be sent where, whatever they ask for.

    Attributes:
        only: providers or endpoint tags that may be used; a request's own
            `provider.only` can narrow it further. Unset: all.
        ignore: providers or endpoint tags that are never used.
        models: patterns of the models that may be called, for example
            "openai/*". Unset: all.
        zdr: use only endpoints declared to retain no data.
        data_collection: `"deny"` uses only endpoints declared not to collect data.
        data_region: use only endpoints declared to process data there, for
            example "eu". Unset: anywhere.
        tools_unsupported: what happens to a request with tools where no
            endpoint of the model takes them: an error, or the tools are ignored.
        allow_shared_after_byok: when a key that came with the request fails,
            use the gateway's own key of that provider and charge for it.
        auto_exacto: put endpoints last, for requests with tools, that break tool
            calls far more often than the others of their model.
        sticky_idle_s: seconds for which a conversation is kept at the endpoint
            whose cache holds it.
        tag_reasoning: tell clients behind sealed reasoning (OpenAI's, Azure's,
            xAI's) which endpoint wrote it, so that it goes back there and to
            nobody else.
    """

    only: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    models: tuple[str, ...] | None = None
    zdr: bool = False
    data_collection: Literal["allow", "deny"] = "allow"
    data_region: str | None = None
    tools_unsupported: Literal["error", "ignore"] = "error"
    allow_shared_after_byok: bool = False
    auto_exacto: bool = False
    sticky_idle_s: Seconds = 600.0
    tag_reasoning: bool = False


class RecordingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[recordings]`: which exchanges are recorded, and how requests find recordings.

    Secrets are taken out before anything is written.

    Attributes:
        dir: directory of the cassettes. Unset: nothing is recorded.
        format: how they are written.
        side: what providers say ("upstream"), or what the gateway answers ("client").
        tape: name of the cassette where a request names none.
        keys: hashes of the gateway's keys whose requests are recorded.
        by_header: let every client have its request recorded, on the cassette
            that it names in `X-Portico-Record`.
        redact: regular expressions of what else is secret. Of one with a group
            the group is replaced, else all of it.
        keep_headers: headers to record beside the usual ones.
        match: what must be equal for a recording to answer a request: "method",
            "origin", "path", "api_path", "query", "uri", "body", "chat_body",
            "prompt". Unset: method, origin, path, query and chat_body.
        ignore: places in bodies that do not matter there, as JSON pointers.
    """

    dir: Path | None = None
    format: Literal["go-vcr", "vcrpy", "vcrpy-json", "har"] = "go-vcr"
    side: Literal["upstream", "client"] = "upstream"
    tape: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$")] = "recorded"
    keys: frozenset[str] = frozenset()
    by_header: bool = True
    redact: tuple[str, ...] = ()
    keep_headers: tuple[str, ...] = ()
    match: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


class ProviderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[providers.<slug>]`. None: not said; `portico.settings.loading.ProviderTable` has more."""

    base_url: str | None = None
    api_key: Secret | None = None
    dialect: str | None = None
    chat_path: str | None = None
    auth: str | None = None
    account: dict[str, str] = {}
    name: str | None = None
    enabled: bool | None = None
    zdr: bool | None = None
    trains: bool | None = None
    region: str | None = None
    is_moderated: bool | None = None
    weight: Weight | None = None
    priority: int | None = None
    credentials: tuple[tuple[Credential, Secret], ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an operator can say.

    `origins` tells for each dotted key (`server.port`) where its value came
    from; `warnings` are sentences for the operator; `path` is the file that
    was read, None without one.
    """

    server: ServerSettings = ServerSettings()
    stream: StreamSettings = StreamSettings()
    limits: LimitSettings = LimitSettings()
    deadlines: Deadlines = Deadlines()
    retries: RetryPolicy = RetryPolicy()
    health: HealthPolicy = HealthPolicy()
    routing: RoutingSettings = RoutingSettings()
    router: RouterLists = RouterLists()
    recordings: RecordingSettings = RecordingSettings()
    aliases: dict[str, str] = {}
    providers: dict[str, ProviderSettings] = {}
    models: tuple[EndpointDeclaration, ...] = ()
    origins: dict[str, Origin] = {}
    warnings: tuple[str, ...] = ()
    path: str | None = None

    @property
    def declared(self) -> dict[str, ProviderDeclaration]:
        """What is said of all endpoints of a provider, by its slug."""
        return {
            slug: ProviderDeclaration(
                zdr=said.zdr,
                trains=said.trains,
                region=said.region,
                is_moderated=said.is_moderated,
                weight=said.weight,
                priority=said.priority,
            )
            for slug, said in self.providers.items()
        }


class ResolvedProviders(msgspec.Struct, frozen=True, kw_only=True):
    """What can be used now.

    `providers` are the enabled ones by slug, `secrets` their keys (none for
    servers without one). `local` are servers of this machine that are used if
    they answer on their usual port. `warnings` are sentences for the operator.

    `credentials` are the keys of providers that have several, or restricted
    ones, and `credential_secrets` what they stand for, by slug and name. The
    name of the key that is also in `secrets` is empty.
    """

    providers: dict[str, Provider]
    secrets: dict[str, Secret]
    local: dict[str, Provider]
    warnings: tuple[str, ...] = ()
    credentials: dict[str, tuple[Credential, ...]] = {}
    credential_secrets: dict[tuple[str, str], Secret] = {}

    def with_local(self, slugs: Sequence[str]) -> "ResolvedProviders":
        """Return these providers and the named local servers, which did answer."""
        found = {slug: self.local[slug] for slug in slugs}
        return msgspec.structs.replace(self, providers={**self.providers, **found})
