"""Alibaba Cloud Model Studio: https://www.alibabacloud.com/help/en/model-studio"""

from portico.providers.base import (
    LOGPROB_PARAMETERS,
    REASONING_PARAMETERS,
    STANDARD_PARAMETERS,
    Provider,
)

PROVIDER = Provider(
    slug="alibaba",
    name="Alibaba",
    base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    key_env=("DASHSCOPE_API_KEY", "ALIBABA_API_KEY"),
    supported_parameters=STANDARD_PARAMETERS
    | REASONING_PARAMETERS
    | LOGPROB_PARAMETERS
    | {"top_k", "repetition_penalty"},
    reasoning_field="enable_thinking",
    headquarters="CN",
    datacenters=("SG",),
)
