"""What a request asks, whatever API it is written for: the form in which two requests are compared.

Read by each API's own reader (`apis/`) out of a body. Two requests mean the same if
their `Asked` are equal: neighbouring turns of one speaker are one turn, texts of a turn
are joined, an id is the number of the call it names, and what only one of two APIs can
spell (titles, ids, order of media within a turn) is left out.
"""

import json
from typing import Any

import msgspec

JsonObject = dict[str, Any]
Medium = tuple[str, str]
"""Kind and content of a part that is not text: its URL, base64 data or id."""


class Result(msgspec.Struct, kw_only=True):
    """What a tool answered. `call` is the number of the call it answers, -1 if there is none."""

    call: int
    text: str = ""
    media: list[Medium] = []


class Turn(msgspec.Struct, kw_only=True):
    """Everything one speaker says in a row. `blobs` are signatures and encrypted reasoning
    byte for byte; `own` names the kinds of blocks that only the provider itself knows."""

    role: str
    text: str = ""
    media: list[Medium] = []
    calls: list[tuple[str, str]] = []
    results: list[Result] = []
    blobs: list[str] = []
    own: list[str] = []

    def is_empty(self) -> bool:
        """Whether it says nothing at all."""
        said = (self.text.strip(), self.media, self.calls, self.results, self.blobs, self.own)
        return not any(said)


class Asked(msgspec.Struct, kw_only=True):
    """A request. `tools` are functions by name with their JSON Schema, `own_tools` those the
    provider runs; `wishes` are the parameters, in the chat dialect's names."""

    system: str = ""
    turns: list[Turn] = []
    tools: dict[str, JsonObject] = {}
    own_tools: list[str] = []
    wishes: dict[str, object] = {}


class Reading:
    """Collects the turns of one request. One instance per request."""

    def __init__(self) -> None:
        self.asked = Asked()
        self._numbers: dict[str, int] = {}
        self._by_name: dict[str, list[int]] = {}
        self._calls = 0

    def system(self, text: str) -> None:
        self.asked.system += text

    def turn(self, role: str) -> Turn:
        """The turn to add to: the last one if the same speaker goes on."""
        turns = self.asked.turns
        if not turns or turns[-1].role != role:
            turns.append(Turn(role=role))
        return turns[-1]

    def call(self, turn: Turn, *, name: str, arguments: object, identity: object) -> None:
        """A call the model made; `arguments` as an object or as JSON text."""
        turn.calls.append((name, canonical(arguments)))
        if identity:
            self._numbers[str(identity)] = self._calls
        self._by_name.setdefault(name, []).append(self._calls)
        self._calls += 1

    def result(self, turn: Turn, *, identity: object, name: object = None) -> Result:
        """A result, by the id of its call or else by the name of the tool."""
        number = self._numbers.get(str(identity)) if identity else None
        waiting = self._by_name.get(str(name), [])
        if number is None and waiting:
            number = waiting[0]
        if number in waiting:
            waiting.remove(number)
        result = Result(call=-1 if number is None else number)
        turn.results.append(result)
        return result

    def finish(self) -> Asked:
        """The request; turns that say nothing are gone, results stand in the order of the calls."""
        self.asked.turns = merged([turn for turn in self.asked.turns if not turn.is_empty()])
        return self.asked


def merged(turns: list[Turn]) -> list[Turn]:
    """Neighbours of one speaker as one turn."""
    joined: list[Turn] = []
    for turn in turns:
        if joined and joined[-1].role == turn.role:
            last = joined[-1]
            last.text += turn.text
            for name in ("media", "calls", "results", "blobs", "own"):
                getattr(last, name).extend(getattr(turn, name))
        else:
            joined.append(turn)
    for turn in joined:
        turn.results.sort(key=lambda result: result.call)
    return joined


def canonical(arguments: object) -> str:
    """Arguments by meaning: JSON with sorted keys. No arguments and `{}` are the same."""
    value: object = arguments
    if isinstance(arguments, str):
        try:
            value = json.loads(arguments) if arguments.strip() else {}
        except ValueError:
            return arguments
    return json.dumps({} if value is None else value, sort_keys=True, ensure_ascii=False)


def medium(url: str, *, kind: str) -> Medium:
    """A medium by URL or data URL; `kind` is the word for data without a type."""
    if url.startswith("data:"):
        head, _, data = url[5:].partition(",")
        return (head.partition(";")[0] or kind, data)
    return ("url", url)


