"""Tool calls one after the other, for streams whose blocks may not be interleaved."""

from collections.abc import Callable

from portico.errors import StreamBroken
from portico.jsonio import is_json
from portico.vocabulary import ToolCallDelta, ToolCallStart


class SerialCalls:
    """Orders the calls of one answer, whatever the upstream interleaves. One instance per stream.

    The first call is written as it comes. Those that begin meanwhile wait, with the
    fragments of their arguments, until it is known to be complete.

    Args:
        begin: bytes that open a call; they close what else is open.
        fragment: bytes for more arguments of the call that was opened last.
        end: bytes that close a call, where nothing else does it.
    """

    def __init__(
        self,
        begin: Callable[[ToolCallStart], bytes],
        fragment: Callable[[ToolCallStart, str], bytes],
        end: Callable[[ToolCallStart], bytes] = lambda call: b"",
    ) -> None:
        self._begin = begin
        self._fragment = fragment
        self._end = end
        self._current: ToolCallStart | None = None
        self._written: list[str] = []  # the arguments of the current one
        self._waiting: dict[int, tuple[ToolCallStart, list[str]]] = {}

    @property
    def writing(self) -> bool:
        """Whether a call is open."""
        return self._current is not None

    @property
    def whole(self) -> bool:
        """Whether the arguments of all calls that are open or wait are JSON to their end."""
        waiting = (held for _, held in self._waiting.values())
        return all(is_json("".join(text)) for text in (self._written, *waiting))

    def start(self, call: ToolCallStart) -> bytes:
        """A call begins: its bytes, or none yet."""
        if self._current is not None:
            self._waiting[call.index] = (call, [])
            return b""
        out = self._begin(call)
        self._current, self._written = call, []
        return out

    def arguments(self, event: ToolCallDelta) -> bytes:
        """More arguments: their bytes, or none yet.

        Raises:
            StreamBroken: the call is not open any more, or never was.
        """
        if self._current is not None and event.index == self._current.index:
            self._written.append(event.arguments)
            return self._fragment(self._current, event.arguments)
        if event.index not in self._waiting:
            raise StreamBroken("the upstream went back to a tool call after other content")
        self._waiting[event.index][1].append(event.arguments)
        return b""

    def complete(self) -> bytes:
        """End the open call, and write those that waited in their order."""
        out = [] if self._current is None else [self._end(self._current)]
        waiting, self._current, self._waiting = self._waiting, None, {}
        for call, held in waiting.values():
            out.append(self._begin(call))
            out += [self._fragment(call, text) for text in held]
            out.append(self._end(call))
        return b"".join(out)
