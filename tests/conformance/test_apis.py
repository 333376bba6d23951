"""What holds for the readers of every API."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.apis import APIS, Api
from tests.conformance.asking import read_chat

_KEYS = (
    "type", "content", "text", "index", "delta", "usage", "messages", "contents", "parts", "input",
    "role", "output", "item", "response", "message", "candidates", "tools", "toolConfig",
    "functionCall", "functionResponse", "usageMetadata", "promptFeedback", "generationConfig",
    "thinking", "tool_calls", "stop", "system", "toolUse", "inferenceConfig", "event",
)  # fmt: skip
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)
_EACH = pytest.mark.parametrize("api", APIS.values(), ids=lambda api: api.name)


@_EACH
@given(value=_VALUES)
def test_no_answer_ends_in_a_crash(api: Api, value: object) -> None:
    body = json.dumps(value).encode()

    api.read_answer(body, 200, False)
    api.read_answer(b"data: " + body + b"\n\n", 200, True)
    api.read_answer(body, 500, False)


@_EACH
def test_no_body_at_all_is_a_failure(api: Api) -> None:
    for body, status in ((b"", 200), (b"", 0), (b"{}", 429), (b"no", 200)):
        assert api.read_answer(body, status, False).failure is not None


@_EACH
@given(value=st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=4))
def test_no_request_ends_in_a_crash(api: Api, value: dict[str, object]) -> None:
    read_chat(value)
    if api.understand is not None:
        api.understand(value)
    read_chat(api.client_request(value))
