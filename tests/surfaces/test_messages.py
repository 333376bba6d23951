"""`POST /messages` over real sockets, before providers of the same dialect and of others."""

import json

import httpx
import pytest

from tests.conftest import body_of, recorded
from tests.surfaces.conftest import SECRET, Site
from tests.surfaces.requests import CHAT_ANSWER, HI, MESSAGE
from tests.surfaces.upstream import stream, whole

pytestmark = pytest.mark.io

CLAUDE = "anthropic/claude-haiku-4.5"


def ask(**fields) -> dict:
    return {"model": CLAUDE, "max_tokens": 100, "messages": HI, **fields}


def events(body: bytes) -> list[tuple[str, dict]]:
    """Names and data of a stream's events."""
    found = []
    for block in body.split(b"\n\n"):
        if block:
            name, data = block.split(b"\n", 1)
            assert name.startswith(b"event: ")
            assert data.startswith(b"data: ")
            found.append((name[7:].decode(), json.loads(data[6:])))
    return found


@pytest.fixture(scope="module")
def tool_stream() -> bytes:
    """A recorded stream with a tool call, odd spaces of the vendor included."""
    for record in recorded("anthropic-messages"):
        good = record["stream"] and record["fidelity"] == "raw"
        if good and "tool_calls" in record["features"] and record["provider"] == "anthropic":
            return body_of(record)
    raise AssertionError("no such recording")


@pytest.mark.parametrize(
    "path", ["/api/v1/messages", "/v1/messages", "/api/v1/v1/messages?beta=true"]
)
def test_a_message_passes_in_its_own_bytes_with_the_price_added(site: Site, path):
    site.upstream.play("claude-haiku-4-5", whole(MESSAGE))

    answer = site.post(path, ask())
    body = answer.json()

    assert answer.status_code == 200
    usage = body.pop("usage")
    cost = usage.pop("cost")
    assert usage.pop("is_byok") is False
    assert usage.pop("cost_details")["upstream_inference_cost"] == cost
    assert {name: usage[name] for name in MESSAGE["usage"]} == MESSAGE["usage"]
    assert body.pop("provider") == "Anthropic"
    assert (body.pop("container"), body.pop("stop_details")) == (None, None)
    assert body == {k: v for k, v in MESSAGE.items() if k != "usage"} | {"model": CLAUDE}
    assert cost == pytest.approx((10 * 1 + 90 * 0.1 + 4 * 5) / 1e6)
    row = site.generation(answer)
    assert row["total_cost"] == cost
    assert (row["tokens_prompt"], row["tokens_completion"]) == (100, 4)
    assert (row["upstream_id"], row["native_finish_reason"]) == ("msg_1", "end_turn")


def test_a_request_passes_in_its_own_bytes(site: Site):
    site.upstream.play("claude-haiku-4-5", whole(MESSAGE))
    tools = b'[ {"name":"t", "input_schema":{"b":1, "a":1.50, "$schema":"x"},"new":null} ]'
    system = b'[{"type":"text",  "text":"S","cache_control":{"type":"ephemeral"}}]'
    body = (
        b'{"model":"claude-haiku-4-5-20251001","max_tokens":7,"tools":' + tools + b',"system":'
        + system + b',"messages":[{"role":"user","content":"Hi"}],"brand_new":{"x" : 1}}'
    )  # fmt: skip

    answer = httpx.post(
        site.root + "/v1/messages",
        content=body,
        headers={
            "x-api-key": site.key,
            "content-type": "application/json",
            "anthropic-version": "2023-06-01",
            "anthropic-beta": "new-2026-01-01,other",
            "x-claude-code-session-id": "session-1",
            "x-anything": "else",
        },
    )

    sent = site.upstream.last
    assert answer.status_code == 200
    assert sent.path == "/anthropic/v1/messages"
    assert sent.body == body.replace(b"claude-haiku-4-5-20251001", b"claude-haiku-4-5")
    assert sent.headers["anthropic-beta"] == "new-2026-01-01,other"
    assert sent.headers["x-api-key"] == SECRET
    assert "x-anything" not in sent.headers
    assert "authorization" not in sent.headers
    assert site.generation(answer)["session_id"] == "session-1"


