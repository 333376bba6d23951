"""YAML as cassettes use it: read safely, old tags included, and written to be read by people.

Nothing in a file can call code. The tags that older recorders left are taken
one by one for the plain values they stand for; every other one is refused, and
so are nesting that the reader would break down under and aliases by which a
small file stands for a huge one.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

import yaml

YamlError = (yaml.YAMLError, RecursionError, ValueError)
"""What reading can raise, for an `except` clause."""

_CORE_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE_DUMPER: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_PYTHON = "tag:yaml.org,2002:python/"
_UNFOLDED = 1 << 30
_MOST_LEVELS = 128
_MOST_REPEATED = 10
_ALWAYS_ALLOWED = 100_000  # characters
_UNSAFE = re.compile("[\\r\\x85\\u2028\\u2029\\ufeff]")


class _Loader(_CORE_LOADER):  # type: ignore[misc, valid-type]  # one of two classes
    """The safe loader and the harmless tags of old cassettes."""


class _Dumper(_CORE_DUMPER):  # type: ignore[misc, valid-type]  # one of two classes
    """The safe dumper; text of several lines stands as it is."""

    def ignore_aliases(self, data: Any) -> bool:
        """Two equal values are written twice: cassettes are read by people."""
        return True


class Inline(list[object]):
    """A list that is written on one line."""


def load_yaml(text: bytes) -> Any:
    """Read a document.

    Raises:
        YamlError: it is not YAML, not UTF-8, holds a tag that is not known, is
            nested too deeply, or repeats itself by aliases without end.
    """
    _check_depth(text)
    loader: Any = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _check_aliases(root)
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _check_depth(text: bytes) -> None:
    """
    Raises:
        YamlError: it is no YAML up to the place where it is nested too deeply, or it is.
    """
    depth = 0
    for event in yaml.parse(text, Loader=_CORE_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MOST_LEVELS:
                raise ValueError(f"it is nested more than {_MOST_LEVELS} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _check_aliases(root: Any) -> None:
    """Refuse a document that is far longer with its aliases written out than as it stands.

    Raises:
        ValueError: it is, or a part of it contains itself.
    """
    full: dict[int, int | None] = {}  # size with aliases written out; None while it is measured
    written = 0
    pending = [root]
    while pending:
        node = pending[-1]
        parts = _parts(node)
        if id(node) not in full:
            full[id(node)] = None
            if any(full.get(id(part), 0) is None for part in parts):
                raise ValueError("a part of it contains itself")
            pending += [part for part in parts if id(part) not in full]
            continue
        pending.pop()
        if full[id(node)] is None:
            own = 1 if parts else 1 + len(node.value)
            full[id(node)] = own + sum(full[id(part)] or 0 for part in parts)
            written += own
    if (full[id(root)] or 0) > _MOST_REPEATED * written + _ALWAYS_ALLOWED:
        raise ValueError("its aliases stand for far more than it says")


def _parts(node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def dump_yaml(value: object) -> bytes:
    """Write a document; keys keep their order."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_UNFOLDED
    )
    return text.encode()


def _text(loader: Any, node: Any) -> object:
    return loader.construct_scalar(node)


def _sequence(loader: Any, node: Any) -> object:
    return loader.construct_sequence(node, deep=True)


def _base64(loader: Any, node: Any) -> bytes:
    try:
        return base64.b64decode(str(loader.construct_scalar(node)))
    except (binascii.Error, ValueError) as error:
        raise yaml.constructor.ConstructorError(
            None, None, f"not base64: {error}", node.start_mark
        ) from None


def _file(loader: Any, node: Any) -> object:
    """A pickled file-like body: its content is the first thing of its state."""
    state = loader.construct_mapping(node, deep=True).get("state") or (b"",)
    return _first(state, node) or b""


def _iterator(loader: Any, node: Any) -> object:
    args = loader.construct_mapping(node, deep=True).get("args")
    return _first(args, node) if args else []


def _first(values: object, node: Any) -> object:
    if not isinstance(values, list | tuple) or not values:
        raise yaml.constructor.ConstructorError(None, None, "expected a list", node.start_mark)
    return values[0]


_TAGS: dict[str, Callable[[Any, Any], object]] = {
    f"{_PYTHON}str": _text,
    f"{_PYTHON}unicode": _text,
    f"{_PYTHON}bytes": _base64,
    f"{_PYTHON}tuple": _sequence,
    f"{_PYTHON}list": _sequence,
    f"{_PYTHON}object/new:_io.BytesIO": _file,
    f"{_PYTHON}object/apply:builtins.iter": _iterator,
    "!binary": _base64,
    "!str": _text,
    "!ruby/symbol": _text,
    "!ruby/sym": _text,
}
for _tag, _construct in _TAGS.items():
    _Loader.add_constructor(_tag, _construct)


def _represent_text(dumper: Any, text: str) -> Any:
    """Lines as a block. What YAML would read as another line break is escaped."""
    style = None
    if _UNSAFE.search(text):
        style = '"'
    elif "\n" in text and not text[0].isspace():
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_inline(dumper: Any, values: "Inline") -> Any:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(Inline, _represent_inline)
