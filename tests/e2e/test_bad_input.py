"""S3, S6-S8, S14 and S15: bad input is refused in one shape, tells nothing, costs nothing."""

import json
import os
import time
from urllib.parse import quote

import aiohttp
import pytest

from portico.keys import ENTROPY_BYTES, make_key
from tests.e2e import chat, hostile, wire
from tests.e2e.inside import envelope_faults
from tests.e2e.site import CHAT, MODEL
from tests.e2e.wire import Answer, request

pytestmark = pytest.mark.io

GOOD = chat.body(MODEL)
CONTROLS = bytes((*range(32), 127))


# Who asks

KEYS = {
    "nothing": [],
    "no token": [("authorization", "Bearer")],
    "an empty token": [("authorization", "Bearer ")],
    "another scheme": [("authorization", "Basic nonsense")],
    "only the prefix": [("authorization", "Bearer sk-or-v1-")],
    "a short key": [("authorization", "Bearer sk-or-v1-0123")],
    "bytes above ASCII": [("authorization", b"Bearer \xe9\xff")],
    "a long key": [("authorization", "Bearer " + "a" * 20_000)],
    "two words": [("authorization", "Bearer one two")],
    "an empty x-api-key": [("x-api-key", "")],
    "a wrong x-api-key": [("x-api-key", "nonsense")],
}


@pytest.mark.parametrize("presented", KEYS)
def test_without_a_usable_key_nothing_is_answered(site, presented):
    answer = site.refusal(request("GET", "/api/v1/key", headers=KEYS[presented]))

    assert answer.status == 401
    assert answer.json["error"]["metadata"]["error_type"] == "authentication"
    assert "user_id" not in answer.json


def test_a_key_with_a_typing_error_is_refused(site):
    typo = site.key[:-1] + ("0" if site.key[-1] != "0" else "1")

    assert site.refusal(request("GET", "/api/v1/key", key=typo)).status == 401


def test_a_key_that_is_well_formed_and_unknown_is_refused(site):
    unknown = make_key(os.urandom(ENTROPY_BYTES))

    assert site.refusal(request("GET", "/api/v1/key", key=unknown)).status == 401


def test_a_disabled_key_is_refused(site):
    answer = site.refusal(request("POST", CHAT, key=site.disabled, body=json.dumps(GOOD).encode()))

    assert answer.status == 401


def test_a_key_in_the_query_is_not_read(site):
    path = f"/api/v1/key?key={site.key}&api_key={site.key}&access_token={site.key}"

    assert site.refusal(request("GET", path)).status == 401


def test_a_missing_key_is_told_before_the_body_is_looked_at(site):
    assert site.refusal(request("POST", CHAT, body=b"{")).status == 401


# Where to

PATHS = (
    "/nowhere", "/api/x", "/apis", "/api/v2", "/api/v2/models", "/api/v1/nowhere",
    "/api/v1/chat", "/api/v1/chat/completions/x", "/v1/../key",
    "/api/v1/../../secret", "/api/v1/%2e%2e/health", "/%00", "/%ff", "/.env", "/health/x", "/docs",
    "/api/v1/models/x", "/metrics", "/<script>", "/%3Cscript%3E", "/" + "a" * 4_000,
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:30])
def test_a_path_that_does_not_exist_is_a_404(site, path):
    answer = site.refusal(request("GET", path, key=site.key))

    assert answer.status == 404
    assert answer.json["error"]["metadata"]["error_type"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", CHAT, "POST"),
        ("PUT", CHAT, "POST"),
        ("DELETE", CHAT, "POST"),
        ("PATCH", CHAT, "POST"),
        ("POST", "/api/v1/models", "GET"),
        ("POST", "/api/v1/key", "GET"),
        ("DELETE", "/api/v1/generation", "GET"),
        ("POST", "/health", "GET"),
        ("POST", f"/api/v1/models/{MODEL}/endpoints", "GET"),
    ],
)
def test_a_wrong_method_is_a_405_that_names_the_right_one(site, method, path, allowed):
    answer = site.refusal(request(method, path, key=site.key))

    assert answer.status == 405
    assert answer.header("allow") == allowed


# What about

