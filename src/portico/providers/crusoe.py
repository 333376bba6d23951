"""Crusoe managed inference: https://docs.crusoecloud.com"""

from portico.providers.base import OPEN_SERVER_PARAMETERS, Provider

PROVIDER = Provider(
    slug="crusoe",
    name="Crusoe",
    base_url="https://api.inference.crusoecloud.com/v1",
    key_env=("CRUSOE_API_KEY",),
    supported_parameters=OPEN_SERVER_PARAMETERS,
    reasoning_field="reasoning_effort",
    headquarters="US",
)
