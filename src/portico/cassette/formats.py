"""The file formats by name, and the way from a file to a cassette whatever its format."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from portico.cassette import govcr, har, rubyvcr, vcrpy
from portico.cassette.fields import failure
from portico.cassette.model import Cassette
from portico.cassette.yamlio import YamlError, load_yaml
from portico.jsonio import JsonError, loads


class Reader(Protocol):
    """Makes a cassette of a decoded file."""

    def __call__(self, document: object, *, name: str = "") -> Cassette: ...


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """How a format is written, and what its files are called. Ruby VCR's is only read."""

    name: str
    title: str
    suffix: str
    write: Callable[[Cassette], bytes]


FORMATS: Mapping[str, Format] = {
    "go-vcr": Format(name="go-vcr", title="go-vcr 2", suffix=".yaml", write=govcr.write),
    "vcrpy": Format(name="vcrpy", title="vcrpy 1", suffix=".yaml", write=vcrpy.write),
    "vcrpy-json": Format(
        name="vcrpy-json", title="vcrpy 1 as JSON", suffix=".json", write=vcrpy.write_json
    ),
    "har": Format(name="har", title="HTTP archive 1.2", suffix=".har", write=har.write),
}
"""What can be written, by the names that commands take."""

RUBY_VCR = "ruby-vcr"
SUFFIXES = (".yaml", ".yml", ".json", ".har")
"""What cassettes' file names end with."""


def load(text: bytes, *, name: str = "") -> Cassette:
    """Read a cassette of any known format. Bodies come out as the exact bytes that were recorded.

    Args:
        text: the file. Only plain data is read: nothing in it can call code.
        name: what messages shall call the cassette.

    Raises:
        CassetteError: it is of no known format, or a field is missing or of
            the wrong kind; the message says which.
    """
    return load_with_format(text, name=name)[0]


def load_with_format(text: bytes, *, name: str = "") -> tuple[Cassette, str]:
    """Read a cassette and return it with the name of its format. See `load`."""
    document, is_json = _decoded(text, name)
    format_name, read = _format_of(document, name)
    if is_json and format_name == "vcrpy":
        format_name = "vcrpy-json"
    return read(document, name=name), format_name


def _decoded(text: bytes, name: str) -> tuple[Any, bool]:
    """YAML is a superset of JSON, but a JSON reader is faster and tells better what is wrong."""
    if text.lstrip()[:1] == b"{":
        try:
            return loads(text), True
        except JsonError:  # may still be YAML in its flow style
            pass
    try:
        return load_yaml(text), False
    except YamlError as error:
        raise failure(name, f"not YAML: {error}") from error


def _format_of(document: Any, name: str) -> tuple[str, Reader]:
    """Tell formats by what stands at the top, go-vcr and vcrpy by how they name an address."""
    if _is_old_list(document):
        raise failure(name, "a cassette of vcrpy before 1.0; `python -m vcr.migration` renews it")
    if not isinstance(document, dict):
        raise failure(name, f"Expected `object`, got `{type(document).__name__}`: not a cassette")
    if "log" in document:
        return "har", har.read
    if "http_interactions" in document:
        return RUBY_VCR, rubyvcr.read
    version = document.get("version")
    if version == vcrpy.VERSION or (version is None and _names_uris(document)):
        return "vcrpy", vcrpy.read
    return "go-vcr", govcr.read


def _is_old_list(document: Any) -> bool:
    match document:
        case [{"request": _}, *_]:
            return True
    return False


def _names_uris(document: Any) -> bool:
    match document:
        case {"interactions": [{"request": {"uri": _}}, *_]}:
            return True
    return False
