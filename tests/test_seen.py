"""Who is to blame for how an attempt went."""

import json

import pytest

from portico.dialects import DIALECTS
from portico.errors import (
    CassetteMiss,
    StreamBroken,
    UpstreamKeyRefused,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from portico.providers import PROVIDERS
from portico.resources import GatewayOptions, Resources
from portico.routing.budget import RetryBudget
from portico.routing.credentials import REQUEST_KEY
from portico.routing.facts import Candidate
from portico.routing.health import HealthTracker
from portico.seen import Seen
from portico.vocabulary import Endpoint
from portico.wiring import provider_access

CHAT = DIALECTS["openai_chat"]
ENDPOINT = Endpoint(model="acme/orca", provider="groq", tag="groq", upstream_model="orca")
HEAD = CHAT.read_head(b'{"model":"acme/orca","messages":[{"role":"user","content":"hi"}]}')
RESOURCES = Resources(
    store=None,
    transport=None,
    providers={"groq": provider_access(PROVIDERS["groq"], None)},
    options=GatewayOptions(),
    health=HealthTracker(),
    budget=RetryBudget(),
    tokens=None,
    now_ms=lambda: 0,
    clock_s=lambda: 1.0,
)


def observed(error, *, credential=None):
    candidate = Candidate(endpoint=ENDPOINT, credential=credential)
    return Seen(candidate, CHAT, RESOURCES).observation(error, 2.0, HEAD)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (UpstreamUnavailable("down"), "endpoint"),
        (UpstreamOverloaded("full"), "endpoint"),
        (UpstreamTimeout("late"), "endpoint"),
        (StreamBroken("cut"), "endpoint"),
        (UpstreamModelGone("who?"), "endpoint"),
        (UpstreamRateLimited("busy"), "limited"),
        (UpstreamKeyRefused("no"), "key"),
    ],
)
def test_what_the_provider_did_counts_against_it(error, fault):
    error.retry_after_s = 7.0

    assert (observed(error).fault, observed(error).wait_s) == (fault, 7.0)


@pytest.mark.parametrize(
    "error",
    [
        UpstreamRejected("wrong"),
        UpstreamRejected("long", error_type="context_length_exceeded"),
        UpstreamRejected("no such file", status=404, error_type="not_found"),
        CassetteMiss("not recorded"),
    ],
)
def test_what_the_client_did_counts_against_nobody(error):
    assert observed(error) is None


@pytest.mark.parametrize("error", [UpstreamRateLimited("busy"), UpstreamKeyRefused("no")])
def test_a_callers_own_key_says_nothing_of_anybody_elses(error):
    assert observed(error, credential=REQUEST_KEY) is None
    assert observed(UpstreamUnavailable("down"), credential=REQUEST_KEY).fault == "endpoint"


def test_an_answer_has_its_latency_and_no_fault():
    seen = observed(None)

    assert (seen.fault, seen.latency_s, seen.throughput_tps) == (None, 1.0, None)


@pytest.mark.parametrize("count", [2**30, 10**400])
@pytest.mark.parametrize("name", ["prompt_tokens", "completion_tokens"])
def test_counts_that_cannot_be_are_none(name, count):
    usage = {"prompt_tokens": 1, "completion_tokens": 1, name: count}
    message = {"role": "assistant", "content": "four"}
    body = {"choices": [{"index": 0, "message": message}], "usage": usage}
    seen = Seen(Candidate(endpoint=ENDPOINT), CHAT, RESOURCES)
    seen.response = CHAT.decode_response(json.dumps(body).encode(), seen.quirks)

    usage = seen.usage(HEAD)

    assert usage is not None
    assert usage.estimated
    assert usage.plausible
    assert seen.observation(None, 2.0, HEAD) is not None
