"""Reasoning in the OpenAI chat family: many spellings in, one out.

In: `reasoning_details` (OpenRouter and those who follow it), `reasoning`,
`reasoning_content`, and Mistral's thinking parts inside a content list.
Out: contract/chat 6.
"""

from collections.abc import Mapping
from typing import Any

from portico.dialects.fields import text_of
from portico.dialects.seals import tagged
from portico.jsonio import JsonObject, dumps
from portico.vocabulary import Origin, Reasoning

_TEXTS = ("text", "summary", "data", "signature", "format", "id")
_PLAIN = ("reasoning", "reasoning_content", "reasoning_text", "thinking")
"""Members that hold the thoughts as a plain string, whoever the host is."""


def decode_reasoning(fields: Mapping[str, Any]) -> list[Reasoning]:
    """Read the reasoning of a client's message; details win over the plain strings."""
    items = _details(fields)
    if items:
        return items
    text = next((text for key in _PLAIN[:2] if (text := text_of(fields.get(key)))), None)
    return [] if text is None else [Reasoning(text=text)]


def answered_reasoning(fields: Mapping[str, Any]) -> list[Reasoning]:
    """Read the reasoning of an upstream's message or delta.

    Details that show nothing leave the plain string its say.
    """
    items = [item for item in _details(fields) if _says(item)]
    if any(item.text or item.summary for item in items):
        return items
    text = next((text for key in _PLAIN if (text := text_of(fields.get(key)))), None)
    return items if text is None else [Reasoning(text=text), *items]


def _details(fields: Mapping[str, Any]) -> list[Reasoning]:
    details = fields.get("reasoning_details")
    if not isinstance(details, list):
        return []
    return [_decode_item(item) for item in details if isinstance(item, dict)]


def _says(item: Reasoning) -> bool:
    """Whether there is more in it than its kind."""
    return any(one is not None for one in (item.text, item.summary, item.data, item.signature))


def split_content(content: object) -> tuple[str | None, list[Reasoning], list[JsonObject]]:
    """Return text, reasoning and unknown parts of a content value.

    Content is a string, null, or a list of parts (Mistral: `text` and
    `thinking`, whose own content is a list again or a string). Anything else is
    the JSON that a model was asked for and its host has parsed already.
    """
    if content is None or isinstance(content, str):
        return content, [], []
    if not isinstance(content, list):
        return dumps(content).decode(), [], []
    texts: list[str] = []
    reasoning: list[Reasoning] = []
    others: list[JsonObject] = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif not isinstance(part, dict):
            continue
        elif part.get("type", "text") in {"text", "output_text"}:
            texts.append(text_of(part.get("text")) or "")
        elif part.get("type") == "thinking":
            thought, _, _ = split_content(part.get("thinking"))
            signature = text_of(part.get("signature"))
            if thought or signature:
                reasoning.append(Reasoning(text=thought, signature=signature))
        else:
            others.append(part)
    return ("".join(texts) if texts else None), reasoning, others


def encode_item(item: Reasoning, index: int, origin: Origin | None = None) -> JsonObject:
    """Write one `reasoning_details` entry, keys in the order of the wire.

    `origin` is what a blob for a client is tagged with.
    """
    if item.data is not None:
        data = tagged(item, origin).data
        body: JsonObject = {"type": "reasoning.encrypted", "data": data}
    elif item.summary is not None:
        body = {"type": "reasoning.summary", "summary": item.summary}
    else:
        body = {"type": "reasoning.text"}
        if item.text is not None:
            body["text"] = item.text
        if item.signature is not None:
            body["signature"] = item.signature
    body["format"] = item.format or "unknown"
    if item.id is not None:
        body["id"] = item.id
    body["index"] = index
    return body


def _decode_item(item: Mapping[str, Any]) -> Reasoning:
    known: dict[str, Any] = {
        key: value for key in _TEXTS if isinstance(value := item.get(key), str)
    }
    if isinstance(index := item.get("index"), int):
        known["index"] = index
    return Reasoning(**known)
