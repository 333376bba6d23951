"""GPUStack on the operator's own machines: https://docs.gpustack.ai"""

from portico.providers.base import OPEN_SERVER_PARAMETERS, Provider

PROVIDER = Provider(
    slug="gpustack",
    name="GPUStack",
    base_url="",  # where the operator runs it
    key_env=("GPUSTACK_API_KEY",),
    supported_parameters=OPEN_SERVER_PARAMETERS,
    reasoning_field="enable_thinking",
)
