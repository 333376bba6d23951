"""Avian: https://avian.io/docs

Answers in OpenRouter's own form, `reasoning_details` and `native_finish_reason` included.
"""

from portico.providers.base import REASONING_PARAMETERS, STANDARD_PARAMETERS, Provider

PROVIDER = Provider(
    slug="avian",
    name="Avian",
    base_url="https://api.avian.io/v1",
    key_env=("AVIAN_API_KEY",),
    supported_parameters=STANDARD_PARAMETERS | REASONING_PARAMETERS,
    reasoning_field="reasoning_effort",
)
