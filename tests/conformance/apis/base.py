"""What the run has to know about a native API, and what its readers share."""

import json
from collections.abc import Callable

import msgspec

from tests.conformance.accumulate import Failure, JsonObject, Native
from tests.conformance.asking import Asked
from tests.conformance.corpus import Record
from tests.conformance.expect import ExpectedUsage


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """One API of the corpus.

    name: the corpus' word for it
    dialect: the gateway's
    read_answer: (bytes, status, whether it streams) -> what the gateway must say. Total
    usage: a recorded usage object -> the contract's counts
    client_request: a recorded request -> the chat request that means the same; None: ask anything
    understand: a request of this API -> what it asks; None where the bodies themselves are compared
    slugs: the corpus' name of a provider -> the gateway's provider that speaks this API
    formats: the corpus' name of a provider -> the family of its signed reasoning, where that
        is not the API's usual one
    as_served: a record -> as the upstream serves it, where that is not as it was recorded
    """

    name: str
    dialect: str
    read_answer: Callable[[bytes, int, bool], Native]
    usage: Callable[[JsonObject], ExpectedUsage]
    client_request: Callable[[JsonObject], JsonObject]
    understand: Callable[[JsonObject], Asked] | None
    slugs: dict[str, str]
    as_served: Callable[[Record], Record] | None = None
    formats: dict[str, str] = {}


def failed_at_once(body: bytes, status: int) -> Native | None:
    """The answer that is none: no status, an error status, no body. None if there is one."""
    if status == 0:
        return Native(failure=Failure(status=None, message="the provider did not answer"))
    if status >= 400:
        return Native(failure=Failure(status=status, message=body[:200].decode("utf-8", "replace")))
    if not body.strip():
        return Native(failure=Failure(status=None, message="the provider's answer is empty"))
    return None


def parsed(body: bytes) -> object:
    """The JSON of a whole body, None where it is not JSON."""
    try:
        return json.loads(body.decode("utf-8", "replace").removeprefix("\ufeff"))
    except ValueError:
        return None


def unreadable(what: str) -> Native:
    """An answer that nobody can read."""
    return Native(failure=Failure(status=None, message=what))
