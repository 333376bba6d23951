"""The request bodies: one small chat, one with a long history."""

import json
from pathlib import Path

SMALL_BYTES = 2_000
LARGE_BYTES = 32_000

SYSTEM = (
    "You answer questions about shipping documents. Keep to what the document says, name the "
    "page, and say so when it is silent. Prices are quoted as written; dates in ISO form. "
)
QUESTION = (
    'The consignment note lists forty crates of "fragile" glassware, received at dock 7.\n'
    "Does the insurance cover breakage between the dock and the warehouse, and until when? "
)
ANSWER = (
    "Page 3 covers transport \u201cfrom dock to door\u201d; breakage in the warehouse is not "
    "mentioned. The cover ends with the delivery receipt. "
)


def _messages(size_bytes: int) -> list[dict[str, str]]:
    messages = [{"role": "system", "content": SYSTEM * 3}]
    while len(json.dumps(messages, ensure_ascii=False).encode()) < size_bytes - 700:
        messages.append({"role": "user", "content": QUESTION * 2})
        messages.append({"role": "assistant", "content": ANSWER})
    return [*messages, {"role": "user", "content": "And between warehouses?"}]


def body(*, model: str, stream: bool, size_bytes: int) -> bytes:
    """Return a chat request of about `size_bytes` bytes; streams ask for usage."""
    request: dict[str, object] = {
        "model": model,
        "messages": _messages(size_bytes),
        "temperature": 0.7,
        "max_tokens": 256,
    }
    if stream:
        request |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(request, ensure_ascii=False).encode()


def write_bodies(directory: Path, model: str) -> dict[str, Path]:
    """Write the bodies of all workloads and return their files by workload.

    `model` names the models of this gateway, with `{}` where the workload goes.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files = {}
    for workload, mode, size_bytes in [
        ("json_2k", "json", SMALL_BYTES),
        ("json_32k", "json", LARGE_BYTES),
        ("burst", "burst", SMALL_BYTES),
        ("each", "each", SMALL_BYTES),
        ("paced", "paced", SMALL_BYTES),
        ("slow", "slow", SMALL_BYTES),
    ]:
        files[workload] = directory / f"{workload}.json"
        files[workload].write_bytes(
            body(model=model.format(mode), stream=mode != "json", size_bytes=size_bytes)
        )
    return files
