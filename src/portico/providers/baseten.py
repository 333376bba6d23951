"""Baseten model APIs: https://docs.baseten.co"""

from portico.providers.base import OPEN_SERVER_PARAMETERS, Provider

PROVIDER = Provider(
    slug="baseten",
    name="BaseTen",
    base_url="https://inference.baseten.co/v1",
    key_env=("BASETEN_API_KEY",),
    supported_parameters=OPEN_SERVER_PARAMETERS,
    reasoning_field="reasoning_effort",
    headquarters="US",
)
