"""Databricks model serving, `https://<workspace>/serving-endpoints`.

Every stream chunk carries usage, with null for what is not counted yet.
"""

from portico.jsonio import JsonObject
from portico.providers.base import STANDARD_PARAMETERS, Provider


def _patch_chunk(chunk: JsonObject) -> None:
    usage = chunk.get("usage")
    if usage and usage.get("completion_tokens") is None:
        chunk["usage"] = None


PROVIDER = Provider(
    slug="databricks",
    name="Databricks",
    base_url="",  # per workspace
    key_env=("DATABRICKS_TOKEN",),
    supported_parameters=STANDARD_PARAMETERS
    - {"seed", "frequency_penalty", "presence_penalty", "parallel_tool_calls"}
    | {"top_k", "logprobs", "top_logprobs"},
    takes_stream_options=False,
    patch_chunk=_patch_chunk,
    status_page_url="https://status.databricks.com",
    headquarters="US",
)
