"""What the Python drivers share. Runs in the client's own environment: nothing of Portico is there.

A driver gives a function for each case, which returns what the client told as a
flat dict. Whether that is right is judged by whoever started the driver.
"""

import json
import sys
from collections.abc import Callable

QUESTION = "What is the weather in Lisbon and in Porto?"
IMAGE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
CALLS = [
    ("call_0", '{"city":"Lisbon"}', "21 degrees"),
    ("call_1", '{"city":"Porto"}', "17 degrees"),
]
FUNCTION = {"name": "get_weather", "description": "The weather of a city", "parameters": SCHEMA}
LONG = "many words " * 2000


class Skip(Exception):
    """The client does not offer this; the message says what it lacks."""


def chat_messages(case: str) -> list[dict]:
    """The messages of a case in the form of OpenAI's chat API."""
    if case == "overflow":
        return [{"role": "user", "content": LONG}]
    if case == "image":
        url = {"url": f"data:image/png;base64,{IMAGE}"}
        parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": url}]
        return [{"role": "user", "content": parts}]
    if case == "results":
        calls = [
            {"id": i, "type": "function", "function": {"name": "get_weather", "arguments": given}}
            for i, given, _ in CALLS
        ]
        results = [{"role": "tool", "tool_call_id": i, "content": said} for i, _, said in CALLS]
        return [
            {"role": "user", "content": QUESTION},
            {"role": "assistant", "content": None, "tool_calls": calls},
            *results,
        ]
    return [{"role": "user", "content": QUESTION}]


def model(case: str) -> str:
    return f"anthropic/{case}" if case == "reasoning" else f"openai/{case}"


def main(cases: dict[str, Callable[[str, str], dict]]) -> None:
    """Run every case with (root URL, key) and print what it told, one JSON line each."""
    root, key = sys.argv[1:3]
    for name, case in cases.items():
        try:
            told = case(root, key)
        except Skip as why:
            told = {"skip": str(why)}
        except Exception as error:  # noqa: BLE001  # whatever a client raises is a result
            told = {"failed": f"{type(error).__name__}: {str(error)[:200]}"}
        print(json.dumps({"case": name, **told}), flush=True)
