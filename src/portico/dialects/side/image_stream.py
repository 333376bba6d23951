"""Images while they are drawn: OpenAI's events in, the same events with time and price out."""

from collections.abc import Callable, Mapping
from typing import Any

from portico.dialects.answers import chunk_object
from portico.dialects.base import Envelope, Events, Quirks
from portico.dialects.failures import classify, shown_message
from portico.dialects.openai_chat.usage import encode_usage
from portico.errors import GatewayError, StreamBroken, UpstreamError
from portico.jsonio import JsonObject, dumps, loads
from portico.sse import DONE, ServerSentEvent
from portico.vocabulary import Cost, Finish, StreamEvent, StreamUsage, Usage

_PARTIAL = "image_generation.partial_image"
_COMPLETED = "image_generation.completed"
_OF_EDITS = {"image_edit.partial_image": _PARTIAL, "image_edit.completed": _COMPLETED}
"""What OpenAI calls them where the image was made from others."""
_STARTS = {"iVBORw0KGgo": "image/png", "/9j/": "image/jpeg", "UklGR": "image/webp",
           "PHN2Z": "image/svg+xml", "PD94b": "image/svg+xml"}  # fmt: skip
"""How the base64 of each kind begins."""
_NO_QUIRKS = Quirks()


def completed(image: Mapping[str, Any], said: object) -> JsonObject:
    """A host's image in the form of the API: base64 alone, and what kind it is.

    Args:
        image: with a text `b64_json`, which some hosts write as a data URI.
        said: the format that the host or the client named.
    """
    data: str = image["b64_json"]
    if data.startswith("data:") and (comma := data.find(",")) > 0:
        data = data[comma + 1 :]
    kind = next((kind for start, kind in _STARTS.items() if data.startswith(start)), None)
    if kind is None and isinstance(said, str):
        kind = "image/svg+xml" if said == "svg" else f"image/{said}"
    named = {"b64_json": data} if kind is None else {"b64_json": data, "media_type": kind}
    further = {k: v for k, v in image.items() if k not in ("b64_json", "mime_type", "url")}
    return {**further, **named}


class ImageDecoder:
    """Looks on for what was used; the images themselves it leaves alone."""

    def __init__(self, count: Callable[[object, int], Usage]) -> None:
        self.done = False
        self.holding = False
        self.extra: JsonObject = {}
        self._count = count
        self._images = 0

    def feed(self, event: ServerSentEvent) -> Events:
        """What an event says of the usage.

        Raises:
            UpstreamError: it reports a failure, or cannot be read.
        """
        if event.data == b"[DONE]":
            self.done = True
            return ()
        body = chunk_object(loads(event.data), _NO_QUIRKS)
        kind = _kind(body)
        if kind == "error" or "error" in body:
            raise classify(None, {}, body)
        if kind in (_PARTIAL, _COMPLETED) and not isinstance(body.get("b64_json"), str):
            raise StreamBroken("the upstream sent an image without its data")
        if kind != _COMPLETED:
            return ()
        self._images += 1
        usage = self._count(body.get("usage"), self._images)
        return (StreamUsage(usage=usage), Finish(reason="stop"))

    def close(self) -> Events:
        """Nothing more.

        Raises:
            StreamBroken: no image was finished.
        """
        if not self._images:
            raise StreamBroken("the upstream ended before an image was finished")
        return ()


class ImageEncoder:
    """Passes on what is drawn, and holds what is finished back until its price is known.

    It writes what the upstream streamed, and also what it gave in one piece.
    """

    openers: frozenset[str] = frozenset()

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._wish = loads(envelope.request.get("output_format", b"null"))
        self._finished: list[JsonObject] = []
        self._partial = 0

    def feed(self, event: ServerSentEvent | StreamEvent) -> bytes:
        """Bytes for an event of the upstream; those of the hub have none."""
        if isinstance(event, StreamEvent) or event.data == b"[DONE]":
            return b""
        body: JsonObject = loads(event.data)
        kind = body["type"] = _kind(body)
        if kind == _COMPLETED:
            self._finished.append(completed(body, body.get("output_format") or self._wish))
            return b""
        if kind == _PARTIAL and not isinstance(body.get("partial_image_index"), int):
            body["partial_image_index"] = self._partial
        self._partial += kind == _PARTIAL
        return _event(body)

    def text(self, text: str) -> bytes:
        """Images are no text."""
        return b""

    def trailer(self, usage: Usage | None, cost: Cost | None, extra: JsonObject) -> bytes:
        """The finished images, the last with the price of all, and the end."""
        finished = self._finished or extra.pop("data", [])
        events = [
            {**one, "type": _COMPLETED, "created": self._envelope.created_s} for one in finished
        ]
        if events:
            events[-1]["usage"] = encode_usage(usage or Usage(), cost, "current")
            events[-1].update(extra)
        return b"".join(map(_event, events)) + DONE

    def error(self, error: GatewayError) -> bytes:
        """The end of a stream that failed: nothing of it is charged."""
        code = error.provider_code if isinstance(error, UpstreamError) else None
        told = {
            "message": shown_message(error),
            "code": code or error.error_type,
            "type": error.error_type,
            "param": None,
        }
        return _event({"type": "error", "error": told}) + DONE


def _kind(body: Mapping[str, Any]) -> object:
    kind = body.get("type")
    return _OF_EDITS.get(kind, kind) if isinstance(kind, str) else kind


def _event(body: JsonObject) -> bytes:
    return b"data: " + dumps(body) + b"\n\n"
