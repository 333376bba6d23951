"""What plugins do and refuse on every surface of a running gateway."""

import json

import pytest

from tests.surfaces.conftest import Site
from tests.surfaces.requests import ANSWERS, BODIES, CHAT_ANSWER, MESSAGE
from tests.surfaces.upstream import whole

pytestmark = pytest.mark.io

ALMOST = "```json\n{'a': 1,}\n```"
FORMAT = {"type": "json_schema", "name": "a", "schema": {"type": "object"}}
CHOICE = {**CHAT_ANSWER["choices"][0], "message": {"role": "assistant", "content": ALMOST}}
WISHES = {
    "/chat/completions": {"response_format": {"type": "json_object"}},
    "/completions": {"response_format": {"type": "json_object"}},
    "/messages": {"output_config": {"format": FORMAT}},
    "/responses": {"text": {"format": FORMAT}},
}


def text_of(answer: dict) -> str:
    if "choices" in answer:
        (choice,) = answer["choices"]
        return choice["text"] if "text" in choice else choice["message"]["content"]
    part = answer["output"][-1]["content"][0] if "output" in answer else answer["content"][0]
    return part["text"]


@pytest.mark.parametrize("path", WISHES)
def test_json_is_mended_in_whole_answers(site: Site, path: str):
    site.upstream.play("gpt-test", whole({**CHAT_ANSWER, "choices": [CHOICE]}))
    content = [{"type": "text", "text": ALMOST}]
    site.upstream.play("claude-haiku-4-5", whole({**MESSAGE, "content": content}))
    body = {**BODIES[path], **WISHES[path]}

    plain = site.post(f"/api/v1{path}", body)
    healed = site.post(f"/api/v1{path}", {**body, "plugins": [{"id": "response-healing"}]})

    assert text_of(plain.json()) == ALMOST
    assert json.loads(text_of(healed.json())) == {"a": 1}


@pytest.mark.parametrize("path", ["/images", "/audio/transcriptions", "/embeddings", "/rerank"])
def test_other_apis_have_no_json_to_mend(site: Site, path: str):
    for model, answer in ANSWERS.items():
        site.upstream.play(model, answer)
    wish = {"plugins": [{"id": "response-healing"}], "response_format": "b64_json"}
    if path == "/audio/transcriptions":
        wish["response_format"] = "json"

    assert site.post(f"/api/v1{path}", {**BODIES[path], **wish}).status_code == 200


@pytest.mark.parametrize("path", WISHES)
@pytest.mark.parametrize(
    ("wish", "named"),
    [
        ({"plugins": [{"id": "fusion"}]}, "plugins.0"),
        ({"plugins": [{"id": "web"}], "model": "test/chat"}, "search"),
        ({"tools": [{"type": "openrouter:datetime"}]}, "tools"),
        ({"preset": "mine"}, "preset"),
        ({"model": "@preset/mine"}, "preset"),
    ],
    ids=lambda part: json.dumps(part)[:50],
)
def test_what_nobody_here_serves_is_refused_by_name(site: Site, path: str, wish: dict, named: str):
    site.upstream.play("gpt-test", whole(CHAT_ANSWER))

    answer = site.post(f"/api/v1{path}", {**BODIES[path], **wish})

    message = answer.json()["error"]["message"]
    assert answer.status_code == 400, answer.text
    assert named in message
    assert site.upstream.arrived == []
