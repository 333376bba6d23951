"""Validation against the published OpenAPI 3.1 description (JSON Schema 2020-12)."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema_rs
import yaml

JsonObject = dict[str, Any]
_CHAT_PATH = "/chat/completions"


class SchemaError(Exception):
    """The document does not describe what the run needs."""


class Schemas:
    """Compiled validators for chat answers, chat chunks and error bodies.

    Each is compiled once, from the component it names and those it reaches.
    """

    def __init__(self, document: JsonObject) -> None:
        self._components: JsonObject = document["components"]["schemas"]
        self._paths: JsonObject = document["paths"]
        self._responses = _chat_responses(document)
        self._compiled: dict[str, jsonschema_rs.Draft202012Validator] = {}
        answer = self._responses["200"]
        self.result_name = _reference(answer, "application/json")
        self.chunk_name = self._chunk_of(_reference(answer, "text/event-stream"))

    def result(self, body: object) -> list[str]:
        """What is wrong with a whole chat answer, as lines; empty if nothing is."""
        return self.problems(self.result_name, body)

    def chunk(self, body: object) -> list[str]:
        """What is wrong with the JSON of one `data:` line."""
        return self.problems(self.chunk_name, body)

    def error(self, status: int, body: object) -> list[str]:
        """What is wrong with an error body of `status`; 500's shape where none is described."""
        response = self._responses.get(str(status)) or self._responses["500"]
        return self.problems(_reference(response, "application/json"), body)

    def answer(self, path: str, body: object) -> list[str]:
        """What is wrong with a whole answer of a path below the API's root."""
        item = self._paths[path]
        operation = item.get("post") or item["get"]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        if "$ref" in schema:
            return self.problems(str(schema["$ref"]).rsplit("/", 1)[-1], body)
        name = f"answer of {path}"  # described in place, without a name
        self._components.setdefault(name, schema)
        return self.problems(name, body)

    def problems(self, name: str, body: object) -> list[str]:
        """Validate `body` against the component `name`."""
        validator = self._compiled.get(name)
        if validator is None:
            validator = self._compiled[name] = self._compile(name)
        if validator.is_valid(body):
            return []
        return [_line(error) for error in validator.iter_errors(body)]

    def _chunk_of(self, name: str) -> str:
        """Events are described as objects whose `data` is the JSON of the line."""
        data = self._components[name].get("properties", {}).get("data", {})
        return str(data["$ref"]).rsplit("/", 1)[-1] if "$ref" in data else name

    def _compile(self, name: str) -> jsonschema_rs.Draft202012Validator:
        if name not in self._components:
            raise SchemaError(f"no component {name}")
        reached = _reachable(name, self._components)
        root = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$ref": f"#/components/schemas/{_pointer(name)}",
            "components": {"schemas": {n: self._components[n] for n in sorted(reached)}},
        }
        return jsonschema_rs.Draft202012Validator(root)


def load_schemas(path: Path) -> Schemas:
    """Read and compile the description at `path`.

    Raises:
        SchemaError: it is not an OpenAPI description of chat completions.
        OSError: it cannot be read.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return Schemas(yaml.load(path.read_text(encoding="utf-8"), Loader=loader))
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise SchemaError(f"{path.name}: {type(error).__name__}: {error}") from error


def _chat_responses(document: JsonObject) -> JsonObject:
    for path, item in document["paths"].items():
        if path.endswith(_CHAT_PATH) and "post" in item:
            return dict(item["post"]["responses"])
    raise SchemaError(f"no POST {_CHAT_PATH}")


def _reference(response: JsonObject, media_type: str) -> str:
    return str(response["content"][media_type]["schema"]["$ref"]).rsplit("/", 1)[-1]


def _pointer(name: str) -> str:
    """A name as part of a JSON pointer in a URL."""
    return quote(name.replace("~", "~0").replace("/", "~1"))


def _reachable(name: str, components: JsonObject) -> set[str]:
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in reached:
            reached.add(current)
            waiting += _references(components[current])
    return reached


def _references(schema: object) -> list[str]:
    if isinstance(schema, list):
        return [name for item in schema for name in _references(item)]
    if not isinstance(schema, dict):
        return []
    own = schema.get("$ref")
    found = [own.rsplit("/", 1)[-1]] if isinstance(own, str) else []
    # An example may hold anything, a "$ref" included; it is not part of the schema.
    return found + [n for k, v in schema.items() if k != "example" for n in _references(v)]


def _line(error: Any) -> str:
    place = "/".join(str(step) for step in error.instance_path) or "(root)"
    message = str(error.message)
    return f"{place}: {message[-120:] if len(message) > 200 else message}"
