"""Chat requests of the hub as Converse bodies, and what had to be dropped."""

import re
from collections.abc import Mapping
from typing import Any

from portico.dialects.anthropic_messages.schema import closed_schema
from portico.dialects.anthropic_messages.thinking import refused_samplers
from portico.dialects.base import PARAMETERS, Quirks
from portico.dialects.bedrock_converse.names import NAME, encode_tool_name, family_of
from portico.dialects.bedrock_converse.reasoning import Wish, plan_reasoning
from portico.dialects.bedrock_converse.turns import Turns, cache_point, keep_last_points
from portico.dialects.checks import misshapen
from portico.dialects.fields import encoded_body, object_of, text_of
from portico.errors import UpstreamRejected
from portico.jsonio import JsonObject, ShapeError, dumps
from portico.vocabulary import ChatRequest, Tool

NATIVE_EXTRAS = (
    "guardrailConfig", "additionalModelRequestFields", "additionalModelResponseFieldPaths",
    "performanceConfig", "promptVariables", "requestMetadata", "serviceTier",
)  # fmt: skip
"""Members of a request that the hub has no word for and this API understands."""

_ADDITIONAL = "additionalModelRequestFields"
_REASONING = frozenset({"reasoning", "reasoning_effort", "include_reasoning"})
_SEARCH = re.compile(r"^(?:openrouter:)?web_search")
_TIERS = frozenset({"priority", "flex", "default", "reserved"})
_NAMES = {"temperature": "temperature", "top_p": "topP"}
_NEVER_TAKEN = (
    "min_p", "top_a", "frequency_penalty", "presence_penalty", "repetition_penalty", "seed",
    "verbosity",
)  # fmt: skip
_CHOICES: Mapping[str, JsonObject] = {"required": {"any": {}}, "auto": {"auto": {}}}


def encode_request(
    request: ChatRequest, model: str, supported: frozenset[str], quirks: Quirks
) -> tuple[bytes, frozenset[str]]:
    """The body for an upstream, and the names of what had to be dropped.

    Raises:
        UpstreamRejected: the request asks for what this API cannot do at all, or a part
            of it is not shaped as its type asks.
    """
    encoding = _Encoding(request, model, supported)
    try:
        body = encoding.body(quirks.output_limit_tokens)
    except ShapeError as error:
        raise UpstreamRejected(f"messages or tools cannot be read: {misshapen(error)}") from error
    return encoded_body(body, quirks), frozenset(encoding.dropped)


