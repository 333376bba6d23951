"""SambaNova Cloud: https://docs.sambanova.ai"""

from portico.providers.base import STANDARD_PARAMETERS, Provider

PROVIDER = Provider(
    slug="sambanova",
    name="SambaNova",
    base_url="https://api.sambanova.ai/v1",
    key_env=("SAMBANOVA_API_KEY",),
    supported_parameters=STANDARD_PARAMETERS - {"seed"} | {"top_k"},
    headquarters="US",
)
