"""Log probabilities of tokens as the legacy API lists them: one list for each fact."""

from typing import Any

from portico.dialects.fields import object_of
from portico.jsonio import JsonObject


def legacy_logprobs(logprobs: object, *, start: int = 0) -> JsonObject | None:
    """The lists for what the chat API says of its tokens; None if it says nothing.

    Args:
        logprobs: the member of a choice.
        start: where in the whole text its first token begins.
    """
    content = object_of(logprobs).get("content")
    if not isinstance(content, list):
        return None
    told: list[Any] = [token for token in content if isinstance(token, dict)]
    offsets, at = [], start
    for token in told:
        offsets.append(at)
        at += len(str(token.get("token") or ""))
    return {
        "tokens": [token.get("token") for token in told],
        "token_logprobs": [token.get("logprob") for token in told],
        "top_logprobs": [_alternatives(token) for token in told],
        "text_offset": offsets,
    }


def _alternatives(token: Any) -> JsonObject:
    others = token.get("top_logprobs")
    found = [one for one in others if isinstance(one, dict)] if isinstance(others, list) else []
    return {str(one.get("token")): one.get("logprob") for one in found}
