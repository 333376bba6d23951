"""Whole Responses answers, in and out, and their failures."""

import json

import pytest
from tests.conftest import body_of, recorded
from tests.dialects.streaming import COST, envelope

from portico.dialects import DIALECTS, Quirks
from portico.errors import (
    GatewayError,
    InvalidKey,
    InvalidRequest,
    NoEndpointAvailable,
    UpstreamError,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnavailable,
)
from portico.vocabulary import (
    ChatResponse,
    Choice,
    Cost,
    Reasoning,
    ToolCall,
    Usage,
)

CHAT, RESPONSES = DIALECTS["openai_chat"], DIALECTS["openai_responses"]
ENVELOPE = envelope()
FORMAT = "openai-responses-v1"


def whole(*items, **fields) -> bytes:
    body = {"id": "resp_1", "model": "m", "status": "completed", "output": list(items), **fields}
    return json.dumps(body).encode()


def decoded(*items, quirks=None, **fields) -> ChatResponse:
    return RESPONSES.decode_response(whole(*items, **fields), quirks or Quirks())


def message(*parts):
    return {"type": "message", "role": "assistant", "content": list(parts)}


def text(said, **fields):
    return {"type": "output_text", "text": said, "annotations": [], **fields}


def written(*, request=None, cost=None, **choice) -> dict:
    fields = {name: json.dumps(value).encode() for name, value in (request or {}).items()}
    answer = ChatResponse(choices=(Choice(**choice),), usage=Usage(input_tokens=9, output_tokens=4))
    return json.loads(RESPONSES.encode_response(answer, envelope(request=fields), cost))


def recorded_answers():
    for record in recorded("openai-responses"):
        body = body_of(record)
        if not record["stream"] and record["response"]["status"] == 200:
            parsed = json.loads(body)
            if isinstance(parsed.get("output"), list) and not parsed.get("error"):
                yield record["id"], parsed, body


# --- in -----------------------------------------------------------------------------


def test_items_become_what_they_are():
    sealed = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "One."}, {"type": "summary_text", "text": "Two."}],
        "encrypted_content": "gAAA+/=",
    }  # fmt: skip
    call = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "add", "arguments": ""}
    custom = {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": '"x"'}
    search = {"type": "web_search_call", "id": "ws_1", "action": {"type": "search"}}

    choice = decoded(sealed, search, message(text("Hi"), text("!")), call, custom).choices[0]

    assert choice.reasoning == (
        Reasoning(summary="One.", format=FORMAT, index=0),
        Reasoning(summary="Two.", format=FORMAT, index=1),
        Reasoning(data="gAAA+/=", format=FORMAT, id="rs_1", index=2),
    )
    assert choice.content == "Hi!"
    assert choice.tool_calls == (
        ToolCall(id="c1", name="add", arguments="{}"),
        ToolCall(id="c2", name="patch", arguments='{"input":"\\"x\\""}'),
    )
    assert choice.extra == {"output_items": [search]}
    assert (choice.finish_reason, choice.native_finish_reason) == ("tool_calls", "completed")


def test_thoughts_carry_the_family_of_their_provider():
    sealed = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
    opened = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}]}

    grok = decoded(sealed, quirks=Quirks(reasoning_format="xai-responses-v1")).choices[0]

    assert [item.format for item in grok.reasoning] == ["xai-responses-v1"]
    assert decoded(opened).choices[0].reasoning == (Reasoning(text="Hm.", index=0),)


