"""What Portico has to know about a provider, as one frozen record.

A provider is data: where it listens, which dialect it speaks, which request
fields it takes and how its answers stray from the dialect. Anything that is
true of one provider only belongs into its record, never into a dialect.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from portico.jsonio import JsonObject

RequestPatch = Callable[[dict[str, msgspec.Raw]], None]
ChunkPatch = Callable[[JsonObject], None]

TOOL_PARAMETERS = frozenset({"tools", "tool_choice", "parallel_tool_calls"})
REASONING_PARAMETERS = frozenset({"reasoning", "reasoning_effort", "include_reasoning"})
LOGPROB_PARAMETERS = frozenset({"logprobs", "top_logprobs"})

# Samplers of open-weight servers, which OpenAI's own API refuses.
SAMPLER_PARAMETERS = frozenset({"top_k", "min_p", "repetition_penalty", "logit_bias"})

STANDARD_PARAMETERS = TOOL_PARAMETERS | {
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "response_format",
    "structured_outputs",
}
"""What an OpenAI-compatible server is taken to understand unless its record says otherwise.

The names are those of `supported_parameters` in `GET /models`.
"""

OPEN_SERVER_PARAMETERS = (
    STANDARD_PARAMETERS | SAMPLER_PARAMETERS | REASONING_PARAMETERS | LOGPROB_PARAMETERS
)
"""What servers of open-weight models (vLLM and its relatives) usually take."""

RESPONSES_PARAMETERS = (
    TOOL_PARAMETERS
    | REASONING_PARAMETERS
    | LOGPROB_PARAMETERS
    | {
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "response_format",
        "structured_outputs",
        "verbosity",
        "web_search_options",
    }
)
"""What OpenAI's Responses API has a word for, in the names of chat."""

SIDE_PATHS = {
    "embeddings": "/embeddings",
    "rerank": "/rerank",
    "images": "/images/generations",
    "image_edits": "/images/edits",
    "speech": "/audio/speech",
    "transcriptions": "/audio/transcriptions",
}
"""Where OpenAI-compatible servers have the APIs beside conversations, by name."""

_OPENAI_LIKE = frozenset({"openai_chat", "openai_responses"})