def flat_text(content: object) -> str:
    """All text of a string or of a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(
        part if isinstance(part, str) else str(part.get("text") or "")
        for part in (content if isinstance(content, list) else ())
        if isinstance(part, str | dict)
    )


_SCHEMA_WORDS = {"type", "properties", "required", "items", "enum", "anyOf", "oneOf", "allOf"}
_SCHEMA_WORDS |= {"$ref", "$defs", "const", "prefixItems"}


def outline(schema: object) -> object:
    """What a JSON Schema demands in words that every provider takes.

    Descriptions, bounds, formats and `additionalProperties` are spelled, allowed or moved
    in as many ways as there are providers, and OpenAPI writes types in capitals.
    """
    if isinstance(schema, list):
        return [outline(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found: JsonObject = {}
    for name, value in schema.items():
        if name in {"properties", "$defs"} and isinstance(value, dict):
            found[name] = {key: outline(inner) for key, inner in value.items()}
        elif name == "type":
            found[name] = _type_words(value)
        elif name in {"required", "enum"} and isinstance(value, list):
            found[name] = sorted(json.dumps(item) for item in value)
        elif name in _SCHEMA_WORDS:
            found[name] = outline(value)
    empty = [
        name for name in ("properties", "required", "$defs") if name in found and not found[name]
    ]
    for name in empty:
        del found[name]
    return found


def _type_words(value: object) -> object:
    if isinstance(value, str):
        return value.lower()
    return sorted(str(item).lower() for item in value) if isinstance(value, list) else value


def objects(value: object) -> list[JsonObject]:
    """The objects of a list; nothing for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def fields(value: object) -> JsonObject:
    """An object, or an empty one."""
    return value if isinstance(value, dict) else {}


def text_of(value: object) -> str:
    """A string, or ""."""
    return value if isinstance(value, str) else ""


def read_chat(body: JsonObject) -> Asked:
    """Read a request of the chat dialect."""
    reading = Reading()
    for message in objects(body.get("messages")):
        _read_message(reading, message)
    asked = reading.finish()
    for tool in objects(body.get("tools")):
        function = tool.get("function")
        if isinstance(function, dict):
            asked.tools[text_of(function.get("name"))] = fields(function.get("parameters"))
        else:
            asked.own_tools.append(text_of(tool.get("type")))
    asked.wishes = _chat_wishes(body)
    return asked


def _read_message(reading: Reading, message: JsonObject) -> None:
    role, content = text_of(message.get("role")), message.get("content")
    if role in {"system", "developer"}:
        reading.system(flat_text(content))
        return
    if role in {"tool", "function"}:
        turn = reading.turn("user")
        result = reading.result(
            turn, identity=message.get("tool_call_id"), name=message.get("name")
        )
        result.text = flat_text(content)
        result.media = _chat_media(content)
        return
    turn = reading.turn("assistant" if role == "assistant" else "user")
    named = message.get("name")
    prefix = f"{named}: " if named and flat_text(content) else ""
    turn.text += prefix + flat_text(content)
    turn.media += _chat_media(content)
    for detail in objects(message.get("reasoning_details")):
        turn.blobs += [text_of(detail[key]) for key in ("signature", "data") if detail.get(key)]
    turn.own += [text_of(part.get("type")) for part in objects(message.get("content_parts"))]
    for call in objects(message.get("tool_calls")):
        function = fields(call.get("function"))
        reading.call(
            turn,
            name=text_of(function.get("name")),
            arguments=function.get("arguments"),
            identity=call.get("id"),
        )


def _chat_media(content: object) -> list[Medium]:
    found: list[Medium] = []
    for part in objects(content):
        kind = text_of(part.get("type"))
        inner = part.get(kind)
        if kind == "image_url":
            url = inner if isinstance(inner, str) else text_of(fields(inner).get("url"))
            found.append(medium(url, kind="image"))
        elif kind in {"video_url", "input_video"}:
            found.append(medium(text_of(fields(inner).get("url")), kind="video"))
        elif kind == "input_audio":
            data = fields(inner)
            found.append((f"audio/{data.get('format')}", text_of(data.get("data"))))
        elif kind == "file":
            data = fields(inner)
            identity = text_of(data.get("file_id"))
            named = ("file", identity)
            found.append(named if identity else medium(text_of(data.get("file_data")), kind="file"))
    return found


_CHAT_SCALARS = (
    "temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty", "user",
    "verbosity", "service_tier",
)  # fmt: skip


def _chat_wishes(body: JsonObject) -> dict[str, object]:
    wishes: dict[str, object] = {
        name: body[name] for name in _CHAT_SCALARS if body.get(name) is not None
    }
    cap = body.get("max_completion_tokens") or body.get("max_tokens")
    if cap is not None:
        wishes["max_tokens"] = cap
    if stop := body.get("stop"):
        wishes["stop"] = [stop] if isinstance(stop, str) else stop
    if (choice := body.get("tool_choice")) is not None:
        wishes["tool_choice"] = _chat_choice(choice)
    if body.get("parallel_tool_calls") is False:
        wishes["parallel_tool_calls"] = False
    wishes |= _chat_format(fields(body.get("response_format")))
    wish = fields(body.get("reasoning"))
    effort = wish.get("effort") or body.get("reasoning_effort")
    if effort or wish.get("max_tokens") or wish.get("enabled") is not None:
        wishes["reasoning"] = effort or wish.get("max_tokens") or wish.get("enabled")
    return wishes


def _chat_choice(choice: object) -> object:
    if isinstance(choice, dict):
        return ["named", fields(choice.get("function")).get("name")]
    return "required" if choice == "any" else choice


def _chat_format(wish: JsonObject) -> dict[str, object]:
    if wish.get("type") == "json_schema":
        return {"schema": outline(fields(wish.get("json_schema")).get("schema"))}
    return {"json": True} if wish.get("type") == "json_object" else {}