def test_refusals_citations_images_and_probabilities():
    page = {"type": "url_citation", "url": "https://x.org", "title": "X", "start_index": 0, "end_index": 2}  # fmt: skip
    file = {"type": "file_citation", "file_id": "f", "filename": "a.txt", "index": 3}
    drawn = {"type": "image_generation_call", "id": "ig", "result": "aGk="}
    sure = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}

    choice = decoded(
        message(text("Hi"), text("Hi", annotations=[page, file], logprobs=[sure])),
        message({"type": "refusal", "refusal": "No."}),
        drawn,
    ).choices[0]

    assert choice.refusal == "No."
    assert choice.annotations == (
        {
            "type": "url_citation",
            "url_citation": {
                "url": "https://x.org", "title": "X", "start_index": 2, "end_index": 4,
            },
        },
        file,
    )  # fmt: skip
    assert choice.images[0]["image_url"] == {"url": "data:image/png;base64,aGk="}
    assert choice.logprobs == {"content": [sure], "refusal": None}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {"input_tokens": 9, "output_tokens": 4},
            Usage(input_tokens=9, output_tokens=4),
        ),
        (
            {
                "input_tokens": 100,
                "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
                "output_tokens": 40,
                "output_tokens_details": {"reasoning_tokens": 25},
            },
            Usage(
                input_tokens=10, cache_read_tokens=60, cache_write_tokens=30, output_tokens=40,
                reasoning_tokens=25,
            ),
        ),
        (
            {
                "input_tokens": 5,
                "input_tokens_details": {"cached_tokens": 9},
                "output_tokens": 1,
                "output_tokens_details": {"reasoning_tokens": 7},
            },
            Usage(cache_read_tokens=5, output_tokens=1, reasoning_tokens=1),
        ),
        (None, None),
        ({}, None),
        ({"input_tokens": None, "output_tokens": "x"}, None),
    ],
)  # fmt: skip
def test_usage_falls_into_disjoint_buckets(usage, expected):
    assert decoded(usage=usage).usage == expected


def test_searches_are_counted_and_opened_pages_are_not():
    search = {"type": "web_search_call", "id": "ws", "action": {"type": "search"}}
    opened = {"type": "web_search_call", "id": "ws", "action": {"type": "open_page"}}

    answer = decoded(search, opened, search, usage={"input_tokens": 1, "output_tokens": 1})

    assert answer.usage is not None
    assert answer.usage.web_search_requests == 2


def test_every_recorded_answer_keeps_texts_calls_seals_and_counts():
    checked = 0
    for name, native, body in recorded_answers():
        answer = RESPONSES.decode_response(body, Quirks())
        choice, output = answer.choices[0], native["output"]
        parts = [p for item in output if item["type"] == "message" for p in item["content"]]
        assert (choice.content or "") == "".join(p.get("text") or "" for p in parts), name
        assert [(c.id, c.name, c.arguments) for c in choice.tool_calls] == [
            (item["call_id"], item["name"], item["arguments"])
            for item in output
            if item["type"] == "function_call"
        ], name
        assert [item.data for item in choice.reasoning if item.data] == [
            item["encrypted_content"] for item in output if item.get("type") == "reasoning" and item.get("encrypted_content")
        ], name  # fmt: skip
        assert len(choice.annotations) == sum(len(p.get("annotations") or ()) for p in parts), name
        usage, counted = answer.usage or Usage(), native.get("usage") or {}
        assert usage.prompt_tokens == counted.get("input_tokens", 0), name
        assert usage.completion_tokens == counted.get("output_tokens", 0), name
        total = usage.prompt_tokens + usage.completion_tokens
        assert total == counted.get("total_tokens", total), name
        assert usage.reasoning_tokens <= usage.output_tokens, name
        checked += 1
    assert checked > 200


def test_every_recorded_answer_means_the_same_when_it_is_written_again():
    request = {"include": ["reasoning.encrypted_content"]}
    fields = {name: json.dumps(value).encode() for name, value in request.items()}
    for name, _, body in recorded_answers():
        once = RESPONSES.decode_response(body, Quirks()).choices[0]
        answer = RESPONSES.decode_response(body, Quirks())
        again = RESPONSES.encode_response(answer, envelope(request=fields), COST)
        twice = RESPONSES.decode_response(again, Quirks()).choices[0]
        for field in ("content", "refusal", "tool_calls", "annotations", "finish_reason", "extra"):
            assert getattr(twice, field) == getattr(once, field), (name, field)
        assert [(r.summary, r.text, r.data) for r in twice.reasoning] == [
            (r.summary, r.text, r.data) for r in once.reasoning
        ], name
        assert RESPONSES.decode_response(again, Quirks()).usage == answer.usage, name


# by the published description; OpenAI itself leaves some of them out
INSISTED = {
    "id", "object", "created_at", "model", "status", "completed_at", "output", "error",
    "incomplete_details", "temperature", "top_p", "presence_penalty", "frequency_penalty",
    "instructions", "metadata", "tools", "tool_choice", "parallel_tool_calls", "usage",
}  # fmt: skip


