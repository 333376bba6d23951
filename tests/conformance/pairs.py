"""Golden pairs: OpenRouter's own recording and a provider's recording of the same prompt.

The client's request to OpenRouter goes in, the provider's recorded answer comes back. What
the upstream receives has to mean what the client asked, and what the provider was asked in
its own recording; the answer has to have the shape of OpenRouter's. Rules: `pair.sent.*`
and `pair.answer.*`.

The two recordings are different runs, weeks apart and by different clients: the model's own
words, what a client's library adds, ids and times are not compared (the corpus'
openrouter-wire 12). Key sets, their order and the sequence of deltas are compared with the
current era (E3) only.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tests.conformance.accumulate import JsonObject
from tests.conformance.asking import Asked, Turn, canonical, outline
from tests.conformance.corpus import Record, Unreadable, all_records
from tests.conformance.findings import Findings, short
from tests.conformance.received import Received

# What names a host, or another model: the pair's endpoint is the only one there is.
_ROUTING = ("provider", "models", "route", "preset")
# Wishes that a library adds or leaves out on its own.
_DEFAULTS = {
    "max_tokens", "temperature", "top_p", "top_k", "user", "breakpoints", "modalities", "reasoning",
    "verbosity", "service_tier", "parallel_tool_calls", "seed",
}  # fmt: skip
# Only there if the upstream said it, and added within the era.
_SOMETIMES = {"service_tier", "system_fingerprint"}
_WRAPPERS = {"result", "output", "return_value", "content"}


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """`grade` A: same model and provider; B: same model, another host; C: another version.
    `era` is that of OpenRouter's recording."""

    grade: str
    era: str
    openrouter: Record
    native: Record


def paired_apis(corpus: Path) -> Counter[str]:
    """How many pairs there are by the provider's API; none where they cannot be read."""
    try:
        rows = json.loads((corpus / "pairs.json").read_bytes())
        return Counter(str(row["native_api"]) for row in rows)
    except (OSError, ValueError, LookupError, TypeError):
        return Counter()


def read_pairs(corpus: Path, *, api: str) -> Iterator[Pair | Unreadable]:
    """Yield the pairs whose provider speaks `api`; what cannot be read is yielded, not raised."""
    path = corpus / "pairs.json"
    if not path.exists():
        return
    try:
        rows = json.loads(path.read_bytes())
        wanted = [row for row in rows if row["native_api"] == api]
        names = {row[side] for row in wanted for side in ("openrouter", "native")}
    except (OSError, ValueError, LookupError, TypeError) as error:
        yield Unreadable(place=path.name, reason=f"{type(error).__name__}: {error}")
        return
    if not wanted:
        return
    records = {r.id: r for r in all_records(corpus) if isinstance(r, Record) and r.id in names}
    for row in wanted:
        sides = (records.get(row["openrouter"]), records.get(row["native"]))
        if sides[0] is None or sides[1] is None:
            yield Unreadable(place=path.name, reason=f"a record is missing: {row}")
        else:
            yield Pair(
                grade=str(row.get("grade")),
                era=str(row.get("era")),
                openrouter=sides[0],
                native=sides[1],
            )


def pair_record(pair: Pair, served: Record) -> Record:
    """The pair as a record for the report; `served` is what the upstream answers with."""
    return msgspec.structs.replace(
        served,
        id=f"{pair.openrouter.id} <-> {pair.native.id}",
        api=f"pair:{pair.native.api}",
        features=(f"grade_{pair.grade}", pair.era, *pair.openrouter.features),
        request=pair.openrouter.request,
    )


def pair_request(pair: Pair) -> JsonObject:
    """The client's request without what chooses a host."""
    body = pair.openrouter.request or {}
    return {name: value for name, value in body.items() if name not in _ROUTING}


def check_pair_sent(findings: Findings, *, asked: Asked, found: Asked, recorded: Asked) -> None:
    """Compare what arrived with what the client asked and with the provider's own recording.

    All three as their APIs' readers have them. Where the two recorded clients asked
    different things, the finding is `pair.different.*` instead of `pair.sent.native.*`.
    """
    for place, before, after in _places(asked, found, words=True):
        detail = f"{short(before)} became {short(after)}"
        findings.check(f"pair.sent.asked.{place}", detail, holds=before == after)
    for name in sorted(asked.wishes.keys() - {"reasoning", "user", "breakpoints", "verbosity"}):
        before, after = asked.wishes[name], found.wishes.get(name)
        detail = f"{name}: {short(before)} became {short(after)}"
        findings.check("pair.sent.asked.wish", detail, holds=_same_wish(before, after))
    clients = {place: a == b for place, a, b in _places(asked, recorded, words=False)}
    for place, before, after in _places(recorded, found, words=False):
        rule = "pair.sent.native" if clients.get(place, False) else "pair.different"
        detail = f"{short(before)}, arrived was {short(after)}"
        findings.check(f"{rule}.{place}", detail, holds=before == after)
    for name in sorted((recorded.wishes.keys() | found.wishes.keys()) - _DEFAULTS):
        before, after = recorded.wishes.get(name), found.wishes.get(name)
        said = _same_wish(before, asked.wishes.get(name))
        rule = "pair.sent.native.wish" if said else "pair.different.wish"
        detail = f"{name}: {short(before)}, arrived was {short(after)}"
        findings.check(rule, detail, holds=_same_wish(before, after))


