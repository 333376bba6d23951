"""Which recording a request means, and if none, what differs.

A matcher compares a request with a recorded one and returns None, or what
differs as a phrase a person can read: the code that decides also explains.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import zip_longest
from urllib.parse import parse_qsl, urlsplit

from portico.cassette.model import RecordedRequest
from portico.jsonio import JsonError, JsonObject, dumps, loads

Matcher = Callable[[RecordedRequest, RecordedRequest], str | None]

_SHOWN_DIFFERENCES = 3
_SHOWN_CHARACTERS = 80
_PROMPT_FIELDS = ("model", "messages", "tools", "tool_choice", "response_format", "stream")
_ABSENT = object()
_NOT_JSON = object()


def method(a: RecordedRequest, b: RecordedRequest) -> str | None:
    """The HTTP method."""
    return None if a.method == b.method else f"{a.method} != {b.method}"


def origin(a: RecordedRequest, b: RecordedRequest) -> str | None:
    """Scheme, host and port: the provider."""
    left, right = (f"{u.scheme}://{u.netloc}" for u in (urlsplit(r.url) for r in (a, b)))
    return None if left == right else f"{left} != {right}"


def path(a: RecordedRequest, b: RecordedRequest) -> str | None:
    """The path of the URL."""
    left, right = urlsplit(a.url).path, urlsplit(b.url).path
    return None if left == right else f"{left} != {right}"


def api_path(a: RecordedRequest, b: RecordedRequest) -> str | None:
    """The path below the root of the API: `/api/v1/key` and `/v1/key` are the same."""
    left, right = (_below_api(urlsplit(r.url).path) for r in (a, b))
    return None if left == right else f"{left} != {right}"


def _below_api(path: str) -> str:
    for prefix in ("/api/v1/", "/v1/"):
        if path.startswith(prefix):
            return path[len(prefix) - 1 :]
    return path


def query(a: RecordedRequest, b: RecordedRequest) -> str | None:
    """The query of the URL; the order of its parameters does not matter."""
    left, right = (sorted(parse_qsl(urlsplit(r.url).query)) for r in (a, b))
    return None if left == right else f"{left} != {right}"


def body(a: RecordedRequest, b: RecordedRequest) -> str | None:
    """JSON bodies are equal as values: key order and spacing do not matter."""
    return _differences(a, b, lambda value: value)


def body_without(*ignored: str) -> Matcher:
    """Make a matcher like `body` that leaves out the fields at these JSON pointers.

    `body_without("/stream_options", "/messages/0/name")`
    """
    pointers = [_keys(pointer) for pointer in ignored]

    def body(a: RecordedRequest, b: RecordedRequest) -> str | None:
        return _differences(a, b, lambda value: _without(value, pointers))

    return body


def chat_body(a: RecordedRequest, b: RecordedRequest) -> str | None:
    """`body` as a chat provider understands it.

    `stream_options` is left out, for a gateway sets it; `max_tokens` and
    `max_completion_tokens` are one field under two names; `"stream": false` is
    as if it were not there.
    """
    return _differences(a, b, _as_understood)


def prompt(a: RecordedRequest, b: RecordedRequest) -> str | None:
    """What a model is asked: model, messages, tools, their choice, format, streamed or not.

    Tools are the same if they are called the same. Sampling parameters and limits
    do not matter, neither does the case of the model's name, whether text stands
    alone or as the only part of a list, whether a field of a message is empty or
    not there, nor the `index` that a call keeps from its stream.
    """
    return _differences(a, b, _as_prompt)


def uri(a: RecordedRequest, b: RecordedRequest) -> str | None:
    """The whole URL."""
    return None if a.url == b.url else f"{a.url} != {b.url}"


MATCHERS: Mapping[str, Matcher] = {
    matcher.__name__: matcher
    for matcher in (method, origin, path, api_path, query, uri, body, chat_body, prompt)
}
"""What requests can be compared by, by name."""


def matchers_named(names: Sequence[str], *, ignored: Sequence[str] = ()) -> tuple[Matcher, ...]:
    """Return the matchers of these names.

    Args:
        names: keys of `MATCHERS`.
        ignored: JSON pointers of places in bodies that do not matter.

    Raises:
        ValueError: a name is not known, or a pointer does not begin with a slash.
    """
    for pointer in ignored:
        if not pointer.startswith("/"):
            raise ValueError(f"{pointer!r} is no JSON pointer: it does not begin with a slash")
    pointers = [_keys(pointer) for pointer in ignored]
    found: list[Matcher] = []
    for name in names:
        if name not in MATCHERS:
            raise ValueError(f"{name!r} is no matcher; there are {', '.join(MATCHERS)}")
        found.append(_ignoring(name, pointers) if pointers and name in _VIEWS else MATCHERS[name])
    return tuple(found)


def _ignoring(name: str, pointers: Sequence[Sequence[str]]) -> Matcher:
    view = _VIEWS[name]

    def matcher(a: RecordedRequest, b: RecordedRequest) -> str | None:
        return _differences(a, b, lambda value: view(_without(value, pointers)))

    matcher.__name__ = name
    return matcher


def matches(
    request: RecordedRequest, recorded: RecordedRequest, matchers: Sequence[Matcher]
) -> bool:
    """Whether no matcher finds a difference."""
    return all(matcher(request, recorded) is None for matcher in matchers)


def explain(
    request: RecordedRequest,
    recorded: Sequence[RecordedRequest],
    matchers: Sequence[Matcher],
    *,
    labels: Sequence[str] = (),
) -> str:
    """Describe the closest miss, for the error a user reads when replay fails.

    Closest is what fails the fewest matchers; of several, what there is least to
    say about. `labels` name the recordings; without them they are numbered.
    """
    closest = closest_miss(request, recorded, matchers)
    if closest is None:
        return "the cassette is empty"
    number, found = closest
    label = labels[number] if labels else f"interaction {number}"
    return f"closest is {label}; it differs in " + "; ".join(found)


def closest_miss(
    request: RecordedRequest, recorded: Sequence[RecordedRequest], matchers: Sequence[Matcher]
) -> tuple[int, list[str]] | None:
    """The index of the closest recording and what differs, None if nothing is recorded."""

    def failures(candidate: RecordedRequest) -> list[str]:
        return [f"{m.__name__}: {why}" for m in matchers if (why := m(request, candidate))]

    return min(
        enumerate(map(failures, recorded)),
        key=lambda pair: (len(pair[1]), sum(map(len, pair[1]))),
        default=None,
    )


def differences(a: object, b: object, pointer: str = "") -> Iterator[str]:
    """Name the places where two JSON values differ, as JSON pointers with both values.

    >>> list(differences({"a": [1, 2]}, {"a": [1, 3], "b": 0}))
    ['/a/1: 2 != 3', '/b: nothing != 0']
    """
    if isinstance(a, dict) and isinstance(b, dict):
        for key in [*a, *(key for key in b if key not in a)]:
            place = f"{pointer}/{_escaped(key)}"
            yield from differences(a.get(key, _ABSENT), b.get(key, _ABSENT), place)
    elif isinstance(a, list) and isinstance(b, list):
        for index, (left, right) in enumerate(zip_longest(a, b, fillvalue=_ABSENT)):
            yield from differences(left, right, f"{pointer}/{index}")
    elif _kind(a) != _kind(b) or a != b:
        yield f"{pointer or '/'}: {_shown(a)} != {_shown(b)}"


def _differences(
    a: RecordedRequest, b: RecordedRequest, view: Callable[[object], object]
) -> str | None:
    if a.body == b.body:
        return None
    left, right = _json(a), _json(b)
    if left is _NOT_JSON or right is _NOT_JSON:
        return "bodies differ"
    found = list(differences(view(left), view(right)))
    if not found:
        return None
    more = len(found) - _SHOWN_DIFFERENCES
    shown = found[:_SHOWN_DIFFERENCES] + ([f"and {more} more"] if more > 0 else [])
    return ", ".join(shown)


def _json(request: RecordedRequest) -> object:
    """The decoded body. Shared: it must not be changed.

    Many recordings have no headers: a body that says nothing of itself is JSON if it can be.
    """
    if request.content_type and "json" not in request.content_type:
        return _NOT_JSON
    return _decoded(request.body)


@lru_cache(maxsize=4096)
def _decoded(data: bytes) -> object:
    try:
        return loads(data)
    except JsonError:
        return _NOT_JSON


def _kind(value: object) -> object:
    """JSON's kinds: 1 and 1.0 are both numbers, 1 and true are not both."""
    return float if type(value) is int else type(value)


