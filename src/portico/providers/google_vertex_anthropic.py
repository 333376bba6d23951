"""Claude through Google Cloud: https://docs.anthropic.com/en/api/claude-on-vertex-ai

Anthropic's dialect, but the model and whether it streams stand in the path, and the version
of the API in the body.
"""

import msgspec

from portico.providers.anthropic import PROVIDER as ANTHROPIC
from portico.providers.base import Provider
from portico.providers.google_vertex import PROVIDER as VERTEX
from portico.providers.google_vertex import VERTEX_URL

_VERSION = msgspec.Raw(b'"vertex-2023-10-16"')
_BETAS = frozenset(
    {
        "claude-code-20250219", "compact-2026-01-12", "computer-use-2024-10-22",
        "computer-use-2025-01-24", "computer-use-2025-11-24", "context-1m-2025-08-07",
        "context-management-2025-06-27", "effort-2025-11-24",
        "fine-grained-tool-streaming-2025-05-14", "interleaved-thinking-2025-05-14",
        "output-128k-2025-02-19", "token-efficient-tools-2025-02-19",
        "tool-search-tool-2025-10-19", "web-search-2025-03-05",
    }
)  # fmt: skip
"""Others are refused there, and clients name new ones every week."""


def _patch_request(fields: dict[str, msgspec.Raw]) -> None:
    fields.pop("model", None)
    fields["anthropic_version"] = _VERSION


PROVIDER: Provider = msgspec.structs.replace(
    VERTEX,
    slug="google-vertex-anthropic",
    name="Google Vertex (Anthropic)",
    base_url=VERTEX_URL + "/publishers/anthropic",
    dialect="anthropic_messages",
    chat_path="/models/{model}:rawPredict",
    stream_path="/models/{model}:streamRawPredict",
    supported_parameters=ANTHROPIC.supported_parameters,
    reasoning_field=ANTHROPIC.reasoning_field,
    takes_stream_options=False,
    forwarded_headers=ANTHROPIC.forwarded_headers,
    known_betas=_BETAS,
    patch_request=_patch_request,
)
