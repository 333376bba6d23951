"""What a scheme of authentication is: a pure function over one request."""

import re
from collections.abc import Callable

import msgspec

from portico.providers.signing.tokens import Exchange, unusable

Headers = tuple[tuple[str, str], ...]
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A request as a scheme sees it: everything that a signature can cover."""

    method: str
    url: str
    headers: Headers
    body: bytes

    def __repr__(self) -> str:
        return f"Outgoing({self.method}, {len(self.body)} bytes)"


Sign = Callable[[Outgoing, str, int], Outgoing]


class Scheme(msgspec.Struct, frozen=True, kw_only=True):
    """One way to prove who pays.

    sign:     (request, credential, Unix time in ms) -> the request with its proof. The
              credential is a text: a key, or a JSON object where one text is not
              enough. Raises UpstreamKeyRefused with the status 401 for a credential that
              cannot be used; the message shows nothing of it.
    constant: the proof is headers that depend on the credential alone, so that they
              can be made once.
    exchange: for credentials that are exchanged for a token first, which is then shown
              in their place. None: there are none such.
    """

    sign: Sign
    constant: bool = False
    exchange: Exchange | None = None


def with_headers(request: Outgoing, headers: Headers) -> Outgoing:
    """Return `request` with more headers behind its own.

    Raises:
        UpstreamKeyRefused: a value has a line break or another control character, which
            no header may have.
    """
    if any(_CONTROL.search(value) for _, value in headers):
        raise unusable("it has a control character")
    return Outgoing(
        method=request.method,
        url=request.url,
        headers=(*request.headers, *headers),
        body=request.body,
    )


def in_header(name: str, before: str = "") -> Sign:
    """How a key is shown in a header, behind `before`."""

    def sign(request: Outgoing, credential: str, now_ms: int) -> Outgoing:
        return with_headers(request, ((name, before + credential),))

    return sign
