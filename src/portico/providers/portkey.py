"""Portkey's hosted gateway: https://portkey.ai/docs"""

from portico.providers.base import Provider

PROVIDER = Provider(
    slug="portkey",
    name="Portkey",
    base_url="https://api.portkey.ai/v1",
    key_env=("PORTKEY_API_KEY",),
)