def test_betas_of_the_client_go_to_no_other_dialect(site: Site):
    site.upstream.play("gpt-test", whole(CHAT_ANSWER))

    site.post("/v1/messages", ask(model="test/chat"), anthropic_beta="x")

    assert "anthropic-beta" not in site.upstream.last.headers


def test_a_recorded_stream_passes_event_by_event(site: Site, tool_stream):
    site.upstream.play("claude-haiku-4-5", stream(tool_stream))

    answer = site.post("/v1/messages", ask(stream=True))

    given = [block for block in tool_stream.split(b"\n\n") if block]
    got = [block for block in answer.content.split(b"\n\n") if block]
    differ = [pair for pair in zip(given, got, strict=True) if pair[0] != pair[1]]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [pair[0].split(b"\n")[0] for pair in differ] == [
        b"event: message_start",
        b"event: message_delta",
    ]
    start, delta = (events(pair[1])[0][1] for pair in differ)
    assert start["message"]["model"] == CLAUDE
    assert start["message"]["usage"]["input_tokens"] > 0
    row = site.generation(answer)
    assert delta["usage"]["cost"] == row["total_cost"] > 0
    assert row["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("streamed", [False, True])
def test_a_provider_of_another_dialect_answers_in_this_one(site: Site, streamed):
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}]},
        {"choices": [{"index": 0, "delta": {"content": "lo"}, "finish_reason": "stop"}]},
        {"choices": [], "usage": CHAT_ANSWER["usage"]},
    ]
    sse = b"".join(b"data: " + json.dumps(chunk | d).encode() + b"\n\n" for d in deltas)
    site.upstream.play(
        "gpt-test", stream(sse + b"data: [DONE]\n\n") if streamed else whole(CHAT_ANSWER)
    )

    answer = site.post("/v1/messages", ask(model="test/chat", stream=streamed))

    assert site.upstream.last.json["messages"] == HI
    assert site.upstream.last.json["max_tokens"] == 100
    row = site.generation(answer)
    if streamed:
        found = events(answer.content)
        assert [name for name, _ in found] == [
            "message_start", "ping", "content_block_start", "content_block_delta",
            "content_block_delta", "content_block_stop", "message_delta", "message_stop",
        ]  # fmt: skip
        start, usage = found[0][1]["message"], found[-2][1]["usage"]
        assert start["usage"]["input_tokens"] > 0
        assert start["id"] == row["id"]
    else:
        body = answer.json()
        assert body["content"] == [{"type": "text", "text": "Hello", "citations": None}]
        assert (body["id"], body["stop_reason"]) == (row["id"], "end_turn")
        usage = body["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (100, 4)
    assert usage["cost"] == row["total_cost"] == pytest.approx((100 + 4 * 5) / 1e6)


@pytest.mark.parametrize(
    ("status", "seen", "kind"),
    [
        (400, 400, "invalid_request_error"),
        (401, 502, "api_error"),
        (404, 404, "not_found_error"),
        (413, 413, "request_too_large"),
        (429, 429, "rate_limit_error"),
        (500, 502, "api_error"),
        (529, 503, "overloaded_error"),
    ],
)
def test_failures_of_the_provider_are_told_in_this_dialect(site: Site, status, seen, kind):
    refused = {"type": "error", "error": {"type": "x", "message": "it says so"}}
    site.upstream.play("claude-limited", whole(refused, status=status))

    answer = site.post("/v1/messages", ask(model="test/limited"))

    body = answer.json()
    assert answer.status_code == seen
    assert body["type"] == "error"
    assert body["error"]["type"] == kind
    assert body["error"]["message"] == "it says so"
    assert body["error"]["error_type"]
    assert body["request_id"] == answer.headers["x-generation-id"]
    assert site.generation(answer)["total_cost"] == 0


@pytest.mark.parametrize(
    ("headers", "body", "status", "kind"),
    [
        ({"x-api-key": ""}, ask(), 401, "authentication_error"),
        ({"x-api-key": "sk-or-v1-" + "0" * 64}, ask(), 401, "authentication_error"),
        ({}, ask(model="nobody/nothing"), 400, "invalid_request_error"),
        ({}, ask(messages=[]), 400, "invalid_request_error"),
        ({}, ask(provider={"only": ["nobody"]}), 404, "not_found_error"),
    ],
)
def test_refusals_of_the_gateway_are_told_in_this_dialect(site: Site, headers, body, status, kind):
    answer = httpx.post(
        site.root + "/v1/messages", json=body, headers={"x-api-key": site.key, **headers}
    )

    assert answer.status_code == status
    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["type"] == kind


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/messages", 405, "invalid_request_error"),
        ("POST", "/v1/messages/batches", 404, "not_found_error"),
        ("POST", "/api/event_logging/batch", 404, "not_found_error"),
    ],
)
def test_what_is_not_here_is_told_to_anthropics_clients_in_their_form(
    site: Site, method, path, status, kind
):
    told = httpx.request(method, site.root + path, headers={"anthropic-version": "2023-06-01"})
    others = httpx.request(method, site.root + path)

    assert told.status_code == others.status_code == status
    assert told.json()["error"]["type"] == kind
    assert others.json()["error"]["code"] == status


