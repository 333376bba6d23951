"""What reached the upstream against what the client sent: same conversation, nothing invented."""

import json
from collections.abc import Sequence

from tests.conformance.accumulate import JsonObject
from tests.conformance.asking import Asked, Turn, outline
from tests.conformance.findings import Findings, short

# Asked of every upstream, so that it counts: the contract says usage is always there.
_ALWAYS_ALLOWED = {"stream", "stream_options", "model"}


def check_sent(findings: Findings, client: JsonObject, upstream: JsonObject) -> None:
    """Compare two request bodies of the same dialect.

    A parameter may be dropped or renamed; one that appears without another one
    disappearing was invented. Messages keep role, text and calls; tools keep
    name and parameters.
    """
    invented = sorted(set(upstream) - set(client) - _ALWAYS_ALLOWED)
    dropped = set(client) - set(upstream) - _ALWAYS_ALLOWED
    if len(invented) > len(dropped):
        findings.add("sent.invented", f"{short(invented)}, dropped {sorted(dropped)}")
    before, after = _objects(client.get("messages")), _objects(upstream.get("messages"))
    roles = ([_role(m) for m in before], [_role(m) for m in after])
    if roles[0] != roles[1]:
        findings.add("sent.roles", f"{short(roles[0])} became {short(roles[1])}")
    else:
        for position, (mine, theirs) in enumerate(zip(before, after, strict=True)):
            _check_message(findings, mine, theirs, position)
    tools = ([_tool(t) for t in _objects(client.get("tools"))],)
    sent_tools = [_tool(t) for t in _objects(upstream.get("tools"))]
    same = tools[0] == sent_tools
    findings.check("sent.tools", f"{short(tools[0])} became {short(sent_tools)}", holds=same)


def _role(message: JsonObject) -> object:
    """The two names of one role are one."""
    return "system" if message.get("role") == "developer" else message.get("role")


def _check_message(
    findings: Findings, before: JsonObject, after: JsonObject, position: int
) -> None:
    texts = (_texts(before.get("content")), _texts(after.get("content")))
    detail = f"message {position}: {short(texts[0])} became {short(texts[1])}"
    findings.check("sent.text", detail, holds=texts[0] == texts[1])
    kinds = (_kinds(before.get("content")), _kinds(after.get("content")))
    detail = f"message {position}: {kinds[0]} became {kinds[1]}"
    findings.check("sent.parts", detail, holds=kinds[0] == kinds[1])
    calls = (_calls(before), _calls(after))
    detail = f"message {position}: {short(calls[0])} became {short(calls[1])}"
    findings.check("sent.calls", detail, holds=calls[0] == calls[1])


def _texts(content: object) -> str:
    """All text of a message; a string and one text part are the same."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(
        part if isinstance(part, str) else str(part.get("text") or "")
        for part in parts
        if isinstance(part, str | dict)
    )


def _kinds(content: object) -> list[str]:
    """Kinds of the parts that are not text."""
    parts = content if isinstance(content, list) else []
    return [
        str(part.get("type")) for part in parts if isinstance(part, dict) and "text" not in part
    ]


def _calls(message: JsonObject) -> list[tuple[object, object]]:
    functions = [_object(call.get("function")) for call in _objects(message.get("tool_calls"))]
    return [(f.get("name"), _json_or_text(f.get("arguments"))) for f in functions]


def _json_or_text(arguments: object) -> object:
    """Arguments by meaning; an empty text means no arguments."""
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments) if arguments.strip() else {}
    except ValueError:
        return arguments


def _tool(tool: JsonObject) -> tuple[object, object, object]:
    function = _object(tool.get("function"))
    return (tool.get("type", "function"), function.get("name"), function.get("parameters"))


def _object(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> Sequence[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def check_asked(findings: Findings, wanted: Asked, found: Asked) -> None:
    """Compare what was asked with what reached the upstream, each read by its own API's reader."""
    same = wanted.system.strip() == found.system.strip()
    detail = f"{short(wanted.system)} became {short(found.system)}"
    findings.check("sent.system", detail, holds=same)
    roles = ([turn.role for turn in wanted.turns], [turn.role for turn in found.turns])
    if roles[0] != roles[1]:
        findings.add("sent.roles", f"{short(roles[0])} became {short(roles[1])}")
    else:
        for position, (mine, theirs) in enumerate(zip(wanted.turns, found.turns, strict=True)):
            _check_turn(findings, mine, theirs, position)
    names = (sorted(wanted.tools), sorted(found.tools))
    findings.check("sent.tools", f"{names[0]} became {names[1]}", holds=names[0] == names[1])
    for name in wanted.tools.keys() & found.tools.keys():
        schemas = (outline(wanted.tools[name]), outline(found.tools[name]))
        detail = f"{name}: {short(schemas[0])} became {short(schemas[1])}"
        findings.check("sent.schema", detail, holds=schemas[0] == schemas[1])
    own = (sorted(wanted.own_tools), sorted(found.own_tools))
    findings.check("sent.own_tools", f"{own[0]} became {own[1]}", holds=own[0] == own[1])
    _check_wishes(findings, wanted.wishes, found.wishes)


def _check_turn(findings: Findings, wanted: Turn, found: Turn, position: int) -> None:
    pairs: dict[str, tuple[object, object]] = {
        name: (getattr(wanted, name), getattr(found, name))
        for name in ("media", "calls", "results", "blobs", "own")
    }
    pairs["text"] = (wanted.text.strip(), found.text.strip())
    for name, (mine, theirs) in pairs.items():
        detail = f"turn {position}: {short(mine)} became {short(theirs)}"
        findings.check(f"sent.{name}", detail, holds=mine == theirs)


def _check_wishes(findings: Findings, wanted: dict[str, object], found: dict[str, object]) -> None:
    """A wish is neither lost nor changed nor invented."""
    for name in sorted(wanted.keys() | found.keys()):
        before, after = wanted.get(name), found.get(name)
        rule = "sent.invented" if name not in wanted else f"sent.wish.{name}"
        detail = f"{name}: {short(before)} became {short(after)}"
        findings.check(rule, detail, holds=before == after)