class _Encoding:
    """One request on its way; `dropped` grows as members are written."""

    def __init__(self, request: ChatRequest, model: str, supported: frozenset[str]) -> None:
        self.dropped: set[str] = set()
        self._request = request
        self._supported = supported
        self._family = family_of(model)
        self._own = request.dialect == NAME
        self._extra: Mapping[str, Any] = request.extra or {}

    def body(self, output_limit_tokens: int | None) -> JsonObject:
        request = self._request
        cap_tokens = request.max_tokens or output_limit_tokens or self._usual_cap_tokens()
        wish = self._wish(cap_tokens)
        turns = Turns(self._family, own=self._own)
        turns.add(request.messages)
        self.dropped |= turns.dropped
        body: JsonObject = {}
        if turns.system:
            body["system"] = turns.system
        messages = turns.messages
        body["messages"] = messages
        config = self._inference(wish)
        if config:
            body["inferenceConfig"] = config
        tools = self._tools(turns)
        if tools is not None:
            body["toolConfig"] = tools
        body.update(self._extras(wish))
        if (output := self._output()) is not None:
            body["outputConfig"] = output
        listed = [] if tools is None else tools["tools"]
        keep_last_points([listed, turns.system, *(turn["content"] for turn in messages)])
        return body

    def _takes(self, name: str) -> bool:
        """Whether a parameter may be sent; one that may not is noted."""
        if self._supported and name not in self._supported:
            self.dropped.add(name)
            return False
        return True

    def _usual_cap_tokens(self) -> int:
        claude = self._family.claude
        return 4096 if claude is None else claude.output_tokens

    def _wish(self, cap_tokens: int) -> Wish:
        wish = plan_reasoning(self._request, self._family, cap_tokens)
        if wish.fields and self._supported and not self._supported & _REASONING:
            wish = Wish(dropped=True)
        if wish.dropped:
            self.dropped.add("reasoning")
        return wish

    def _inference(self, wish: Wish) -> JsonObject:
        request = self._request
        config: JsonObject = {}
        if request.max_tokens is not None:  # without it the API's default is the model's most
            config["maxTokens"] = request.max_tokens
        sent = self._samplers(wish)
        config.update({native: sent[name] for name, native in _NAMES.items() if name in sent})
        stop = [text for text in request.stop if text.strip()]
        if request.stop and self._takes("stop"):
            config["stopSequences"] = stop
            if len(stop) < len(request.stop):  # blank ones are refused
                self.dropped.add("stop")
        if not config.get("stopSequences", True):
            del config["stopSequences"]
        self.dropped.update(name for name in _NEVER_TAKEN if getattr(request, name) is not None)
        if request.parallel_tool_calls is False:
            self.dropped.add("parallel_tool_calls")
        return config

    def _samplers(self, wish: Wish) -> dict[str, float]:
        """Temperature is cut to 1; what the model or thinking refuses is dropped."""
        sent: dict[str, float] = {
            name: value
            for name in ("temperature", "top_p", "top_k")
            if (value := getattr(self._request, name)) is not None and self._takes(name)
        }
        refused = set(wish.refused)
        if self._family.claude is not None:
            refused |= refused_samplers(sent, self._family.claude, wish.claude)
        self.dropped |= refused & sent.keys()
        kept = {name: value for name, value in sent.items() if name not in refused}
        if "temperature" in kept:
            kept["temperature"] = min(max(kept["temperature"], 0), 1)
        return kept

    def _tools(self, turns: Turns) -> JsonObject | None:
        """The tools; those of the history where no others are offered, as the API insists."""
        request = self._request
        offered = request.tools if not request.tools or self._takes("tools") else ()
        if request.tool_choice is not None and request.tool_choice.mode == "none":
            if offered and turns.called:
                self.dropped.add("tool_choice")  # they have to be declared
            else:
                offered = ()
        listed: list[JsonObject] = []
        for tool in offered:
            if self._optional(tool):
                self.dropped.add(tool.type)
                continue
            listed.append(self._tool(tool))
            point = cache_point(tool.cache_control)
            if point is not None and self._family.caches == "everywhere":
                listed.append(point)
        known = {block["toolSpec"]["name"] for block in listed if "toolSpec" in block}
        if not known:
            listed += [_spec(name, None, {"type": "object"}) for name in turns.called]
        if not listed:
            return None
        config: JsonObject = {"tools": listed}
        if offered and (choice := self._choice()) is not None:
            config["toolChoice"] = choice
        return config

    def _choice(self) -> JsonObject | None:
        """The usual choice is not said: not every model takes the member."""
        choice = self._request.tool_choice
        if choice is None or choice.mode == "none" or not self._takes("tool_choice"):
            return None
        if choice.mode == "named":
            return {"tool": {"name": encode_tool_name(choice.name or "")}}
        return None if choice.mode == "auto" and not self._own else _CHOICES[choice.mode]

    def _optional(self, tool: Tool) -> bool:
        """A search that a Responses client offers, where nobody can search: the model answers
        without it."""
        search = self._request.dialect == "openai_responses" and tool.type.startswith("web_search")
        return search and self._family.vendor != "amazon"

    def _tool(self, tool: Tool) -> JsonObject:
        if tool.type == "function":
            parameters = tool.parameters or {"type": "object", "properties": {}}
            block = _spec(encode_tool_name(tool.name), tool.description, parameters)
            if tool.strict and self._family.structured:
                block["toolSpec"]["strict"] = True
            return block
        if tool.type == NAME:
            return dict(tool.extra or {})
        if _SEARCH.match(tool.type) and self._family.vendor == "amazon":
            return {"systemTool": {"name": "nova_grounding"}}
        raise UpstreamRejected(f"tools: nobody runs a tool of type {tool.type} at this provider")

    def _extras(self, wish: Wish) -> JsonObject:
        extra = self._extra
        body = {name: extra[name] for name in NATIVE_EXTRAS if extra.get(name) is not None}
        fields = {**wish.fields, **self._top_k(wish), **object_of(body.pop(_ADDITIONAL, None))}
        if fields:
            body[_ADDITIONAL] = fields
        if (tier := text_of(extra.get("service_tier"))) in _TIERS:
            body["serviceTier"] = {"type": tier}
        self.dropped.update((extra.keys() & PARAMETERS) - {"structured_outputs"})
        return body

    def _top_k(self, wish: Wish) -> JsonObject:
        """Each vendor has a place of its own for it."""
        top_k = self._samplers(wish).get("top_k")
        if top_k is None:
            return {}
        if self._family.vendor == "amazon":
            return {"inferenceConfig": {"topK": int(top_k)}}
        if self._family.vendor in {"anthropic", "mistral"}:
            return {"top_k": int(top_k)}
        self.dropped.add("top_k")
        return {}

    def _output(self) -> JsonObject | None:
        """The format of the answer; only a schema has a native form."""
        wish = self._request.response_format
        if wish is None or wish.get("type") == "text":
            return None
        schema = object_of(wish.get("json_schema"))
        taken = {"response_format", "structured_outputs"} & self._supported or not self._supported
        if wish.get("type") != "json_schema" or not self._family.structured or not taken:
            self.dropped.add("response_format")
            return None
        said = schema.get("schema") or {"type": "object"}
        if self._family.claude is not None:
            said = closed_schema(said)
        described = schema.get("description")
        return {
            "textFormat": {
                "type": "json_schema",
                "structure": {
                    "jsonSchema": {
                        "name": _schema_name(schema.get("name")),
                        "schema": dumps(said).decode(),
                        **({"description": described} if described else {}),
                    }
                },
            }
        }


def _spec(name: str, description: str | None, parameters: Mapping[str, Any]) -> JsonObject:
    spec: JsonObject = {"name": name}
    if description:
        spec["description"] = description
    spec["inputSchema"] = {"json": parameters}
    return {"toolSpec": spec}


def _schema_name(name: object) -> str:
    """
    >>> _schema_name("my answer"), _schema_name(None)
    ('my_answer', 'answer')
    """
    return re.sub(r"[^A-Za-z0-9_-]", "_", str(name or "answer"))
