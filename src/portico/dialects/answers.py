"""Reading what upstreams answer: whole bodies, and the chunks of a stream.

What goes wrong here is the upstream's failure: an `UpstreamError`, never a crash.
"""

from collections.abc import Callable
from typing import Any

from portico.dialects.base import Quirks
from portico.errors import StreamBroken, UpstreamEmpty, UpstreamUnavailable
from portico.jsonio import JsonError, JsonObject, ShapeError, dumps, loads
from portico.vocabulary import ChatResponse, Choice


def answer_json(body: bytes) -> Any:
    """The JSON value that a 200 body is.

    Raises:
        UpstreamUnavailable: it is not JSON, or nothing at all.
    """
    if not body.strip():
        raise empty_answer()
    try:
        return loads(body)
    except JsonError as error:
        raise UpstreamUnavailable("the upstream's answer is not JSON") from error


Reader = Callable[[JsonObject, Quirks], ChatResponse]


def read_answer(body: bytes, quirks: Quirks, read: Reader) -> ChatResponse:
    """Read the 200 body of a conversation with `read`, after the provider's patch.

    Raises:
        UpstreamError: it is not a JSON object, is not shaped as `read` expects, has
            nothing in it, or `read` found an error object in it.
    """
    return with_content(read_object(body, quirks, read))


def read_object(body: bytes, quirks: Quirks, read: Reader) -> ChatResponse:
    """As `read_answer`, for APIs whose content is nobody's business here.

    Raises:
        UpstreamError: it is not a JSON object, is not shaped as `read` expects, or
            `read` found an error object in it.
    """
    parsed = answer_json(body)
    if not isinstance(parsed, dict):
        raise UpstreamUnavailable("the upstream's answer is not a JSON object")
    try:
        if quirks.patch is not None:
            quirks.patch(parsed)
        return with_texts(read(parsed, quirks))
    except ShapeError as error:
        raise unreadable_answer() from error


def with_content(answer: ChatResponse) -> ChatResponse:
    """The answer itself.

    Raises:
        UpstreamEmpty: it has no token, and no word on why it ended.
    """
    counted = answer.usage.completion_tokens if answer.usage is not None else 0
    if not counted and all(map(_is_void, answer.choices)):
        raise empty_answer()
    return answer


def _is_void(choice: Choice) -> bool:
    return choice.native_finish_reason is None and not any(
        (
            choice.content,
            choice.refusal,
            choice.reasoning,
            choice.tool_calls,
            choice.annotations,
            choice.images,
            choice.audio,
        )
    )


def empty_answer() -> UpstreamEmpty:
    """The failure of an answer that has nothing in it."""
    return UpstreamEmpty("The provider's answer is empty, and does not say why.")


def restated(body: bytes, quirks: Quirks) -> bytes:
    """A 200 body in the API's form, where its host has one of its own.

    Raises:
        UpstreamError: it is in neither.
    """
    if quirks.restate is None:
        return body
    try:
        return dumps(quirks.restate(answer_json(body)))
    except ShapeError as error:
        raise unreadable_answer() from error


def with_texts(response: ChatResponse) -> ChatResponse:
    """Return `response`, which has a text wherever there has to be one.

    Raises:
        TypeError, ValueError: something else stands there, or nothing.
    """
    for choice in response.choices:
        _check_texts(choice)
    if not isinstance(response.service_tier, str | None):
        raise TypeError("something else than text")
    return response


def _check_texts(choice: Choice) -> None:
    texts: list[object] = [choice.content or "", choice.refusal or ""]
    if choice.native_finish_reason is not None:
        texts.append(choice.native_finish_reason)
    for item in choice.reasoning:
        texts += [one for one in (item.text, item.summary, item.data, item.signature) if one]
    for call in choice.tool_calls:
        texts += [call.id, call.name, call.arguments]
        if not (call.id and call.name):
            raise ValueError("a tool call without a name")
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("something else than text")


def unreadable_answer() -> UpstreamUnavailable:
    """The failure of an answer that is JSON, but not shaped as its dialect says."""
    return UpstreamUnavailable("the upstream's answer cannot be read")


def chunk_object(chunk: object, quirks: Quirks) -> JsonObject:
    """A parsed chunk of a stream, after the provider's patch.

    Raises:
        StreamBroken: it is not a JSON object.
    """
    if not isinstance(chunk, dict):
        raise StreamBroken("the upstream sent an event that is not a JSON object")
    if quirks.patch is not None:
        quirks.patch(chunk)
    return chunk