def _shown(value: object) -> str:
    if value is _ABSENT:
        return "nothing"
    text = dumps(value).decode()
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _keys(pointer: str) -> list[str]:
    return [_unescaped(key) for key in pointer.split("/")[1:]]


def _unescaped(key: str) -> str:
    return key.replace("~1", "/").replace("~0", "~")


def _without(value: object, pointers: Sequence[Sequence[str]]) -> object:
    """A copy of `value` without the places the pointers name."""
    here = {pointer[0] for pointer in pointers if len(pointer) == 1}
    below = [pointer for pointer in pointers if len(pointer) > 1]

    def rest(key: str) -> list[Sequence[str]]:
        return [pointer[1:] for pointer in below if pointer[0] == key]

    if isinstance(value, dict):
        return {key: _without(v, rest(key)) for key, v in value.items() if key not in here}
    if isinstance(value, list):
        items = ((str(index), item) for index, item in enumerate(value))
        return [_without(item, rest(key)) for key, item in items if key not in here]
    return value


def _as_understood(value: object) -> object:
    if not isinstance(value, dict):
        return value
    plain = {key: v for key, v in value.items() if key != "stream_options"}
    cap = plain.pop("max_completion_tokens", None)
    if cap is not None:
        plain["max_tokens"] = cap
    if plain.get("stream") is False:
        del plain["stream"]
    return plain


def _as_prompt(value: object) -> object:
    if not isinstance(value, dict):
        return value
    asked = {key: value[key] for key in _PROMPT_FIELDS if value.get(key) not in (None, [], False)}
    if isinstance(asked.get("model"), str):
        asked["model"] = asked["model"].lower()
    if asked.get("tool_choice") == "auto":
        del asked["tool_choice"]
    if isinstance(asked.get("tools"), list):
        asked["tools"] = [_tool_name(tool) for tool in asked["tools"]]
    if isinstance(asked.get("messages"), list):
        asked["messages"] = [_as_said(message) for message in asked["messages"]]
    return asked


def _tool_name(tool: object) -> object:
    match tool:
        case {"function": {"name": name}}:
            return name
    return tool


def _as_said(message: object) -> object:
    if not isinstance(message, dict):
        return message
    said: JsonObject = {key: v for key, v in message.items() if v not in (None, [], "")}
    match said.get("content"):
        case [{"type": "text", "text": str(text)}]:
            said["content"] = text
    if isinstance(said.get("tool_calls"), list):
        said["tool_calls"] = [_without(call, [["index"]]) for call in said["tool_calls"]]
    return said


_VIEWS: Mapping[str, Callable[[object], object]] = {
    "body": lambda value: value,
    "chat_body": _as_understood,
    "prompt": _as_prompt,
}
