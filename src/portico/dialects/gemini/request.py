"""Gemini requests: the hub's conversation as a body, and what a client's body says to routing."""

import re
from collections.abc import Mapping
from typing import Any

from portico.dialects.base import Quirks, RawFields, RequestHead
from portico.dialects.checks import decode_fields, misshapen, prompt_bytes, too_deep
from portico.dialects.fields import encoded_body, finished_body
from portico.dialects.gemini.names import camel, generation, pick
from portico.dialects.gemini.thinking import can_think, encode_thinking
from portico.dialects.gemini.turns import encode_turns
from portico.dialects.hygiene import check_json
from portico.errors import InvalidRequest
from portico.jsonio import JsonError, JsonObject, ShapeError, dumps, loads
from portico.vocabulary import ChatRequest, Tool

MODEL_FIELD, STREAM_FIELD = "model", "stream"
"""What a surface adds to a body: in this dialect both stand in the path."""

NATIVE_FIELDS = (
    "safetySettings", "cachedContent", "labels", "modelArmorConfig", "serviceTier", "store",
)  # fmt: skip
"""Top-level fields without a word in the hub; they travel in `ChatRequest.extra`."""

NATIVE_CONFIG = (
    "candidateCount", "responseModalities", "speechConfig", "imageConfig", "mediaResolution",
    "audioTimestamp", "routingConfig", "enableEnhancedCivicAnswers", "enableAffectiveDialog",
)  # fmt: skip
"""Likewise inside `generationConfig`."""

# The hub's scalars and their names in `generationConfig`, with the range the API takes.
_SCALARS: dict[str, tuple[str, float | None, float | None]] = {
    "temperature": ("temperature", 0.0, 2.0),
    "top_p": ("topP", 0.0, 1.0),
    "top_k": ("topK", 1, None),
    "seed": ("seed", None, None),
    "presence_penalty": ("presencePenalty", -2.0, 2.0),
    "frequency_penalty": ("frequencyPenalty", -2.0, 2.0),
}
_ABSENT = ("min_p", "top_a", "repetition_penalty", "verbosity")
_ABSENT_EXTRA = ("logit_bias", "prediction")
_STOPS = 5
_SCHEMA_NOISE = frozenset({"$schema", "$id"})
_ALONE = re.compile(r"gemini-[12](?!\d)")
"""Models that do not search where there are functions to call."""
_SEARCH = re.compile(r"^(?:openrouter:)?web_search|^google_?search$", re.IGNORECASE)
_OFFERED = re.compile(r"^web_search|^google_?search$", re.IGNORECASE)
_MODES = {"none": "NONE", "auto": "AUTO", "required": "ANY", "named": "ANY"}
_PARAMETERS = {
    "temperature": "temperature", "topP": "top_p", "topK": "top_k", "seed": "seed",
    "presencePenalty": "presence_penalty", "frequencyPenalty": "frequency_penalty",
    "maxOutputTokens": "max_tokens", "stopSequences": "stop", "responseLogprobs": "logprobs",
    "logprobs": "top_logprobs", "thinkingConfig": "reasoning",
    "responseMimeType": "response_format", "responseSchema": "structured_outputs",
    "responseJsonSchema": "structured_outputs",
}  # fmt: skip


