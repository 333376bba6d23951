"""generateContent and streamGenerateContent: Google AI Studio and Vertex."""

import json

from tests.conformance.accumulate import Call, Choice, Failure, JsonObject, Native, sse_data
from tests.conformance.apis.base import Api, failed_at_once, parsed, unreadable
from tests.conformance.apis.gemini_request import client_request, pick, understand
from tests.conformance.asking import fields, objects, text_of
from tests.conformance.expect import ExpectedUsage, count_of

# Clients of the Python SDK write the number of the enum.
_NUMBERS = ("FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER")


def read_answer(body: bytes, status: int, stream: bool) -> Native:
    """Read a recorded answer: one object, events, or the array of a stream without `alt=sse`."""
    failed = failed_at_once(body, status)
    if failed is not None:
        return failed
    reading = _Reading()
    if body.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"data:"):
        if not stream:
            reading.native.doubts.append("the answer's kind is not the one that was asked for")
        chunks: list[object] = [parsed(data.encode()) for data in sse_data(body)]
    else:
        whole = parsed(body)
        if whole is None:
            return unreadable("the answer is not JSON")
        chunks = whole if isinstance(whole, list) else [whole]
    for chunk in chunks:
        if reading.native.failure is None:
            reading.feed(chunk)
    return reading.finish(may_leave_out_reason=not stream)


class _Reading:
    """One answer as its chunks come in."""

    def __init__(self) -> None:
        self.native = Native()
        self._counts: JsonObject = {}
        self._grounding: dict[int, JsonObject] = {}
        self._cited: dict[int, JsonObject] = {}
        self._growing = False

    def feed(self, chunk: object) -> None:
        native = self.native
        if not isinstance(chunk, dict):
            native.doubts.append("a chunk is not a JSON object")
            return
        if chunk.get("error"):
            error = fields(chunk["error"])
            code = count_of(error.get("code"))
            status = code if code is not None and 400 <= code <= 599 else None
            native.failure = Failure(status=status, message=str(error.get("message"))[:200])
            return
        for position, candidate in enumerate(objects(chunk.get("candidates"))):
            index = candidate.get("index")
            self._candidate(index if isinstance(index, int) else position, candidate)
        feedback = fields(chunk.get("promptFeedback"))
        if feedback.get("blockReason") and not native.choices:
            refusal = text_of(feedback.get("blockReasonMessage"))
            blocked = Choice(refusal=refusal, finish=text_of(feedback["blockReason"]))
            blocked.wanted_finish = "content_filter"
            native.choices[0] = blocked
        self._counts |= fields(chunk.get("usageMetadata"))

    def _candidate(self, index: int, candidate: JsonObject) -> None:
        choice = self.native.choices.setdefault(index, Choice(own=[], signed_calls=[]))
        for part in objects(fields(candidate.get("content")).get("parts")):
            self._part(choice, part)
        self._grounding.setdefault(index, {}).update(fields(candidate.get("groundingMetadata")))
        self._cited.setdefault(index, {}).update(fields(candidate.get("citationMetadata")))
        for token in objects(fields(candidate.get("logprobsResult")).get("chosenCandidates")):
            choice.logprob_tokens.append(str(token.get("token")))
        if candidate.get("finishReason"):
            choice.finish = _word(candidate["finishReason"])

    def _part(self, choice: Choice, part: JsonObject) -> None:
        """A signature stands on the thought, the text or the call that it signs."""
        signature = text_of(part.get("thoughtSignature"))
        text = text_of(part.get("text"))
        medium = fields(pick(part, "inlineData"))
        call = part.get("functionCall")
        if isinstance(call, dict):
            self._call(choice, call, signature)
            return
        if part.get("thought"):
            choice.reasoning += text
            choice.signature += signature
            return
        if medium:
            _add_medium(choice, medium)
        elif "text" not in part and part.keys() - {"thoughtSignature"}:
            assert choice.own is not None
            choice.own.append("+".join(sorted(part.keys() - {"thoughtSignature"})))
            return  # it keeps its signature
        choice.text += text
        if signature:
            choice.encrypted.append(signature)

    def _call(self, choice: Choice, call: JsonObject, signature: str) -> None:
        """Arguments in pieces are put together by path, which is not repeated here."""
        if call.get("partialArgs") or call.get("willContinue"):
            self.native.doubts.append("arguments in pieces")
        if signature:
            assert choice.signed_calls is not None
            choice.signed_calls.append(len(choice.calls))
            choice.encrypted.append(signature)
        found = Call(id=text_of(call.get("id")), name=text_of(call.get("name")))
        found.arguments = json.dumps(call.get("args") or {})
        choice.calls.append(found)

    def finish(self, *, may_leave_out_reason: bool) -> Native:
        native = self.native
        if not native.choices and native.failure is None:
            native.failure = Failure(status=None, message="no answer in it")
        finished = [choice.finish is not None for choice in native.choices.values()]
        native.complete = bool(finished) and (may_leave_out_reason or all(finished))
        for index, choice in native.choices.items():
            cited = _cited(self._grounding.get(index, {}), self._cited.get(index, {}))
            choice.annotations = [{"url": url} for url in cited]
        if count_of(self._counts.get("promptTokenCount")) is not None:
            native.usage = self._counts
        return native