@pytest.mark.parametrize(
    "name",
    [
        "claude-haiku-4-5",
        "claude-haiku-4-5-20251001",
        "claude-haiku-4-5-20251001[1m]",
        "anthropic/claude-haiku-4.5[1m]",
        "claude-haiku-4.5",
        "claude-haiku-4-5-latest",
    ],
)
def test_the_vendors_own_names_of_a_model_mean_it(site: Site, name):
    site.upstream.play("claude-haiku-4-5", whole(MESSAGE))

    answer = site.post("/v1/messages", {"model": name, "messages": HI})

    assert answer.json()["model"] == CLAUDE
    assert site.upstream.last.json["max_tokens"] <= 32_000


def test_of_two_keys_the_bearer_counts(site: Site):
    site.upstream.play("claude-haiku-4-5", whole(MESSAGE))
    keys = [(site.key, "bad"), ("bad", site.key)]

    answers = [
        httpx.post(
            site.root + "/v1/messages",
            json=ask(),
            headers={"authorization": f"Bearer {bearer}", "x-api-key": other},
        )
        for bearer, other in keys
    ]

    assert [answer.status_code for answer in answers] == [200, 401]


@pytest.mark.parametrize(
    ("block", "path"),
    [
        ({"type": "text", "text": 5}, "messages.0.content.0.text: "),
        ({"type": "of_tomorrow"}, "messages.0.content.0: "),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_what_cannot_be_said_to_the_provider_is_a_failed_generation(
    site: Site, block, path, streamed
):
    site.upstream.play("gpt-test", whole(CHAT_ANSWER))
    messages = [{"role": "user", "content": [block]}]

    answer = site.post("/v1/messages", ask(model="test/chat", messages=messages, stream=streamed))

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.json()["error"]["message"].startswith(path)
    assert answer.json()["request_id"] == answer.headers["x-generation-id"]
    assert site.generation(answer)["total_cost"] == 0
    assert site.upstream.arrived == []


def test_a_refusal_tells_how_it_was_routed_to_those_who_ask(site: Site):
    site.upstream.play("claude-limited", whole({"error": {"message": "slow"}}, status=429))

    told = site.post("/v1/messages", ask(model="test/limited"), x_openrouter_metadata="enabled")
    others = site.post("/v1/messages", ask(model="test/limited"))

    assert told.json()["openrouter_metadata"]["attempt"] == 1
    assert others.json().keys() == {"type", "error", "request_id"}


def test_a_failure_inside_a_stream_is_an_error_event(site: Site, tool_stream):
    first = b"\n\n".join(tool_stream.split(b"\n\n")[:4]) + b"\n\n"
    overloaded = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error",' + (
        b'"message":"Overloaded"}}\n\n'
    )
    site.upstream.play("claude-haiku-4-5", stream(first + overloaded))

    answer = site.post("/v1/messages", ask(stream=True))

    assert answer.status_code == 200
    assert answer.content.startswith(b"event: message_start\n")
    name, last = events(answer.content)[-1]
    assert name == "error"
    assert last["error"]["type"] == "overloaded_error"
    assert last["request_id"] == answer.headers["x-generation-id"]
    assert site.generation(answer)["finish_reason"] == "error"


def test_a_waiting_client_is_sent_pings(site: Site, tool_stream):
    blocks = tool_stream.split(b"\n\n")
    slow = b"\n\n".join(blocks[:3]) + b"\n\n"
    site.upstream.play("claude-haiku-4-5", stream(slow, pause_s=0.8))

    answer = site.post("/v1/messages", ask(stream=True))

    kinds = [name for name, _ in events(answer.content)]
    assert next(kind for kind in kinds if kind != "ping") == "message_start"
    assert kinds.count("ping") >= 2
    assert b": OPENROUTER" not in answer.content
    assert kinds[-1] == "error"  # it was cut


def test_the_second_provider_answers_when_the_first_is_limited(site: Site):
    site.upstream.play("claude-limited", whole({"error": {"message": "slow"}}, status=429))
    site.upstream.play("claude-second", whole(MESSAGE))

    answer = site.post(
        "/v1/messages", ask(model="test/two", provider={"order": ["anthropic", "second"]})
    )

    assert answer.status_code == 200
    assert answer.json()["provider"] == "Second"
    assert site.upstream.last.path == "/second/v1/messages"
    assert [a["status"] for a in site.generation(answer)["provider_responses"]][-1] == 200


def test_the_second_provider_answers_when_the_first_had_only_begun(site: Site, tool_stream):
    begun = tool_stream.split(b"\n\n")[0] + b'\n\nevent: ping\ndata: {"type":"ping"}\n\n'
    overloaded = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error",' + (
        b'"message":"Overloaded"}}\n\n'
    )
    site.upstream.play("claude-limited", stream(begun + overloaded))
    site.upstream.play("claude-second", stream(tool_stream))

    answer = site.post(
        "/v1/messages",
        ask(model="test/two", stream=True, provider={"order": ["anthropic", "second"]}),
    )

    names = [name for name, _ in events(answer.content)]
    assert answer.status_code == 200
    assert (names[0], names[-1]) == ("message_start", "message_stop")
    assert names.count("message_start") == 1
    assert [a["status"] for a in site.generation(answer)["provider_responses"]][-1] == 200


