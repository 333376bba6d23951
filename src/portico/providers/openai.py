"""OpenAI's chat completions: https://platform.openai.com/docs/api-reference/chat"""

from portico.providers.base import (
    LOGPROB_PARAMETERS,
    REASONING_PARAMETERS,
    STANDARD_PARAMETERS,
    Provider,
    SideForm,
)

PROVIDER = Provider(
    slug="openai",
    name="OpenAI",
    base_url="https://api.openai.com/v1",
    key_env=("OPENAI_API_KEY",),
    supported_parameters=STANDARD_PARAMETERS
    | REASONING_PARAMETERS
    | LOGPROB_PARAMETERS
    | {"logit_bias", "prediction", "verbosity", "web_search_options"},
    output_cap_field="max_completion_tokens",
    reasoning_field="reasoning_effort",
    side_paths={"rerank": ""},
    side_forms={"embeddings": SideForm(packs_floats=True, most_inputs=2048)},
    privacy_policy_url="https://openai.com/policies/privacy-policy",
    terms_of_service_url="https://openai.com/policies/row-terms-of-use",
    status_page_url="https://status.openai.com",
    headquarters="US",
)
