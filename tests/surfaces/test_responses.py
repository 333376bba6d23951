"""`POST /responses` over real sockets: silences, the codes of failures, and how events are written."""

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.process import Gateway
from tests.surfaces.conftest import CONFIG, GRID, MODEL, SECRET, Site
from tests.surfaces.natives import NATIVES
from tests.surfaces.test_grid import ask_responses, data_of, gather_responses
from tests.surfaces.upstream import Played, Upstream, whole

pytestmark = pytest.mark.io

SETTINGS = """
[stream]
stream_commit_after_s = 0.2
keepalive_s = 0.1
responses_in_progress_s = {in_progress_s}
responses_event_lines = {event_lines}
codex_error_codes = "{codes}"

[retries]
rounds = 0

[providers.openai]
base_url = "{url}/openai/v1"
api_key = "env:UPSTREAM_SECRET"

[providers.answers]
name = "Azure"
base_url = "{url}/answers/v1"
dialect = "openai_responses"

[[models]]
id = "grid/grid-chat"
provider = "openai"
upstream_model = "grid-chat"
price = {{ prompt = "1", completion = "5", cache_read = "0.1" }}

[[models]]
id = "grid/grid-responses"
provider = "answers"
upstream_model = "grid-responses"
price = {{ prompt = "1", completion = "5", cache_read = "0.1" }}
"""
DIALECTS = ("openai_chat", "openai_responses")
IN_PROGRESS = "response.in_progress"


def started(folder, upstream: Upstream, **settings: object) -> Gateway:
    config = SETTINGS.format(url=upstream.url, **settings)
    gateway = Gateway(folder, config, environ={"UPSTREAM_SECRET": SECRET})
    gateway.start()
    return gateway


@pytest.fixture(scope="module")
def quick(tmp_path_factory) -> Iterator[Site]:
    """A gateway with little patience, which speaks as OpenRouter does."""
    with Upstream() as upstream:
        usual = {"in_progress_s": 0.3, "event_lines": "false", "codes": "by_originator"}
        gateway = started(tmp_path_factory.mktemp("usual"), upstream, **usual)
        yield Site(gateway=gateway, upstream=upstream)
        gateway.stop()


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Iterator[Site]:
    """One that speaks as OpenAI does, and to everybody as to Codex."""
    with Upstream() as upstream:
        settings = {"in_progress_s": 0, "event_lines": "true", "codes": "always"}
        gateway = started(tmp_path_factory.mktemp("other"), upstream, **settings)
        yield Site(gateway=gateway, upstream=upstream)
        gateway.stop()


def ask(site: Site, dialect: str, **headers: str) -> httpx.Response:
    body = {**ask_responses(f"grid/{NATIVES[dialect].upstream}"), "stream": True}
    return site.post("/v1/responses", body, **headers)


def silent(dialect: str, *, at: int) -> Played:
    """The stream with a long silence before the part `at`; 0: after the head and a comment."""
    parts = NATIVES[dialect].stream().parts
    before = b"".join(parts[:at]) or b": hello\n\n"
    return Played(
        parts=(before, b"".join(parts[at:])), kind="text/event-stream", pause_s=1.5
    )  # fmt: skip


# Silences


@pytest.mark.parametrize("at", [0, 2, 4])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_long_silence_is_filled_with_events_that_count(quick: Site, dialect, at):
    quick.upstream.play(NATIVES[dialect].upstream, silent(dialect, at=at))

    events = data_of(ask(quick, dialect).content)

    kinds = [event["type"] for event in events]
    said = gather_responses(events)  # checks the numbers and that items agree
    assert said.finish == "calls"
    assert kinds.count("response.created") == 1
    assert kinds.count(IN_PROGRESS) >= 2  # its own, and at least one that fills the silence
    for event in events:
        if event["type"] == IN_PROGRESS:
            assert event["response"]["id"] == events[0]["response"]["id"]
            assert event["response"]["status"] == "in_progress"


def test_a_failure_after_a_sign_of_life_goes_on_with_its_numbers(quick: Site):
    failed = whole({"error": {"message": "No."}}, status=400)
    slow = Played(parts=(b" ", failed.parts[0]), status=400, pause_s=1.0)
    quick.upstream.play("grid-chat", slow)

    answer = ask(quick, "openai_chat")
    events = data_of(answer.content)

    assert answer.status_code == 200
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", IN_PROGRESS]
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["error"] == {"code": "invalid_prompt", "message": "No."}
    assert answer.content.endswith(b"data: [DONE]\n\n")


