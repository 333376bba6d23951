"""Keeping a conversation where its prompt is cached (contract/routing 7).

Two pure functions, what a conversation is and whether an answer is worth
remembering, and the memory itself. Losing the memory is harmless.
"""

import hashlib

import msgspec

from portico.routing.needs import Remembered

IDLE_MS = 600_000
"""How long a conversation is remembered after its last success."""

_MOST_ENTRIES = 50_000
_LONGEST_NAME = 64


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """What tells a conversation from others of the same account and model.

    `explicit`: the client named it, so it wants to be kept at one endpoint.
    """

    id: str
    explicit: bool


class _Opener(msgspec.Struct):
    role: str = ""


_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_opener = msgspec.json.Decoder(_Opener).decode


def conversation_of(
    *, named: tuple[str | None, ...] = (), system: bytes = b"", messages: bytes | None = None
) -> Conversation | None:
    """Return the conversation a request belongs to; None if nothing tells.

    Args:
        named: names the client may have given it, the decisive one first:
            `session_id`, the header `x-session-id`, `prompt_cache_key`.
        system: the JSON of a system prompt that stands apart from the messages.
        messages: the JSON of the messages. Without a name the first system (or
            developer) message and the first other one stand for the conversation.
    """
    for name in named:
        if name:
            short = name if len(name) <= _LONGEST_NAME else _digest(name.encode())
            return Conversation(id=f"={short}", explicit=True)
    if messages is None:
        return None
    opening = [system, b"", b""]
    try:
        for raw in _split(messages):
            is_system = _opener(raw).role in {"system", "developer"}
            place = 1 if is_system else 2
            opening[place] = opening[place] or bytes(raw)
            if not is_system:
                break
    except msgspec.DecodeError:
        return None
    return Conversation(id=_digest(b"\0".join(opening)), explicit=False)


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def sticky_key(account: str, model: str, conversation: Conversation) -> str:
    """Return what a conversation is remembered under: account, asked model, conversation."""
    return f"{account}\0{model.lower()}\0{conversation.id}"


def worth_remembering(conversation: Conversation, *, cached_tokens: int) -> bool:
    """Whether a success says where the conversation should stay: the client named it, or the
    endpoint read `cached_tokens` of the prompt from its cache."""
    return conversation.explicit or cached_tokens > 0


class StickyMemory:
    """Where conversations were answered. Entries expire when idle; the clock is an argument.

    When it is full the conversation that was quiet for longest is forgotten.
    """

    def __init__(self, *, idle_ms: int = IDLE_MS, most: int = _MOST_ENTRIES) -> None:
        self._idle_ms = idle_ms
        self._most = most
        self._entries: dict[str, tuple[Remembered, int]] = {}  # oldest success first

    def __len__(self) -> int:
        return len(self._entries)

    def recall(self, key: str, now_ms: int) -> Remembered | None:
        """Return where the conversation was answered, None if that is not known any more."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if now_ms >= entry[1]:
            del self._entries[key]
            return None
        return entry[0]

    def remember(self, key: str, where: Remembered, now_ms: int) -> None:
        """Note a success; what was remembered before is replaced, its expiry begins anew."""
        self._entries.pop(key, None)
        self._entries[key] = (where, now_ms + self._idle_ms)
        if len(self._entries) > self._most:
            del self._entries[next(iter(self._entries))]

    def refresh(self, key: str, where: Remembered, now_ms: int) -> None:
        """Put off the expiry, if the success came from where the conversation is remembered."""
        if self.recall(key, now_ms) == where:
            self.remember(key, where, now_ms)
