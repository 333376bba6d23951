"""Completion requests as chat requests of one turn."""

import msgspec

from portico.dialects.base import RequestHead
from portico.dialects.checks import read_body
from portico.dialects.fields import raw
from portico.dialects.openai_chat.request import read_head as read_chat_head
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject, dumps

_MEANINGLESS = ("prompt", "suffix", "echo", "best_of", "logprobs", "messages", "tools")


class _Body(msgspec.Struct):
    prompt: str | list[str | int | list[int]]
    suffix: str | None = None
    echo: bool | None = None
    best_of: int | None = None
    tools: list[JsonObject] | None = None
    logprobs: int | bool | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


def read_head(body: bytes) -> RequestHead:
    """Read and check a client's body; the head is that of the chat request which says the same.

    Raises:
        InvalidRequest: a member has a wrong type, or asks for what models that
            converse cannot do.
    """
    fields, typed = read_body(body, _decode_body)
    prompt = _prompt(typed)
    if typed.suffix:
        raise InvalidRequest("suffix: models here converse, they do not fill in text")
    if typed.echo:
        raise InvalidRequest("echo: the prompt cannot be repeated in the answer")
    if typed.tools:
        raise InvalidRequest("tools: a completion has no place for them; use /chat/completions")
    if typed.best_of is not None and typed.best_of > 1:
        raise InvalidRequest("best_of: one answer is made for each that is returned; use n")
    chat = {name: value for name, value in fields.items() if name not in _MEANINGLESS}
    chat["messages"] = raw([{"role": "user", "content": prompt}])
    if typed.logprobs is not None and typed.logprobs is not False:
        chat["logprobs"] = raw(True)
        if typed.logprobs is not True and typed.logprobs:
            chat["top_logprobs"] = raw(typed.logprobs)
    return read_chat_head(dumps(chat))


def _prompt(body: _Body) -> str:
    prompt = body.prompt
    if isinstance(prompt, list) and len(prompt) == 1:
        (prompt,) = prompt  # type: ignore[assignment]  # checked below
    if not isinstance(prompt, str):
        raise InvalidRequest("prompt: send one text; tokens and several prompts are not taken")
    if not prompt:
        raise InvalidRequest("prompt: an empty prompt cannot be completed")
    return prompt