def test_who_wants_comments_only_gets_them_only(other: Site):
    other.upstream.play("grid-chat", silent("openai_chat", at=4))

    answer = ask(other, "openai_chat")

    assert [e["type"] for e in data_of(answer.content)].count(IN_PROGRESS) == 1
    assert b"\n\n: \n\n" in answer.content


# Codes

TOO_LONG = {"error": {"message": "too long", "code": "context_length_exceeded"}}
BROKE = {"error": {"message": "You exceeded your quota.", "code": "insufficient_quota"}}
BUSY = {"error": {"message": "Slow down.", "code": "rate_limit_exceeded"}}
FAILURES = {
    "too long": (whole(TOO_LONG, status=400), "invalid_prompt", "context_length_exceeded"),
    "no money": (whole(BROKE, status=429), "rate_limit_exceeded", "insufficient_quota"),
    "busy": (
        whole(BUSY, status=429, headers=[("retry-after", "7")]),
        "rate_limit_exceeded",
        "rate_limit_exceeded",
    ),
    "odd": (whole({"error": {"message": "No."}}, status=400), "invalid_prompt", "invalid_prompt"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_codex_is_told_the_codes_that_it_acts_on(quick: Site, failure):
    played, usual, precise = FAILURES[failure]
    codes = []
    for originator in ("", "codex_cli_rs", "Codex_vscode", "my_app"):
        quick.upstream.play("grid-chat", played)
        answer = ask(quick, "openai_chat", originator=originator)
        assert answer.status_code == played.status
        codes.append(answer.json()["error"]["code"])
        waits = "try again in 7s" in answer.json()["error"]["message"]
        assert waits is (failure == "busy" and "codex" in originator.lower())

    assert codes == [usual, precise, precise, usual]


def test_an_operator_can_tell_everybody_so(other: Site):
    other.upstream.play("grid-chat", FAILURES["too long"][0])

    answer = ask(other, "openai_chat", originator="my_app")

    assert answer.json()["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_codex_is_told_so_inside_a_stream_as_well(quick: Site, dialect):
    """The failure comes when part of the answer is out."""
    parts = NATIVES[dialect].stream().parts[:4]
    chat = {"error": {"message": "Please try again in 1.5s.", "code": 429}}
    native = {
        "type": "error",
        "code": "rate_limit_exceeded",
        "message": "Please try again in 1.5s.",
        "param": None,
    }
    last = b"data: " + json.dumps(chat if dialect == "openai_chat" else native).encode() + b"\n\n"
    played = Played(parts=(*parts, last), kind="text/event-stream")
    quick.upstream.play(NATIVES[dialect].upstream, played)

    events = data_of(ask(quick, dialect, originator="codex_exec").content)

    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["error_type"] == "rate_limit_exceeded"
    assert events[-1]["response"]["error"] == {
        "code": "rate_limit_exceeded",
        "message": "Please try again in 1.5s.",
    }


def test_refusals_of_the_gateway_itself_have_those_codes_too(quick: Site):
    spent = quick.gateway.create_key("spent", limit_usd="0.0000001")
    body = ask_responses("grid/grid-chat")

    answer = httpx.post(
        f"{quick.root}/v1/responses",
        json=body,
        headers={"authorization": f"Bearer {spent}", "originator": "codex_cli_rs"},
    )

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "insufficient_quota"


# Lines


@pytest.mark.parametrize("dialect", DIALECTS)
def test_events_have_a_line_with_their_name_where_that_is_wanted(other: Site, dialect):
    other.upstream.play(NATIVES[dialect].upstream, NATIVES[dialect].stream())

    *blocks, done = ask(other, dialect).content.strip().split(b"\n\n")

    assert done == b"data: [DONE]"
    assert len(blocks) > 10
    for block in blocks:
        name, data = block.split(b"\n")
        assert name == b"event: " + json.loads(data.removeprefix(b"data: "))["type"].encode()
    gather_responses(data_of(b"\n".join(blocks)))


# Models, as Codex asks for them


def test_codex_finds_a_list_of_models_that_it_can_read(quick: Site):
    answer = httpx.get(
        f"{quick.root}/v1/models",
        params={"client_version": "0.99.0"},
        headers={"authorization": f"Bearer {quick.key}"},
    ).json()

    assert answer["models"] == []
    assert "grid/grid-chat" in {row["id"] for row in answer["data"]}


# What Codex sends

SHELL = {"type": "exec", "command": ["ls"], "timeout_ms": None, "env": None}
CODEX = {
    "instructions": "You are a coding agent.",
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Fix it."}]},
        {"type": "reasoning", "summary": [], "content": None, "encrypted_content": "gAAA"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Looking."}], "phase": "commentary"},
        {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin Patch"},
        {"type": "function_call", "call_id": "c2", "name": "exec", "arguments": '{"cmd":"ls"}'},
        {"type": "local_shell_call", "call_id": "c3", "status": "completed", "action": SHELL},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "patched"},
        {"type": "function_call_output", "call_id": "c2", "output": "a.py"},
        {"type": "function_call_output", "call_id": "c3", "output": [{"type": "input_text", "text": "b.py"}]},
        {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "x"}},
        {"type": "compaction", "encrypted_content": "zzz"},
    ],
    "tools": [
        {"type": "function", "name": "exec", "description": "Runs.", "strict": False, "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}}},
        {"type": "custom", "name": "apply_patch", "description": "Edits.", "format": {"type": "grammar", "syntax": "lark", "definition": "start: X"}},
        {"type": "local_shell"},
        {"type": "web_search", "external_web_access": False},
        {"type": "tool_search", "execution": "client", "description": "Finds.", "parameters": {"type": "object", "properties": {"query": {"type": "string"}}}},
        {"type": "namespace", "name": "docs", "description": "", "tools": [{"type": "function", "name": "find", "parameters": {"type": "object", "properties": {}}}]},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "conversation-1",
    "text": {"verbosity": "low"},
    "client_metadata": {"installation": "x"},
}  # fmt: skip


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory) -> Iterator[Site]:
    """A gateway before every upstream dialect."""
    with Upstream() as upstream:
        models = "".join(MODEL.format(id=i, provider=p, upstream=u, output=o, price=r) for i, p, u, o, r in GRID)  # fmt: skip
        config = CONFIG.format(url=upstream.url) + models
        folder = tmp_path_factory.mktemp("everywhere")
        gateway = Gateway(folder, config, environ={"UPSTREAM_SECRET": SECRET})
        gateway.start()
        yield Site(gateway=gateway, upstream=upstream)
        gateway.stop()


@pytest.mark.parametrize("dialect", NATIVES)
def test_a_turn_of_codex_reaches_every_dialect(everywhere: Site, dialect):
    native = NATIVES[dialect]
    everywhere.upstream.play(native.upstream, native.stream())
    body = {**CODEX, "model": f"grid/{native.upstream}"}

    answer = everywhere.post("/v1/responses", body, originator="codex_cli_rs", session_id="s-1")

    assert answer.status_code == 200, answer.text
    assert gather_responses(data_of(answer.content)).finish == "calls"
    sent = json.dumps(everywhere.upstream.last.json)
    for part in ("coding agent", "Be brief.", "Fix it.", "Looking.", "patched", "a.py", "b.py"):
        assert part in sent
    if dialect == "openai_responses":
        kept = {
            name: value for name, value in everywhere.upstream.last.json.items() if name != "model"
        }
        assert kept == CODEX
    else:
        assert "gAAA" not in sent
        assert "docs__find" in sent
    assert everywhere.generation(answer)["session_id"] == "s-1"


@pytest.mark.parametrize("name", ["session_id", "session-id"])
def test_the_session_is_told_by_a_header(quick: Site, name):
    quick.upstream.play("grid-chat", NATIVES["openai_chat"].whole())
    headers = {"authorization": f"Bearer {quick.key}", name: "s-2"}

    answer = httpx.post(
        f"{quick.root}/v1/responses", json=ask_responses("grid/grid-chat"), headers=headers
    )

    assert quick.generation(answer)["session_id"] == "s-2"


def test_a_patch_comes_back_as_free_text_from_a_chat_provider(quick: Site):
    patch = '*** Begin Patch\n*** Update File: é.py\n+"x"\n'
    arguments = json.dumps({"input": patch})
    call = {"index": 0, "id": "c9", "type": "function", "function": {"name": "apply_patch", "arguments": ""}}  # fmt: skip
    deltas = [{"tool_calls": [call]}] + [
        {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}
        for part in (arguments[:9], arguments[9:30], arguments[30:])
    ]
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    lines = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks]
    quick.upstream.play("grid-chat", Played(parts=(*lines, b"data: [DONE]\n\n"), kind="text/event-stream"))  # fmt: skip

    events = data_of(quick.post("/v1/responses", {**CODEX, "model": "grid/grid-chat"}).content)

    of_input = [event for event in events if "custom_tool_call_input" in event["type"]]
    assert "".join(event.get("delta", "") for event in of_input) == patch
    assert of_input[-1]["input"] == patch
    (item,) = events[-1]["response"]["output"]
    assert (item["type"], item["call_id"], item["input"]) == ("custom_tool_call", "c9", patch)
    assert events[-2]["item"] == item