BODIES = {
    "nothing": b"",
    "an open object": b"{",
    "a list": b"[]",
    "null": b"null",
    "a string": b'"text"',
    "single quotes": b"{'model': 'x'}",
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    "no UTF-8": b'{"model":"\xff\xfe"}',
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "a NUL": b"\x00",
    "NaN": b'{"model":"test/plain","messages":[],"temperature":NaN}',
    "two values": json.dumps(GOOD).encode() + b"{}",
    "a form": b"model=x&messages=y",
    "half": json.dumps(GOOD).encode()[:-9],
    "no model": b'{"messages":[{"role":"user","content":"hi"}]}',
    "no messages": b'{"model":"test/plain"}',
    "a number beyond floats": json.dumps(GOOD).encode()[:-1] + b',"max_tokens":1e999}',
    "no UTF-8 in a field that is passed on": json.dumps(GOOD).encode()[:-1] + b',"x":"\xff"}',
    "no UTF-8 in a message": json.dumps(GOOD).encode()[:-3] + b',"name":"\xff"}]}',
    "half a character": json.dumps(GOOD).encode()[:-1] + b',"user":"\\ud800"}',
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_request_is_a_400(site, name):
    answer = site.refusal(site.chat(BODIES[name]))

    assert answer.status == 400
    assert answer.json["error"]["metadata"]["error_type"] == "invalid_request"
    assert answer.json["user_id"]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        json.dumps(GOOD).encode()[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        json.dumps(GOOD).encode()[:-1] + b',"tools":[' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000
        + b"]}",
        json.dumps(GOOD).encode()[:-1] + b',"x":' + b"[" * 129 + b"]" * 129 + b"}",
    ],
    ids=["open lists", "open objects", "lists", "an unknown field", "tools", "129 levels"],
)  # fmt: skip
def test_a_body_that_is_nested_too_deeply_is_a_400(site, body):
    assert site.refusal(site.chat(body)).status == 400


def test_a_body_of_more_than_a_million_elements_is_a_400(site):
    body = json.dumps(GOOD).encode()[:-1] + b',"x":[' + b"0," * 1_000_001 + b"0]}"

    assert site.refusal(site.chat(body)).status == 400


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in hostile.WRONG.items() for value in values],
    ids=lambda part: json.dumps(part)[:40],
)
def test_a_wrong_value_is_a_400_that_names_the_field(site, field, value):
    body = {**GOOD, field: value}
    if field == "prompt":
        del body["messages"]

    answer = site.refusal(site.chat(json.dumps(body).encode()))

    assert answer.status == 400
    assert field in answer.json["error"]["message"]


@pytest.mark.parametrize("field", hostile.PASSED_ON)
def test_nonsense_in_a_field_that_is_passed_on_never_breaks_the_gateway(site, field):
    answers = [
        site.ask(site.chat(json.dumps({**GOOD, field: value}).encode()))
        for value in hostile.NONSENSE
    ]

    assert {answer.status for answer in answers} <= {200, 400}
    assert [fault for a in answers if a.status == 400 for fault in envelope_faults(a)] == []


def test_a_number_beyond_floats_in_a_message_never_breaks_the_gateway(site):
    """Fields that only the gateway knows are taken out of messages: they are decoded for that."""
    body = json.dumps(GOOD).encode()[:-3] + b',"reasoning":1e999}]}'

    assert site.ask(site.chat(body)).status in {200, 400}


def test_an_unknown_model_is_a_400_that_suggests_one_like_it(site):
    answer = site.refusal(site.chat(json.dumps(chat.body("test/plian")).encode()))

    assert answer.status == 400
    assert MODEL in answer.json["error"]["message"]
    assert answer.json["error"]["metadata"]["availability"]["code"] == "model_not_found"


@pytest.mark.parametrize("text", hostile.TEXTS, ids=lambda text: ascii(text)[:30])
def test_hostile_text_as_a_model_name_is_an_unknown_model(site, text):
    answer = site.refusal(site.chat(json.dumps(chat.body(text)).encode()))

    assert answer.status == 400
    assert answer.header("content-type") == "application/json"


@pytest.mark.parametrize("text", hostile.TEXTS, ids=lambda text: ascii(text)[:30])
def test_hostile_text_is_carried_and_recorded_as_what_it_is(site, text):
    short = text[:256]
    body = {**GOOD, "user": short, "session_id": short, "messages": chat.body(text)["messages"]}
    title = text.encode().translate(None, CONTROLS)[:200]
    headers = [(name, title) for name in ("http-referer", "x-title", "user-agent", "x-session-id")]

    answer = site.ask(site.chat(json.dumps(body).encode(), *headers))
    found = site.ask(
        request("GET", f"/api/v1/generation?id={answer.header('x-generation-id')}", key=site.key)
    )

    assert answer.status == 200
    assert found.status == 200
    assert found.json["data"]["external_user"] == short
    assert found.json["data"]["session_id"] == short


# What strangers try

ROUTES = (
    ("GET", "/"),
    ("GET", "/health"),
    ("POST", CHAT),
    ("GET", "/api/v1/models"),
    ("GET", "/api/v1/models/count"),
    ("GET", f"/api/v1/models/{MODEL}/endpoints"),
    ("GET", "/api/v1/providers"),
    ("GET", "/api/v1/key"),
    ("GET", "/api/v1/auth/key"),
    ("GET", "/api/v1/generation?id=gen-1"),
    ("GET", "/v1/models"),
    ("GET", "/nowhere"),
)


