"""Blocks of a conversation as parts that every API has a word for.

What says something to the model is put into words where nothing else can carry it:
cited texts, documents made of blocks, search results, names of tools that were
found. What only this API's own servers can look up is refused by its path.
"""

from collections.abc import Iterator, Sequence

from portico.dialects.anthropic_messages.media import decode_document, decode_image
from portico.dialects.anthropic_messages.shapes import check_block
from portico.errors import UpstreamRejected
from portico.jsonio import JsonObject
from portico.vocabulary import Part, Text

_PLACES = {"tool_addition": "can be used from here on", "tool_removal": "cannot be used any more"}


def parts_of(content: str | Sequence[JsonObject], where: str) -> Iterator[Part]:
    """The parts of a content; `where` is its path.

    Raises:
        InvalidRequest: a block is misshapen.
        UpstreamRejected: no other API can be told of it.
    """
    if isinstance(content, str):
        if content:
            yield Text(text=content)
        return
    for number, block in enumerate(content):
        yield from parts_of_block(block, f"{where}.{number}")


def parts_of_block(block: JsonObject, where: str) -> Iterator[Part]:
    """The parts that one block becomes: mostly one; see `parts_of`."""
    kind = check_block(block, where)
    match kind:
        case "text" | "compaction":
            text = block["text"] if kind == "text" else block.get("content")
            if text is not None:
                yield Text(text=text, cache_control=block.get("cache_control"))
        case "image":
            image = decode_image(block)
            if image is None:
                raise _only_there(f"{where}.source", "an image by the id of a file")
            yield image
        case "document":
            yield from _document(block, where)
        case "search_result":
            yield Text(text=f"Search result: {block['title']} ({block['source']})")
            yield from parts_of(block["content"], f"{where}.content")
        case "tool_reference":
            yield Text(text=f"Found the tool {block['tool_name']}.")
        case "tool_addition" | "tool_removal":
            tool = block["tool"]
            name = tool.get("name") or tool.get("server_name")
            yield Text(text=f"The tool {name} {_PLACES[kind]}.")
        case _:
            raise _only_there(where, f"a block of type {kind[:60]!r}")


def _document(block: JsonObject, where: str) -> Iterator[Part]:
    """A file, behind what the client said of it; one made of blocks is those blocks."""
    if context := block.get("context"):
        yield Text(text=context)
    file = decode_document(block)
    if file is not None:
        yield file
        return
    if title := block.get("title"):
        yield Text(text=title)
    yield from parts_of(block["source"]["content"], f"{where}.source.content")


def _only_there(where: str, what: str) -> UpstreamRejected:
    return UpstreamRejected(f"{where}: {what} can be sent to no API but Anthropic's own")
