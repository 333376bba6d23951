"""What a client of the Responses API is told about its request in every response object."""

import hashlib
import re
from typing import Any

from portico.dialects.base import Envelope, RawFields
from portico.dialects.fields import list_of
from portico.dialects.openai_responses.client_tools import client_tools_in
from portico.dialects.openai_responses.custom import custom_names
from portico.dialects.openai_responses.namespaces import custom_within, names_within
from portico.jsonio import JsonObject, loads

_DEFAULTS: JsonObject = {
    "tools": [],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "max_output_tokens": None,
    "temperature": 1,
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "top_logprobs": 0,
    "max_tool_calls": None,
    "metadata": {},
    "background": False,
    "previous_response_id": None,
    "service_tier": "auto",
    "truncation": "disabled",
    "store": False,
    "instructions": None,
    "text": {"format": {"type": "text"}},
    "reasoning": None,
    "safety_identifier": None,
    "prompt_cache_key": None,
    "prompt_cache_options": None,
}
"""What stands in a response where the request was silent, in the order of the wire."""

_TIERS = frozenset({"auto", "default", "fast", "flex", "priority", "scale"})
_ECHOED = _DEFAULTS.keys() - {"background", "previous_response_id", "store"}
_SEALED = "reasoning.encrypted_content"
ADDING = ("additional_tools", "tool_search_output")
"""The types of items that bring tools."""
_ADDING = re.compile(rb'"(?:additional_tools|tool_search_output)"')


class Asked:
    """What of a request its answer repeats or depends on. One instance per answer.

    By the names that others know tools by: `custom` are those whose calls take free text,
    `client_tools` the shells and the patch tool, `namespaces` namespace and name of those
    that have one.
    `sealed` tells that encrypted reasoning was asked for.
    """

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        fields = envelope.request
        self._echo: JsonObject = {
            name: value
            for name in _DEFAULTS
            if name in _ECHOED and name in fields and (value := loads(fields[name])) is not None
        }
        include = loads(fields["include"]) if "include" in fields else None
        self.sealed = isinstance(include, list) and _SEALED in include
        tools = [*list_of(self._echo.get("tools")), *_added_tools(fields)]
        self.custom = custom_names(tools) | custom_within(tools)
        self.client_tools = {tool.kind: tool for tool in client_tools_in(tools)}
        self.namespaces = names_within(tools)
        text = self._echo.get("text")
        if isinstance(text, dict):
            self._echo["text"] = {"format": {"type": "text"}, **text}

    def response(
        self,
        *,
        status: str,
        output: list[JsonObject],
        usage: JsonObject | None = None,
        error: JsonObject | None = None,
        incomplete: JsonObject | None = None,
        service_tier: str | None = None,
    ) -> JsonObject:
        """The response object, keys in the order of the wire (contract/other-apis 1)."""
        envelope = self._envelope
        done = status in {"completed", "incomplete"}
        body: JsonObject = {
            "id": envelope.generation_id,
            "object": "response",
            "created_at": envelope.created_s,
            "model": envelope.model,
            "status": status,
            "completed_at": envelope.created_s if done else None,
            "output": output,
            "error": error,
            "incomplete_details": incomplete,
            **_DEFAULTS,
            **self._echo,
        }
        if service_tier is not None:
            body["service_tier"] = service_tier if service_tier in _TIERS else "default"
        body["usage"] = usage
        return body

    def item_id(self, kind: str, place: int) -> str:
        """An id for an item that has none: the same for the same answer and place."""
        seed = f"{self._envelope.generation_id}:{place}"
        return f"{kind}_tmp_{hashlib.sha256(seed.encode()).hexdigest()[:12]}"


def _added_tools(fields: RawFields) -> list[Any]:
    """The tools of items that bring further ones."""
    sent = fields.get("input", b"")
    if _ADDING.search(bytes(sent)) is None:
        return []
    items = [item for item in list_of(loads(sent)) if isinstance(item, dict)]
    adding = [item for item in items if item.get("type") in ADDING]
    return [tool for item in adding for tool in list_of(item.get("tools"))]


def text_part(text: str, annotations: list[Any], logprobs: list[Any]) -> JsonObject:
    """A part of a message that is text."""
    return {
        "type": "output_text",
        "text": text,
        "annotations": annotations,
        "logprobs": logprobs,
    }
