"""Heroku managed inference: https://devcenter.heroku.com/articles/heroku-inference"""

from portico.providers.base import STANDARD_PARAMETERS, Provider

PROVIDER = Provider(
    slug="heroku",
    name="Heroku",
    base_url="https://us.inference.heroku.com/v1",
    key_env=("HEROKU_INFERENCE_KEY", "INFERENCE_KEY"),
    supported_parameters=STANDARD_PARAMETERS
    - {"seed", "frequency_penalty", "presence_penalty", "parallel_tool_calls"},
    headquarters="US",
)
