"""Amazon Bedrock's OpenAI-compatible API with a Bedrock API key.

The region is part of the host: name another one as `base_url` in the settings.
"""

from portico.providers.base import REASONING_PARAMETERS, STANDARD_PARAMETERS, Provider

PROVIDER = Provider(
    slug="bedrock-mantle",
    name="Amazon Bedrock Mantle",
    base_url="https://bedrock-mantle.us-east-1.api.aws/v1",
    key_env=("AWS_BEARER_TOKEN_BEDROCK",),
    supported_parameters=STANDARD_PARAMETERS | REASONING_PARAMETERS,
    reasoning_field="reasoning_effort",
    headquarters="US",
    datacenters=("US",),
)
