"""Shells, patches, searches for tools: what clients of this API run, as functions for others.

No other dialect has them (contract/other-apis 1). The hub holds a function, with the tool as
the client sent it beside it; calls and outputs keep the item they were, for this API again.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from portico.dialects.fields import object_of, text_of
from portico.dialects.openai_responses.custom import CUSTOM
from portico.dialects.openai_responses.namespaces import names_of
from portico.jsonio import JsonError, JsonObject, dumps, loads
from portico.vocabulary import Tool

TOOL_SEARCH = "tool_search"
ITEM = "item"
"""Where a call or an output as it was sent stands in the `extra` of what the hub has of it."""

_TEXTS: JsonObject = {"type": "array", "items": {"type": "string"}}
_COUNT: JsonObject = {"type": "integer"}


class ClientTool(msgspec.Struct, frozen=True, kw_only=True):
    """One such tool. `kind` is its type, and the name of its function; `prefix` begins the
    ids of its calls.

    `member` is where a call says what to do; `read` makes it of the function's arguments, None
    where they do not say it. `marks` are further members of its calls.
    """

    kind: str
    prefix: str
    description: str
    parameters: JsonObject
    member: str
    read: Callable[[JsonObject], JsonObject | None]
    marks: JsonObject = {}

    @property
    def call_type(self) -> str:
        """The type of its calls."""
        return f"{self.kind}_call"


def _local_shell(arguments: JsonObject) -> JsonObject | None:
    command = arguments.get("command")
    if isinstance(command, str) and command:  # a script where a list was asked for
        command = ["bash", "-lc", command]
    if not _are_texts(command):
        return None
    env = object_of(arguments.get("env"))
    return {
        "type": "exec",
        "command": command,
        "env": {name: value for name, value in env.items() if isinstance(value, str)},
        "timeout_ms": _count(arguments.get("timeout_ms")),
        "working_directory": _text(arguments.get("working_directory")),
        "user": None,
    }


def _shell(arguments: JsonObject) -> JsonObject | None:
    commands = arguments.get("commands")
    if isinstance(commands, str) and commands:
        commands = [commands]
    if not _are_texts(commands):
        return None
    return {
        "commands": commands,
        "timeout_ms": _count(arguments.get("timeout_ms")),
        "max_output_length": _count(arguments.get("max_output_length")),
    }


def _patch(arguments: JsonObject) -> JsonObject | None:
    kind, path, diff = (arguments.get(name) for name in ("type", "path", "diff"))
    if not isinstance(path, str) or kind not in _OPERATIONS:
        return None
    if kind == "delete_file":
        return {"type": kind, "path": path}
    return {"type": kind, "path": path, "diff": diff} if isinstance(diff, str) else None


_OPERATIONS = ("create_file", "update_file", "delete_file")

_LOCAL_SHELL = ClientTool(
    kind="local_shell",
    prefix="lsh",
    description="Runs a command on the user's machine and returns its output.",
    parameters={
        "type": "object",
        "properties": {
            "command": {**_TEXTS, "description": "The program and its arguments."},
            "working_directory": {"type": "string"},
            "timeout_ms": _COUNT,
            "env": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["command"],
    },
    member="action",
    read=_local_shell,
)
_SHELL = ClientTool(
    kind="shell",
    prefix="sh",
    description="Runs shell commands on the user's machine and returns the output of each.",
    parameters={
        "type": "object",
        "properties": {"commands": _TEXTS, "timeout_ms": _COUNT, "max_output_length": _COUNT},
        "required": ["commands"],
    },
    member="action",
    read=_shell,
)
_APPLY_PATCH = ClientTool(
    kind="apply_patch",
    prefix="apc",
    description=(
        "Creates, changes or deletes one file. A diff has no header of file names: sections"
        " begin with a line @@, lines of context with a blank, removed ones with - and added"
        " ones with +. The diff of a new file has added lines only; a deletion has no diff."
    ),
    parameters={
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": list(_OPERATIONS)},
            "path": {"type": "string"},
            "diff": {"type": "string"},
        },
        "required": ["type", "path"],
    },
    member="operation",
    read=_patch,
)
_TOOL_SEARCH = ClientTool(
    kind=TOOL_SEARCH,
    prefix="tsc",
    description="Searches for further tools; those that it finds can be called from then on.",
    parameters={
        "type": "object",
        "properties": {"query": {"type": "string"}},
        "required": ["query"],
    },
    member="arguments",
    read=lambda arguments: arguments,
    marks={"execution": "client"},
)
CLIENT_TOOLS = {tool.kind: tool for tool in (_LOCAL_SHELL, _SHELL, _APPLY_PATCH, _TOOL_SEARCH)}
_BY_CALL = {tool.call_type: tool for tool in CLIENT_TOOLS.values()}
OUTPUTS = frozenset(
    {
        "local_shell_call_output", "shell_call_output", "apply_patch_call_output",
        "tool_search_output",
    }
)  # fmt: skip
"""The types of their outputs."""


def client_tool(body: JsonObject) -> ClientTool | None:
    """The tool that an entry of `tools` is; None for others, and for what the provider runs: a
    shell in a container, a search that is not said to be the client's."""
    kind = body.get("type")
    environment = object_of(body.get("environment")).get("type", "local")
    if environment != "local" or (kind == TOOL_SEARCH and body.get("execution") != "client"):
        return None
    return CLIENT_TOOLS.get(str(kind))


def function_for(tool: ClientTool, body: JsonObject) -> Tool:
    """The function that stands for a tool, `body` as it was sent."""
    return Tool(
        name=tool.kind,
        description=text_of(body.get("description")) or tool.description,
        parameters=dict(object_of(body.get("parameters"))) or tool.parameters,
        extra={CUSTOM: body},
    )


def client_tools_in(tools: Any) -> Iterator[ClientTool]:
    """Those among a request's `tools`."""
    for body in tools if isinstance(tools, list) else ():
        if isinstance(body, dict) and (tool := client_tool(body)) is not None:
            yield tool


def is_call(item: JsonObject) -> bool:
    """Whether an item is a call of such a tool; one without an id was the provider's own."""
    return item.get("type") in _BY_CALL and item.get("call_id") is not None


def is_output(item: JsonObject) -> bool:
    """Whether an item is what came of such a call."""
    known = item.get("type") in OUTPUTS
    return known and (item["type"] != f"{TOOL_SEARCH}_output" or item.get("call_id") is not None)


def called(item: JsonObject) -> tuple[str, str]:
    """Name and arguments of the function call that stands for a call."""
    tool = _BY_CALL[item["type"]]
    said = object_of(item.get(tool.member))
    arguments = {
        k: v for k, v in said.items() if v not in (None, {}) and (k, v) != ("type", "exec")
    }
    return tool.kind, dumps(arguments).decode()


def call_fields(tool: ClientTool, arguments: str) -> JsonObject | None:
    """What a call item says by the arguments of the function; None where they make none."""
    try:
        parsed = loads(arguments)
    except JsonError:
        return None
    said = tool.read(parsed) if isinstance(parsed, dict) else None
    return None if said is None else {**tool.marks, tool.member: said}


def output_text(item: JsonObject) -> str:
    """What an output says, for a model that called a function."""
    output = item.get("output")
    if item["type"] == f"{TOOL_SEARCH}_output":
        return dumps({"found": names_of(item.get("tools"))}).decode()
    if item["type"] == "apply_patch_call_output":
        told = {"status": item.get("status"), "output": output}
        return dumps({name: value for name, value in told.items() if value is not None}).decode()
    return output if isinstance(output, str) else dumps(output).decode()


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
