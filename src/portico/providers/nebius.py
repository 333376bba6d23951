"""Nebius Token Factory: https://docs.tokenfactory.nebius.com"""

from portico.providers.base import OPEN_SERVER_PARAMETERS, Provider

PROVIDER = Provider(
    slug="nebius",
    name="Nebius",
    base_url="https://api.tokenfactory.nebius.com/v1",
    key_env=("NEBIUS_API_KEY",),
    supported_parameters=OPEN_SERVER_PARAMETERS,
    reasoning_field="reasoning_effort",
    headquarters="NL",
)
