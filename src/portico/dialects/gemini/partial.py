"""Arguments of a call that arrive in pieces: `partialArgs`, each a JSON path and a value.

https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling#streaming
"""

import re
from itertools import pairwise
from typing import Any

from portico.jsonio import JsonObject

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]")
_VALUES = ("stringValue", "numberValue", "boolValue")
_LONGEST_LIST = 10_000


def add_piece(arguments: JsonObject, piece: JsonObject) -> None:
    """Put one piece at its place; text at a place that holds text continues it.

    Raises:
        ValueError: the path cannot be followed.
    """
    steps: list[str | int] = [
        int(number) if number else name or quoted
        for name, number, quoted in _STEP.findall(str(piece.get("jsonPath", "")))
    ]
    if not steps:
        return
    value: Any = next((piece[name] for name in _VALUES if name in piece), None)
    place: Any = arguments
    for step, following in pairwise(steps):
        place = _enter(place, step, [] if isinstance(following, int) else {})
    last = steps[-1]
    held = _enter(place, last, None)
    if isinstance(held, str) and isinstance(value, str):
        value = held + value
    place[last] = value


def _enter(place: Any, step: str | int, fresh: Any) -> Any:
    """The value at a step, made if it is not there yet."""
    if isinstance(step, int):
        if not isinstance(place, list) or step > min(len(place), _LONGEST_LIST):
            raise ValueError("a path of partial arguments leads nowhere")
        if step == len(place):
            place.append(fresh)
        return place[step]
    if not isinstance(place, dict):
        raise ValueError("a path of partial arguments leads nowhere")
    return place.setdefault(step, fresh)
