"""What the gateway needs from the outside world, as protocols."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from portico.providers.signing import Scheme
from portico.vocabulary import (
    ApiKey,
    AttemptRecord,
    Generation,
    Hold,
    Reservation,
    Spending,
)

DEADLINE_PASSED = "deadline passed: "
"""How a cancellation begins that is ours, because an upstream took too long; then comes why."""


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """How long an upstream may take, in seconds: to accept the connection, to send the
    first token, between two reads of a stream, and over all. `first_token_within_s`
    is for all attempts of a request together: after it, none is begun. Models that think
    have `thinking_first_byte_s` to the first token, and together twice their own time.

    A whole answer comes when it is finished: for it only the connection and
    `total_s` count until its first byte, and then `idle_s` between two reads too.
    """

    connect_s: float = 5.0
    first_byte_s: float = 60.0
    thinking_first_byte_s: float = 300.0
    idle_s: float = 120.0
    total_s: float = 600.0
    first_token_within_s: float = 120.0


class UpstreamRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One signed HTTP request. `headers` hold the provider's secret: never log it.

    The connection is to be there within `connect_within_s`; every other deadline
    is the caller's.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connect_within_s: float = 5.0

    def __repr__(self) -> str:
        shown = self.url.partition("?")[0]  # a query may hold the key
        return f"UpstreamRequest({self.method} {shown}, {len(self.body)} bytes)"


class UpstreamResponse(Protocol):
    """An answer whose head has arrived. `headers` have lower-case names."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, one item per network read.

        Raises:
            UpstreamError: the connection broke.
        """
        ...

    async def read(self, limit_bytes: int) -> bytes:
        """Return the whole body.

        Raises:
            UpstreamError: it broke or exceeds `limit_bytes`.
        """
        ...


class Transport(Protocol):
    """Carries requests out. Live, replaying and recording ones look the same."""

    def open(
        self, request: UpstreamRequest, reservation: Reservation
    ) -> AbstractAsyncContextManager[UpstreamResponse]:
        """Send `request` and wait for the head of the answer.

        The reservation is asked for so that no code path can spend without
        one. Leaving the context before the body ended aborts the exchange at
        once: the upstream sees its connection closed.

        Raises:
            UpstreamError: no connection in time, or TLS failed.
        """
        ...

    async def aclose(self) -> None:
        """Close pooled connections."""
        ...


class Tokens(Protocol):
    """Exchanges credentials for the tokens that providers are shown in their place."""

    async def token(
        self, scheme: Scheme, credential: str, reservation: Reservation, *, own: bool
    ) -> str | None:
        """The token for a credential; None for one that is shown itself.

        Args:
            scheme: the provider's.
            credential: what it is configured with, or what a caller brought.
            reservation: of the request that needs it.
            own: it is the operator's. A caller's may name no server and no file.

        Raises:
            UpstreamError: there is none; with the status 401 if the credential is at fault.
        """
        ...

    def forget(self, credential: str) -> None:
        """The provider has refused the token of this credential: do not use it again."""
        ...


class Store(Protocol):
    """The ledger and the keys. Every write is durable when its await returns, except
    that a hold may be lost to a power cut (never to a crash of the process)."""

    async def find_key(self, key_hash: str) -> ApiKey | None:
        """Return the key whose SHA-256 (hex) is `key_hash`, disabled ones included."""
        ...

    async def create_key(self, key: ApiKey) -> ApiKey:
        """Add a key and return it as stored."""
        ...

    async def keys(self) -> list[ApiKey]:
        """All keys, oldest first."""
        ...

    async def set_disabled(self, key_hash: str, *, disabled: bool) -> ApiKey | None:
        """Switch a key off or on; None if there is no such key."""
        ...

    async def reserve(self, hold: Hold) -> Reservation:
        """Set money aside: spent in the limit's window + open holds + `hold` <= limit.

        Raises:
            KeyLimitExceeded: it does not fit.
            StorageUnavailable: the ledger cannot be written.
        """
        ...

    def free(self, key_hash: str) -> Reservation:
        """For what providers do for nothing: nothing is held, and nothing will be booked."""
        ...

    async def settle(
        self,
        reservation: Reservation,
        generation: Generation,
        attempts: Sequence[AttemptRecord],
    ) -> None:
        """Book the generation, its attempts and its charge, and release the hold.

        Exactly once per reservation: settling the same generation again
        changes nothing. Returns after the group commit. If the caller is
        cancelled meanwhile, it is booked all the same.

        Raises:
            StorageUnavailable: the commit could not happen in time; it is
                tried again from memory.
        """
        ...

    async def find_generation(
        self, generation_id: str
    ) -> tuple[Generation, list[AttemptRecord]] | None:
        """Return a settled generation and its attempts."""
        ...

    async def spending(self, key_hash: str, now_ms: int) -> Spending:
        """What a key has spent, by UTC window, and holds."""
        ...

    async def aclose(self) -> None:
        """Write what is queued and close."""
        ...
