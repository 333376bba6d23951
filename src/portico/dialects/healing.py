"""JSON that a model wrote almost right (plugin `response-healing`, contract/chat 7).

Fences, words around it, trailing commas, single quotes, Python's words, bare line breaks
in strings and missing brackets are mended. Whether it fits its schema is not looked at.
"""

import re

from portico.jsonio import is_json

_FENCED = re.compile(r"```[a-zA-Z]*\s*\n?(.*?)(?:```|\Z)", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COLON = re.compile(r"\s*:")
_WORDS = {"True": "true", "False": "false", "None": "null"}
_PLAIN = frozenset({"true", "false", "null"})
_PAIRS = {"{": "}", "[": "]"}
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"'}
_LONGEST = 1_000_000
_DEEPEST = 200  # nested values; nobody writes more, and no reader follows them far


def healed(text: str) -> str:
    """The JSON in `text`, mended; `text` itself where that does not help.

    >>> healed("```json\\n{'a': [1, 2,],}\\n```")
    '{"a": [1, 2]}'
    >>> healed('{"a": {"b": "c')
    '{"a": {"b": "c"}}'
    >>> healed("I cannot do that.")
    'I cannot do that.'
    """
    if len(text) > _LONGEST or is_json(text):
        return text
    fenced = _FENCED.search(text)
    for candidate in (fenced[1], text) if fenced else (text,):
        starts = [at for bracket in _PAIRS if (at := candidate.find(bracket)) >= 0]
        if not starts:
            continue
        mended = _Mending(candidate[min(starts) :]).text()
        if is_json(mended):
            return mended
    return text


class _Mending:
    """Copies a text that begins with a bracket up to the end of that value. Used once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._out: list[str] = []
        self._open: list[str] = []

    def text(self) -> str:
        while self._at < len(self._text):
            self._step(self._text[self._at])
            if len(self._open) > _DEEPEST:
                return self._text
            if not self._open:
                break
        while self._open:
            self._close(self._open[-1])
        return "".join(self._out)

    def _step(self, char: str) -> None:
        if char in "\"'":
            self._string(char)
        elif char in _PAIRS:
            self._open.append(_PAIRS[char])
            self._copy(char, 1)
        elif char in "}]":
            self._at += 1
            while self._open and char in self._open and self._open[-1] != char:
                self._close(self._open[-1])
            if self._open and self._open[-1] == char:
                self._close(char)
        elif word := _WORD.match(self._text, self._at):
            self._word(word[0])
        else:
            self._copy(char, 1)

    def _word(self, word: str) -> None:
        """A number's exponent stays; a bare name is a key without quotes."""
        written = _WORDS.get(word, word)
        if written not in _PLAIN and _COLON.match(self._text, self._at + len(word)):
            written = f'"{word}"'
        self._copy(written, len(word))

    def _string(self, quote: str) -> None:
        self._copy('"', 1)
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == quote:
                self._at += 1
                break
            if char == "\\" and self._at + 1 < len(self._text):
                after = self._text[self._at + 1]
                self._copy("'" if after == "'" else char + after, 2)
            elif char == "\\":
                self._at += 1  # cut off within an escape
            else:
                self._copy(_ESCAPES.get(char, char), 1)
        self._out.append('"')

    def _close(self, bracket: str) -> None:
        """Close the innermost bracket, after what a value may not end with."""
        while self._out and (self._out[-1].isspace() or self._out[-1] == ","):
            self._out.pop()
        if self._out and self._out[-1] == ":":
            self._out.append("null")
        self._out.append(bracket)
        self._open.pop()

    def _copy(self, text: str, length: int) -> None:
        self._out.append(text)
        self._at += length
