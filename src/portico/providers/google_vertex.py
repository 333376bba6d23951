"""Gemini through Google Cloud: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference

The key is the JSON file of a service account or a user, or an API key; for the latter alone
(express mode) `base_url` is `https://aiplatform.googleapis.com/v1/publishers/google`. The
catalogue has the prices of the global location; single regions can cost more.
"""

from portico.providers.base import (
    LOGPROB_PARAMETERS,
    REASONING_PARAMETERS,
    STANDARD_PARAMETERS,
    Provider,
)

VERTEX_URL = (
    "https://{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}"
)
"""Where a project's models are; each publisher has a folder of its own behind it."""

VERTEX_HOSTS = {
    "global-aiplatform.googleapis.com": "aiplatform.googleapis.com",
    "us-aiplatform.googleapis.com": "aiplatform.us.rep.googleapis.com",
    "eu-aiplatform.googleapis.com": "aiplatform.eu.rep.googleapis.com",
}
"""Locations that are no single region have hosts of another form."""

VERTEX_ACCOUNT: dict[str, tuple[str, ...]] = {
    "project": ("GOOGLE_CLOUD_PROJECT", "GOOGLE_VERTEX_PROJECT"),
    "location": ("GOOGLE_CLOUD_LOCATION", "GOOGLE_VERTEX_LOCATION"),
}
"""The parts of that address and the variables that may hold them."""

PROVIDER = Provider(
    slug="google-vertex",
    name="Google Vertex",
    base_url=VERTEX_URL + "/publishers/google",
    renamed_hosts=VERTEX_HOSTS,
    account_env=VERTEX_ACCOUNT,
    account_defaults={"location": "global"},
    account_in_key={"project": "project_id"},
    dialect="gemini",
    auth="google-cloud",
    key_env=("GOOGLE_VERTEX_CREDENTIALS",),
    key_file_env=("GOOGLE_APPLICATION_CREDENTIALS",),
    supported_parameters=STANDARD_PARAMETERS - {"parallel_tool_calls"}
    | REASONING_PARAMETERS
    | LOGPROB_PARAMETERS
    | {"top_k", "web_search_options"},
    reasoning_field="reasoning_effort",
    privacy_policy_url="https://cloud.google.com/terms/cloud-privacy-notice",
    terms_of_service_url="https://cloud.google.com/terms",
    status_page_url="https://status.cloud.google.com",
    headquarters="US",
)
