"""Every recorded request, whatever API it was written for, said to every native dialect.

The readers are those of the run, which know nothing of the gateway; the dialects are called
directly. What the target has no form for is refused or named as dropped, never lost.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.apis import APIS, Api
from tests.conformance.asking import Asked, Turn, read_chat
from tests.conformance.corpus import Record, all_records
from tests.conftest import SHARED

from portico.dialects import DIALECTS, Quirks, request_between
from portico.errors import GatewayError

MODELS = {
    "anthropic-messages": "claude-sonnet-4-5",
    "bedrock-converse": "anthropic.claude-sonnet-4-5-v1:0",
    "cohere-v2-chat": "command-a-reasoning",
    "gemini-generate": "gemini-3-pro",
    "openai-responses": "gpt-5",
}
CHAT = DIALECTS["openai_chat"]
# Only their own API reads these; a chat client gets them from it and sends them back.
_OWN = ("content_parts", "output_items", "reasoning_details", "citations")


def chat_requests() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every recorded conversation as a chat request, without what is one provider's own."""
    corpus = Path(os.environ.get("CORPUS") or SHARED / "corpus")
    if not corpus.is_dir():
        pytest.skip("no recordings beside the repository")
    for record in all_records(corpus):
        if not isinstance(record, Record) or record.request is None or record.status != 200:
            continue
        name = "openai-chat" if record.api == "openrouter-chat" else record.api
        chat = APIS[name].client_request(record.request) if name in APIS else {}
        if not chat.get("messages"):
            continue
        functions = [t for t in chat.get("tools") or () if t.get("type", "function") == "function"]
        messages = [{k: v for k, v in m.items() if k not in _OWN} for m in chat["messages"]]
        plain = {"model": "m", "messages": messages}
        if functions:
            plain["tools"] = functions
        yield record.id, plain


def plain_parts(messages: list[dict[str, Any]]) -> bool:
    """Whether all parts are those that the chat dialect itself has."""
    known = {"text", "image_url", "input_audio", "video_url", "file"}
    parts = [p for m in messages if isinstance(m.get("content"), list) for p in m["content"]]
    return all(isinstance(part, str) or part.get("type") in known for part in parts)


def words(asked: Asked) -> str:
    """All text of a conversation but tool results, wherever it stands; blanks aside."""
    said = [asked.system, *(turn.text for turn in asked.turns)]
    return "".join("".join(said).split())


def calls(turns: list[Turn]) -> list[tuple[str, str]]:
    return [call for turn in turns for call in turn.calls]


def results(turns: list[Turn]) -> list[int]:
    return sorted(result.call for turn in turns for result in turn.results)


@pytest.mark.parametrize("name", MODELS)
def test_every_recorded_conversation_is_said_whole_or_not_at_all(name: str) -> None:
    api: Api | None = APIS.get(name)
    assert api is not None
    assert api.understand is not None
    dialect, model = DIALECTS[api.dialect], MODELS[name]
    checked = 0
    for identity, chat in chat_requests():
        head = CHAT.read_head(json.dumps(chat).encode())
        try:
            raw, dropped = request_between(
                CHAT, dialect, head, model, frozenset(), Quirks(model=model)
            )
        except GatewayError:
            continue  # refused, with the reason: the client or another provider decides
        wanted, found = read_chat(chat), api.understand(json.loads(raw))
        said = (words(wanted), words(found))
        assert said[0] in said[1] or sorted(said[0]) == sorted(said[1]), identity
        assert [n for n, _ in calls(wanted.turns)] == [n for n, _ in calls(found.turns)], identity
        assert results(wanted.turns) == results(found.turns), identity
        assert wanted.tools.keys() <= found.tools.keys(), identity
        if plain_parts(chat["messages"]) and not dropped:
            media = [[m for t in asked.turns for m in t.media] for asked in (wanted, found)]
            extra = json.loads(raw).get("documents") or ()  # where Cohere has its files
            assert len(media[0]) == len(media[1]) + len(extra), identity
        checked += 1
    assert checked > 1000
