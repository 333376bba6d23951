"""Gateways that end with their test."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.process import Gateway
from tests.e2e.site import Site, sited

StartGateway = Callable[..., Gateway]


@pytest.fixture
def start_gateway(tmp_path: Path) -> Iterator[StartGateway]:
    """Start a gateway with the given text of portico.toml in a new data directory."""
    started: list[Gateway] = []

    def start(config: str, *, environ: Mapping[str, str] | None = None) -> Gateway:
        folder = tmp_path / f"gateway{len(started)}"
        folder.mkdir()
        gateway = Gateway(folder, config, environ=environ)
        started.append(gateway)
        gateway.start()
        return gateway

    yield start
    for gateway in started:
        gateway.kill()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One gateway for everything bad that a module sends."""
    with sited(tmp_path_factory.mktemp("site")) as everything:
        yield everything
