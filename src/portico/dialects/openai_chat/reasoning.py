"""Reasoning in the OpenAI chat family: many spellings in, one out.

In: `reasoning_details` (OpenRouter and those who follow it), `reasoning`,
`reasoning_content`, and Mistral's thinking parts inside a content list.
Out: contract/chat 6.
"""

from collections.abc import Mapping
from typing import Any

from portico.jsonio import JsonObject
from portico.vocabulary import Reasoning

_KNOWN = ("text", "summary", "data", "signature", "format", "id", "index")


def decode_reasoning(fields: Mapping[str, Any]) -> list[Reasoning]:
    """Read the reasoning of a message or delta; details win over the plain strings."""
    details = fields.get("reasoning_details")
    if isinstance(details, list) and details:
        return [_decode_item(item) for item in details if isinstance(item, dict)]
    for key in ("reasoning", "reasoning_content"):
        if isinstance(text := fields.get(key), str) and text:
            return [Reasoning(text=text)]
    return []


def split_content(content: object) -> tuple[str | None, list[Reasoning], list[JsonObject]]:
    """Return text, reasoning and unknown parts of a content value.

    Content is a string, null, or a list of parts (Mistral: `text` and
    `thinking`, whose own content is a list again or a string).
    """
    if content is None or isinstance(content, str):
        return content, [], []
    if not isinstance(content, list):
        return str(content), [], []
    texts: list[str] = []
    reasoning: list[Reasoning] = []
    others: list[JsonObject] = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif part.get("type") == "text":
            texts.append(part.get("text") or "")
        elif part.get("type") == "thinking":
            thought, _, _ = split_content(part.get("thinking"))
            if thought or part.get("signature"):
                reasoning.append(Reasoning(text=thought, signature=part.get("signature")))
        else:
            others.append(part)
    return ("".join(texts) if texts else None), reasoning, others


def encode_item(item: Reasoning, index: int) -> JsonObject:
    """Write one `reasoning_details` entry, keys in the order of the wire."""
    if item.data is not None:
        body: JsonObject = {"type": "reasoning.encrypted", "data": item.data}
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
    known = {key: item[key] for key in _KNOWN if item.get(key) is not None}
    return Reasoning(**known)
