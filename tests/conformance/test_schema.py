"""Validation against an OpenAPI description, shown with a small invented one."""

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.schema import SchemaError, Schemas, load_schemas


def _response(name: str, media_type: str = "application/json") -> dict[str, Any]:
    return {"content": {media_type: {"schema": {"$ref": f"#/components/schemas/{name}"}}}}


def _document() -> dict[str, Any]:
    answer = _response("Result")
    answer["content"] |= _response("Event", "text/event-stream")["content"]
    chunk = {
        "type": "object",
        "required": ["choices"],
        "properties": {
            "choices": {"type": "array"},
            "usage": {"$ref": "#/components/schemas/Usage"},
        },
    }
    return {
        "paths": {
            "/chat/completions": {
                "post": {
                    "responses": {"200": answer, "400": _response("Bad"), "500": _response("Oops")}
                }
            }
        },
        "components": {
            "schemas": {
                "Result": {
                    "type": "object",
                    "required": ["id"],
                    "properties": {
                        "id": {"type": "string", "pattern": r"^gen-\d+$"},
                        "tier": {"type": ["string", "null"]},
                    },
                    "example": {"$ref": "#/components/schemas/Nowhere"},
                },
                "Event": {"properties": {"data": {"$ref": "#/components/schemas/Chunk"}}},
                "Chunk": chunk,
                "Usage": {"type": "object", "properties": {"cost": {"type": "number"}}},
                "Bad": {"type": "object", "required": ["error"]},
                "Oops": {"type": "object", "required": ["error", "code"]},
            }
        },
    }


def test_a_valid_answer_has_no_problems() -> None:
    assert Schemas(_document()).result({"id": "gen-1", "tier": None}) == []


def test_a_problem_names_its_place() -> None:
    problems = Schemas(_document()).result({"id": "chatcmpl-1", "tier": 5})

    assert sorted(line.split(": ")[0] for line in problems) == ["id", "tier"]


def test_chunks_are_what_the_events_carry_and_references_are_followed() -> None:
    schemas = Schemas(_document())

    assert schemas.chunk_name == "Chunk"
    assert schemas.chunk({"choices": [], "usage": {"cost": "0"}})[0].startswith("usage/cost: ")


def test_a_status_without_a_description_is_held_to_the_one_of_500() -> None:
    schemas = Schemas(_document())

    assert schemas.error(400, {"error": {}}) == []
    assert len(schemas.error(418, {"error": {}})) == 1


def test_a_file_that_is_not_a_description_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text("paths: {}\ncomponents: {schemas: {}}\n", encoding="utf-8")

    with pytest.raises(SchemaError, match="no POST /chat/completions"):
        load_schemas(path)
