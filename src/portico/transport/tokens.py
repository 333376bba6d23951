"""Tokens in the place of credentials: fetched once for all who wait, kept until they expire."""

import asyncio
import copy
from collections.abc import Callable
from pathlib import Path

import msgspec

from portico.errors import UpstreamError, UpstreamTimeout
from portico.ports import Transport, UpstreamRequest
from portico.providers.signing import Scheme
from portico.providers.signing.tokens import (
    DEFAULT_LIFETIME_S,
    ReadyToken,
    Source,
    TokenFile,
    TokenRequest,
    read_token,
    unusable,
)
from portico.tasks import spawn
from portico.vocabulary import Reservation

_WITHIN_S = 10.0
_EARLY_S = 60.0  # so that a token does not expire on its way
_FILE_FRESH_S = 30.0
_MOST_BYTES = 64 * 1024
_MOST_KEPT = 1024
_HEADERS = (
    ("Content-Type", "application/x-www-form-urlencoded"),
    ("Accept", "application/json"),
    ("Accept-Encoding", "identity"),
)


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    token: str
    until_s: float


class TokenSource:
    """Gives the token for a credential. See `portico.ports.Tokens`.

    Args:
        transport: carries the questions to the token servers.
        now_ms: the wall clock, for what is signed.
        clock_s: a clock that never goes back, for what expires.
    """

    def __init__(
        self, transport: Transport, *, now_ms: Callable[[], int], clock_s: Callable[[], float]
    ) -> None:
        self._transport = transport
        self._now_ms = now_ms
        self._clock_s = clock_s
        self._kept: dict[str, _Kept] = {}
        self._fetching: dict[str, asyncio.Task[str | UpstreamError]] = {}

    async def token(
        self, scheme: Scheme, credential: str, reservation: Reservation, *, own: bool
    ) -> str | None:
        """See `Tokens.token`. Who stops waiting does not stop the others."""
        if scheme.exchange is None or not credential.startswith("{"):
            return None
        kept = self._kept.get(credential)
        if kept is not None and self._clock_s() < kept.until_s:
            return kept.token
        source = scheme.exchange(credential, self._now_ms())
        if source is None or isinstance(source, ReadyToken):
            return None if source is None else source.token
        if not own and not (isinstance(source, TokenRequest) and _is_usual(source)):
            raise unusable("it names a token server or a file, which only the operator may do")
        fetching = self._fetching.get(credential)
        if fetching is None:
            fetching = spawn(self._fetch(credential, source, reservation), name="fetch a token")
            self._fetching[credential] = fetching
        result = await asyncio.shield(fetching)
        if isinstance(result, UpstreamError):
            raise copy.copy(result)  # everybody who waited adds to one of their own
        return result

    def forget(self, credential: str) -> None:
        """See `Tokens.forget`."""
        self._kept.pop(credential, None)

    async def _fetch(
        self, credential: str, source: Source, reservation: Reservation
    ) -> str | UpstreamError:
        try:
            token, lifetime_s = await self._ask(source, reservation)
        except UpstreamError as error:
            return error
        finally:
            del self._fetching[credential]
        if len(self._kept) >= _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        early_s = min(_EARLY_S, lifetime_s / 2)
        self._kept[credential] = _Kept(token=token, until_s=self._clock_s() + lifetime_s - early_s)
        return token

    async def _ask(self, source: Source, reservation: Reservation) -> tuple[str, float]:
        if isinstance(source, ReadyToken):
            return source.token, DEFAULT_LIFETIME_S
        if isinstance(source, TokenFile):
            return await _content(source.path), _FILE_FRESH_S
        files = {name: await _content(path) for name, path in source.file_fields.items()}
        request = UpstreamRequest(
            method="POST", url=source.url, headers=_HEADERS, body=source.body(files)
        )
        try:
            async with (
                asyncio.timeout(_WITHIN_S),
                self._transport.open(request, reservation) as answer,
            ):
                return read_token(answer.status, await answer.read(_MOST_BYTES))
        except TimeoutError:
            raise UpstreamTimeout("The provider's token server did not answer in time.") from None


def _is_usual(source: TokenRequest) -> bool:
    return source.usual and not source.file_fields


async def _content(path: str) -> str:
    text = await asyncio.to_thread(_read, path)
    if not text:
        raise unusable("a file that it names is empty or cannot be read")
    return text


def _read(path: str) -> str:
    try:
        return Path(path).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
