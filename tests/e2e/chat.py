"""A small client of the chat API that keeps what it was told, byte for byte."""

import json
from collections.abc import Mapping

import aiohttp
import msgspec

COMMENT = b": OPENROUTER PROCESSING"
DONE = b"data: [DONE]"


class Answer(msgspec.Struct, kw_only=True):
    """One answer as far as it came. `headers` have lower-case names; status 0: nothing came."""

    status: int = 0
    headers: dict[str, str] = {}
    body: bytes = b""

    @property
    def generation_id(self) -> str | None:
        return self.headers.get("x-generation-id")

    @property
    def json(self) -> dict:
        return dict(json.loads(self.body))

    @property
    def blocks(self) -> list[bytes]:
        """What stands between the blank lines of an event stream."""
        return [block for block in self.body.split(b"\n\n") if block]

    @property
    def chunks(self) -> list[dict]:
        """The decoded events of a stream, without comments and terminator."""
        return [
            json.loads(block.removeprefix(b"data: "))
            for block in self.blocks
            if block.startswith(b"data: ") and block != DONE
        ]

    @property
    def text(self) -> str:
        """What the model said, streamed or not."""
        if self.headers["content-type"].startswith("text/event-stream"):
            deltas = [c["choices"][0]["delta"] for c in self.chunks if c["choices"]]
            return "".join(delta.get("content") or "" for delta in deltas)
        return str(self.json["choices"][0]["message"]["content"])

    @property
    def ended_well(self) -> bool:
        """The client saw the end: a terminator after no error, or a whole body."""
        if self.status != 200:
            return False
        if self.headers["content-type"].startswith("text/event-stream"):
            ended = self.body.endswith(DONE + b"\n\n")
            return ended and not any("error" in chunk for chunk in self.chunks)
        try:
            return "choices" in self.json
        except ValueError:
            return False


def body(model: str, **fields: object) -> dict:
    """A short question to `model`."""
    return {"model": model, "messages": [{"role": "user", "content": "Say hi"}], **fields}


async def ask(
    session: aiohttp.ClientSession,
    url: str,
    key: str,
    request: Mapping[str, object],
    *,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request and read its answer to the end.

    Raises:
        aiohttp.ClientError: the gateway went away meanwhile.
    """
    answer = Answer()
    await ask_into(answer, session, url, key, request, headers=headers)
    return answer


async def ask_into(
    answer: Answer,
    session: aiohttp.ClientSession,
    url: str,
    key: str,
    request: Mapping[str, object],
    *,
    headers: Mapping[str, str] | None = None,
) -> None:
    """As `ask`, but what came is in `answer` even when the rest does not come."""
    async with session.post(
        f"{url}/chat/completions",
        json=request,
        headers={"Authorization": f"Bearer {key}", **(headers or {})},
    ) as response:
        answer.status = response.status
        answer.headers = {name.lower(): value for name, value in response.headers.items()}
        async for part in response.content.iter_any():
            answer.body += part


async def generation(session: aiohttp.ClientSession, url: str, key: str, found: str) -> dict:
    """`GET /generation` for an id; an empty dict when it is not found."""
    async with session.get(
        f"{url}/generation", params={"id": found}, headers={"Authorization": f"Bearer {key}"}
    ) as answer:
        return (await answer.json())["data"] if answer.status == 200 else {}
