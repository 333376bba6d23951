"""Cerebras: https://inference-docs.cerebras.ai

`created` is sometimes a float, and message fields it does not know are refused.
"""

import msgspec

from portico.jsonio import JsonObject
from portico.providers.base import (
    LOGPROB_PARAMETERS,
    REASONING_PARAMETERS,
    STANDARD_PARAMETERS,
    Provider,
)
from portico.providers.patches import drop_foreign_message_fields, temperature_at_most


def _patch_chunk(chunk: JsonObject) -> None:
    if isinstance(chunk.get("created"), float):
        chunk["created"] = int(chunk["created"])


def _patch_request(fields: dict[str, msgspec.Raw]) -> None:
    drop_foreign_message_fields(fields)
    temperature_at_most(1.5, fields)


PROVIDER = Provider(
    slug="cerebras",
    name="Cerebras",
    base_url="https://api.cerebras.ai/v1",
    key_env=("CEREBRAS_API_KEY",),
    supported_parameters=STANDARD_PARAMETERS - {"frequency_penalty", "presence_penalty"}
    | REASONING_PARAMETERS
    | LOGPROB_PARAMETERS,
    output_cap_field="max_completion_tokens",
    reasoning_field="reasoning_effort",
    patch_request=_patch_request,
    patch_chunk=_patch_chunk,
    privacy_policy_url="https://www.cerebras.ai/privacy-policy",
    terms_of_service_url="https://www.cerebras.ai/terms-of-service",
    status_page_url="https://status.cerebras.ai",
    headquarters="US",
)
