"""Thinking: the client's wish to this API's terms, and signed blocks there and back.

Rules of contract/chat 1.4 (budgets, levels) and 6 (what may be replayed).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from portico.dialects.anthropic_messages.families import Family
from portico.dialects.reasoning import (
    EFFORT_PERCENT,
    FOREIGN,
    nearest_effort,
    unwrapped,
    visible_text,
    wrapped,
)
from portico.dialects.seals import SEALED, tag_of
from portico.errors import UpstreamRejected
from portico.jsonio import JsonObject
from portico.vocabulary import ChatRequest, Message, Origin, Reasoning, ReasoningWish

FORMAT = "anthropic-claude-v1"
"""The `format` of reasoning that this API can read back."""

MIN_BUDGET_TOKENS = 1024
_MAX_BUDGET_TOKENS = 128_000
_LEVELS = ("low", "medium", "high", "xhigh")
_FORCED = frozenset({"required", "named"})


class Thinking(msgspec.Struct, frozen=True, kw_only=True):
    """What a wish comes to: the `thinking` object, an effort, or that it had to be dropped."""

    body: JsonObject | None = None
    effort: str | None = None
    dropped: bool = False

    @property
    def active(self) -> bool:
        """Whether the model is told to think."""
        return self.body is not None and self.body["type"] != "disabled"


_NOTHING = Thinking()
_DROPPED = Thinking(dropped=True)


def plan_thinking(request: ChatRequest, family: Family, cap_tokens: int) -> Thinking:
    """Say a wish to think in this API's terms.

    Args:
        request: its wish, tool choice and last turns decide.
        family: how the model takes it.
        cap_tokens: the `max_tokens` that will be sent; a budget stays below it.

    Raises:
        UpstreamRejected: the cap leaves no room for the smallest budget.
    """
    wish = request.reasoning
    if wish is None:
        return _NOTHING
    effort = _effort(wish)
    if effort == "none":
        return Thinking(body={"type": "disabled"}) if family.thinking == "adaptive" else _NOTHING
    if effort is None and wish.max_tokens is None:
        return _NOTHING
    if family.thinking == "none":
        return _DROPPED
    by_level = family.thinking == "either" and wish.max_tokens is None
    if family.thinking == "adaptive" or by_level:
        level = effort or nearest_effort(wish.max_tokens or 0, cap_tokens, _LEVELS)
        body: JsonObject = {"type": "adaptive"}
        if family.thinking == "adaptive":
            body["display"] = "omitted" if wish.exclude else "summarized"
        return Thinking(body=body, effort=known_effort(level, family))
    forced = request.tool_choice is not None and request.tool_choice.mode in _FORCED
    if (forced and request.tools) or _continues_without_signature(request.messages):
        return _DROPPED  # refused with a budget, taken with adaptive thinking
    return Thinking(
        body={"type": "enabled", "budget_tokens": _budget_tokens(effort, wish, cap_tokens)}
    )


def refused_samplers(sent: Mapping[str, float], family: Family, thinking: Thinking) -> set[str]:
    """Which of the samplers `sent` the model refuses, alone or beside thinking."""
    refused: set[str] = set()
    if family.samplers == "none":
        refused = set(sent)
    elif family.samplers == "one" and "temperature" in sent:
        refused = {"top_p"}
    if thinking.active:  # only its own temperature, and top_p between 0.95 and 1
        refused |= {"top_k"}
        if sent.get("temperature", 1) != 1:
            refused |= {"temperature"}
        if not 0.95 <= sent.get("top_p", 1) <= 1:
            refused |= {"top_p"}
    return refused


def known_effort(level: str, family: Family) -> str | None:
    """The nearest level that the model knows; None if it knows none."""
    if not family.efforts:
        return None
    if level in family.efforts:
        return level
    return "max" if level == "xhigh" else "low"


def _effort(wish: ReasoningWish) -> str | None:
    if wish.effort is not None:
        return wish.effort
    if wish.enabled is False:
        return "none"
    return "medium" if wish.enabled and wish.max_tokens is None else None


def _budget_tokens(effort: str | None, wish: ReasoningWish, cap_tokens: int) -> int:
    if wish.max_tokens is not None:
        wanted = int(wish.max_tokens)
    else:
        wanted = cap_tokens * EFFORT_PERCENT.get(effort or "medium", 50) // 100
    budget = min(max(wanted, MIN_BUDGET_TOKENS), _MAX_BUDGET_TOKENS)
    if budget >= cap_tokens:
        budget = cap_tokens - 1
    if budget < MIN_BUDGET_TOKENS:
        raise UpstreamRejected(
            f"max_tokens: {cap_tokens} leaves no room for reasoning, which needs at least "
            f"{MIN_BUDGET_TOKENS} tokens; raise max_tokens or leave reasoning out"
        )
    return budget


def _continues_without_signature(messages: Sequence[Message]) -> bool:
    """A tool loop whose call was made without signed thinking: the API refuses to think in it."""
    if not messages or messages[-1].role != "tool":
        return False
    caller = next((m for m in reversed(messages) if m.role == "assistant"), None)
    return caller is not None and bool(caller.tool_calls) and not thinking_blocks(caller.reasoning)


def thinking_blocks(items: Sequence[Reasoning]) -> list[JsonObject]:
    """Rebuild the blocks from reasoning that came from this family; the rest is left out.

    Pieces of text are joined until their signature; text that never got one
    cannot be replayed.
    """
    blocks: list[JsonObject] = []
    texts: list[str] = []
    for item in items:
        if item.format != FORMAT:
            continue
        if item.data is not None:
            blocks.append({"type": "redacted_thinking", "data": item.data})
            continue
        texts.append(item.text or "")
        if item.signature:
            text = "".join(texts)
            blocks.append({"type": "thinking", "thinking": text, "signature": item.signature})
            texts = []
    return blocks


def decode_block(block: JsonObject) -> Reasoning | None:
    """Read a thinking block, of the API itself or one that `encode_block` wrote."""
    if block.get("type") == "redacted_thinking":
        return Reasoning(data=block["data"], format=FORMAT)
    text, signature = block.get("thinking") or None, block.get("signature") or None
    if signature is None:
        return Reasoning(text=text) if text else None
    if signature.startswith(FOREIGN):
        return unwrapped(signature)
    return Reasoning(text=text, signature=signature, format=FORMAT)


def encode_block(item: Reasoning, origin: Origin | None = None) -> JsonObject:
    """Write reasoning of any family as a block; a foreign item travels in the signature.

    `origin` is what a blob is tagged with: behind what carries it, where it can be seen.
    """
    if item.format == FORMAT and item.data is not None:
        return {"type": "redacted_thinking", "data": item.data}
    visible = visible_text(item)
    signature = (item.signature or "") if item.format == FORMAT else _carried(item, origin)
    return {"type": "thinking", "thinking": visible or "", "signature": signature}


def is_foreign(block: Any) -> bool:
    """A thinking block that no Anthropic model has signed: it would be refused."""
    if not isinstance(block, dict) or block.get("type") != "thinking":
        return False
    signature = block.get("signature")
    return not signature or str(signature).startswith(FOREIGN)


def _carried(item: Reasoning, origin: Origin | None) -> str:
    if item.signature is None and item.data is None and item.format is None:
        return ""  # nothing but its text, which the block shows
    sealed = item.data and origin is not None and item.format in SEALED
    return wrapped(item) + (tag_of(origin) if sealed and origin else "")
