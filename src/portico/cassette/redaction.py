"""Takes secrets out of recordings before they are written, and out of requests they are compared to.

Headers are kept by an allow-list: what is not on it is not recorded. In what
is kept, addresses and bodies included, known secrets are replaced wherever
they occur and however they are escaped, and so is what looks like a key.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from itertools import accumulate
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

import msgspec

from portico.cassette.encoding import decompressed
from portico.cassette.model import (
    Cassette,
    Frame,
    Headers,
    Interaction,
    RecordedRequest,
    RecordedResponse,
)
from portico.jsonio import dumps

REDACTED = "[redacted]"
_IN_URLS = "redacted"
_SHORTEST_SECRET = 6
_PERCENT = re.compile(r"%[0-9A-F]{2}")

REQUEST_HEADERS = frozenset(
    {
        "accept",
        "content-type",
        "user-agent",
        "anthropic-version",
        "anthropic-beta",
        "openai-beta",
        "http-referer",
        "x-title",
        "x-openrouter-title",
    }
)
RESPONSE_HEADERS = frozenset(
    {
        "cache-control",
        "content-type",
        "date",
        "location",
        "openai-processing-ms",
        "openai-version",
        "request-id",
        "retry-after",
        "retry-after-ms",
        "x-amzn-errortype",
        "x-amzn-requestid",
        "x-generation-id",
        "x-request-id",
        "x-should-retry",
    }
)
RESPONSE_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-", "ratelimit", "x-amzn-bedrock-")

_SECRET_PARAMETER = re.compile(
    r"key|token|secret|passw|signature|^sig$|^auth|credential|^x-amz-|^code$", re.IGNORECASE
)
_START = rb"(?<![A-Za-z0-9_/+-])"
SHAPES: tuple[bytes, ...] = (
    _START + rb"sk-[A-Za-z0-9_-]{16,}",
    _START + rb"(?:gsk|xai|pplx|fw|hf|r8|nvapi|csk|tgp_v1|ghp|github_pat)[-_][A-Za-z0-9_-]{16,}",
    _START + rb"AIza[0-9A-Za-z_-]{35}",
    _START + rb"A[KS]IA[0-9A-Z]{16}(?![0-9A-Z])",
    _START + rb"ya29\.[0-9A-Za-z_-]{20,}",
    _START + rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    rb"(?i:bearer)\s+((?=[A-Za-z._~+/=-]{0,80}\d)[A-Za-z0-9._~+/=-]{16,})",
    rb"(?i:basic)\s+([A-Za-z0-9+/]{16,}={0,2})",
    rb"[A-Za-z][A-Za-z0-9+.-]{1,20}://([^\s/:@\"'<>\\]{1,100}:[^\s/@\"'<>\\]{1,200})@",
    rb"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(.{1,8192}?)-----END",
)
"""How keys look; where there is a group, it is the secret part."""


class Redactor:
    """Replaces secrets. Immutable; the same request always becomes the same.

    Args:
        secrets: texts that must not be written. Those under six characters are
            passed over: they would be found in the middle of words.
        patterns: further regular expressions, the operator's own. Where one has
            a group, the group is replaced, else all of it.
        request_headers: further headers to keep, lower case; likewise `response_headers`.

    Raises:
        ValueError: a pattern is not a regular expression.
    """

    def __init__(
        self,
        *,
        secrets: Iterable[str] = (),
        patterns: Sequence[str] = (),
        request_headers: Iterable[str] = (),
        response_headers: Iterable[str] = (),
    ) -> None:
        self._secrets = frozenset(s for s in secrets if len(s) >= _SHORTEST_SECRET)
        self._patterns = tuple(patterns)
        self._request_headers = REQUEST_HEADERS.union(request_headers)
        self._response_headers = RESPONSE_HEADERS.union(response_headers)
        self._searches = [*_known(self._secrets), *map(_compiled, patterns), *_SHAPES]

    def knowing(self, secrets: Iterable[str]) -> "Redactor":
        """A redactor that knows these secrets too."""
        if self._secrets.issuperset(s for s in secrets if len(s) >= _SHORTEST_SECRET):
            return self
        return Redactor(
            secrets=self._secrets.union(secrets),
            patterns=self._patterns,
            request_headers=self._request_headers,
            response_headers=self._response_headers,
        )

    def cassette(self, tape: Cassette) -> Cassette:
        """Redact everything on a cassette.

        Raises:
            ValueError: a compressed body cannot be read.
        """
        return msgspec.structs.replace(
            tape, interactions=tuple(self.interaction(one) for one in tape.interactions)
        )

    def interaction(self, one: Interaction) -> Interaction:
        """Redact one exchange.

        Raises:
            ValueError: a compressed body cannot be read.
        """
        return msgspec.structs.replace(
            one, request=self.request(one.request), response=self.response(one.response)
        )

    def request(self, request: RecordedRequest) -> RecordedRequest:
        """Redact what was asked. Done twice it changes nothing more."""
        body, _ = self._replaced(request.body)
        return RecordedRequest(
            method=request.method,
            url=self.url(request.url),
            headers=self._headers(request.headers, self._request_headers, (), len(body)),
            body=body,
        )

    def response(self, response: RecordedResponse) -> RecordedResponse:
        """Redact what was answered; the frames' sizes follow.

        Raises:
            ValueError: a compressed body cannot be read.
        """
        plain = decompressed(response)
        body, spans = self._replaced(plain.body)
        headers = self._headers(plain.headers, self._response_headers, RESPONSE_PREFIXES, len(body))
        return msgspec.structs.replace(
            plain,
            reason=self.text(plain.reason),
            message=self.text(plain.message),
            headers=headers,
            body=body,
            frames=_moved(plain.frames, spans),
        )

    def text(self, text: str) -> str:
        """Redact a text."""
        return self._replaced(text.encode("utf-8", "surrogateescape"))[0].decode(
            "utf-8", "surrogateescape"
        )

    def url(self, url: str) -> str:
        """Redact an address: credentials, and parameters that are named like secrets."""
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        query = parts.query
        if any(_SECRET_PARAMETER.search(name) for name, _ in pairs):
            query = "&".join(
                f"{quote(name)}={_IN_URLS if _SECRET_PARAMETER.search(name) else quote(value)}"
                for name, value in pairs
            )
        host = parts.netloc.rpartition("@")[2]
        plain = urlunsplit(parts._replace(netloc=host, query=query))
        return self.text(plain).replace(REDACTED, _IN_URLS)

    def findings(self, data: bytes) -> list[str]:
        """What would be replaced, each with most of it hidden."""
        _, spans = self._replaced(data)
        found = (data[start:end].decode("utf-8", "replace") for start, end in spans)
        return [f"{text[:4]}… ({len(text)} characters)" for text in found if text != REDACTED]

    def _headers(
        self, headers: Headers, allowed: frozenset[str], prefixes: tuple[str, ...], size: int
    ) -> Headers:
        kept = []
        for name, value in headers:
            plain = name.lower()
            if plain not in allowed and not plain.startswith(prefixes or ("\0",)):
                continue
            told = str(size) if plain == "content-length" else value
            kept.append((name, self.url(told) if plain == "location" else self.text(told)))
        return tuple(kept)

    def _replaced(self, data: bytes) -> tuple[bytes, list[tuple[int, int]]]:
        """The data without secrets, and where they stood."""
        spans = _merged(
            match.span(match.re.groups and 1)
            for search in self._searches
            for match in search.finditer(data)
        )
        if not spans:
            return data, []
        out, at = [], 0
        for start, end in spans:
            out += [data[at:start], REDACTED.encode()]
            at = end
        return b"".join((*out, data[at:])), spans


def _merged(found: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, overlapping ones as one, empty ones left out."""
    spans: list[tuple[int, int]] = []
    for start, end in sorted(span for span in found if span[0] < span[1]):
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def _moved(frames: tuple[Frame, ...], spans: list[tuple[int, int]]) -> tuple[Frame, ...]:
    """Frames over the redacted body: a boundary inside of a secret moves behind it."""
    if not spans:
        return frames
    moved, before = [], 0
    ends = accumulate(frame.size_bytes for frame in frames)
    for frame, end in zip(frames, ends, strict=True):
        now = _shifted(end, spans)
        if now > before:
            moved.append(Frame(size_bytes=now - before, at_s=frame.at_s))
        before = now
    return tuple(moved)


