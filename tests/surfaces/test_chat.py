"""`POST /chat/completions` where an upstream does not do what it was asked to."""

import json

import httpx
import pytest

from tests.surfaces.conftest import Site
from tests.surfaces.requests import CHAT_ANSWER
from tests.surfaces.upstream import whole

pytestmark = pytest.mark.io


def test_a_whole_answer_to_a_streaming_client_keeps_its_unknown_fields(site: Site):
    site.upstream.play("gpt-test", whole(CHAT_ANSWER | {"search_results": [{"title": "Lisbon"}]}))
    asked = {"model": "test/chat", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}

    answer = httpx.post(
        site.root + "/api/v1/chat/completions",
        json=asked,
        headers={"Authorization": f"Bearer {site.key}"},
    )

    lines = [line[6:] for line in answer.text.split("\n") if line.startswith("data: ")]
    chunks = [json.loads(line) for line in lines if line != "[DONE]"]
    texts = [c["delta"].get("content") or "" for chunk in chunks for c in chunk["choices"]]
    assert "".join(texts) == "Hello"
    assert [c["search_results"] for c in chunks if "search_results" in c] == [[{"title": "Lisbon"}]]
    assert lines[-1] == "[DONE]"
