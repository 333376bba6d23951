"""OVHcloud AI Endpoints: https://help.ovhcloud.com"""

from portico.providers.base import OPEN_SERVER_PARAMETERS, Provider

PROVIDER = Provider(
    slug="ovhcloud",
    name="OVHcloud",
    base_url="https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
    key_env=("OVH_AI_ENDPOINTS_ACCESS_TOKEN",),
    supported_parameters=OPEN_SERVER_PARAMETERS,
    reasoning_field="reasoning_effort",
    headquarters="FR",
    datacenters=("FR",),
)
