"""Messages of other dialects in the parts that servers of this one take.

Results of tools are text here: what a tool has shown goes to the user's turn behind
it. A file is a PDF here: one of text is told as text.
"""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator, Sequence

import msgspec

from portico.dialects.media import split_data_url
from portico.vocabulary import File, Message, Part, Text

_TEXTS = ("text/", "application/json", "application/xml", "application/yaml")


def portable(messages: Sequence[Message]) -> list[Message]:
    """The same conversation, in parts that can be said here."""
    told: list[Message] = []
    shown: list[Part] = []  # by tools, since the last turn that was not a result
    for message in messages:
        turn = _in_texts(message)
        if turn.role == "tool":
            turn, media = _without_media(turn)
            shown += media
        elif shown:
            if turn.role == "user":
                turn = msgspec.structs.replace(turn, parts=(*shown, *turn.parts))
            else:
                told.append(Message(role="user", parts=tuple(shown)))
            shown = []
        told.append(turn)
    if shown:
        told.append(Message(role="user", parts=tuple(shown)))
    return told


def _in_texts(message: Message) -> Message:
    if not any(isinstance(part, File) for part in message.parts):
        return message
    parts = tuple(told for part in message.parts for told in _told(part))
    return msgspec.structs.replace(message, parts=parts)


def _told(part: Part) -> Iterator[Part]:
    text = _text_of(part) if isinstance(part, File) else None
    if text is None or not isinstance(part, File):
        yield part
        return
    if part.filename:
        yield Text(text=part.filename)
    yield Text(text=text, cache_control=part.cache_control)


def _text_of(file: File) -> str | None:
    """What stands in a file of text; None for any other."""
    media, data = split_data_url(file.data or "")
    if data is None or not media.startswith(_TEXTS):
        return None
    try:
        return b64decode(data, validate=True).decode()
    except (NotBase64, ValueError):
        return None


def _without_media(result: Message) -> tuple[Message, list[Part]]:
    media: list[Part] = [part for part in result.parts if not isinstance(part, Text)]
    if not media:
        return result, []
    texts = tuple(part for part in result.parts if isinstance(part, Text))
    seen = texts or (Text(text="The result is shown in the next message."),)
    return msgspec.structs.replace(result, parts=seen), media
