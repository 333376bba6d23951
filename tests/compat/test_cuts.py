"""A provider's stream is cut at any byte: every client is told, in good form and in time.

The upstream plays one answer with reasoning, text and two tool calls and stops
it after so many bytes by FIN, RST or silence. What came before the cut is known
from the uncut answer, read from the simulator without a gateway in between.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from random import Random
from typing import Literal

import aiohttp
import httpx
import msgspec
import openai
import pytest
from openrouter import OpenRouter, errors

from portico.jsonio import JsonError, JsonObject, loads
from portico.simulator import Script, Step, ToolCallStep
from tests.compat.processes import BOUND_S, Gateway, Upstream, gateway, simulated, simulator

pytestmark = pytest.mark.io

CUTS = 500
EVERY_NTH_BY_PACKAGE = 1
AT_ONCE, AT_ONCE_BY_PACKAGE = 32, 8
KEEPALIVE = ": OPENROUTER PROCESSING"
MESSAGES = [{"role": "user", "content": "Olá, what is the weather?"}]
ANSWER = Step(
    times=0,
    reasoning="Two towns were named: ask for both.",
    chunks=("Olá! ", "Eu ", "vou ", "ver ", "\U0001f326️ ", 'já: "', "\\", '"\n', "時々", "雨"),
    tool_calls=(
        ToolCallStep(id="call_1", name="get_weather", arguments={"city": "Évora"}),
        ToolCallStep(id="call_2", name="get_weather", arguments={"city": "Porto"}),
    ),
)
UNCUT = "cut-all"  # as long as the other names: they are in every event


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """One way to lose the stream: after `at_byte` bytes of the upstream's body."""

    number: int
    at_byte: int
    how: Literal["fin", "rst", "stall"]

    @property
    def upstream_model(self) -> str:
        return f"cut-{self.number:03}"


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What was said in a stream, or up to some point of it."""

    reasoning: str = ""
    text: str = ""
    arguments: str = ""

    def is_beginning_of(self, other: "Said") -> bool:
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return all(whole.startswith(part) for part, whole in pairs)


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway whose upstream loses streams, and what the uncut stream looks like.

    `ends` are for each upstream event the byte after it and what was said until
    then; `finish_byte` is the one after the event with the finish reason.
    """

    gateway: Gateway
    cuts: tuple[Cut, ...]
    ends: tuple[tuple[int, Said], ...]
    finish_byte: int

    @property
    def length(self) -> int:
        return self.ends[-1][0]

    def said_before(self, cut: Cut) -> Said:
        reached = self.reached(cut)
        return max((end for end in self.ends if end[0] <= reached), default=(0, Said()))[1]

    def must_break(self, cut: Cut) -> bool:
        return self.reached(cut) < self.finish_byte

    def reached(self, cut: Cut) -> int:
        """The end of a stream also ends an event that lacks only its blank line; silence does not."""
        return cut.at_byte if cut.how == "stall" else cut.at_byte + len("\n\n")

    def must_complete(self, cut: Cut) -> bool:
        return cut.at_byte >= self.length


