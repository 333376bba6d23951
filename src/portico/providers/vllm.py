"""vLLM on this machine: https://docs.vllm.ai"""

from portico.providers.base import OPEN_SERVER_PARAMETERS, Provider

PROVIDER = Provider(
    slug="vllm",
    name="vLLM",
    base_url="http://127.0.0.1:8000/v1",
    auth="none",
    local_port=8000,
    supported_parameters=OPEN_SERVER_PARAMETERS,
    reasoning_field="reasoning_effort",
)
