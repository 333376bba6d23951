"""Recorded exchanges: reading them from files and finding the one a request means."""

from portico.cassette.govcr import load
from portico.cassette.model import (
    Cassette,
    CassetteError,
    Interaction,
    RecordedRequest,
    RecordedResponse,
)

__all__ = [
    "Cassette",
    "CassetteError",
    "Interaction",
    "RecordedRequest",
    "RecordedResponse",
    "load",
]
