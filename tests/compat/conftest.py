"""Gateways to point clients at; each lives as long as a module needs it."""

from collections.abc import Iterator

import pytest

from tests.compat.processes import Gateway, Upstream, gateway, simulated, simulator


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The demo in today's wire profile."""
    with gateway(tmp_path_factory.mktemp("demo"), "--demo") as running:
        yield running


@pytest.fixture(scope="module")
def demo_2025(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The demo in the wire profile of 2025."""
    folder = tmp_path_factory.mktemp("demo_2025")
    profile = {"PORTICO_WIRE_PROFILE": "2025"}
    with gateway(folder, "--demo", environment=profile) as running:
        yield running


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """A simulator that a test scripts."""
    with simulator(tmp_path_factory.mktemp("upstream")) as running:
        yield running


@pytest.fixture(scope="module")
def backed(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose only provider is `upstream`."""
    folder = tmp_path_factory.mktemp("backed")
    with gateway(folder, config=simulated(upstream)) as running:
        yield running
