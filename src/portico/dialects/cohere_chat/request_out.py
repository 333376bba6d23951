"""Chat requests of the hub as bodies of Cohere's chat API, and what had to be dropped."""

from collections.abc import Mapping
from typing import Any

from portico.dialects.base import PARAMETERS, Quirks
from portico.dialects.checks import misshapen
from portico.dialects.cohere_chat.thinking import can_think, encode_thinking
from portico.dialects.cohere_chat.turns import Turns
from portico.dialects.fields import encoded_body
from portico.errors import InvalidRequest
from portico.jsonio import JsonObject, ShapeError
from portico.vocabulary import ChatRequest, Tool

NATIVE_EXTRAS = ("citation_options", "safety_mode", "priority", "raw_prompting")
"""Members of a request that the hub has no word for and this API understands."""

# The hub's scalars, their names here, and the range that the API takes.
_SCALARS: dict[str, tuple[str, float | None, float | None]] = {
    "temperature": ("temperature", 0, 1),
    "top_p": ("p", 0.01, 0.99),
    "top_k": ("k", 0, 500),
    "seed": ("seed", 0, None),
    "frequency_penalty": ("frequency_penalty", 0, 1),
    "presence_penalty": ("presence_penalty", 0, 1),
}
_NEAR = 0.02  # a `top_p` of 1 is cut to 0.99: that is no other wish
_ABSENT = ("min_p", "top_a", "repetition_penalty", "verbosity")
_ABSENT_EXTRA = PARAMETERS - {"logprobs", "structured_outputs"}
_STOPS = 5
_REASONING = frozenset({"reasoning", "reasoning_effort", "include_reasoning"})
_FORMATS = frozenset({"response_format", "structured_outputs"})
_NO_PARAMETERS = {"type": "object", "properties": {}}


def encode_request(
    request: ChatRequest, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The body for an upstream, and the names of what had to be dropped or cut.

    Prompt-cache markers are left out: the provider caches by itself.

    Raises:
        InvalidRequest: a part or tool has no form here, or a field holds what it
            should not.
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
        self._request = request
        self._extra: Mapping[str, Any] = request.extra or {}
        self._model = model
        self._supported = supported
        self._output_limit_tokens = output_limit_tokens

    def body(self) -> JsonObject:
        request = self._request
        turns = Turns(thinks=can_think(self._model))
        for message in request.messages:
            turns.add(message)
        body: JsonObject = {"model": self._model, "messages": turns.messages}
        if request.stream:
            body["stream"] = True
        if request.max_tokens is not None:
            body["max_tokens"] = request.max_tokens
        self._set_scalars(body)
        self._set_tools(body)
        own = self._extra.get("documents") or []
        if not isinstance(own, list):
            raise InvalidRequest("documents: expected a list")
        if own or turns.documents:
            body["documents"] = own + turns.documents
        self._set_format(body)
        self._set_thinking(body)
        body.update({name: self._extra[name] for name in NATIVE_EXTRAS if name in self._extra})
        return body

    def _takes(self, name: str) -> bool:
        """Whether a parameter may be sent; one that may not is noted."""
        if self._supported and name not in self._supported:
            self.dropped.add(name)
            return False
        return True

    def _set_scalars(self, body: JsonObject) -> None:
        request = self._request
        for name, (own, least, most) in _SCALARS.items():
            value = getattr(request, name)
            if value is None or not self._takes(name):
                continue
            cut = value if least is None else max(least, value)
            cut = cut if most is None else min(most, cut)
            if abs(cut - value) > _NEAR:
                self.dropped.add(name)
            body[own] = cut
        if request.stop and self._takes("stop"):
            body["stop_sequences"] = list(request.stop[:_STOPS])
            if len(request.stop) > _STOPS:
                self.dropped.add("stop")
        if self._extra.get("logprobs") and self._takes("logprobs"):
            body["logprobs"] = True
        self.dropped.update(name for name in _ABSENT if getattr(request, name) is not None)
        self.dropped.update(self._extra.keys() & _ABSENT_EXTRA)

    def _set_tools(self, body: JsonObject) -> None:
        """A tool that must be called is, here, the only one, and a call is required."""
        request, choice = self._request, self._request.tool_choice
        if request.parallel_tool_calls is False:
            self.dropped.add("parallel_tool_calls")
        if not request.tools or not self._takes("tools"):
            return
        named = choice.name if choice is not None and choice.mode == "named" else None
        tools = [tool for tool in request.tools if named is None or tool.name == named]
        if request.dialect == "openai_responses":  # whose clients offer a search to everybody
            searches = [tool for tool in tools if tool.type.startswith("web_search")]
            self.dropped.update(tool.type for tool in searches)
            tools = [tool for tool in tools if tool not in searches]
            if searches and not tools:
                return
        if not tools:
            raise InvalidRequest(f"tool_choice: there is no tool {named!r}")
        body["tools"] = [_tool(tool) for tool in tools]
        if all(tool.strict for tool in tools):
            body["strict_tools"] = True
        if choice is not None and choice.mode != "auto" and self._takes("tool_choice"):
            body["tool_choice"] = "NONE" if choice.mode == "none" else "REQUIRED"

    def _set_format(self, body: JsonObject) -> None:
        """The reference: not in combination with documents or tools."""
        wish = self._request.response_format or {}
        kind = wish.get("type", "text")
        if kind == "text":
            return
        listed = not self._supported or bool(self._supported & _FORMATS)
        alone = not body.keys() & {"tools", "documents"}
        if not listed or not alone or kind not in {"json_object", "json_schema"}:
            self.dropped.add("response_format")
            return
        body["response_format"] = {"type": "json_object"}
        schema = wish.get("json_schema")
        if isinstance(schema, dict) and isinstance(schema.get("schema"), dict):
            body["response_format"]["json_schema"] = schema["schema"]

    def _set_thinking(self, body: JsonObject) -> None:
        wish = self._request.reasoning
        if wish is None:
            return
        cap = self._request.max_tokens or self._output_limit_tokens
        thinking = encode_thinking(wish, cap)
        listed = not self._supported or bool(self._supported & _REASONING)
        if thinking is None:
            return
        if listed and can_think(self._model):
            body["thinking"] = thinking
        elif thinking["type"] != "disabled":
            self.dropped.add("reasoning")


def _tool(tool: Tool) -> JsonObject:
    if tool.type != "function":
        raise InvalidRequest(f"tools: a tool of type {tool.type!r} has no form at this provider")
    function: JsonObject = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = tool.parameters or _NO_PARAMETERS
    return {"type": "function", "function": function}
