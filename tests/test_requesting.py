"""What an attempt is sent beside its body."""

import msgspec
import pytest

from portico.providers import PROVIDERS
from portico.requesting import forwarded_to
from portico.resources import Call, GatewayOptions
from portico.vocabulary import ApiKey, Endpoint, Principal
from portico.wiring import provider_access

KEY = ApiKey(hash="h", label="l", name="n", created_ms=0)
NAMED = "interleaved-thinking-2025-05-14, of-tomorrow-2027-01-01,context-1m-2025-08-07"


@pytest.mark.parametrize(
    ("provider", "betas", "sent"),
    [
        ("anthropic", NAMED, NAMED),
        (
            "google-vertex-anthropic",
            NAMED,
            "interleaved-thinking-2025-05-14,context-1m-2025-08-07",
        ),
        ("google-vertex-anthropic", "of-tomorrow-2027-01-01", None),
        ("groq", NAMED, None),
    ],
)
def test_betas_go_to_anthropics_family_and_unknown_ones_only_to_anthropic(provider, betas, sent):
    access = provider_access(PROVIDERS[provider], None)
    call = Call(
        principal=Principal(key=KEY, user_id="u"), body=b"", forwarded=(("anthropic-beta", betas),)
    )

    assert forwarded_to(access, call) == ((("anthropic-beta", sent),) if sent else ())


def test_sealed_reasoning_says_who_wrote_it_where_that_is_wanted_and_none_is_recorded():
    options = GatewayOptions(tag_reasoning=True)
    access = provider_access(PROVIDERS["openai"], None)
    endpoint = Endpoint(
        model="acme/orca-2", provider="openai", tag="openai/flex", upstream_model="orca-2"
    )

    recorded = msgspec.structs.replace(access, replayed=True)

    assert options.origin_of(endpoint, access) == ("acme/orca-2", "openai/flex")
    assert options.origin_of(endpoint, recorded) is None
    assert GatewayOptions().origin_of(endpoint, access) is None
