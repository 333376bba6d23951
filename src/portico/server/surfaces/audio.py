"""`POST /audio/speech` and `/audio/transcriptions` (contract/other-apis 6 and 7)."""

from portico.dialects.side import SPEECH as SPEECH_DIALECT
from portico.dialects.side import TRANSCRIPTIONS as TRANSCRIPTIONS_DIALECT
from portico.dialects.side.forms import is_form, transcription_json
from portico.server.asgi import AsgiReply
from portico.server.request import Request, Route, Site
from portico.server.surfaces.answering import answer


async def speech(site: Site, request: Request, reply: AsgiReply) -> None:
    """Say a text; the answer is sound, raw PCM unless `response_format` asks for another."""
    await answer(site, request, reply, SPEECH_DIALECT)


async def transcriptions(site: Site, request: Request, reply: AsgiReply) -> None:
    """Write down what is said; takes JSON, and the form that OpenAI's clients send."""
    await answer(site, request, reply, TRANSCRIPTIONS_DIALECT, translate=_from_form)


def _from_form(body: bytes, content_type: str | None) -> bytes:
    if content_type is None or not is_form(content_type):
        return body
    return transcription_json(body, content_type)


SPEECH = Route(
    method="POST", path="/audio/speech", access="key", handler=speech, dialect=SPEECH_DIALECT
)
TRANSCRIPTIONS = Route(
    method="POST",
    path="/audio/transcriptions",
    access="key",
    handler=transcriptions,
    dialect=TRANSCRIPTIONS_DIALECT,
)
