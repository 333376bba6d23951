"""Small edits that several providers' records share."""

import msgspec

from portico.jsonio import JsonObject, dumps, loads

# Fields of OpenRouter's answers that clients send back with the conversation
# and that servers with a closed message schema answer with 400 or 422.
_FOREIGN_MESSAGE_FIELDS = ("refusal", "annotations", "reasoning_details")


def cached_tokens_into_details(chunk: JsonObject, *, field: str) -> None:
    """Copy `usage[field]` to `usage.prompt_tokens_details.cached_tokens`, unless it is there.

    >>> chunk = {"usage": {"prompt_tokens": 9, "cached_tokens": 4}}
    >>> cached_tokens_into_details(chunk, field="cached_tokens")
    >>> chunk["usage"]["prompt_tokens_details"]
    {'cached_tokens': 4}
    """
    usage = chunk.get("usage")
    if not usage:
        return
    count = usage.get(field)
    if count is None:
        return
    details = usage.get("prompt_tokens_details") or {}
    details.setdefault("cached_tokens", count)
    usage["prompt_tokens_details"] = details


def top_level_cached_tokens(chunk: JsonObject) -> None:
    """`usage.cached_tokens`, the spelling of Together, Moonshot and some Hugging Face hosts."""
    cached_tokens_into_details(chunk, field="cached_tokens")


def drop_foreign_message_fields(fields: dict[str, msgspec.Raw]) -> None:
    """Remove from the messages what only OpenRouter-shaped answers carry.

    The bytes of `messages` are left as they are when none of the names occurs.
    """
    raw = fields.get("messages")
    if raw is None or not any(
        f'"{name}"'.encode() in bytes(raw) for name in _FOREIGN_MESSAGE_FIELDS
    ):
        return
    messages = loads(raw)
    for message in messages:
        for name in _FOREIGN_MESSAGE_FIELDS:
            message.pop(name, None)
    fields["messages"] = msgspec.Raw(dumps(messages))


def temperature_at_most(most: float, fields: dict[str, msgspec.Raw]) -> None:
    """Cut the temperature to what the provider takes (contract/chat 1.2); bind `most` first.

    >>> fields = {"temperature": msgspec.Raw(b"1.7")}
    >>> temperature_at_most(1, fields)
    >>> bytes(fields["temperature"])
    b'1'
    """
    sent = fields.get("temperature")
    if sent is not None and (wish := loads(sent)) is not None and wish > most:
        fields["temperature"] = msgspec.Raw(dumps(most))
