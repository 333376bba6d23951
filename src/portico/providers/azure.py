"""Azure OpenAI in its OpenAI-compatible form, `https://<resource>.openai.azure.com/openai/v1`."""

from portico.providers.base import (
    LOGPROB_PARAMETERS,
    REASONING_PARAMETERS,
    STANDARD_PARAMETERS,
    Provider,
)

PROVIDER = Provider(
    slug="azure",
    name="Azure",
    base_url="",  # per resource
    key_env=("AZURE_OPENAI_API_KEY",),
    supported_parameters=STANDARD_PARAMETERS
    | REASONING_PARAMETERS
    | LOGPROB_PARAMETERS
    | {"logit_bias", "prediction", "verbosity"},
    output_cap_field="max_completion_tokens",
    reasoning_field="reasoning_effort",
    privacy_policy_url="https://privacy.microsoft.com/privacystatement",
    status_page_url="https://status.azure.com",
    headquarters="US",
)