def _same_wish(before: object, after: object) -> bool:
    """Equal; a tool choice of "auto" is what nobody needs to say."""
    return before == after or {str(before), str(after)} <= {"auto", "None"}


def _places(wanted: Asked, found: Asked, *, words: bool) -> Iterator[tuple[str, object, object]]:
    """Both sides of each part of two conversations; `words`: what the model said, too."""
    yield "system", wanted.system.strip(), found.system.strip()
    turns = [[_meaning(turn, words=words) for turn in asked.turns] for asked in (wanted, found)]
    for position in range(max(map(len, turns))):
        mine, theirs = (side[position] if position < len(side) else None for side in turns)
        yield f"turn{position}", mine, theirs
    tools = [{n: outline(s) for n, s in asked.tools.items()} for asked in (wanted, found)]
    yield "tools", tools[0], tools[1]


def _meaning(turn: Turn, *, words: bool) -> tuple[object, ...]:
    """What of a turn two requests in different dialects have in common.

    Of a turn of the model, the words and arguments are those of its own run.
    """
    results = [(result.call, _unwrapped(result.text), result.media) for result in turn.results]
    if turn.role == "assistant" and not words:
        return (turn.role, [name for name, _ in turn.calls])
    return (turn.role, turn.text.strip(), sorted(turn.media), turn.calls, results)


def _unwrapped(text: str) -> str:
    """A tool's result without the object that an API may ask for around it."""
    try:
        value: Any = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, dict) and len(value) == 1 and value.keys() <= _WRAPPERS:
        inner = next(iter(value.values()))
        return inner if isinstance(inner, str) else canonical(inner)
    return canonical(value)


def check_pair_answer(findings: Findings, pair: Pair, ours: Received, theirs: Received) -> None:
    """Compare the gateway's answer with OpenRouter's recorded one."""
    if theirs.unreadable is not None or not theirs.bodies or theirs.error is not None:
        return  # nothing to compare with
    for index, mine in ours.choices.items():
        other = theirs.choices.get(index)
        alike = other is not None and bool(other.calls) == bool(mine.calls)
        if other is not None and alike and other.native_finish == mine.native_finish:
            detail = f"{mine.native_finish!r} is {mine.finish!r}, there {other.finish!r}"
            findings.check("pair.answer.finish", detail, holds=mine.finish == other.finish)
    _check_details(findings, ours, theirs)
    told = [
        {a.get("type") for m in _messages(r) for a in _objects(m.get("annotations"))}
        for r in (ours, theirs)
    ]
    for kind in sorted(str(kind) for kind in told[1] - told[0]):
        findings.add("pair.answer.annotations", f"{kind} only there")
    if pair.era != "E3" or pair.openrouter.fidelity == "reserialised":
        return
    if ours.stream:
        _check_sequence(findings, ours, theirs)
        _check_chunk_keys(findings, ours, theirs)
    else:
        _check_body_keys(findings, ours.bodies[0], theirs.bodies[0])
    _check_usage_keys(findings, ours, theirs)


def _objects(value: object) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _messages(received: Received) -> Iterator[JsonObject]:
    for body in received.bodies:
        for choice in _objects(body.get("choices")):
            message = choice.get("delta" if received.stream else "message")
            if isinstance(message, dict):
                yield message


def _check_details(findings: Findings, ours: Received, theirs: Received) -> None:
    """The same kinds of `reasoning_details`, in the same form, where both runs have any."""
    found = []
    for received in (ours, theirs):
        details = [d for m in _messages(received) for d in _objects(m.get("reasoning_details"))]
        found.append({(d.get("type"), d.get("format"), "id" in d) for d in details})
    for detail in found[0]:
        forms = {form for kind, form, _ in found[1] if kind == detail[0]}
        holds = not forms or detail[1] in forms
        findings.check("pair.answer.details", f"{detail}, there {forms}", holds=holds)


def _kind(delta: JsonObject) -> str:
    """One letter for what a delta brings, as in the corpus' openrouter-wire 3."""
    for detail in _objects(delta.get("reasoning_details")):
        if detail.get("type") == "reasoning.encrypted":
            return "E"
        if detail.get("type") == "reasoning.summary":
            return "S"
        return "R" if detail.get("text") is not None else "g"
    for call in _objects(delta.get("tool_calls")):
        return "T" if call.get("id") else "t"
    for name, letter in (("annotations", "A"), ("images", "I"), ("content", "c")):
        if delta.get(name):
            return letter
    return ""


