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
    patch_request=_patch_request,
)