@pytest.mark.parametrize("with_key", [True, False], ids=["with a key", "without a key"])
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_hostile_host_changes_no_status(site, method, path, with_key):
    key = site.key if with_key else None
    body = b"{}" if method == "POST" else b""
    clean = wire.exchange(site.gateway.port, request(method, path, key=key, body=body))

    with wire.Connection(site.gateway.port) as connection:
        answers = {
            host: connection.ask(request(method, path, key=key, body=body, host=host))
            for host in hostile.HOSTS
        }

    assert {host: a.status for host, a in answers.items() if a.status != clean.status} == {}
    assert {host: a.body for host, a in answers.items() if b"evil" in a.raw} == {}


@pytest.mark.parametrize("text", hostile.SQL, ids=lambda text: ascii(text)[:30])
def test_sql_in_the_key_is_a_wrong_key(site, text):
    data = text.encode("latin-1")

    for headers in ([("authorization", b"Bearer " + data)], [("x-api-key", data)]):
        assert site.refusal(request("GET", "/api/v1/key", headers=headers)).status == 401


@pytest.mark.parametrize("text", hostile.SQL, ids=lambda text: ascii(text)[:30])
def test_sql_in_a_generation_id_is_an_unknown_generation(site, text):
    answer = site.refusal(request("GET", f"/api/v1/generation?id={quote(text)}", key=site.key))

    assert answer.status == 404


@pytest.mark.parametrize("text", hostile.SQL, ids=lambda text: ascii(text)[:30])
@pytest.mark.parametrize("name", ["category", "sort", "order", "q", "supported_parameters"])
def test_sql_in_a_query_changes_nothing(site, name, text):
    answer = site.ask(request("GET", f"/api/v1/models?{name}={quote(text)}", key=site.key))

    assert answer.status in {200, 400}


def test_sql_in_a_path_is_an_unknown_model(site):
    for text in hostile.SQL:
        path = f"/api/v1/models/{quote(text, safe='')}/x/endpoints"

        assert site.refusal(request("GET", path, key=site.key)).status in {400, 404}


# Anything

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa"}}
SEEDS = [
    GOOD,
    chat.body(MODEL, stream=True, max_tokens=5, temperature=0.5, stop=["x"], user="me"),
    chat.body(MODEL, tools=[TOOL], tool_choice="auto", response_format={"type": "json_object"}),
    chat.body(
        MODEL,
        provider={"order": ["sim"], "max_price": {"prompt": 5}, "sort": {"by": "price"}},
        models=[MODEL], reasoning={"effort": "low", "exclude": True}, usage={"include": True},
    ),
    {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "Be brief"}]},
            {"role": "user", "content": [{"type": "text", "text": "See"}, PICTURE]},
            {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning": "hm"},
            {"role": "tool", "tool_call_id": "call_1", "content": "42"},
        ],
    },
]  # fmt: skip
FUZZED = 2_000


async def test_two_thousand_mutated_bodies_are_answered_quickly_and_never_with_a_500(site):
    before = site.gateway.counts()
    failed, slowest_s, accepted = [], 0.0, 0
    async with aiohttp.ClientSession() as session:
        for body in hostile.mutated(SEEDS, FUZZED, seed=7):
            asked_s = time.monotonic()
            async with session.post(
                f"{site.gateway.url}/chat/completions",
                data=body,
                headers={"Authorization": f"Bearer {site.key}"},
            ) as response:
                text = await response.read()
            slowest_s = max(slowest_s, time.monotonic() - asked_s)
            accepted += "x-generation-id" in response.headers
            answer = Answer(
                status=response.status,
                headers=[(name.lower(), value) for name, value in response.headers.items()],
                body=text,
            )
            faults = envelope_faults(answer) if answer.status != 200 else []
            faults += site.inside.shown_by(answer, sent=body)
            if answer.status not in {200, 400, 403, 404} or faults:
                failed.append((body[:300], answer.status, faults))

    assert failed == []
    assert slowest_s < 1.0
    assert 100 < accepted < FUZZED - 500
    assert site.gateway.alive
    after = site.gateway.counts()
    assert {new - old for new, old in zip(after, before, strict=True)} == {accepted}


def test_after_all_of_it_the_books_are_right_and_the_log_is_quiet(site):
    """Runs last: every refusal above asked for nothing and was charged nothing."""
    findings = site.gateway.verify()

    holds, charges, generations = site.gateway.counts()
    assert (findings["ok"], findings["open_holds"]) == (True, 0)
    assert holds == charges == generations
    assert "Traceback" not in site.gateway.err.read_text()
    assert site.gateway.alive
