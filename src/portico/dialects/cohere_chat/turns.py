"""The hub's messages as Cohere's, and the documents that were files in them."""

from base64 import b64decode
from binascii import Error as NotBase64

from portico.dialects.cohere_chat.citations import own_citations
from portico.dialects.cohere_chat.thinking import plan_of, thoughts_of
from portico.dialects.media import media_type_of, split_data_url
from portico.dialects.tool_ids import ToolIds
from portico.errors import InvalidRequest
from portico.jsonio import JsonError, JsonObject, loads
from portico.vocabulary import File, Image, Message, Part, Text, ToolCall, Unknown

_TEXTS = ("text/", "application/json", "application/xml", "application/yaml")


class Turns:
    """Collects a conversation: `messages`, and its files as `documents`. One per request."""

    def __init__(self, *, thinks: bool) -> None:
        self.messages: list[JsonObject] = []
        self.documents: list[JsonObject] = []
        self._thinks = thinks
        self._ids = ToolIds()

    def add(self, message: Message) -> None:
        """Add one message; an assistant's without content is left out.

        Raises:
            InvalidRequest: a part has no form here.
        """
        match message.role:
            case "assistant":
                turn = self._assistant(message)
                if len(turn) > 1:
                    self.messages.append(turn)
            case "tool":
                self.messages.append(
                    {
                        "role": "tool",
                        "tool_call_id": self._ids.result(message.tool_call_id or ""),
                        "content": _plain([_result_part(part) for part in message.parts]),
                    }
                )
            case "user":
                self.messages.append({"role": "user", "content": _plain(self._user(message))})
            case _:
                parts = [_text_part(part) for part in message.parts]
                self.messages.append({"role": "system", "content": _plain(parts)})

    def _user(self, message: Message) -> list[JsonObject]:
        parts: list[JsonObject] = []
        for part in message.parts:
            if isinstance(part, File):
                self.documents.append(_document(part))
            elif isinstance(part, Image):
                image = {"url": part.url, **({"detail": part.detail} if part.detail else {})}
                parts.append({"type": "image_url", "image_url": image})
            else:
                parts.append(_text_part(part))
        if message.name:  # the API has no names of speakers
            texts = [part for part in parts if part["type"] == "text"]
            if not texts:
                texts = [{"type": "text", "text": ""}]
                parts = texts + parts
            texts[0]["text"] = f"{message.name}: {texts[0]['text']}"
        return parts

    def _assistant(self, message: Message) -> JsonObject:
        turn: JsonObject = {"role": "assistant"}
        parts = [_text_part(part) for part in message.parts]
        parts = [part for part in parts if part["text"]]
        if message.refusal and not parts:
            parts.append({"type": "text", "text": message.refusal})
        thoughts = thoughts_of(message.reasoning) if self._thinks else ""
        if thoughts:
            parts.insert(0, {"type": "thinking", "thinking": thoughts})
        if parts:
            turn["content"] = _plain(parts)
        if message.tool_calls:
            if plan := plan_of(message.reasoning):
                turn["tool_plan"] = plan
            turn["tool_calls"] = [self._call(call) for call in message.tool_calls]
        if cited := own_citations({"citations": (message.extra or {}).get("citations")}):
            turn["citations"] = cited
        return turn

    def _call(self, call: ToolCall) -> JsonObject:
        function = {"name": call.name, "arguments": call.arguments}
        return {"id": self._ids.call(call.id), "type": "function", "function": function}


def _plain(parts: list[JsonObject]) -> object:
    """A lone text as a string."""
    if not parts:
        return ""
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _text_part(part: Part) -> JsonObject:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Unknown) and part.type == "refusal":
        return {"type": "text", "text": str(part.fields.get("refusal") or "")}
    kind = part.type if isinstance(part, Unknown) else type(part).__name__.lower()
    raise InvalidRequest(f"messages: a part of type {kind!r} has no form here at this provider")


def _result_part(part: Part) -> JsonObject:
    if isinstance(part, File):
        return {"type": "document", "document": _document(part)}
    return _text_part(part)


def _document(file: File) -> JsonObject:
    """A file of text as a document; an object's JSON is one as it is, its name the id."""
    media, data = split_data_url(file.data or "") if file.data else ("", None)
    media = media or media_type_of(file.filename or "") or ""
    if data is None or not media.startswith(_TEXTS):
        raise InvalidRequest(
            f"messages: this provider takes files of text only, not {media or 'files by reference'}"
        )
    try:
        text = b64decode(data, validate=True).decode()
    except (NotBase64, ValueError):
        raise InvalidRequest("messages: a file is not base64 of UTF-8 text") from None
    fields = _json_object(text) if media == "application/json" else None
    if fields is not None:
        return {**({"id": file.filename} if file.filename else {}), "data": fields}
    return {"data": {**({"title": file.filename} if file.filename else {}), "text": text}}


def _json_object(text: str) -> JsonObject | None:
    try:
        parsed = loads(text)
    except JsonError:
        return None
    return parsed if isinstance(parsed, dict) else None
