"""Snowflake Cortex, `https://<account>.snowflakecomputing.com/api/v2/cortex/v1`.

Fields without a value are sent empty instead of left out.
"""

from portico.jsonio import JsonObject
from portico.providers.base import STANDARD_PARAMETERS, Provider


def _is_empty(value: object) -> bool:
    return not (any(value.values()) if isinstance(value, dict) else value)


def _patch_chunk(chunk: JsonObject) -> None:
    for choice in chunk.get("choices") or ():
        message = choice.get("message") or choice.get("delta") or {}
        for name in ("refusal", "function_call", "audio"):
            if name in message and _is_empty(message[name]):
                del message[name]


PROVIDER = Provider(
    slug="snowflake",
    name="Snowflake",
    base_url="",  # per account
    key_env=("SNOWFLAKE_PAT", "SNOWFLAKE_TOKEN"),
    supported_parameters=STANDARD_PARAMETERS
    - {"seed", "stop", "frequency_penalty", "presence_penalty", "parallel_tool_calls"}
    | {"reasoning", "include_reasoning"},
    reasoning_field="reasoning",
    patch_chunk=_patch_chunk,
    status_page_url="https://status.snowflake.com",
    headquarters="US",
)
