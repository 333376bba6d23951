"""What clients take for granted: the strict profile on the wire, base URLs, CORS, probes, keys."""

import json

import httpx
import pytest
from msgspec import structs

from tests.dialects.strict import body_problems, stream_problems
from tests.surfaces.conftest import Site
from tests.surfaces.natives import NATIVES
from tests.surfaces.requests import BODIES
from tests.surfaces.test_grid import SURFACES, answer, data_of
from tests.surfaces.upstream import whole

pytestmark = pytest.mark.io

CHAT = "/api/v1/chat/completions"
HI = [{"role": "user", "content": "Hi"}]
ELSEWHERE = "https://app.example"


def ask(site: Site, **fields: object) -> dict:
    return {"model": "test/chat", "messages": HI, **fields}


def bearer(site: Site) -> dict[str, str]:
    return {"authorization": f"Bearer {site.key}"}


# The strict profile, from the socket


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("upstream", NATIVES)
def test_chat_answers_of_every_provider_keep_to_the_strict_profile(site: Site, upstream, streamed):
    got = answer(site, SURFACES["openai_chat"], NATIVES[upstream], streamed=streamed)

    assert (stream_problems(got.content) if streamed else body_problems(got.json())) == []
    kind = "text/event-stream" if streamed else "application/json"
    assert got.headers["content-type"] == kind


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
@pytest.mark.parametrize("upstream", NATIVES)
def test_responses_are_one_json_a_line_and_end_with_done_whatever_happens(site, upstream, cut):
    native = NATIVES[upstream]
    played = native.stream()
    half = structs.replace(played, parts=played.parts[: len(played.parts) // 2], cut=True)
    site.upstream.play(native.upstream, half if cut else played)
    request = {"model": f"grid/{native.upstream}", "input": "Hi", "stream": True}

    got = site.post("/api/v1/responses", request)

    assert b"\r" not in got.content
    events = [e for e in got.content.decode().split("\n\n")[:-1] if not e.startswith(":")]
    assert events.pop() == "data: [DONE]"
    told = [json.loads(event.removeprefix("data: ")) for event in events]
    assert told[-1]["type"] == ("response.failed" if cut else "response.completed")
    assert [event["sequence_number"] for event in told] == list(range(len(told)))


# Errors

PERMANENT = {
    "no JSON": (400, b"{"),
    "no list": (400, {"model": "test/chat", "messages": "Hi"}),
    "no such model": (400, {"model": "nobody/nothing", "messages": HI}),
    "no provider left": (404, {"model": "test/forbidden", "messages": HI}),
    "the wrong kind of model": (400, {"model": "test/embed", "messages": HI}),
    "what no provider is for": (
        404,
        {"model": "test/chat", "messages": HI, "provider": {"only": ["nobody"]}},
    ),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", PERMANENT)
def test_a_permanent_failure_is_a_4xx_in_json_though_a_stream_was_asked_for(site, name, streamed):
    status, body = PERMANENT[name]
    sent = {"content": body} if isinstance(body, bytes) else {"json": {**body, "stream": streamed}}
    headers = {**bearer(site), "accept": "text/event-stream", "origin": ELSEWHERE}

    got = httpx.post(site.root + CHAT, headers=headers, **sent)

    assert got.status_code == status
    assert got.headers["content-type"] == "application/json"
    assert got.json()["error"]["code"] == status
    assert got.json()["error"]["metadata"]["error_type"]


@pytest.mark.parametrize(("said", "told"), [(400, 400), (404, 404), (413, 413), (422, 422)])
def test_what_a_provider_refuses_for_good_is_a_4xx_that_asks_not_to_be_repeated(site, said, told):
    site.upstream.play("gpt-test", whole({"error": {"message": "no"}}, status=said))

    got = site.post(CHAT, ask(site, stream=True))

    assert (got.status_code, got.headers["x-should-retry"]) == (told, "false")
    assert got.json()["error"]["code"] == told


@pytest.mark.parametrize("path", BODIES)
def test_unknown_fields_are_no_error(site: Site, path):
    with_more = {**BODIES[path], "field_of_2099": {"a": [1, None]}, "another": None}

    plain = site.post("/api/v1" + path, BODIES[path])
    got = site.post("/api/v1" + path, with_more)

    assert got.status_code == plain.status_code


# CORS

ANSWERS_ANYHOW = {
    "an answer": ("GET", "/api/v1/models", True),
    "no key": ("GET", "/api/v1/models", False),
    "no such path": ("GET", "/api/v1/nothing", True),
    "no such root": ("GET", "/nothing", False),
    "another method": ("DELETE", "/api/v1/chat/completions", True),
    "a bad body": ("POST", "/api/v1/chat/completions", True),
    "the root": ("GET", "/", False),
    "a probe": ("HEAD", "/", False),
    "health": ("GET", "/health", False),
    "a preflight": ("OPTIONS", "/api/v1/chat/completions", False),
    "a preflight of anything": ("OPTIONS", "/nothing", False),
}


@pytest.mark.parametrize("what", ANSWERS_ANYHOW)
def test_everything_may_be_read_by_a_page_of_another_origin(site: Site, what):
    """A browser takes neither no header nor the same one twice."""
    method, path, with_key = ANSWERS_ANYHOW[what]
    headers = {"origin": ELSEWHERE, **(bearer(site) if with_key else {})}

    got = httpx.request(method, site.root + path, headers=headers)

    assert got.headers.get_list("access-control-allow-origin") == ["*"]
    assert got.headers.get_list("access-control-expose-headers") == ["X-Generation-Id"]


def test_a_stream_may_be_read_by_a_page_of_another_origin(site: Site):
    got = answer(site, SURFACES["openai_chat"], NATIVES["openai_chat"], streamed=True)

    assert got.headers.get_list("access-control-allow-origin") == ["*"]


def test_a_preflight_allows_the_headers_that_clients_send(site: Site):
    wished = "authorization, content-type, x-title, http-referer, x-stainless-os, anthropic-beta"
    headers = {
        "origin": ELSEWHERE,
        "access-control-request-method": "POST",
        "access-control-request-headers": wished,
    }

    got = httpx.options(site.root + CHAT, headers=headers)

    allowed = got.headers["access-control-allow-headers"].split(", ")
    assert got.status_code == 204
    assert {"*", "Authorization"} <= set(allowed)  # the star does not mean Authorization
    assert "POST" in got.headers["access-control-allow-methods"]


# Base URLs and probes


@pytest.mark.parametrize(
    "path",
    ["/api/v1/models", "/v1/models", "/api/v1/v1/models", "/v1/v1/models", "/api/v1/models/",
     "//api//v1///models", "/api/v1//models", "/v1/models?limit=3"],
)  # fmt: skip
def test_the_catalogue_is_found_from_every_base_url(site: Site, path):
    got = httpx.get(site.root + path, headers=bearer(site))

    assert got.status_code == 200
    assert {"id", "name", "pricing"} <= got.json()["data"][0].keys()


@pytest.mark.parametrize("path", ["/", "/api", "/api/", "/v1", "/api/v1", "/api/v1/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_probes_of_a_base_url_are_answered_without_a_key(site: Site, method, path):
    got = httpx.request(method, site.root + path)

    assert got.status_code == 200
    assert (got.content == b"") is (method == "HEAD")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_telemetry_is_turned_away_in_json(site: Site, method):
    got = httpx.request(method, site.root + "/api/event_logging/batch", headers=bearer(site))

    assert (got.status_code, got.json()["error"]["code"]) == (404, 404)


def test_the_bearer_wins_over_the_other_header(site: Site):
    other = {"x-api-key": "sk-or-v1-" + "0" * 64}

    assert httpx.get(site.root + "/v1/key", headers={**bearer(site), **other}).status_code == 200
    assert httpx.get(site.root + "/v1/key", headers={"x-api-key": site.key}).status_code == 200
    assert httpx.get(site.root + "/v1/key", headers=other).status_code == 401


# Is this key good, and what is left of it?


@pytest.mark.parametrize("path", ["/key", "/auth/key", "/credits", "/models/user", "/models"])
def test_a_key_is_validated_by_whatever_path_a_client_tries(site: Site, described, path):
    wrong = {"authorization": "Bearer sk-or-v1-" + "0" * 64}

    got = httpx.get(site.root + "/api/v1" + path, headers=bearer(site))
    refused = httpx.get(site.root + "/api/v1" + path, headers=wrong)

    assert (got.status_code, refused.status_code) == (200, 401)
    assert got.json()["data"]


def test_credits_are_what_the_key_has_left(site: Site, described):
    poor = {"authorization": f"Bearer {site.gateway.create_key('credits', limit_usd='0.5')}"}
    site.upstream.play("grid-chat", NATIVES["openai_chat"].whole())
    request = {"model": "grid/grid-chat", "messages": HI}
    before = httpx.get(site.root + "/api/v1/credits", headers=poor).json()

    cost = httpx.post(site.root + CHAT, headers=poor, json=request).json()["usage"]["cost"]

    after = httpx.get(site.root + "/api/v1/credits", headers=poor).json()
    assert before == {"data": {"total_credits": 0.5, "total_usage": 0}}
    assert after == {"data": {"total_credits": 0.5, "total_usage": cost}}
    assert described("/credits", after) == []


def test_a_key_without_a_limit_has_much_left(site: Site):
    data = httpx.get(site.root + "/api/v1/credits", headers=bearer(site)).json()["data"]

    assert data["total_credits"] - data["total_usage"] == pytest.approx(1_000_000)


# What apps that share a gateway differ in

TAILS = {
    "repeat_finish": [{"finish_reason": "tool_calls"}],
    "null_finish": [{"finish_reason": None}],
    "empty_choices": [],
}


@pytest.mark.parametrize("tail", TAILS)
def test_the_form_of_the_last_chunk_is_that_of_the_key(site: Site, tail):
    secret = site.gateway.create_key(f"tail {tail}", "--stream-tail", tail)
    site.upstream.play("grid-chat", NATIVES["openai_chat"].stream())
    request = {"model": "grid/grid-chat", "messages": HI, "stream": True}
    headers = {"authorization": f"Bearer {secret}"}

    got = httpx.post(site.root + CHAT, headers=headers, json=request)

    last = data_of(got.content)[-1]
    told = [{"finish_reason": choice["finish_reason"]} for choice in last["choices"]]
    assert told == TAILS[tail]
    assert last["usage"]["total_tokens"] > 0
    assert stream_problems(got.content) == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_that_is_too_long_says_so_wherever_agents_look(site: Site, stream):
    long = [{"role": "user", "content": "many words " * 5000}]

    got = site.post(CHAT, {"model": "test/small", "messages": long, "stream": stream})

    error = got.json()["error"]
    assert got.status_code == 400
    assert "maximum context length is 500 tokens" in error["message"]
    assert error["metadata"]["error_type"] == "context_length_exceeded"
    assert error["metadata"]["provider_code"] == "context_length_exceeded"
