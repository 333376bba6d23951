"""A prompt that is too long, in the words that this API's clients act on.

They look for "prompt is too long" or "exceed context limit", and read the numbers
(contract/errors-limits 5). Every provider has words of its own (native-wire 12).
"""

import re

_OWN = re.compile(
    r"prompt is too long: \d+ tokens > \d+ maximum"
    r"|input length and `max_tokens` exceed context limit: \d+ \+ \d+ > \d+[^\"\n]*"
)
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        # this gateway, OpenRouter, and servers of open models: the output counts too
        r"maximum context length (?:is|of) (?P<window>\d+) tokens.*\("
        r"(?P<prompt>\d+) (?:of (?:text )?input|in the (?:messages|prompt)), (?:\d+ [^,)]*, )?"
        r"(?P<output>\d+) in the (?:output|completion)",
        r"maximum context length is (?P<window>\d+) tokens and your request has "
        r"(?P<prompt>\d+) input tokens \((?P<output>\d+) >",
        r"maximum context length is (?P<window>\d+) tokens.*?(?:resulted in|requested about|"
        r"you requested|contains?(?: at least)?|has) (?P<prompt>\d+)",
        r"maximum prompt length is (?P<window>\d+).*?contains (?P<prompt>\d+)",
        r"contains (?P<prompt>\d+) tokens.*?model with (?P<window>\d+) maximum context length",
        r"token count (?:\(|is )?(?P<prompt>\d+)\)?.*?(?:allowed \(|up to )(?P<window>\d+)",
        r"cannot exceed (?P<window>\d+)\D+received (?P<prompt>\d+)",
        r"length (?P<prompt>\d+)\) is longer than the maximum model length of (?P<window>\d+)",
        r"\((?P<prompt>\d+) tokens\) exceeds the available context size \((?P<window>\d+)",
    )
)


def overflow_words(said: str) -> str:
    """Say it as Anthropic does; what was `said` in other words, without numbers, is kept.

    >>> overflow_words("The input token count (9) exceeds the maximum number of tokens allowed (8).")
    'prompt is too long: 9 tokens > 8 maximum'
    >>> overflow_words("Input is too long for requested model.")
    'prompt is too long. Input is too long for requested model.'
    """
    if (own := _OWN.search(said)) is not None:
        return own[0]
    for pattern in _PATTERNS:
        if (found := pattern.search(said)) is not None:
            return _words(**{k: int(v) for k, v in found.groupdict().items()})
    return f"prompt is too long. {said}"


def _words(*, prompt: int, window: int, output: int = 0) -> str:
    if prompt > window or not output:
        return f"prompt is too long: {prompt} tokens > {window} maximum"
    return (
        "input length and `max_tokens` exceed context limit: "
        f"{prompt} + {output} > {window}, decrease input length or `max_tokens` and try again"
    )
