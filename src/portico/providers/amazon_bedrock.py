"""Amazon Bedrock: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html

With a Bedrock API key, or with AWS credentials that sign each request. Models are called by
their ids of the account's region, inference profiles (`us.`, `eu.`, `global.`) included.
"""

from portico.providers.base import REASONING_PARAMETERS, TOOL_PARAMETERS, Provider

PROVIDER = Provider(
    slug="amazon-bedrock",
    name="Amazon Bedrock",
    base_url="https://bedrock-runtime.{region}.amazonaws.com",
    dialect="bedrock_converse",
    auth="aws-sigv4",
    key_env=("AWS_BEARER_TOKEN_BEDROCK",),
    key_parts={
        "access_key_id": "AWS_ACCESS_KEY_ID",
        "secret_access_key": "AWS_SECRET_ACCESS_KEY",
        "session_token": "AWS_SESSION_TOKEN",
    },
    optional_key_parts=frozenset({"session_token"}),
    account_env={"region": ("AWS_REGION", "AWS_DEFAULT_REGION")},
    supported_parameters=TOOL_PARAMETERS - {"parallel_tool_calls"}
    | REASONING_PARAMETERS
    | {
        "temperature",
        "top_p",
        "top_k",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "response_format",
        "structured_outputs",
    },
    reasoning_field="thinking",
    takes_stream_options=False,
    privacy_policy_url="https://aws.amazon.com/privacy/",
    terms_of_service_url="https://aws.amazon.com/service-terms/",
    status_page_url="https://health.aws.amazon.com/health/status",
    headquarters="US",
)
