"""What no answer may tell: how the gateway is made, where it runs, and any part of a key."""

import re
from pathlib import Path

from tests.e2e.process import Gateway
from tests.e2e.wire import Answer

FRAGMENT = 12
_WORDS = re.compile(
    rb"Traceback|File \"|, line \d+|\.py\b|site-packages|/home/|/ro{2}t/|/usr/|/var/|/tmp/"
    rb"|src/portico|portico/(?:server|storage|dialects|routing|transport|cli|gateway|answering)"
    rb"|portico\.(?:server|storage|dialects|routing|transport|cli|errors)"
    rb"|sqlite|apsw|msgspec|uvicorn|httptools|aiohttp|asyncio"
    rb"|\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM)\b.{1,60}\b(?:keys|entries|generations)\b"
    rb"|key_hash|picousd|syntax error|unrecognized token|no such (?:table|column)"
    rb"|(?:Key|Value|Type|Attribute|Index|Overflow|Recursion|Unicode\w+)Error"
    rb"|object has no attribute|NoneType",
)
# What an answer may carry; anything else got there by accident or by somebody's doing.
HEADERS = {
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "etag",
    "access-control-expose-headers",
    "access-control-max-age",
    "allow",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "date",
    "retry-after",
    "transfer-encoding",
    "x-accel-buffering",
    "x-generation-id",
    "x-should-retry",
}


class Inside:
    """Finds what an answer says too much. One per gateway."""

    def __init__(self, gateway: Gateway, *, upstream_port: int, secrets: tuple[str, ...]) -> None:
        self._fixed = [
            str(gateway.folder).encode(),
            str(Path.cwd()).encode(),
            b":%d" % upstream_port,
        ]
        self._fragments = {
            secret[start : start + FRAGMENT].encode()
            for secret in secrets
            for start in range(len(secret) - FRAGMENT + 1)
        }

    def shown_by(self, answer: Answer, *, sent: bytes = b"") -> list[bytes]:
        """Everything forbidden in the answer, save what the client itself has said."""
        text = answer.raw + answer.after
        found = [match for match in _WORDS.findall(text) if match not in sent]
        found += [part for part in self._fixed if part in text]
        parts = {text[i : i + FRAGMENT] for i in range(len(text) - FRAGMENT + 1)}
        found += sorted(parts & self._fragments)
        found += [name.encode() for name, _ in answer.headers if name not in HEADERS]
        return found


def envelope_faults(answer: Answer) -> list[str]:
    """What is wrong with the form of an error: body, code, type, and headers for browsers."""
    faults = []
    if answer.header("access-control-allow-origin") != "*":
        faults.append("no CORS header")
    if answer.header("content-type") != "application/json":
        faults.append(f"content-type {answer.header('content-type')}")
    try:
        error = answer.json["error"]
    except (ValueError, KeyError, TypeError):
        return [*faults, f"no error object: {answer.body[:200]!r}"]
    if type(error.get("code")) is not int or error["code"] != answer.status:
        faults.append(f"code {error.get('code')!r} with status {answer.status}")
    if not (isinstance(error.get("message"), str) and error["message"]):
        faults.append("no message")
    if not isinstance(error.get("metadata", {}).get("error_type"), str):
        faults.append("no error_type")
    return faults
