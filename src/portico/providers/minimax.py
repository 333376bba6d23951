"""MiniMax: https://platform.minimax.io/docs"""

from portico.providers.base import STANDARD_PARAMETERS, Provider

PROVIDER = Provider(
    slug="minimax",
    name="Minimax",
    base_url="https://api.minimax.io/v1",
    key_env=("MINIMAX_API_KEY",),
    supported_parameters=STANDARD_PARAMETERS
    - {"seed", "stop", "frequency_penalty", "presence_penalty"},
    headquarters="CN",
)
