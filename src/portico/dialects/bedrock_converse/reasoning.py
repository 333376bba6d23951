"""Reasoning: the client's wish in each vendor's terms, and signed blocks there and back.

Rules of contract/chat 1.4 (budgets, levels) and 6 (what may be replayed). A blob of
redacted reasoning is base64 of the very text that Anthropic's own API carries.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from portico.dialects.anthropic_messages.thinking import (
    FORMAT,
    Thinking,
    plan_thinking,
    thinking_blocks,
)
from portico.dialects.bedrock_converse.names import Family
from portico.jsonio import JsonObject
from portico.vocabulary import ChatRequest, Reasoning, ReasoningWish

_LEVELS = {"minimal": "low", "low": "low", "medium": "medium"}
_NOVA_OFF = {"type": "disabled"}


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a wish to think comes to: fields for the model, or that it had to be dropped.

    `claude` says what else holds for a request to Claude; `refused` are samplers that
    may not stand beside it.
    """

    fields: JsonObject = {}
    claude: Thinking = Thinking()
    refused: frozenset[str] = frozenset()
    dropped: bool = False


_NOTHING = Wish()
_DROPPED = Wish(dropped=True)


def plan_reasoning(request: ChatRequest, family: Family, cap_tokens: int) -> Wish:
    """Say a wish to think in the vendor's terms.

    Raises:
        UpstreamRejected: the cap leaves no room for the smallest budget.
    """
    if family.claude is not None:
        return _claude(request, family, cap_tokens)
    wish = request.reasoning
    level = None if wish is None else _level(wish, cap_tokens)
    if level is None:
        return _NOTHING
    if family.thinking == "nova":
        return _nova(level, capped=request.max_tokens is not None)
    if level == "none":
        return _NOTHING
    if family.thinking == "levels":
        return Wish(fields={"reasoning_effort": level})
    return Wish(fields={"reasoning_config": level}) if family.thinking == "qwen" else _DROPPED


def _claude(request: ChatRequest, family: Family, cap_tokens: int) -> Wish:
    assert family.claude is not None, "asked for Claude only"
    thinking = plan_thinking(request, family.claude, cap_tokens)
    fields: JsonObject = {}
    if thinking.body is not None:
        fields["thinking"] = thinking.body
    if thinking.effort is not None:
        fields["output_config"] = {"effort": thinking.effort}
    return Wish(fields=fields, claude=thinking, dropped=thinking.dropped)


def _nova(level: str, *, capped: bool) -> Wish:
    """Nova 2 takes neither samplers nor an output cap beside the highest effort."""
    if level == "none":
        return Wish(fields={"reasoningConfig": _NOVA_OFF})
    if level == "high" and capped:
        level = "medium"
    config = {"type": "enabled", "maxReasoningEffort": level}
    refused = frozenset({"temperature", "top_p", "top_k"}) if level == "high" else frozenset[str]()
    return Wish(fields={"reasoningConfig": config}, refused=refused)


def _level(wish: ReasoningWish, cap_tokens: int) -> str | None:
    """low, medium, high or none; None where nothing was wished."""
    if wish.effort is not None:
        return "none" if wish.effort == "none" else _LEVELS.get(wish.effort, "high")
    if wish.enabled is False:
        return "none"
    if wish.max_tokens is not None:
        share = 100 * wish.max_tokens // max(1, cap_tokens)
        return "low" if share <= 33 else "medium" if share <= 66 else "high"
    return "medium" if wish.enabled else None


def decode_wish(fields: Mapping[str, Any]) -> tuple[ReasoningWish | None, JsonObject]:
    """The wish that `additionalModelRequestFields` hold, and the rest of them."""
    rest = dict(fields)
    effort = (rest.get("output_config") or {}).get("effort")
    for name in ("thinking", "reasoning_config", "reasoningConfig", "reasoning_effort"):
        if name not in rest:
            continue
        wish = _wish(rest.pop(name), effort)
        if name == "thinking" and effort is not None:
            rest.pop("output_config")
        return wish, rest
    return None, rest


def _wish(said: Any, effort: str | None) -> ReasoningWish:
    if isinstance(said, str):
        return ReasoningWish(effort=said)
    match said["type"]:
        case "disabled":
            return ReasoningWish(enabled=False)
        case "adaptive":
            return ReasoningWish(effort=effort or "high")
    if "budget_tokens" in said:
        return ReasoningWish(max_tokens=said["budget_tokens"])
    return ReasoningWish(effort=said.get("maxReasoningEffort") or "medium")


def reasoning_blocks(items: Sequence[Reasoning], *, unsigned: bool) -> list[JsonObject]:
    """Rebuild the blocks that a model may get back: Claude's own, signed ones.

    Args:
        items: of one turn.
        unsigned: send plain reasoning back as well: it came in this dialect's own form.
    """
    blocks = []
    for block in thinking_blocks(items):
        if block["type"] == "redacted_thinking":
            blocks.append(_block({"redactedContent": _to_blob(block["data"])}))
        else:
            text = {"text": block["thinking"], "signature": block["signature"]}
            blocks.append(_block({"reasoningText": text}))
    if not blocks and unsigned:
        texts = [item.text for item in items if item.text and item.signature is None]
        blocks += [_block({"reasoningText": {"text": text}}) for text in texts]
    return blocks


def encode_reasoning(item: Reasoning) -> JsonObject | None:
    """One item as a block for a client; None for a blob of another family."""
    if item.data is not None:
        if item.format != FORMAT:
            return None
        return _block({"redactedContent": _to_blob(item.data)})
    text: JsonObject = {"text": item.text if item.text is not None else item.summary or ""}
    if item.signature is not None and item.format == FORMAT:
        text["signature"] = item.signature
    return _block({"reasoningText": text})


def decode_reasoning(body: Mapping[str, Any], *, claude: bool) -> Reasoning | None:
    """Read a reasoning block, or a delta of one: `{text}`, `{signature}`, `{redactedContent}`."""
    said = body.get("reasoningText") or body
    if (blob := said.get("redactedContent")) is not None:
        return Reasoning(data=_from_blob(blob) if claude else blob, format=_format(claude=claude))
    text, signature = said.get("text") or None, said.get("signature") or None
    if text is None and signature is None:
        return None
    return Reasoning(text=text, signature=signature, format=_format(claude=claude))


def _format(*, claude: bool) -> str | None:
    return FORMAT if claude else None


def _block(content: JsonObject) -> JsonObject:
    return {"reasoningContent": content}


def _to_blob(data: str) -> str:
    return base64.b64encode(data.encode()).decode()


def _from_blob(blob: str) -> str:
    """
    >>> _from_blob("RXU4RQ=="), _from_blob("no base64")
    ('Eu8E', 'no base64')
    """
    try:
        return base64.b64decode(blob, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return blob