def test_an_answer_between_equal_dialects_keeps_its_members():
    head = RESPONSES.read_head(b'{"model":"a/b","input":"Hi"}')
    for name, native, body in recorded_answers():
        told = json.loads(RESPONSES.rewrite_response(body, head, ENVELOPE, None, COST, {"x": 1}))
        assert told.keys() >= native.keys(), name
        changed = {"id", "model", "usage", "x"}
        kept = {k: v for k, v in native.items() if k not in changed}
        assert {k: told[k] for k in kept} == kept, name
        assert told.keys() >= INSISTED, name
        assert (told["id"], told["model"], told["x"]) == (
            ENVELOPE.generation_id,
            ENVELOPE.model,
            1,
        )
        assert told["usage"]["cost"] == 0.000032


# --- failures -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"[]", b"17", b"{}", b'{"output":null}', b'{"output":[17]}',
        b'{"output":[{"type":"function_call"}]}', b'{"output":[{}]}',
        b'{"output":[{"type":"message","content":[17]}]}',
        b'{"status":"failed","output":[]}', b'{"status":"cancelled","output":[]}',
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_the_providers_failure(body):
    with pytest.raises(UpstreamUnavailable):
        RESPONSES.decode_response(body, Quirks())


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("rate_limit_exceeded", UpstreamRateLimited),
        ("server_error", UpstreamUnavailable),
        ("server_is_overloaded", UpstreamOverloaded),
        ("invalid_prompt", UpstreamRejected),
        ("invalid_image_url", UpstreamRejected),
        ("strange", UpstreamUnavailable),
    ],
)
def test_a_response_that_failed_is_classified_by_its_code(code, error):
    with pytest.raises(UpstreamError) as failed:
        decoded(status="failed", error={"code": code, "message": "x"})

    assert type(failed.value) is error
    assert failed.value.provider_code == code


def test_every_recorded_failure_is_classified():
    checked = 0
    for record in recorded("openai-responses"):
        status = record["response"]["status"]
        if status == 200:
            continue
        error = RESPONSES.decode_error(status, {}, body_of(record))
        assert error.upstream_status == status
        assert error.status == (502 if status == 401 else 400), record["id"]
        checked += 1
    assert checked == 4


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InvalidRequest("input: wrong"), "invalid_prompt", "input: wrong"),
        (InvalidKey("No key."), "invalid_api_key", "No key."),
        (NoEndpointAvailable("None."), "invalid_prompt", "None."),
        (UpstreamRateLimited("x", raw='{"error":{"message":"again in 7s"}}'), "rate_limit_exceeded", "again in 7s"),
        (UpstreamUnavailable("Provider returned error"), "server_error", "Provider returned error"),
        (UpstreamRejected("too long", error_type="context_length_exceeded"), "invalid_prompt", "too long"),
        (UpstreamRejected("x", error_type="content_policy_violation"), "image_content_policy_violation", "x"),
    ],
)  # fmt: skip
def test_clients_are_told_in_their_own_form(error, code, message):
    told = json.loads(RESPONSES.encode_error(error, None))

    assert told["error"] == {"code": code, "message": message}
    assert told["error_type"] == error.error_type


def test_nothing_of_the_inside_is_told():
    told = RESPONSES.encode_error(GatewayError("secret", path="/secret"), "user_1")

    assert b"secret" not in told
    assert json.loads(told)["user_id"] == "user_1"


# --- out ----------------------------------------------------------------------------


def test_an_answer_is_written_in_the_order_of_the_wire():
    body = written(content="Hi", cost=COST)

    assert list(body) == [
        "id", "object", "created_at", "model", "status", "completed_at", "output", "error",
        "incomplete_details", "tools", "tool_choice", "parallel_tool_calls", "max_output_tokens",
        "temperature", "top_p", "presence_penalty", "frequency_penalty", "top_logprobs",
        "max_tool_calls", "metadata", "background", "previous_response_id", "service_tier",
        "truncation", "store", "instructions", "text", "reasoning", "safety_identifier",
        "prompt_cache_key", "prompt_cache_options", "usage",
    ]  # fmt: skip
    assert body["usage"] == {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 13,
        "cost": 0.000032,
        "is_byok": False,
        "cost_details": {
            "upstream_inference_cost": 0.000032,
            "upstream_inference_input_cost": 0.00002,
            "upstream_inference_output_cost": 0.000012,
        },
    }


