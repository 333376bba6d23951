"""What strangers send: strings for every place that takes one, and mutated bodies."""

import json
from collections.abc import Iterator
from random import Random

SQL = (
    "' OR '1'='1",
    "' OR 1=1 --",
    '" OR ""="',
    "1; DROP TABLE users",
    "'; DROP TABLE users; --",
    "' UNION ALL SELECT NULL, NULL, NULL --",
    "x' AND 1=CAST((SELECT 1) AS INT) --",
    "%' AND 1=0 UNION SELECT 1 --",
    "admin'/*",
    "') OR ('a'='a",
    "0x27 OR 1=1",
    "\\'; SELECT 1; --",
    "?1",
    ":name",
    "$1",
    "';ATTACH DATABASE 'x' AS y;--",
    "' || randomblob(1000000000) || '",
    "1 AND 1 LIKE 2",
    "%25' --",
    "\u02bc OR 1=1".encode().decode("latin-1"),
)

TEXTS = (
    *SQL,
    "a\r\nSet-Cookie: stolen=1",
    "a\nX-Injected: 1",
    "a\rb",
    "a\u0000b",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "{{7*7}}",
    "${7*7}",
    "$(id)",
    "`id`",
    "../../../../secret",
    "..%2f..%2fsecret",
    "%s%s%s%n",
    "\u202e\u200b\ufeff",
    "\U0001f600",
    "a" * 5_000,
    "/" * 300,
    ":free",
    "~/latest",
    "@preset/x",
    "a/b:c:d",
    "http://[::1]/",
    "file:///secret",
    "\x7f\x1b[31mred",
)

HOSTS = (
    "evil.example",
    "127.0.0.1:1",
    "localhost",
    "localhost:99999",
    "[::1]",
    "[::1]:80",
    "127.0.0.1@evil.example",
    "evil.example/health",
    "evil.example/health?x=",
    "evil.example#",
    "/health",
    "health",
    "..",
    "a/../b",
    "evil.example/api/v1/models",
    "127.0.0.1/health?",
    "http://evil.example/health",
    "evil.example:80:80",
    "-",
    "*",
    "%00",
    "%2fhealth",
    "x" * 1_000,
    "xn--e1afmkfd.example",
    "\u00e9vil.example",
    "evil.example\\health",
    "evil.example;health",
    "user:pass@evil.example",
    "'; DROP TABLE users; --",
    "<script>",
    *(f"host-{number}.example/health{'?' * (number % 3)}" for number in range(70)),
)

# Wrong values for a field, by its name; each is refused by a sentence that names the field.
WRONG: dict[str, tuple[object, ...]] = {
    "model": (1, 1.5, True, [], {}, ["a/b"]),
    "models": ("a/b", 1, {}, [1], [None], [[]], ["a/b"] * 11),
    "messages": (
        "hi", 1, True, {}, [], [1], [None], ["hi"], [[]], [{}], [{"content": "hi"}],
        [{"role": 1, "content": "hi"}], [{"role": "alien", "content": "hi"}],
        [{"role": "user", "content": 1}], [{"role": "user", "content": {}}],
        [{"role": "user", "content": [1]}], [{"role": "user", "content": [None]}],
        [{"role": "user", "content": [{"type": 1}]}],
    ),
    "prompt": (1, {}, [1]),
    "stream": ("true", 1, [], {}),
    "max_tokens": ("1", 0, -1, 1.5, [], {}, True, 10**30),
    "max_completion_tokens": ("1", 0, -1, 1.5, [], {}, True, 10**30),
    "temperature": ("hot", [], {}, True),
    "top_p": ("1", [], {}, True),
    "top_k": ("1", [], {}, True),
    "seed": ("1", [], {}, True),
    "stop": (1, {}, [1], True),
    "tools": ("x", 1, {}, [1], ["x"]),
    "tool_choice": (1, [], True),
    "response_format": ("json", 1, [], True),
    "reasoning": ("high", 1, [], {"effort": "huge"}, {"max_tokens": "1"}, {"exclude": 1}),
    "reasoning_effort": (1, "huge", [], {}),
    "include_reasoning": ("yes", 1, [], {}),
    "provider": ("groq", 1, [], {"order": "groq"}, {"only": [1]}, {"max_price": 1}),
    "user": (1, [], {}),
    "session_id": (1, [], {}, "x" * 257),
}  # fmt: skip

