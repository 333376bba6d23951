"""NVIDIA NIM: https://docs.api.nvidia.com/nim"""

from portico.providers.base import LOGPROB_PARAMETERS, STANDARD_PARAMETERS, Provider

PROVIDER = Provider(
    slug="nvidia",
    name="Nvidia",
    base_url="https://integrate.api.nvidia.com/v1",
    key_env=("NVIDIA_API_KEY",),
    supported_parameters=STANDARD_PARAMETERS | LOGPROB_PARAMETERS,
    headquarters="US",
)
