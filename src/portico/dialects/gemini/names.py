"""What the Gemini API calls things: paths, spellings of keys, model families, signatures.

https://ai.google.dev/api/generate-content
"""

import re
from typing import Any

from portico.jsonio import JsonObject

FORMAT = "google-gemini-v1"
"""The family of `reasoning_details` that a Gemini model can read back."""

UNSIGNED_CALL = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""Stands in the place of a signature where another model made the call: Gemini 3 refuses a
turn whose first call has none (https://ai.google.dev/gemini-api/docs/thought-signatures)."""

_SNAKE = re.compile(r"_([a-z])")
_MAJOR = re.compile(r"gemini-(\d+)")


def path(model: str, stream: bool) -> str:  # noqa: FBT001  # the Dialect table's signature
    """The path of a call below the base URL.

    >>> path("gemini-2.5-flash", False)
    '/models/gemini-2.5-flash:generateContent'
    """
    name = model if "/" in model else f"models/{model}"
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/{name}:{method}"


def pick(body: JsonObject, name: str) -> Any:
    """A field by its camelCase name; the API also takes snake_case. None if absent."""
    if name in body:
        return body[name]
    return body.get(_snake(name))


def camel(name: str) -> str:
    """
    >>> camel("response_json_schema"), camel("topP")
    ('responseJsonSchema', 'topP')
    """
    return _SNAKE.sub(lambda match: match[1].upper(), name)


def generation(model: str) -> int | None:
    """The major version in a model's name; None for `gemini-flash-latest` and other families.

    >>> generation("gemini-2.5-flash"), generation("gemini-flash-latest")
    (2, None)
    """
    match = _MAJOR.search(model)
    return int(match[1]) if match else None


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
