"""The gateway as a real process: its configuration, its key, its start and its end."""

import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import aiohttp

from tests.conformance.apis import Api
from tests.conformance.compare import Prices
from tests.conformance.corpus import Record

# `env:` reads this variable; the value only has to be recognisable in a header.
UPSTREAM_KEY_VARIABLE = "CONFORMANCE_UPSTREAM_KEY"
UPSTREAM_KEY = "upstream-of-the-conformance-run"
_START_S = 20.0


class GatewayFailed(Exception):
    """The gateway did not start; the message ends with what it printed."""


def slug_of(provider: str, api: Api) -> str:
    """The gateway's name for a provider of the corpus.

    The corpus names a provider as its recorder did, the gateway as the contract does.
    Any name unknown to `api` is configured as a private provider of that name.
    """
    name = api.slugs.get(provider, provider)
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "unnamed"


def model_of(number: int) -> str:
    return f"conformance/{number}"


def upstream_model_of(number: int, record: Record) -> str:
    """The upstream's name of the model: it ends in the record's number.

    Dialects and providers have rules for families of models, which they know by the name.
    """
    name = re.sub(r"[^A-Za-z0-9._:-]+", "-", record.model) or "unnamed"
    return f"{name}.record-{number}"


def configuration(
    records: Mapping[int, Record], *, api: Api, upstream_port: int, prices: Prices
) -> str:
    """The text of a `portico.toml` in which record n is the only endpoint of model n."""
    slugs = sorted({slug_of(record.provider, api) for record in records.values()})
    parts = ["[deadlines]", "connect_s = 5.0", "first_byte_s = 20.0", ""]
    for slug in slugs:
        parts += [
            f"[providers.{slug}]",
            f'base_url = "http://127.0.0.1:{upstream_port}/p/{slug}/v1"',
            f'api_key = "env:{UPSTREAM_KEY_VARIABLE}"',
            f'dialect = "{api.dialect}"',
            "",
        ]
    for number, record in records.items():
        parts += [
            "[[models]]",
            f'id = "{model_of(number)}"',
            f'provider = "{slug_of(record.provider, api)}"',
            f'upstream_model = "{upstream_model_of(number, record)}"',
            "context_tokens = 10_000_000",
            'input_modalities = ["text", "image", "audio", "file", "video"]',
            f'price = {{ prompt = "{prices.prompt}", completion = "{prices.completion}", '
            f'cache_read = "{prices.cache_read}", cache_write = "{prices.cache_write}" }}',
            "",
        ]
    return "\n".join(parts)


def free_port() -> int:
    """A port of the loopback interface that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class GatewayProcess:
    """One `portico up` with a data directory of its own and no key of a real provider."""

    def __init__(self, *, command: Path, folder: Path, config: Path) -> None:
        self._command = str(command)
        self._config = config
        self._folder = folder
        self._log = folder / "gateway.log"
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""

    def _environment(self) -> dict[str, str]:
        """Nothing of the caller's but what a process needs to run."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return kept | {
            "HOME": str(self._folder),
            "PORTICO_DATA_DIR": str(self._folder / "data"),
            UPSTREAM_KEY_VARIABLE: UPSTREAM_KEY,
        }

    async def start(self) -> None:
        """Start and wait for `GET /health`. Raises GatewayFailed."""
        port = free_port()
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(self._command, "up", "--config", str(self._config), "--port", str(port)),
                cwd=self._folder,
                env=self._environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.url = f"http://127.0.0.1:{port}"
        await self._until_healthy()

    async def _until_healthy(self) -> None:
        assert self._process is not None
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + _START_S
        async with aiohttp.ClientSession() as session:
            while loop.time() < deadline_s and self._process.returncode is None:
                try:
                    async with session.get(f"{self.url}/health") as response:
                        if response.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)
        raise GatewayFailed(f"the gateway did not get healthy:\n{self.tail()}")

    async def create_key(self) -> str:
        """A key of the running gateway. Raises GatewayFailed."""
        process = await asyncio.create_subprocess_exec(
            *(self._command, "keys", "create", "--name", "conformance", "--json"),
            cwd=self._folder,
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        try:
            return str(json.loads(out)["key"])
        except (ValueError, KeyError, TypeError) as error:
            text = (out + err).decode("utf-8", "replace")
            raise GatewayFailed(f"`portico keys create` printed no key:\n{text}") from error

    async def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def tail(self, *, lines: int = 15) -> str:
        """The last lines of what it printed."""
        if not self._log.exists():
            return "(nothing printed)"
        text = self._log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])


def gateway_command(candidates: Iterable[Path] | None = None) -> Path:
    """The `portico` beside this interpreter. Raises GatewayFailed if it is not installed."""
    for path in candidates or [Path(sys.executable).with_name("portico")]:
        if path.exists():
            return path
    raise GatewayFailed("no `portico` beside this interpreter: install the project first")
