"""llama.cpp's server on this machine: https://github.com/ggml-org/llama.cpp"""

from portico.providers.base import OPEN_SERVER_PARAMETERS, Provider

PROVIDER = Provider(
    slug="llama-cpp",
    name="llama.cpp",
    base_url="http://127.0.0.1:8080/v1",
    auth="none",
    local_port=8080,
    supported_parameters=OPEN_SERVER_PARAMETERS,
    reasoning_field="reasoning_effort",
    replayed_reasoning="reasoning_content",
)
