"""Groq: https://console.groq.com/docs/openai

Usage arrives in up to three places; `x_groq.usage` is the one that is always there.
"""

import msgspec

from portico.jsonio import JsonObject, dumps, loads
from portico.providers.base import REASONING_PARAMETERS, STANDARD_PARAMETERS, Provider, SideForm
from portico.providers.patches import drop_foreign_message_fields

# Models that put their thinking between <think> tags inside the text unless asked
# for it apart. Others answer 400 to the field.
_TAGS_THINKING = ("qwen/qwen3", "qwen-qwq", "deepseek-r1-distill")
_PARSED = msgspec.Raw(dumps("parsed"))


def _patch_request(fields: dict[str, msgspec.Raw]) -> None:
    drop_foreign_message_fields(fields)
    if "reasoning_format" in fields or "model" not in fields:
        return
    if str(loads(fields["model"])).startswith(_TAGS_THINKING):
        fields["reasoning_format"] = _PARSED


def _patch_chunk(chunk: JsonObject) -> None:
    x_groq = chunk.get("x_groq")
    if x_groq and not chunk.get("usage") and x_groq.get("usage"):
        chunk["usage"] = x_groq["usage"]


PROVIDER = Provider(
    slug="groq",
    name="Groq",
    base_url="https://api.groq.com/openai/v1",
    key_env=("GROQ_API_KEY",),
    supported_parameters=STANDARD_PARAMETERS | REASONING_PARAMETERS,
    output_cap_field="max_completion_tokens",
    reasoning_field="reasoning_effort",
    side_paths={"embeddings": "", "rerank": "", "images": ""},
    side_forms={"transcriptions": SideForm(counts_when_verbose=True)},
    patch_request=_patch_request,
    patch_chunk=_patch_chunk,
    privacy_policy_url="https://groq.com/privacy-policy/",
    terms_of_service_url="https://groq.com/terms-of-use/",
    status_page_url="https://groqstatus.com",
    headquarters="US",
)