def test_an_own_key_owes_nothing_here():
    usage = written(content="", cost=Cost(prompt_picousd=10**6, is_byok=True))["usage"]

    assert (usage["cost"], usage["is_byok"]) == (0, True)
    assert usage["cost_details"]["upstream_inference_cost"] == 0.000001


def test_an_answer_repeats_what_was_asked():
    request = {
        "temperature": 0.5, "tools": [{"type": "function", "name": "add"}], "instructions": "Be.",
        "metadata": {"a": "b"}, "reasoning": {"effort": "low"}, "max_output_tokens": None,
        "text": {"verbosity": "low"}, "store": None, "input": "Hi",
    }  # fmt: skip

    body = written(content="Hi", request=request)

    for name in ("temperature", "tools", "instructions", "metadata", "reasoning"):
        assert body[name] == request[name]
    assert body["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert (body["max_output_tokens"], body["store"]) == (None, False)
    assert "input" not in body


def test_every_recorded_answer_of_openrouter_has_the_members_that_we_write():
    checked = 0
    for record in recorded("openrouter-responses"):
        if record["stream"]:
            continue
        request = {n: json.dumps(v).encode() for n, v in record["request"]["body"].items()}
        theirs = json.loads(body_of(record))
        choice = RESPONSES.decode_response(body_of(record), Quirks())
        ours = json.loads(RESPONSES.encode_response(choice, envelope(request=request), COST))
        same = {"id", "model", "created_at", "completed_at", "usage", "prompt_cache_key"}
        assert ours.keys() == theirs.keys()
        for name in theirs.keys() - same - {"output"}:
            assert ours[name] == theirs[name], name
        assert [item | {"id": ""} for item in ours["output"]] == [
            item | {"id": ""} for item in theirs["output"]
        ]
        checked += 1
    assert checked == 4


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
        ("error", "failed", None),
    ],
)
def test_ends_are_written_as_a_status(reason, status, details):
    body = written(content="Hi", finish_reason=reason)

    assert (body["status"], body["incomplete_details"]) == (status, details)
    assert (body["error"] is not None) == (status == "failed")


def test_seals_are_shown_to_who_asked_for_them():
    thoughts = (
        Reasoning(summary="Hm.", format=FORMAT, index=0),
        Reasoning(data="gAAA", id="rs_1", format=FORMAT),
    )
    item = {
        "id": "rs_1",
        "type": "reasoning",
        "status": "completed",
        "summary": [{"type": "summary_text", "text": "Hm."}],
        "format": FORMAT,
    }
    asked = {"include": ["reasoning.encrypted_content"]}

    shown = written(content="", reasoning=thoughts, request=asked)["output"][0]
    hidden = written(content="", reasoning=thoughts)["output"][0]

    assert hidden | {"id": "rs_1"} == item
    assert shown | {"id": "rs_1"} == {**item, "encrypted_content": "gAAA"}


@pytest.mark.parametrize(
    "thoughts",
    [
        (Reasoning(text="Hm.", signature="c2ln", format="anthropic-claude-v1"),),
        (Reasoning(data="b3Bh", format="anthropic-claude-v1"),),
        (Reasoning(data="eA==", format="google-gemini-v1", id="tool_add_1"),),
        (Reasoning(data="gAAA", format=FORMAT, id="rs_1"), Reasoning(data="gBBB", format=FORMAT, id="rs_2")),
        (Reasoning(text="Hm."),),
    ],
)  # fmt: skip
def test_thoughts_of_every_family_come_back_from_a_client_byte_for_byte(thoughts):
    asked = {"include": ["reasoning.encrypted_content"]}
    items = written(content="", reasoning=thoughts, request=asked)["output"]
    request = {"model": "m", "input": [{"role": "user", "content": "Hi"}, *items]}

    read = RESPONSES.decode_request(RESPONSES.read_head(json.dumps(request).encode()))

    assert read.messages[1].reasoning == thoughts


def test_free_text_is_unwrapped_for_a_custom_tool():
    call = ToolCall(id="c1", name="apply_patch", arguments='{"input":"+é"}')
    request = {"tools": [{"type": "custom", "name": "apply_patch"}]}

    item = written(tool_calls=(call,), request=request)["output"][0]

    assert (item["type"], item["call_id"], item["input"]) == ("custom_tool_call", "c1", "+é")
