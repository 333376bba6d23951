"""LM Studio on this machine: https://lmstudio.ai/docs/developer"""

from portico.providers.base import OPEN_SERVER_PARAMETERS, Provider

PROVIDER = Provider(
    slug="lmstudio",
    name="LM Studio",
    base_url="http://127.0.0.1:1234/v1",
    auth="none",
    local_port=1234,
    supported_parameters=OPEN_SERVER_PARAMETERS,
    reasoning_field="reasoning_effort",
)
