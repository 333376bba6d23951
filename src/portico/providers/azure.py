"""Azure OpenAI: https://learn.microsoft.com/azure/ai-foundry/openai/reference-preview-latest

The v1 path by default; where the account has an `api_version`, the older one by deployments.
The key is one of the resource, or an application's of Microsoft Entra.
"""

from portico.providers.base import (
    LOGPROB_PARAMETERS,
    REASONING_PARAMETERS,
    STANDARD_PARAMETERS,
    Provider,
    SideForm,
)

PROVIDER = Provider(
    slug="azure",
    name="Azure",
    base_url="https://{resource}.openai.azure.com/openai/v1",
    by_version=(
        "https://{resource}.openai.azure.com/openai/deployments",
        "/{model}/chat/completions?api-version={api_version}",
    ),
    account_env={
        "resource": ("AZURE_RESOURCE_NAME",),
        "api_version": ("AZURE_OPENAI_API_VERSION",),
    },
    auth="azure",
    key_env=("AZURE_OPENAI_API_KEY",),
    key_parts={
        "tenant_id": "AZURE_TENANT_ID",
        "client_id": "AZURE_CLIENT_ID",
        "client_secret": "AZURE_CLIENT_SECRET",
    },
    supported_parameters=STANDARD_PARAMETERS
    | REASONING_PARAMETERS
    | LOGPROB_PARAMETERS
    | {"logit_bias", "prediction", "verbosity"},
    output_cap_field="max_completion_tokens",
    reasoning_field="reasoning_effort",
    side_forms={"embeddings": SideForm(packs_floats=True, most_inputs=2048)},
    privacy_policy_url="https://privacy.microsoft.com/privacystatement",
    status_page_url="https://status.azure.com",
    headquarters="US",
)
