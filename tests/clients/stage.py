"""What every client is put before: one gateway, and a provider that plays a part for each case."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.e2e.process import Gateway
from tests.surfaces import natives
from tests.surfaces.upstream import Arrived, Played, Upstream, stream, whole

TEXT = "Hello from far away"
SIGNATURE = "c2lnbmVkLWJ5LXRoZS12ZW5kb3I="
CONFIG = """
[stream]
stream_commit_after_s = 1

[providers.openai]
base_url = "{url}/openai/v1"

[providers.answers]
name = "Answers"
base_url = "{url}/answers/v1"
dialect = "openai_responses"

[providers.anthropic]
base_url = "{url}/anthropic/v1"
"""
MODEL = """
[[models]]
id = "{author}/{case}"
provider = "{author}"
upstream_model = "{case}"
context_tokens = {window}
max_completion_tokens = 4096
input_modalities = ["text", "image"]
price = {{ prompt = "1", completion = "5" }}
"""
USAGE = {"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 16}
COST_USD = (12 + 4 * 5) / 1e6


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the matrix.

    `seen` is what is wrong with what the client told of it, `sent` what is wrong
    with what the provider was asked; None if nothing is.
    """

    title: str
    seen: Callable[[dict], str | None]
    sent: Callable[[list[Arrived]], str | None] = lambda _: None
    author: str = "openai"
    window: int = 200_000


def _is(name: str, expected: object) -> Callable[[dict], str | None]:
    def check(told: dict) -> str | None:
        got = told.get(name)
        return None if got == expected else f"{name} is {got!r}"

    return check


def _streamed(told: dict) -> str | None:
    if told.get("text") != TEXT:
        return f"text is {told.get('text')!r}"
    return None if told.get("pieces", 0) > 1 else "it came in one piece"


def _calls(told: dict) -> str | None:
    got = [tuple(call) for call in told.get("calls", ())]
    return None if got == list(natives.CALLS) else f"calls are {got!r}"


def _reasoned(told: dict) -> str | None:
    thought = told.get("reasoning") or ""
    return None if "Let me think" in thought else f"reasoning is {thought!r}"


def _broken(told: dict) -> str | None:
    if not told.get("raised"):
        return "no error was raised"
    if "closed the connection" not in str(told.get("message")):
        return f"it raised {told.get('message')!r}"
    got = told.get("text", "")
    return None if TEXT.startswith(got) else f"text is {got!r}"


def _overflow(told: dict) -> str | None:
    words = str(told.get("message", ""))
    known = any(p in words for p in ("maximum context length", "too long", "context limit"))
    return None if told.get("raised") and known else f"it raised {words[:80]!r}"


def _priced(told: dict) -> str | None:
    got = (told.get("prompt"), told.get("completion"), told.get("cost"))
    if got[:2] != (12, 4):
        return f"tokens are {got[:2]}"
    return None if abs((got[2] or 0) - COST_USD) < 1e-9 else f"cost is {got[2]}"


def _listed(told: dict) -> str | None:
    missing = {f"{case.author}/{name}" for name, case in CASES.items()} - set(told.get("ids", ()))
    return f"missing {sorted(missing)}" if missing else None


def _asked_for(*words: str) -> Callable[[list[Arrived]], str | None]:
    """Every one of the words has to be in the last thing the provider was asked."""

    def check(arrived: list[Arrived]) -> str | None:
        if not arrived:
            return "the provider was not asked"
        body = arrived[-1].body.decode()
        missing = [word for word in words if word not in body]
        return f"the provider was not told {missing}" if missing else None

    return check


CASES: dict[str, Case] = {
    "text": Case(title="text", seen=_is("text", TEXT)),
    "stream": Case(title="stream", seen=_streamed),
    "tools": Case(title="two parallel tools", seen=_calls, sent=_asked_for("get_weather")),
    "results": Case(
        title="tool results",
        seen=_is("text", TEXT),
        sent=_asked_for("21 degrees", "17 degrees", "call_0", "call_1"),
    ),
    "reasoning": Case(
        title="reasoning and signature replayed",
        seen=_reasoned,
        sent=_asked_for(SIGNATURE),
        author="anthropic",
    ),
    "schema": Case(
        title="JSON schema",
        seen=_is("city", "Lisbon"),
        sent=_asked_for("json_schema", '"city"'),
    ),
    "image": Case(
        title="image in", seen=_is("text", TEXT), sent=_asked_for("data:image/png;base64,iVBOR")
    ),
    "limited": Case(
        title="429, then success",
        seen=_is("text", TEXT),
        sent=lambda arrived: None if len(arrived) > 1 else "the provider was asked once",
    ),
    "broken": Case(title="error mid-stream", seen=_broken),
    "overflow": Case(
        title="context overflow",
        seen=_overflow,
        sent=lambda arrived: "the provider was asked" if arrived else None,
        window=500,
    ),
    "cancel": Case(title="cancel", seen=lambda told: None if told.get("pieces") else "no piece"),
    "usage": Case(title="usage and cost", seen=_priced),
    "models": Case(title="model listing", seen=_listed),
}


