"""Ollama on this machine: https://docs.ollama.com/api/openai-compatibility"""

from portico.providers.base import OPEN_SERVER_PARAMETERS, Provider

PROVIDER = Provider(
    slug="ollama",
    name="Ollama",
    base_url="http://127.0.0.1:11434/v1",
    auth="none",
    local_port=11434,
    supported_parameters=OPEN_SERVER_PARAMETERS,
    reasoning_field="reasoning_effort",
)