def sequence_of(received: Received) -> list[str]:
    """The kinds of deltas of a stream in order, repeats of one kind and of calls joined."""
    letters: list[str] = []
    for body in received.bodies:
        for choice in _objects(body.get("choices")):
            ending = "F" if choice.get("finish_reason") else ""
            letter = ("U" if "usage" in body else "") + ending or _kind(choice.get("delta") or {})
            if letter and letters[-1:] != [letter]:
                letters.append(letter)
    joined: list[str] = []
    for letter in letters:
        if letter in {"T", "t"} and letter in joined[-2:]:
            continue
        joined.append(letter)
    return joined


def _check_sequence(findings: Findings, ours: Received, theirs: Received) -> None:
    """The same order of kinds, where both runs have the same kinds."""
    mine, other = sequence_of(ours), sequence_of(theirs)
    if set(mine) == set(other):
        detail = f"{' '.join(mine)}, there {' '.join(other)}"
        findings.check("pair.answer.sequence", detail, holds=mine == other)


def _check_chunk_keys(findings: Findings, ours: Received, theirs: Received) -> None:
    """Keys of chunks, choices and deltas, by the kind of delta."""
    forms = (_forms(ours), _forms(theirs))
    for kind in forms[0].keys() & forms[1].keys():
        for place, (mine, other) in enumerate(zip(forms[0][kind], forms[1][kind], strict=True)):
            name = ("chunk", "choice", "delta")[place]
            _check_keys(findings, f"{name} of {kind}", mine, other)


def _forms(received: Received) -> dict[str, tuple[list[str], list[str], list[str]]]:
    """By kind of delta: the keys of the first chunk of that kind, of its choice and its delta."""
    found: dict[str, tuple[list[str], list[str], list[str]]] = {}
    for body in received.bodies:
        for choice in _objects(body.get("choices")):
            delta = choice.get("delta") or {}
            ending = "F" if choice.get("finish_reason") else ""
            kind = ("U" if "usage" in body else "") + ending or _kind(delta)
            if ending and any("reasoning" in m for m in _messages(received)):
                delta = {key: value for key, value in delta.items() if key != "reasoning"}
            found.setdefault(kind, (list(body), list(choice), list(delta)))
    return found


def _check_keys(findings: Findings, place: str, mine: list[str], other: list[str]) -> None:
    """All the keys that OpenRouter has, in its order; more of them are another rule."""
    left = [key for key in mine if key in other and key not in _SOMETIMES]
    right = [key for key in other if key not in _SOMETIMES]
    findings.check("pair.answer.keys", f"{place}: {left}, there {right}", holds=left == right)
    more = [key for key in mine if key not in other and key not in _SOMETIMES]
    findings.check("pair.answer.more", f"{place}: {more}", holds=not more)


def _check_body_keys(findings: Findings, ours: JsonObject, theirs: JsonObject) -> None:
    _check_keys(findings, "body", list(ours), list(theirs))
    for mine, other in zip(
        _objects(ours.get("choices")), _objects(theirs.get("choices")), strict=False
    ):
        _check_keys(findings, "choice", list(mine), list(other))
        messages = (mine.get("message") or {}, other.get("message") or {})
        # What only one of the two runs brought.
        once = {"tool_calls", "reasoning_details", "annotations", "images", "audio"}
        once -= messages[0].keys() & messages[1].keys()
        keys = [[key for key in message if key not in once] for message in messages]
        _check_keys(findings, "message", *keys)
        for name in ("tool_calls", "reasoning_details"):
            _check_items(findings, name, *(message.get(name) for message in messages))


def _check_items(findings: Findings, name: str, ours: object, theirs: object) -> None:
    """Keys of the items of a list, by their type: the first of each."""
    forms = [{str(i.get("type")): list(i) for i in reversed(_objects(v))} for v in (ours, theirs)]
    for kind in forms[0].keys() & forms[1].keys():
        mine, other = (sorted(form[kind]) for form in forms)
        detail = f"{name} {kind}: {mine}, there {other}"
        findings.check("pair.answer.items", detail, holds=mine == other)


def _check_usage_keys(findings: Findings, ours: Received, theirs: Received) -> None:
    """The keys of usage, those inside its details included."""
    if not ours.usage or not theirs.usage:
        findings.check("pair.answer.usage", "no usage", holds=bool(ours.usage))
        return
    tool_use = {"server_tool_use_details", "server_tool_use"}
    keys = [_paths(u, leave=tool_use) for u in (ours.usage, theirs.usage)]
    detail = f"{sorted(keys[0] - keys[1])} more, {sorted(keys[1] - keys[0])} less than there"
    findings.check("pair.answer.usage", detail, holds=keys[0] == keys[1])


def _paths(body: JsonObject, *, leave: set[str]) -> set[str]:
    found: set[str] = set()
    for name, value in body.items():
        if name not in leave:
            found.add(name)
            inner = value if isinstance(value, dict) else {}
            found |= {f"{name}.{key}" for key in inner}
    return found
