"""DeepInfra: https://deepinfra.com/docs/openai_api"""

from portico.providers.base import OPEN_SERVER_PARAMETERS, Provider

PROVIDER = Provider(
    slug="deepinfra",
    name="DeepInfra",
    base_url="https://api.deepinfra.com/v1/openai",
    key_env=("DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"),
    supported_parameters=OPEN_SERVER_PARAMETERS,
    reasoning_field="reasoning_effort",
    privacy_policy_url="https://deepinfra.com/privacy",
    terms_of_service_url="https://deepinfra.com/terms",
    status_page_url="https://status.deepinfra.com",
    headquarters="US",
)
