"""`x_portico`: what a recording holds that no other tool's format has a place for.

It stands beside the other keys of `response`, where other tools pass over it:
the reads a body came in and their times, how it ended, which side of the
gateway it was recorded on, and when.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from portico.cassette.model import Ended, Failure, Frame, Interaction, Side
from portico.cassette.yamlio import Inline
from portico.jsonio import JsonObject

KEY = "x_portico"
_VERSION = 1
_Size = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class Extension(msgspec.Struct, kw_only=True, forbid_unknown_fields=False):
    """The key's value. `frames` are pairs of bytes and milliseconds after the request."""

    version: int = _VERSION
    side: Side | None = None
    recorded_at: str | None = None
    duration_ms: _Milliseconds | None = None
    head_ms: _Milliseconds | None = None
    ended: Ended = "done"
    failure: Failure | None = None
    message: str = ""
    frames: list[tuple[_Size, _Milliseconds]] = []


def extension_of(interaction: Interaction, *, with_duration: bool) -> JsonObject:
    """The value to write under `KEY`; empty if there is nothing to say.

    Args:
        interaction: what is written.
        with_duration: whether the format has no place of its own for it.
    """
    response = interaction.response
    value: JsonObject = {}
    if interaction.side is not None:
        value["side"] = interaction.side
    if interaction.recorded_ms is not None:
        value["recorded_at"] = timestamp(interaction.recorded_ms)
    if with_duration and response.duration_s is not None:
        value["duration_ms"] = response.duration_s * 1000
    if response.head_s is not None:
        value["head_ms"] = round(response.head_s * 1000, 3)
    if response.ended != "done":
        value["ended"] = response.ended
    if response.failure is not None:
        value["failure"] = response.failure
    if response.message:
        value["message"] = response.message
    if response.frames:
        value["frames"] = Inline(
            Inline((frame.size_bytes, round(frame.at_s * 1000, 3))) for frame in response.frames
        )
    return {"version": _VERSION, **value} if value else {}


def extended(interaction: Interaction, value: object) -> Interaction:
    """`interaction` with what stands under `KEY`.

    Raises:
        ValueError: it is of another kind or a later version, or the frames do
            not add up to the body.
    """
    if value is None:
        return interaction
    said = msgspec.convert(value, Extension)
    if said.version != _VERSION:
        raise ValueError(f"{KEY} has version {said.version}; version {_VERSION} can be read")
    response = interaction.response
    size_bytes = sum(size for size, _ in said.frames)
    if said.frames and size_bytes != len(response.body):
        raise ValueError(
            f"{KEY}.frames add up to {size_bytes} bytes; the body has {len(response.body)}"
        )
    changes: dict[str, Any] = {
        "frames": tuple(Frame(size_bytes=size, at_s=at_ms / 1000) for size, at_ms in said.frames),
        "ended": said.ended,
        "failure": said.failure,
        "message": said.message,
    }
    if said.head_ms is not None:
        changes["head_s"] = said.head_ms / 1000
    if said.duration_ms is not None:
        changes["duration_s"] = said.duration_ms / 1000
    return msgspec.structs.replace(
        interaction,
        response=msgspec.structs.replace(response, **changes),
        side=said.side,
        recorded_ms=milliseconds(said.recorded_at) if said.recorded_at else interaction.recorded_ms,
    )


def timestamp(recorded_ms: int) -> str:
    """Write a time as RFC 3339 in UTC.

    >>> timestamp(1758703127250)
    '2025-09-24T08:38:47.250Z'
    """
    moment = datetime.fromtimestamp(recorded_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(text: str) -> int:
    """Read a time as RFC 3339 has it; one without a zone is in UTC.

    Raises:
        ValueError: it is not one.
    """
    moment = datetime.fromisoformat(text)
    return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)
