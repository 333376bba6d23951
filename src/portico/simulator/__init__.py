"""A provider that is none: a real HTTP upstream that answers from a script."""

from portico.simulator.log import Arrival
from portico.simulator.script import (
    DEFAULT_MODEL,
    INSTANT,
    Player,
    Script,
    Step,
    ToolCallStep,
    decode_script,
)
from portico.simulator.server import Simulator

__all__ = [
    "DEFAULT_MODEL",
    "INSTANT",
    "Arrival",
    "Player",
    "Script",
    "Simulator",
    "Step",
    "ToolCallStep",
    "decode_script",
]