class SideForm(msgspec.Struct, frozen=True, kw_only=True):
    """How a provider has one of the APIs beside conversations otherwise than OpenAI: `request`
    edits the top-level fields of a body in place, `answer` gives a body in OpenAI's form.
    It embeds `most_inputs` texts at once. Vectors that it packs are 32-bit floats
    (`packs_floats`); it says how long a sound was only in `verbose_json`
    (`counts_when_verbose`). `own_words`: it is OpenRouter, so it takes the API as it is."""

    request: RequestPatch | None = None
    answer: Callable[[JsonObject], JsonObject] | None = None
    most_inputs: int | None = None
    packs_floats: bool = False
    own_words: bool = False
    counts_when_verbose: bool = False


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One provider, or one server that an operator named in the settings.

    Attributes:
        slug: lower-case identifier; also the base of endpoint tags.
        name: what clients see in `provider`.
        base_url: without a trailing slash. Empty: it depends on the account,
            and the provider exists only where the settings give it. A name in
            braces stands for a part of it that depends on the account.
        auth: how it is told who pays, a name in `portico.providers.signing.SCHEMES`.
        key_env: environment variables that may hold the key; the first found wins.
        key_parts: for a key of several texts, variables by the part's name. Parts in
            `optional_key_parts` may be missing. Looked at where no `key_env` is set.
        key_file_env: variables that may name a file with the key. Looked at last.
        account_env: variables that may hold a part of the address, by its name.
        account_defaults: what such a part is where nobody says it; `account_in_key`
            names the member of a key of several texts that holds it.
        by_version: another base URL and chat path, for accounts that have the part
            `api_version`.
        renamed_hosts: hosts that an account's address has by a rule, and what they
            are really called.
        chat_path: what follows the base URL; "{model}" in it stands for the model. Not
            used where the dialect says the path. `stream_path` is that of streams, if
            it is another.
        local_port: usual port of a server on this machine; None for a remote one.
        supported_parameters: as in `GET /models`; the models it serves may take fewer.
        renamed_parameters: client's name of a request field to the provider's.
        reasoning_field: how it takes the wish to think; None if it has no such field.
        replayed_reasoning: how it takes back what a model thought earlier, as text:
            in this field of the message, or as `thinking` parts of its content.
            None: not at all. Signed and opaque reasoning is never sent this way.
        reasoning_format: the family of its opaque reasoning, where it is another than
            that of its dialect: nobody else can read it.
        takes_stream_options: it accepts `stream_options.include_usage`.
        reasoning_outside_completion: its `completion_tokens` do not contain
            the reasoning tokens.
        forwarded_headers: lower-case names of what clients of the same dialect may add.
        known_betas: what it knows of what `anthropic-beta` can name; it is sent no other.
            None: everything.
        side_paths: paths of APIs beside conversations, by their name in `SIDE_PATHS`, where
            they differ from those; "" for one that it does not have. `side_forms` are
            what else is different about them.
        patch_request: edits the top-level fields of a request in place. Runs
            last, and only when client and provider speak the same dialect.
        patch_chunk: edits a parsed stream chunk or a whole answer in place,
            before it is decoded. Runs once for each chunk: keep it short.
        headquarters: ISO 3166 country code; `datacenters` likewise. None: not known.
    """

    slug: str
    name: str
    base_url: str
    dialect: str = "openai_chat"
    auth: str = "bearer"
    key_env: tuple[str, ...] = ()
    key_parts: dict[str, str] = {}
    optional_key_parts: frozenset[str] = frozenset()
    key_file_env: tuple[str, ...] = ()
    account_env: dict[str, tuple[str, ...]] = {}
    account_defaults: dict[str, str] = {}
    account_in_key: dict[str, str] = {}
    by_version: tuple[str, str] | None = None
    renamed_hosts: dict[str, str] = {}
    local_port: int | None = None
    chat_path: str = "/chat/completions"
    stream_path: str | None = None
    supported_parameters: frozenset[str] = STANDARD_PARAMETERS
    output_cap_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    renamed_parameters: dict[str, str] = {}
    reasoning_field: (
        Literal["reasoning_effort", "reasoning", "thinking", "enable_thinking"] | None
    ) = None
    replayed_reasoning: Literal["reasoning_content", "thinking"] | None = None
    reasoning_format: str | None = None
    takes_stream_options: bool = True
    reasoning_outside_completion: bool = False
    extra_headers: tuple[tuple[str, str], ...] = ()
    forwarded_headers: frozenset[str] = frozenset()
    known_betas: frozenset[str] | None = None
    side_paths: dict[str, str] = {}
    side_forms: dict[str, SideForm] = {}
    patch_request: RequestPatch | None = None
    patch_chunk: ChunkPatch | None = None
    privacy_policy_url: str | None = None
    terms_of_service_url: str | None = None
    status_page_url: str | None = None
    headquarters: str | None = None
    datacenters: tuple[str, ...] | None = None

    def side_urls(self) -> dict[str, str]:
        """The URLs of its APIs beside conversations, by name."""
        usual = SIDE_PATHS if self.dialect in _OPENAI_LIKE else {}
        paths = {**usual, **self.side_paths}
        return {name: self.base_url + path for name, path in paths.items() if path}


def speaking(provider: Provider, dialect: str) -> Provider:
    """The record of a provider under the same address in another dialect than its own.

    What it does differently in its own says nothing of the other.
    """
    if dialect == provider.dialect:
        return provider
    known = {"openai_responses": RESPONSES_PARAMETERS}
    return msgspec.structs.replace(
        provider,
        dialect=dialect,
        supported_parameters=known.get(dialect, provider.supported_parameters),
        stream_path=None,
        renamed_parameters={},
        replayed_reasoning=None,
        reasoning_outside_completion=False,
        patch_request=None,
        patch_chunk=None,
    )