def _shifted(place: int, spans: list[tuple[int, int]]) -> int:
    shift = 0
    for start, end in spans:
        if start >= place:
            break
        shift += len(REDACTED) - (min(end, place) - start)
    return place + shift


def _known(secrets: Iterable[str]) -> list[re.Pattern[bytes]]:
    """One search for all the forms in which the secrets could stand."""
    forms = {form for secret in secrets for form in _forms(secret)}
    if not forms:
        return []
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return [re.compile(b"|".join(map(re.escape, longest_first)))]


def _forms(secret: str) -> set[bytes]:
    plain = secret.encode("utf-8", "surrogateescape")
    in_json = dumps(secret.encode("utf-8", "replace").decode())[1:-1]
    in_ascii = b"".join(map(_escaped, in_json.decode()))
    in_url = quote(plain, safe="")
    return {
        plain,
        in_json,
        in_json.replace(b"/", b"\\/"),
        in_ascii,
        in_ascii.replace(b"/", b"\\/"),
        in_url.encode(),
        _PERCENT.sub(lambda escape: escape[0].lower(), in_url).encode(),
        quote(plain).encode(),
        base64.b64encode(plain).rstrip(b"="),
        base64.urlsafe_b64encode(plain).rstrip(b"="),
    }


def _escaped(character: str) -> bytes:
    """A character as JSON in ASCII has it."""
    if character.isascii():
        return character.encode()
    units = character.encode("utf-16-be", "surrogatepass")
    return b"".join(b"\\u%04x" % int.from_bytes(units[n : n + 2]) for n in range(0, len(units), 2))


def _compiled(pattern: str) -> re.Pattern[bytes]:
    try:
        return re.compile(pattern.encode())
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None


_SHAPES = [re.compile(shape, re.DOTALL) for shape in SHAPES]
