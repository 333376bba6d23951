"""Recorded exchanges: reading and writing them, and finding the one a request means."""

from portico.cassette.formats import FORMATS, load
from portico.cassette.model import (
    Cassette,
    CassetteError,
    Frame,
    Interaction,
    RecordedRequest,
    RecordedResponse,
)

__all__ = [
    "FORMATS",
    "Cassette",
    "CassetteError",
    "Frame",
    "Interaction",
    "RecordedRequest",
    "RecordedResponse",
    "load",
]