def encode_request(
    request: ChatRequest, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The body for an upstream, and the parameters that had to be dropped or cut.

    Prompt-cache markers are left out: here the provider caches by itself, or by
    a `cachedContent` that was made before.

    Raises:
        InvalidRequest: a part or tool has no form here, a field holds what it
            should not, or the wish to think cannot be met.
    """
    encoding = _Encoding(request, model, supported, quirks.output_limit_tokens)
    try:
        body = encoding.body()
    except ShapeError as error:
        raise InvalidRequest(
            f"a field cannot be told to this provider: {misshapen(error)}"
        ) from None
    return encoded_body(body, quirks), frozenset(encoding.dropped)


class _Encoding:
    """One request on its way; `dropped` grows as fields are written."""

    def __init__(
        self,
        request: ChatRequest,
        model: str,
        supported: frozenset[str],
        output_limit_tokens: int | None,
    ) -> None:
        self.dropped: set[str] = set()
        self._output_limit_tokens = output_limit_tokens
        self._request = request
        self._extra: Mapping[str, Any] = request.extra or {}
        self._model = model
        self._supported = supported

    def body(self) -> JsonObject:
        request = self._request
        instruction, turns = encode_turns(request.messages, self._model)
        body: JsonObject = {"contents": turns}
        if instruction:
            body["systemInstruction"] = {"parts": instruction}
        tools = self._tools()
        if tools:
            body["tools"] = tools
        if tool_config := self._tool_config(tools):
            body["toolConfig"] = tool_config
        if config := self._config():
            body["generationConfig"] = config
        body.update({name: self._extra[name] for name in NATIVE_FIELDS if name in self._extra})
        return body

    def _takes(self, name: str) -> bool:
        """Whether a parameter may be sent; one that may not is noted."""
        if self._supported and name not in self._supported:
            self.dropped.add(name)
            return False
        return True

    def _config(self) -> JsonObject:
        config: JsonObject = {}
        request = self._request
        if request.max_tokens is not None:
            config["maxOutputTokens"] = request.max_tokens
        self._scalars(config)
        if request.stop and self._takes("stop"):
            config["stopSequences"] = list(request.stop[:_STOPS])
            if len(request.stop) > _STOPS:
                self.dropped.add("stop")
        if request.response_format is not None:
            config.update(self._response_format(request.response_format))
        if request.reasoning is not None:
            config.update(self._thinking())
        config.update(self._logprobs())
        config.update(self._modalities())
        config.update({n: self._extra[n] for n in NATIVE_CONFIG if n in self._extra})
        return config

    def _scalars(self, config: JsonObject) -> None:
        for name, (native, least, most) in _SCALARS.items():
            value = getattr(self._request, name)
            if value is None or not self._takes(name):
                continue
            if name == "top_k" and value < 1:
                continue  # 0 switches it off elsewhere, and absence does here
            cut = value if least is None else max(least, value)
            cut = cut if most is None else min(most, cut)
            if cut != value:
                self.dropped.add(name)
            config[native] = int(cut) if name in {"top_k", "seed"} else cut
        sent = [name for name in _ABSENT if getattr(self._request, name) is not None]
        sent += [name for name in _ABSENT_EXTRA if name in self._extra]
        if self._request.parallel_tool_calls is False:
            sent.append("parallel_tool_calls")
        self.dropped.update(sent)

    def _response_format(self, wish: Mapping[str, Any]) -> JsonObject:
        kind = wish.get("type")
        if kind == "text" or not self._takes("response_format"):
            return {}
        old = (generation(self._model) or 3) < 3
        if kind not in {"json_object", "json_schema"} or (old and self._request.tools):
            self.dropped.add("response_format")  # before Gemini 3: either tools or JSON
            return {}
        config: JsonObject = {"responseMimeType": "application/json"}
        if kind == "json_schema":
            schema = (wish.get("json_schema") or {}).get("schema")
            if schema is not None:
                config["responseJsonSchema"] = _clean_schema(schema)
        return config

    def _thinking(self) -> JsonObject:
        wish = self._request.reasoning
        assert wish is not None, "asked for only where it is set"
        if not can_think(self._model):
            if wish.effort not in {None, "none"} or wish.max_tokens or wish.enabled:
                self.dropped.add("reasoning")
            return {}
        cap = self._request.max_tokens or self._output_limit_tokens
        config = encode_thinking(wish, self._model, cap)
        return {} if config is None else {"thinkingConfig": config}

    def _logprobs(self) -> JsonObject:
        if not self._extra.get("logprobs") or not self._takes("logprobs"):
            return {}
        config: JsonObject = {"responseLogprobs": True}
        if isinstance(top := self._extra.get("top_logprobs"), int) and self._takes("top_logprobs"):
            config["logprobs"] = top
        return config

    def _modalities(self) -> JsonObject:
        """What to answer with besides text, in the spelling of the chat dialect."""
        config: JsonObject = {}
        if isinstance(wished := self._extra.get("modalities"), list):
            config["responseModalities"] = [str(name).upper() for name in wished]
        if isinstance(image := self._extra.get("image_config"), dict):
            config["imageConfig"] = {camel(name): value for name, value in image.items()}
        audio = self._extra.get("audio")
        if isinstance(audio, dict) and isinstance(audio.get("voice"), str):
            voice = {"prebuiltVoiceConfig": {"voiceName": audio["voice"]}}
            config["speechConfig"] = {"voiceConfig": voice}
        return config

    def _tools(self) -> list[JsonObject]:
        functions = [_declare(t) for t in self._request.tools if t.type == "function"]
        others = [t for t in self._request.tools if t.type != "function"]
        if functions and self._request.dialect == "openai_responses" and _ALONE.search(self._model):
            # Responses clients offer a search to everybody, these models take it alone
            self.dropped.update(t.type for t in others if _OFFERED.search(t.type))
            others = [t for t in others if not _OFFERED.search(t.type)]
        native = [_native_tool(t) for t in others]
        if self._extra.get("web_search_options") is not None and self._takes("web_search_options"):
            native.append({"googleSearch": {}})
        if (functions or native) and not self._takes("tools"):
            return []
        declared: list[JsonObject] = [{"functionDeclarations": functions}] if functions else []
        return declared + [t for n, t in enumerate(native) if t not in native[:n]]

    def _tool_config(self, tools: list[JsonObject]) -> JsonObject | None:
        if isinstance(native := self._extra.get("toolConfig"), dict):
            return native
        choice = self._request.tool_choice
        if choice is None or not self._takes("tool_choice"):
            return None
        if not any("functionDeclarations" in tool for tool in tools):
            return None
        calling: JsonObject = {"mode": _MODES[choice.mode]}
        if choice.mode == "named":
            calling["allowedFunctionNames"] = [choice.name]
        return {"functionCallingConfig": calling}


def _declare(tool: Tool) -> JsonObject:
    declaration: JsonObject = {"name": tool.name}
    if tool.description is not None:
        declaration["description"] = tool.description
    if tool.parameters:
        declaration["parametersJsonSchema"] = _clean_schema(tool.parameters)
    return {**declaration, **{k: v for k, v in (tool.extra or {}).items() if k == "response"}}


def _native_tool(tool: Tool) -> JsonObject:
    if tool.type == "gemini":
        return dict(tool.extra or {})
    if _SEARCH.search(tool.type):
        return {"googleSearch": {}}
    if tool.type in {"code_execution", "url_context"}:
        return {camel(tool.type): {}}
    raise InvalidRequest(f"tools: a tool of type {tool.type!r} has no form at this provider")


def _clean_schema(schema: object) -> object:
    """JSON Schema without the members that only name the schema itself."""
    if not isinstance(schema, dict):
        return schema
    return {name: value for name, value in schema.items() if name not in _SCHEMA_NOISE}


def read_head(body: bytes) -> RequestHead:
    """Read and check a client's body in this dialect.

    The path names model and streaming: a surface puts them into the body as
    `model` and `stream` before it comes here.

    Raises:
        InvalidRequest: it is not a JSON object with `contents`, or names no model.
    """
    check_json(body)
    try:
        fields = {camel(name): raw for name, raw in decode_fields(body).items()}
    except RecursionError:
        raise too_deep() from None
    except JsonError as error:
        raise InvalidRequest(f"The request body is not a valid JSON object: {error}") from None
    model = _member(fields, MODEL_FIELD)
    if not isinstance(model, str) or not model:
        raise InvalidRequest("model: name a model")
    contents = _member(fields, "contents")
    contents = [contents] if isinstance(contents, dict) else contents
    if not isinstance(contents, list) or not contents:
        raise InvalidRequest("contents: at least one turn is required")
    config = _member(fields, "generationConfig") or {}
    if not isinstance(config, dict):
        raise InvalidRequest("generationConfig: expected an object")
    cap = pick(config, "maxOutputTokens")
    if cap is not None and (not isinstance(cap, int) or cap < 1):
        raise InvalidRequest("generationConfig.maxOutputTokens: expected an integer of at least 1")
    thinking = pick(config, "thinkingConfig")
    shown = isinstance(thinking, dict) and bool(pick(thinking, "includeThoughts"))
    return RequestHead(
        models=(model.removeprefix("models/"),),
        stream=_member(fields, STREAM_FIELD) is True,
        fields=fields,
        prompt_bytes=prompt_bytes(fields, ("systemInstruction", "contents", "tools")),
        max_output_tokens=cap,
        parameters=_parameters(fields, config),
        media=_media(contents),
        exclude_reasoning=not shown,
    )


def upstream_body(
    head: RequestHead, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The client's own bytes, without what the path says. Nothing is dropped."""
    fields = {
        name: raw for name, raw in head.fields.items() if name not in {MODEL_FIELD, STREAM_FIELD}
    }
    return finished_body(fields, quirks), frozenset()


def _member(fields: RawFields, name: str) -> Any:
    return loads(fields[name]) if name in fields else None


def _parameters(fields: RawFields, config: JsonObject) -> frozenset[str]:
    sent = {_PARAMETERS[camel(name)] for name in config if camel(name) in _PARAMETERS}
    if "tools" in fields:
        sent.add("tools")
    if "toolConfig" in fields:
        sent.add("tool_choice")
    return frozenset(sent)


def _media(contents: list[Any]) -> tuple[tuple[str, int], ...]:
    """Modality and size in bytes of every part that is not text."""
    found: list[tuple[str, int]] = []
    for turn in contents:
        parts = turn.get("parts") if isinstance(turn, dict) else None
        for part in parts if isinstance(parts, list) else ():
            medium = part if isinstance(part, dict) else {}
            medium = pick(medium, "inlineData") or pick(medium, "fileData")
            if isinstance(medium, dict):
                kind = str(pick(medium, "mimeType") or "").partition("/")[0]
                modality = kind if kind in {"image", "audio", "video"} else "file"
                found.append((modality, len(dumps(medium))))
    return tuple(found)
