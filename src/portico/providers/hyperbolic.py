"""Hyperbolic: https://docs.hyperbolic.xyz"""

from portico.providers.base import OPEN_SERVER_PARAMETERS, Provider

PROVIDER = Provider(
    slug="hyperbolic",
    name="Hyperbolic",
    base_url="https://api.hyperbolic.xyz/v1",
    key_env=("HYPERBOLIC_API_KEY",),
    supported_parameters=OPEN_SERVER_PARAMETERS,
    reasoning_field="reasoning_effort",
    headquarters="US",
)
