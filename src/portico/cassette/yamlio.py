"""YAML as cassettes use it: read safely, old tags included, and written to be read by people.

Nothing in a file can call code. The tags that older recorders left are taken
one by one for the plain values they stand for; every other one is refused.
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
        YamlError: it is not YAML, not UTF-8, or holds a tag that is not known.
    """
    return yaml.load(text, Loader=_Loader)  # a safe one


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
    return state[0] or b""


def _iterator(loader: Any, node: Any) -> object:
    args: Any = loader.construct_mapping(node, deep=True).get("args")
    return args[0] if args else []


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
