"""Output items that are calls of a client's tools, each in the form that the client knows."""

from typing import ClassVar

from portico.dialects.openai_responses.client_tools import ClientTool, call_fields
from portico.dialects.openai_responses.custom import InputReader
from portico.dialects.openai_responses.feed import Feed
from portico.dialects.openai_responses.items_out import Item
from portico.jsonio import JsonError, JsonObject, loads


class CallItem(Item):
    """A call of a function. `namespace` is that of its tool, if it has one.

    `prefix` begins the ids of its kind: OpenAI refuses an item that comes back under another.
    """

    prefix: ClassVar[str] = "fc"

    def __init__(
        self,
        feed: Feed,
        place: int,
        item_id: str,
        *,
        call_id: str,
        name: str,
        namespace: str | None = None,
    ) -> None:
        super().__init__(feed, place, item_id)
        self._call_id = call_id
        self._name = name
        self._space = {} if namespace is None else {"namespace": namespace}
        self._pieces: list[str] = []

    @property
    def complete(self) -> bool:
        """Whether the arguments so far are a whole JSON object."""
        try:
            return isinstance(loads("".join(self._pieces)), dict)
        except JsonError:
            return False

    def cut(self) -> None:
        """See `OpenItem`; arguments that can be read are whole."""
        if not self.complete:
            super().cut()

    def whole(self, status: str) -> JsonObject:
        """The item as it is now."""
        arguments = "" if status == "in_progress" else "".join(self._pieces)
        return self._item("function_call", status, name=self._name, arguments=arguments)

    def arguments(self, fragment: str) -> bytes:
        """More of the arguments."""
        self._pieces.append(fragment)
        return self._within("function_call_arguments.delta", delta=fragment)

    def close(self) -> bytes:
        """Write its end."""
        arguments = "".join(self._pieces)
        done = self._within("function_call_arguments.done", name=self._name, arguments=arguments)
        return done + self._done()

    def _item(self, kind: str, status: str, **fields: object) -> JsonObject:
        head = {"id": self.id, "type": kind, "status": status, "call_id": self._call_id}
        return {**head, **fields, **self._space}


class CustomCallItem(CallItem):
    """A call of a custom tool, whose free text the arguments wrap."""

    prefix: ClassVar[str] = "ctc"

    def __init__(
        self,
        feed: Feed,
        place: int,
        item_id: str,
        *,
        call_id: str,
        name: str,
        namespace: str | None = None,
    ) -> None:
        super().__init__(feed, place, item_id, call_id=call_id, name=name, namespace=namespace)
        self._reader = InputReader()
        self._texts: list[str] = []

    def whole(self, status: str) -> JsonObject:
        """The item as it is now."""
        text = "" if status == "in_progress" else "".join(self._texts)
        return self._item("custom_tool_call", status, name=self._name, input=text)

    def arguments(self, fragment: str) -> bytes:
        """More of the arguments."""
        self._pieces.append(fragment)
        return self._added(self._reader.feed(fragment))

    def close(self) -> bytes:
        """Write its end."""
        rest = self._added(self._reader.end())
        done = self._within("custom_tool_call_input.done", input="".join(self._texts))
        return rest + done + self._done()

    def _added(self, text: str) -> bytes:
        if not text:
            return b""
        self._texts.append(text)
        return self._within("custom_tool_call_input.delta", delta=text)


class ClientToolItem(CallItem):
    """A call of a shell or of the patch tool: begun when it is known whole.

    Arguments that do not say what to do stay a call of a function: the client answers that
    it knows none of that name, and the model can try again.
    """

    def __init__(
        self, feed: Feed, place: int, item_id: str, *, call_id: str, tool: ClientTool
    ) -> None:
        super().__init__(feed, place, item_id, call_id=call_id, name=tool.kind)
        self._tool = tool

    def open(self) -> bytes:
        """Nothing yet."""
        return b""

    def whole(self, status: str) -> JsonObject:
        """The item as it is now."""
        fields = call_fields(self._tool, "".join(self._pieces))
        if fields is None:
            return super().whole(status)
        return self._item(self._tool.call_type, status, **fields)

    def arguments(self, fragment: str) -> bytes:
        """More of the arguments."""
        self._pieces.append(fragment)
        return b""

    def close(self) -> bytes:
        """Write its whole life."""
        begun = super().open()
        arguments = "".join(self._pieces)
        fields = call_fields(self._tool, arguments)
        if fields is None:
            return (
                begun
                + self._within("function_call_arguments.delta", delta=arguments)
                + super().close()
            )
        return begun + self._diff(fields) + self._done()

    def _diff(self, fields: JsonObject) -> bytes:
        diff = fields.get("operation", {}).get("diff")
        if diff is None:
            return b""
        name = "apply_patch_call_operation_diff"
        return self._within(f"{name}.delta", delta=diff) + self._within(f"{name}.done", diff=diff)