# Fields that are the upstream's to judge: what comes of nonsense in them is not ours.
PASSED_ON = (
    "frequency_penalty", "presence_penalty", "repetition_penalty", "min_p", "top_a", "logit_bias",
    "logprobs", "top_logprobs", "prediction", "verbosity", "modalities", "audio", "image_config",
    "parallel_tool_calls", "structured_outputs", "stream_options", "usage", "plugins", "transforms",
    "route", "preset", "metadata", "trace", "n", "service_tier", "safe_prompt", "",
)  # fmt: skip
NONSENSE = (None, True, -1, 1.5, 10**40, "x", [], {}, [[[]]], {"a": {"b": [None]}}, "\u0000")

_VALUES = (
    b"null", b"true", b"-1", b"0", b"1e999", b"-1e999", b"1e-999", b"1.5", b"99999999999999999999",
    b"NaN", b"Infinity", b'""', b'"x"', b'"\\u0000"', b'"\\ud800"', b'"\\udc00\\ud800"', b"[]",
    b"{}", b"[[[[]]]]", b"[null]", b'{"":null}', b'{"type":"text"}', b"\xff", b'"\xc3\x28"',
    b'"' + b"x" * 3_000 + b'"', b"[" * 300 + b"]" * 300, b'"<script>"', b"'x'", b"",
    b'"' + "\u202e\U0001f600".encode() + b'"', b"1234567890123456789012345678901234567890",
)  # fmt: skip


def mutated(bodies: list[dict], count: int, *, seed: int) -> Iterator[bytes]:
    """Yield broken forms of `bodies`: wrong values anywhere, lost and doubled parts, noise."""
    rng = Random(seed)
    for _ in range(count):
        body = json.dumps(rng.choice(bodies)).encode()
        for _ in range(rng.randint(1, 3)):
            body = rng.choice(_MUTATIONS)(rng, body)
        yield body


def _other_value(rng: Random, body: bytes) -> bytes:
    """Put something else where a value stands."""
    starts = [i for i in range(len(body) - 1) if body[i : i + 2] in {b": ", b", ", b'["', b"[{"}]
    if not starts:
        return body
    start = rng.choice(starts) + 1
    ends = [i for i in range(start + 1, len(body)) if body[i : i + 1] in b",]}"]
    return body[:start] + rng.choice(_VALUES) + body[(ends or [len(body)])[0] :]


def _other_name(rng: Random, body: bytes) -> bytes:
    """Rename a field."""
    names = [b'"model"', b'"messages"', b'"role"', b'"content"', b'"type"', b'"stream"', b'"tools"']
    return body.replace(rng.choice(names), rng.choice((b'"x"', b'""', *names)), 1)


def _noise(rng: Random, body: bytes) -> bytes:
    """Change some bytes to any others."""
    changed = bytearray(body)
    for _ in range(rng.randint(1, 8)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _cut(rng: Random, body: bytes) -> bytes:
    """Lose a part."""
    start = rng.randrange(len(body) + 1)
    return body[:start] + body[start + rng.randint(1, 40) :]


def _double(rng: Random, body: bytes) -> bytes:
    """Say a part twice."""
    start = rng.randrange(len(body) + 1)
    end = start + rng.randint(1, 60)
    return body[:end] + body[start:end] + body[end:]


def _insert(rng: Random, body: bytes) -> bytes:
    """Put a value anywhere."""
    at = rng.randrange(len(body) + 1)
    return body[:at] + rng.choice(_VALUES) + body[at:]


def _truncate(rng: Random, body: bytes) -> bytes:
    return body[: rng.randrange(len(body) + 1)]


_MUTATIONS = (
    _other_value, _other_value, _other_value, _other_name, _noise, _cut, _double, _insert,
    _truncate,
)  # fmt: skip
