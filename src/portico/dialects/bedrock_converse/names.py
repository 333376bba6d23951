"""What Bedrock calls things: paths, and what differs among the vendors whose models it serves.

https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html
"""

import re
from typing import Literal
from urllib.parse import quote

import msgspec

from portico.dialects.anthropic_messages.families import Family as ClaudeFamily
from portico.dialects.anthropic_messages.families import family_of as claude_family_of
from portico.errors import UpstreamRejected

NAME = "bedrock_converse"

_VENDOR = re.compile(
    r"(?:^|[./])(anthropic|amazon|meta|mistral|cohere|ai21|deepseek|openai|qwen|moonshotai|moonshot"
    r"|minimax|google|nvidia|writer|zai)\."
)
# Vendors whose models do not take the schema of an answer, nor `strict` tools.
_UNSTRUCTURED = frozenset({"amazon", "meta", "cohere", "ai21", "writer"})
_ESCAPED = re.compile(r"_x([0-9A-F]{2,6})_")
_NOT_IN_TOOL_NAMES = re.compile(r"[^A-Za-z0-9_-]|_(?=x[0-9A-F]{2,6}_)")
_TOOL_NAME_CHARS = 64
_OLD_CLAUDE = re.compile(r"claude-(?:v\d|instant)")


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of the models of one vendor.

    `thinking` is how they take the wish to think: "claude" as `claude` says,
    "levels" as `reasoning_effort`, "nova" and "qwen" each in their own field, None not
    at all. `caches` says where a cache point may stand.
    """

    vendor: str | None = None
    claude: ClaudeFamily | None = None
    thinking: Literal["claude", "levels", "nova", "qwen"] | None = None
    structured: bool = True
    caches: Literal["everywhere", "messages", "nowhere"] = "nowhere"


def family_of(model: str) -> Family:
    """Return the facts of the model a client of Bedrock calls `model`: an id, with or without
    the prefix of an inference profile, or an ARN."""
    if "claude" in model.lower():
        return _claude(model.lower())
    found = _VENDOR.search(model.lower())
    vendor = found[1] if found else None
    if vendor == "amazon" and "nova" in model:
        thinking: Literal["nova"] | None = "nova" if "nova-2" in model else None
        return Family(vendor=vendor, thinking=thinking, structured=False, caches="messages")
    if vendor == "openai":
        return Family(vendor=vendor, thinking="levels")
    if vendor == "qwen":
        return Family(vendor=vendor, thinking="qwen")
    return Family(vendor=vendor, structured=vendor not in _UNSTRUCTURED)


def _claude(model: str) -> Family:
    claude = claude_family_of(model)
    if _OLD_CLAUDE.search(model):
        claude = ClaudeFamily(thinking="none", output_tokens=4096)
    cheap = claude.thinking != "none" or "3-5-haiku" in model
    return Family(
        vendor="anthropic",
        claude=claude,
        thinking="claude",
        structured=claude.structured,
        caches="everywhere" if cheap else "nowhere",
    )


def reads_claude(model: str) -> bool:
    """Whether reasoning of `model` is Claude's; an id that says nothing of its vendor counts."""
    return "claude" in model.lower() or _VENDOR.search(model.lower()) is None


def path(model: str, stream: bool) -> str:  # noqa: FBT001  # the Dialect table's signature
    """The path of a call below the base URL.

    >>> path("us.anthropic.claude-haiku-4-5-20251001-v1:0", True)
    '/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse-stream'
    """
    return f"/model/{quote(model, safe='')}/converse{'-stream' if stream else ''}"


def encode_tool_name(name: str) -> str:
    """A tool's name in the letters that the API takes, so that it can be read back.

    >>> encode_tool_name("get_weather"), encode_tool_name("files.read")
    ('get_weather', 'files_x2E_read')

    Raises:
        UpstreamRejected: it is too long, or empty.
    """
    encoded = _NOT_IN_TOOL_NAMES.sub(lambda match: f"_x{ord(match[0]):02X}_", name)
    if not 0 < len(encoded) <= _TOOL_NAME_CHARS:
        raise UpstreamRejected(
            f"tools: this provider takes names of 1 to {_TOOL_NAME_CHARS} characters, "
            f"and {name[:80]!r} cannot be written as one"
        )
    return encoded


def decode_tool_name(name: str) -> str:
    """The name that `encode_tool_name` wrote; any other stays.

    >>> decode_tool_name("files_x2E_read"), decode_tool_name("get_weather")
    ('files.read', 'get_weather')
    """
    return _ESCAPED.sub(_letter, name)


def _letter(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if number <= 0x10FFFF else match[0]