def test_a_second_model_answers_when_the_first_has_failed(site: Site):
    site.upstream.play("claude-limited", whole({"error": {"message": "slow"}}, status=429))
    site.upstream.play("gpt-test", whole(CHAT_ANSWER))

    answer = site.post(
        "/v1/messages", ask(model="test/limited", fallbacks=[{"model": "test/chat"}])
    )

    assert answer.status_code == 200
    assert answer.json()["model"] == "test/chat"


def test_a_client_that_hangs_up_is_charged_for_what_came(site: Site, tool_stream):
    site.upstream.play("claude-haiku-4-5", stream(tool_stream, pause_s=0.3))

    with httpx.stream(
        "POST",
        site.root + "/v1/messages",
        json=ask(stream=True),
        headers={"x-api-key": site.key},
    ) as answer:
        next(answer.iter_raw())
    assert site.upstream.gone.wait(10)

    row = site.generation(answer)
    assert row["cancelled"]
    assert row["total_cost"] > 0


def test_tokens_are_estimated_without_asking_a_provider_of_another_dialect(site: Site):
    site.upstream.arrived.clear()
    before = site.gateway.counts()

    answer = site.post("/v1/messages/count_tokens", {"model": "test/chat", "messages": HI})
    longer = site.post(
        "/v1/messages/count_tokens",
        {"model": "test/chat", "messages": [{"role": "user", "content": "Hi " * 1000}]},
    )
    refused = site.post("/v1/messages/count_tokens", {"model": "test/chat"})

    assert answer.status_code == 200
    assert 1 <= answer.json()["input_tokens"] < 20
    assert 500 < longer.json()["input_tokens"] < 1500
    assert (refused.status_code, refused.json()["type"]) == (400, "error")
    assert site.upstream.arrived == []
    assert site.gateway.counts() == before