def _answer(content: str) -> Played:
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"}
    return whole({**body, "choices": [choice], "usage": USAGE})


def _chunks(content: str, *, pause_s: float = 0.0, finish: bool = True) -> Played:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    words = content.split(" ")
    pieces = [words[0], *(" " + word for word in words[1:])]
    deltas: list[dict] = [{"role": "assistant", "content": piece} for piece in pieces]
    chunks: list[dict] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    if finish:
        last = {"index": 0, "delta": {}, "finish_reason": "stop"}
        chunks += [{**head, "choices": [last]}, {**head, "choices": [], "usage": USAGE}]
    text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    end = "data: [DONE]\n\n" if finish else ""
    return stream((text + end).encode(), pause_s=pause_s, cut=not finish)


def _either(whole: Played, streamed: Played) -> Callable[[Arrived], Played]:
    return lambda arrived: streamed if arrived.json.get("stream") else whole


def _thoughts() -> Callable[[Arrived], Played]:
    thinking = {"type": "thinking", "thinking": "Let me think.", "signature": SIGNATURE}
    usage = {"input_tokens": 12, "output_tokens": 4}
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [thinking, {"type": "text", "text": TEXT}], "stop_reason": "end_turn",
        "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    events: list[dict] = [
        {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0,
         "content_block": {**thinking, "thinking": "", "signature": ""}},
        {"type": "content_block_delta", "index": 0,
         "delta": {"type": "thinking_delta", "thinking": "Let me think."}},
        {"type": "content_block_delta", "index": 0,
         "delta": {"type": "signature_delta", "signature": SIGNATURE}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": TEXT}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
         "usage": usage},
        {"type": "message_stop"},
    ]  # fmt: skip
    return _either(whole(message), natives.sse([(event["type"], event) for event in events]))


def _parts() -> dict[str, tuple[Played | Callable[[Arrived], Played], ...]]:
    """What the provider answers in each case, one after the other."""
    plain = _either(_answer(TEXT), _chunks(TEXT))
    refused = whole({"error": {"message": "slow down"}}, status=429, headers=[("retry-after", "0")])
    return {
        **dict.fromkeys(CASES, (plain,)),
        "tools": (_either(natives.chat_whole(), natives.chat_stream()),),
        "reasoning": (_thoughts(),),
        "schema": (_either(_answer('{"city":"Lisbon"}'), _chunks('{"city":"Lisbon"}')),),
        "limited": (refused, plain),
        "broken": (_chunks("Hello from", finish=False),),
        "cancel": (_chunks("word " * 60, pause_s=0.1),),
    }


class Stage(msgspec.Struct, kw_only=True):
    """The running gateway, and its provider."""

    gateway: Gateway
    upstream: Upstream

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.gateway.port}"

    def reset(self) -> None:
        """Every part from its beginning; what arrived is forgotten."""
        for case, answers in _parts().items():
            self.upstream.play(case, *answers)

    def arrived(self, case: str) -> list[Arrived]:
        return [one for one in self.upstream.arrived if one.model == case]


@contextmanager
def staged(folder: Path, agent_models: Iterable[str] = ()) -> Iterator[Stage]:
    """Start everything, with models for agents beside those of the cases; it ends with the context."""
    with Upstream() as upstream:
        config = CONFIG.format(url=upstream.url) + "".join(
            MODEL.format(author=case.author, case=name, window=case.window)
            for name, case in CASES.items()
        )
        for author, name in (model.split("/") for model in agent_models):
            agent = MODEL.format(author=author, case=name, window=400_000)
            config += agent.replace("4096", "64000")
        gateway = Gateway(folder, config)
        try:
            gateway.start()
            stage = Stage(gateway=gateway, upstream=upstream)
            stage.reset()
            yield stage
        finally:
            gateway.stop()
