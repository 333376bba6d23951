"""Invented answers in the forms of the contract and of its upstreams, for the tests of this folder."""

import copy
import json
from typing import Any

from tests.conformance.received import Received, read_received

MODEL = "acme/orca-2"
GENERATION = "gen-1790000000-a1B2c3D4e5F6g7H8i9J0"

USAGE: dict[str, Any] = {
    "prompt_tokens": 12,
    "completion_tokens": 3,
    "total_tokens": 15,
    "cost": 0.000021,
    "is_byok": False,
    "prompt_tokens_details": {
        "cached_tokens": 0,
        "cache_write_tokens": 0,
        "audio_tokens": 0,
        "video_tokens": 0,
    },
    "cost_details": {
        "upstream_inference_cost": 0.000021,
        "upstream_inference_prompt_cost": 0.000012,
        "upstream_inference_completions_cost": 0.000009,
    },
    "completion_tokens_details": {"reasoning_tokens": 0, "image_tokens": 0, "audio_tokens": 0},
}

HEAD = {
    "content-type": "application/json",
    "access-control-allow-origin": "*",
    "x-generation-id": GENERATION,
}
STREAM_HEAD = HEAD | {"content-type": "text/event-stream", "cache-control": "no-cache"}


def chunk(delta: dict[str, Any], *, finish: str | None = None, **rest: Any) -> dict[str, Any]:
    """One chunk of a stream with one choice; `rest` stands around the choices."""
    choice = {
        "index": 0,
        "delta": delta,
        "finish_reason": finish,
        "native_finish_reason": finish,
    }
    usage = rest.pop("usage", None)
    return (
        {
            "id": GENERATION,
            "object": "chat.completion.chunk",
            "created": 1790000000,
            "model": MODEL,
            "provider": "Acme",
        }
        | rest
        | {"choices": [choice]}
        | ({"usage": usage} if usage else {})
    )


def text(content: str) -> dict[str, Any]:
    return {"content": content, "role": "assistant"}


def tool(index: int, arguments: str, **opening: str) -> dict[str, Any]:
    """A tool fragment; `id` and `name` open a call."""
    call: dict[str, Any] = {"index": index, "function": {"arguments": arguments}}
    if opening:
        call = {
            "index": index,
            "id": opening["id"],
            "type": "function",
            "function": {"name": opening["name"], "arguments": arguments},
        }
    return {"content": None, "role": "assistant", "tool_calls": [call]}


def tail(finish: str = "stop") -> list[dict[str, Any]]:
    """The finish chunk and the usage chunk that repeats it."""
    return [
        chunk(text(""), finish=finish),
        chunk(text(""), finish=finish, service_tier=None, usage=copy.deepcopy(USAGE)),
    ]


def events(*chunks: dict[str, Any]) -> bytes:
    """Chunks as the bytes of a stream that ends as it should."""
    lines = [f"data: {json.dumps(c)}\n\n" for c in chunks]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()


def stream(*chunks: dict[str, Any], raw: bytes | None = None) -> Received:
    """A streamed answer as received."""
    return read_received(status=200, headers=STREAM_HEAD, raw=raw or events(*chunks))


def body(**message: Any) -> dict[str, Any]:
    """A whole answer; `message` fields replace or extend the plain text's."""
    fields = {"role": "assistant", "content": "Four.", "refusal": None, "reasoning": None}
    return {
        "id": GENERATION,
        "object": "chat.completion",
        "created": 1790000000,
        "model": MODEL,
        "provider": "Acme",
        "system_fingerprint": None,
        "service_tier": None,
        "choices": [
            {
                "index": 0,
                "logprobs": None,
                "finish_reason": "stop",
                "native_finish_reason": "stop",
                "message": fields | message,
            }
        ],
        "usage": copy.deepcopy(USAGE),
    }


def whole(answer: dict[str, Any], *, status: int = 200) -> Received:
    """A JSON answer as received."""
    return read_received(status=status, headers=HEAD, raw=json.dumps(answer).encode())