def request(model: str) -> JsonObject:
    return {"model": model, "messages": MESSAGES, "stream": True}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Every cut is a model of its own, so that it stays the same when it is asked again."""
    with simulator(tmp_path_factory.mktemp("cutting")) as upstream:
        ends, finish_byte = uncut(upstream)
        cuts = drawn(ends[-1][0])
        upstream.play(
            Script(
                ttft_s=0.0,
                chunk_interval_s=0.0,
                default=ANSWER,
                steps=tuple(
                    msgspec.structs.replace(
                        ANSWER, model=cut.upstream_model, cut_at_byte=cut.at_byte, how=cut.how
                    )
                    for cut in cuts
                ),
            )
        )
        models = [f"sim/{cut.upstream_model}" for cut in cuts] + [f"sim/{UNCUT}"]
        folder = tmp_path_factory.mktemp("gateway")
        with gateway(folder, config=simulated(upstream, models)) as running:
            yield Scene(gateway=running, cuts=cuts, ends=ends, finish_byte=finish_byte)


def drawn(length: int) -> tuple[Cut, ...]:
    """Offsets over the whole stream and a little beyond its end; -1 loses the status line too."""
    rng = Random(2025)
    return tuple(
        Cut(number=number, at_byte=rng.randrange(-1, length + length // 20), how=how)
        for number, how in zip(range(CUTS), ("fin", "rst", "stall") * CUTS, strict=False)
    )


def uncut(upstream: Upstream) -> tuple[tuple[tuple[int, Said], ...], int]:
    """Ask the simulator itself, as the gateway asks it."""
    upstream.play(Script(ttft_s=0.0, chunk_interval_s=0.0, default=ANSWER))
    body = httpx.post(
        f"{upstream.base_url}/chat/completions",
        json={**request(UNCUT), "stream_options": {"include_usage": True}},
    ).content
    position, said, finish_byte = 0, Said(), 0
    ends = []
    for event in body.split(b"\n\n")[:-1]:
        position += len(event) + 2
        payload = event.removeprefix(b"data: ")
        choices = [] if payload == b"[DONE]" else loads(payload)["choices"]
        for choice in choices:
            said = heard(said, choice["delta"], reasoning_field="reasoning_content")
            finish_byte = position if choice["finish_reason"] else finish_byte
        ends.append((position, said))
    return tuple(ends), finish_byte


def heard(said: Said, delta: JsonObject, *, reasoning_field: str) -> Said:
    """Add a delta to what was said."""
    calls = delta.get("tool_calls") or []
    return Said(
        reasoning=said.reasoning + (delta.get(reasoning_field) or ""),
        text=said.text + (delta.get("content") or ""),
        arguments=said.arguments + "".join(call["function"]["arguments"] for call in calls),
    )


async def faults(
    cuts: Sequence[Cut], attempt: Callable[[Cut], Awaitable[str | None]], *, at_once: int
) -> list[str]:
    """Attempt every cut, `at_once` of them, each in `BOUND_S`; return what was wrong."""
    waiting = list(reversed(cuts))
    found = []

    async def work() -> None:
        while waiting:
            cut = waiting.pop()
            try:
                async with asyncio.timeout(BOUND_S):
                    fault = await attempt(cut)
            except TimeoutError:
                fault = "hangs"
            if fault:
                found.append(f"{cut}: {fault}")

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())
    return found


async def faults_by_package(
    scene: Scene, attempt: Callable[[Cut], Awaitable[str | None]]
) -> list[str]:
    """`faults` of some of the cuts: a package is slower than plain HTTP."""
    await attempt(scene.cuts[0])  # its models are loaded when they are first used
    return await faults(scene.cuts[::EVERY_NTH_BY_PACKAGE], attempt, at_once=AT_ONCE_BY_PACKAGE)


def judge(scene: Scene, cut: Cut, said: Said, *, broken: bool) -> str | None:
    """Say what is wrong with what a client understood, None if nothing is."""
    expected = scene.said_before(cut)
    if broken and scene.must_complete(cut):
        return "an error for a whole stream"
    if not broken and scene.must_break(cut):
        return "no error for a broken stream"
    # A reset may overtake what was sent before it; nothing else may lose anything.
    if said != expected and not (cut.how == "rst" and said.is_beginning_of(expected)):
        return f"{said} instead of {expected}"
    return None


# Plain HTTP: form and content of every answer


async def test_500_cuts_end_in_a_plain_error_or_one_well_formed_error_chunk(scene):
    outcomes: Counter[str] = Counter()

    async with aiohttp.ClientSession(headers=scene.gateway.headers) as session:

        async def attempt(cut: Cut) -> str | None:
            async with session.post(
                f"{scene.gateway.base_url}/chat/completions",
                json=request(f"sim/{cut.upstream_model}"),
            ) as response:
                body = await response.text()
            if response.status != 200:
                outcomes["plain error"] += 1
                return plain_error_fault(response.status, body) or judge(
                    scene, cut, Said(), broken=True
                )
            try:
                said, broken = read_stream(body)
            except (AssertionError, JsonError, LookupError, TypeError) as error:
                return f"{error!r} in {body[-300:]!r}"
            outcomes["error chunk" if broken else "complete"] += 1
            return judge(scene, cut, said, broken=broken)

        found = await faults(scene.cuts, attempt, at_once=AT_ONCE)

    assert found == []
    assert outcomes.total() == CUTS
    assert min(outcomes.values()) > 0
    assert set(outcomes) == {"plain error", "error chunk", "complete"}


def plain_error_fault(status: int, body: str) -> str | None:
    error = loads(body.encode())["error"]
    good = (
        status in {502, 504}
        and error["code"] == status
        and isinstance(error["metadata"]["error_type"], str)
    )
    return None if good else f"{status} {body}"


def read_stream(body: str) -> tuple[Said, bool]:
    """Read a stream strictly; return what it says and whether it ends in an error.

    Raises:
        AssertionError, JsonError, LookupError, TypeError: it is not well formed.
    """
    events = body.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    lines = [event for event in events[:-2] if event != KEEPALIVE]
    assert all(line.startswith("data: {") for line in lines)
    chunks = [loads(line.removeprefix("data: ").encode()) for line in lines]
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    said = Said()
    for chunk in chunks:
        said = heard(said, chunk["choices"][0]["delta"], reasoning_field="reasoning")
    last = chunks[-1]
    assert all("error" not in chunk for chunk in chunks[:-1])
    if "error" not in last:
        assert last["usage"]["cost"] > 0
        return said, False
    assert type(last["error"]["code"]) is int
    assert isinstance(last["error"]["message"], str)
    assert isinstance(last["error"]["metadata"]["error_type"], str)
    assert last["choices"][0]["finish_reason"] == "error"
    return said, True


# The packages: they tell their user, and do not hang


async def test_cuts_raise_in_the_openai_package(scene):
    async with openai.AsyncOpenAI(
        base_url=scene.gateway.base_url, api_key=scene.gateway.key, max_retries=0
    ) as client:

        async def attempt(cut: Cut) -> str | None:
            said, broken = Said(), False
            try:
                async for chunk in await client.chat.completions.create(
                    **request(f"sim/{cut.upstream_model}")
                ):
                    delta = chunk.choices[0].delta.model_dump()
                    said = heard(said, delta, reasoning_field="reasoning")
            except openai.APIError:
                broken = True
            return judge(scene, cut, said, broken=broken)

        assert await faults_by_package(scene, attempt) == []


async def test_cuts_are_errors_in_the_openrouter_package(scene):
    """It raises what comes as a status and yields what comes in a stream as `chunk.error`."""
    async with OpenRouter(
        api_key=scene.gateway.key, server_url=scene.gateway.base_url, retry_config=None
    ) as client:

        async def attempt(cut: Cut) -> str | None:
            said, broken = Said(), False
            try:
                async with await client.chat.send_async(
                    **request(f"sim/{cut.upstream_model}")
                ) as stream:
                    async for chunk in stream:
                        delta = chunk.choices[0].delta.model_dump()
                        said = heard(said, delta, reasoning_field="reasoning")
                        broken = chunk.error is not None
            except errors.OpenRouterError:
                broken = True
            return judge(scene, cut, said, broken=broken)

        assert await faults_by_package(scene, attempt) == []