def _word(reason: object) -> str:
    if isinstance(reason, int):
        return _NUMBERS[reason] if 0 <= reason < len(_NUMBERS) else str(reason)
    return text_of(reason)


def _add_medium(choice: Choice, medium: JsonObject) -> None:
    if text_of(pick(medium, "mimeType")).startswith("audio/"):
        choice.audio += text_of(medium.get("data"))
    else:
        choice.images.append(medium)


def _cited(grounding: JsonObject, citation: JsonObject) -> list[str]:
    """The URL of each place of the text that cites one, and of each source cited nowhere."""
    sources = []
    for chunk in objects(grounding.get("groundingChunks")):
        kinds = (fields(chunk.get(kind)) for kind in ("web", "retrievedContext", "maps"))
        sources.append(next((text_of(kind.get("uri")) for kind in kinds if kind), ""))
    places: list[tuple[str, object, object]] = []
    used: set[int] = set()
    for support in objects(grounding.get("groundingSupports")):
        segment = fields(support.get("segment"))
        for number in support.get("groundingChunkIndices") or ():
            if isinstance(number, int) and number < len(sources):
                used.add(number)
                start, end = segment.get("startIndex") or 0, segment.get("endIndex") or 0
                places.append((sources[number], start, end))
    places += [(url, 0, 0) for number, url in enumerate(sources) if number not in used]
    for row in objects(citation.get("citations") or citation.get("citationSources")):
        place = (row.get("startIndex") or 0, row.get("endIndex") or 0)
        places.append((text_of(row.get("uri")), *place))
    return [url for url, _, _ in dict.fromkeys(places) if url]


def usage(body: JsonObject) -> ExpectedUsage:
    """`promptTokenCount` contains what was cached, `candidatesTokenCount` no thoughts."""

    def count(name: str) -> int:
        return count_of(body.get(name)) or 0

    prompt = count("promptTokenCount") + count("toolUsePromptTokenCount")
    cached = count("cachedContentTokenCount")
    heard = _audio(body, "promptTokensDetails")
    return ExpectedUsage(
        prompt_tokens={prompt, prompt + cached} if cached > prompt else {prompt},
        completion_tokens={count("candidatesTokenCount") + count("thoughtsTokenCount")},
        cached_tokens={cached},
        cache_write_tokens={0},
        reasoning_tokens={count("thoughtsTokenCount")},
        audio_tokens={heard, heard - _audio(body, "cacheTokensDetails")},
    )


def _audio(body: JsonObject, name: str) -> int:
    rows = [row for row in objects(body.get(name)) if row.get("modality") == "AUDIO"]
    return sum(count_of(row.get("tokenCount")) or 0 for row in rows)


API = Api(
    name="gemini-generate",
    dialect="gemini",
    read_answer=read_answer,
    usage=usage,
    client_request=client_request,
    understand=understand,
    slugs={"google": "google-ai-studio", "vertex": "google-vertex"},
)
