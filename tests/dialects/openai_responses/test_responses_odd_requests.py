"""A request of a coding agent with one member replaced: answered, or refused in words."""

import json
import re
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dialects.streaming import envelope
from tests.surfaces.test_responses import CODEX

from portico.dialects import DIALECTS, Quirks
from portico.errors import InvalidRequest, UpstreamRejected
from portico.vocabulary import TextDelta, ToolCallDelta, ToolCallStart, Usage

RESPONSES = DIALECTS["openai_responses"]
RAN = [{"stdout": "", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]
MEDIA = [
    {"type": "input_image", "image_url": {"url": "data:image/png;base64,aGk="}},
    {"type": "input_file", "file_data": "data:text/plain;base64,aGk=", "filename": "a.txt"},
    {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
    {"type": "input_video", "video_url": "data:video/mp4;base64,aGk="},
]
REQUEST = {
    **CODEX,
    "model": "m",
    "input": [
        *CODEX["input"],
        {"type": "shell_call", "call_id": "c4", "action": {"commands": ["ls"]}},
        {"type": "shell_call_output", "call_id": "c4", "output": RAN},
        {"type": "apply_patch_call", "call_id": "c5", "operation": {"type": "delete_file", "path": "x"}},
        {"type": "apply_patch_call_output", "call_id": "c5", "status": "completed"},
        {"type": "local_shell_call_output", "id": "c3", "output": "x"},
        {"type": "additional_tools", "tools": [{"type": "function", "name": "z"}]},
        {"role": "user", "content": MEDIA},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    ],
    "tools": [*CODEX["tools"], {"type": "shell"}, {"type": "apply_patch"}],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "exec"}]},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}, "verbosity": "low"},
    "metadata": {"a": "b"},
    "max_output_tokens": 2000,
    "temperature": 1,
    "top_logprobs": 1,
    "service_tier": "flex",
    "user": "u",
    "session_id": "s",
}  # fmt: skip
VALUES = [None, 5, 1.5, True, "x", "", [], {}, [5], ["x"], [{}], {"a": 1}, [None], {"type": "x"}, 10**30, "\0", [[]]]  # fmt: skip


def places(value: object, path: tuple = ()) -> Iterator[tuple]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()  # fmt: skip
    for name, one in inner:
        yield from places(one, (*path, name))


def replaced(path: tuple, value: object) -> bytes:
    request = json.loads(json.dumps(REQUEST))
    at = request
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return json.dumps(request).encode()


def test_the_request_itself_is_answered():
    head = RESPONSES.read_head(json.dumps(REQUEST).encode())

    assert len(RESPONSES.decode_request(head).messages) > 10


@settings(max_examples=400)
@given(st.sampled_from(list(places(REQUEST))), st.sampled_from(VALUES))
def test_any_member_may_be_of_any_type(path, value):
    complaint = None
    try:
        head = RESPONSES.read_head(replaced(path, value))
        RESPONSES.upstream_body(head, "m", frozenset(), Quirks())
        encoder = RESPONSES.stream_encoder(envelope(request=head.fields))
        encoder.feed(ToolCallStart(index=0, id="c", name="shell"))
        encoder.feed(ToolCallDelta(index=0, arguments='{"commands":["x"]}'))
        encoder.feed(TextDelta(text="x"))
        encoder.trailer(Usage(), None, {})
        request = RESPONSES.decode_request(head)
    except InvalidRequest as refusal:
        complaint = refusal.message
    if complaint is not None:
        assert re.split("[.:]", complaint)[0] in REQUEST or "cannot be read" in complaint
        return
    for dialect in DIALECTS.values():
        try:
            json.loads(dialect.encode_request(request, "gpt-5", frozenset(), Quirks())[0])
        except (UpstreamRejected, InvalidRequest):
            continue
