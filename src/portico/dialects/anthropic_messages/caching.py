"""Prompt-cache markers: at most four breakpoints, the last ones win (contract/chat 8)."""

from collections.abc import Iterable

from portico.jsonio import JsonObject

_MAX_BREAKPOINTS = 4


def keep_last_breakpoints(blocks: Iterable[JsonObject], *, automatic: bool) -> None:
    """Take the markers out of all but the last blocks that carry one, in place.

    Args:
        blocks: tools, system and content blocks in the order of the prompt.
        automatic: the request asks for a breakpoint of its own at the end.
    """
    marked = [block for block in blocks if "cache_control" in block]
    room = _MAX_BREAKPOINTS - (1 if automatic else 0)
    for block in marked[: max(0, len(marked) - room)]:
        del block["cache_control"]


def mark(block: JsonObject, cache_control: JsonObject | None) -> JsonObject:
    """Put a marker on a block that can bear one; thinking and empty text cannot."""
    if isinstance(cache_control, dict) and block.get("type") not in {
        "thinking",
        "redacted_thinking",
    }:
        kept = {name: cache_control[name] for name in ("type", "ttl") if cache_control.get(name)}
        block["cache_control"] = {"type": "ephemeral", **kept}
    return block
