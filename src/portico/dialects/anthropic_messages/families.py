"""What differs among the models that speak this dialect, read off their names.

https://docs.anthropic.com/en/docs/about-claude/models: output limits, how a model
takes the wish to think, which samplers it refuses, native structured outputs.
"""

import re
from typing import Literal

import msgspec

_NAME = re.compile(
    r"claude-(?:(?P<v1>\d+)(?:[-.](?P<m1>\d{1,2}))?-)?(?P<tier>[a-z]+)"
    r"(?:-(?P<v2>\d+)(?:[-.](?P<m2>\d{1,2})(?!\d))?)?"
)
_CLASSIC = ("low", "medium", "high", "max")


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of one generation of models.

    `thinking`: "budget" takes a number of tokens, "adaptive" only an effort,
    "either" both, "none" does not think. `efforts` are the levels it knows.
    `output_tokens` is the most it can write in one answer.
    `samplers`: "all" may be sent together, "one" is temperature or top_p, "none"
    refuses them.
    """

    thinking: Literal["none", "budget", "either", "adaptive"] = "budget"
    output_tokens: int = 8192
    efforts: tuple[str, ...] = ()
    samplers: Literal["all", "one", "none"] = "all"
    structured: bool = False
    system_anywhere: bool = False


_OTHER = Family()


def family_of(model: str) -> Family:
    """Return the facts of the model a provider calls `model`.

    Models that are not Claude get a careful default: other vendors serve their
    models through this dialect too.
    """
    name = _NAME.search(model.lower())
    if name is None:
        return Family(thinking="none", output_tokens=4096) if "claude" in model else _OTHER
    major = name["v1"] or name["v2"]
    if major is None:
        return Family(thinking="adaptive", output_tokens=32_000, efforts=_CLASSIC, structured=True)
    minor = name["m1"] if name["v1"] else name["m2"]
    return _claude((int(major), int(minor or 0)), opus=name["tier"] == "opus")


def _claude(version: tuple[int, int], *, opus: bool) -> Family:
    if version < (3, 5):
        return Family(thinking="none", output_tokens=4096)
    if version < (3, 7):
        return Family(thinking="none", output_tokens=8192)
    if version < (4, 5):
        return Family(
            output_tokens=32_000 if opus and version >= (4, 0) else 64_000,
            samplers="one" if version >= (4, 1) else "all",
            structured=version >= (4, 1),
        )
    if version < (4, 6):
        return Family(output_tokens=64_000, samplers="one", structured=True)
    if version < (4, 7):
        return Family(
            thinking="either",
            output_tokens=128_000 if opus else 64_000,
            efforts=_CLASSIC,
            samplers="one",
            structured=True,
        )
    return Family(
        thinking="adaptive",
        output_tokens=128_000,
        efforts=(*_CLASSIC, "xhigh"),
        samplers="none",
        structured=True,
        system_anywhere=version >= (4, 8),
    )
