"""Writer: https://dev.writer.com/api-reference/completion-api/chat-completion

Usage details are spelled in the singular, deltas repeat every field as null,
and older answers have `created` as text.
"""

from portico.jsonio import JsonObject
from portico.providers.base import STANDARD_PARAMETERS, Provider

_SINGULAR = {
    "prompt_token_details": "prompt_tokens_details",
    "completion_token_details": "completion_tokens_details",
}


def _patch_chunk(chunk: JsonObject) -> None:
    usage = chunk.get("usage")
    for singular, plural in _SINGULAR.items():
        if usage and usage.get(singular) and not usage.get(plural):
            usage[plural] = usage.pop(singular)
    created = chunk.get("created")
    if isinstance(created, str) and created.isdigit():
        chunk["created"] = int(created)
    for choice in chunk.get("choices") or ():
        if "delta" in choice:
            choice.pop("message", None)


PROVIDER = Provider(
    slug="writer",
    name="Writer",
    base_url="https://api.writer.com/v1",
    key_env=("WRITER_API_KEY",),
    chat_path="/chat",
    supported_parameters=STANDARD_PARAMETERS
    - {"seed", "frequency_penalty", "presence_penalty", "parallel_tool_calls"}
    | {"logprobs"},
    patch_chunk=_patch_chunk,
    privacy_policy_url="https://writer.com/legal/privacy/",
    status_page_url="https://status.writer.com",
    headquarters="US",
)
