"""MiniMax: https://platform.minimax.io/docs"""

from functools import partial

from portico.providers.base import STANDARD_PARAMETERS, Provider
from portico.providers.patches import temperature_at_most

PROVIDER = Provider(
    slug="minimax",
    name="Minimax",
    base_url="https://api.minimax.io/v1",
    key_env=("MINIMAX_API_KEY",),
    supported_parameters=STANDARD_PARAMETERS
    - {"seed", "stop", "frequency_penalty", "presence_penalty"},
    patch_request=partial(temperature_at_most, 1),
    headquarters="CN",
)
