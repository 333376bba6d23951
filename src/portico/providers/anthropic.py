"""Anthropic: https://docs.anthropic.com/en/api/messages"""

from portico.providers.base import REASONING_PARAMETERS, TOOL_PARAMETERS, Provider

PROVIDER = Provider(
    slug="anthropic",
    name="Anthropic",
    base_url="https://api.anthropic.com/v1",
    dialect="anthropic_messages",
    auth="x-api-key",
    key_env=("ANTHROPIC_API_KEY",),
    chat_path="/messages",
    side_paths={"count_tokens": "/messages/count_tokens"},
    supported_parameters=TOOL_PARAMETERS
    | REASONING_PARAMETERS
    | {
        "temperature",
        "top_p",
        "top_k",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "response_format",
        "structured_outputs",
        "verbosity",
    },
    reasoning_field="thinking",
    takes_stream_options=False,
    extra_headers=(("anthropic-version", "2023-06-01"),),
    forwarded_headers=frozenset({"anthropic-beta"}),
    privacy_policy_url="https://www.anthropic.com/legal/privacy",
    terms_of_service_url="https://www.anthropic.com/legal/commercial-terms",
    status_page_url="https://status.anthropic.com",
    headquarters="US",
)