def test_tokens_are_counted_by_a_provider_of_the_dialect_and_nothing_is_booked(site: Site):
    site.upstream.play("claude-haiku-4-5", whole({"input_tokens": 4711}))
    before = site.gateway.counts()
    tools = b'[ {"name":"t", "input_schema":{"b":1, "a":1.50}} ]'
    body = (
        b'{"model":"claude-haiku-4-5","max_tokens":7,"stream":true,"tools":' + tools
        + b',"messages":[{"role":"user","content":"Hi"}],"provider":{},"session_id":"s"}'
    )  # fmt: skip

    answer = httpx.post(
        site.root + "/v1/messages/count_tokens?beta=true",
        content=body,
        headers={"x-api-key": site.key, "anthropic-beta": "of-tomorrow"},
    )

    sent = site.upstream.last
    assert (answer.status_code, answer.json()) == (200, {"input_tokens": 4711})
    assert sent.path == "/anthropic/v1/messages/count_tokens"
    assert sent.headers["x-api-key"] == SECRET
    assert sent.headers["anthropic-version"] == "2023-06-01"
    assert sent.headers["anthropic-beta"] == "of-tomorrow"
    assert tools in sent.body
    assert sent.json.keys() == {"model", "tools", "messages"}
    assert site.gateway.counts() == before


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, {"tokens": 3}),
        (200, {"input_tokens": 0}),
        (200, [1]),
        (404, {"type": "error", "error": {"type": "not_found_error", "message": "model: x"}}),
        (401, {"type": "error", "error": {"type": "authentication_error", "message": "no"}}),
        (429, {"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "full"}}),
    ],
)
def test_tokens_are_estimated_where_the_provider_does_not_count(site: Site, status, said):
    site.upstream.play("claude-haiku-4-5", whole(said, status=status))

    answer = site.post("/v1/messages/count_tokens", {"model": CLAUDE, "messages": HI})

    assert answer.status_code == 200
    assert 1 <= answer.json()["input_tokens"] < 20
    assert len(site.upstream.arrived) == 1


def test_a_count_that_the_provider_refuses_is_refused(site: Site):
    said = {"type": "error", "error": {"type": "invalid_request_error", "message": "tools.0: no"}}
    site.upstream.play("claude-haiku-4-5", whole(said, status=400))

    answer = site.post("/v1/messages/count_tokens", {"model": CLAUDE, "messages": HI})

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.json()["error"]["message"] == "tools.0: no"


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "sk-or-v1-" + "0" * 64}])
def test_nobody_counts_without_a_key(site: Site, headers):
    site.upstream.play("claude-haiku-4-5", whole({"input_tokens": 1}))

    answer = httpx.post(
        site.root + "/v1/messages/count_tokens",
        json={"model": CLAUDE, "messages": HI},
        headers=headers,
    )

    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "authentication_error"
    assert site.upstream.arrived == []
