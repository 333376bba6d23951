"""The pytest fixture `portico`: a gateway on a free port that replays the test's own cassette.

    def test_hello(portico):
        client = openai.OpenAI(base_url=portico.base_url, api_key=portico.api_key)
        ...

The cassette of `test_hello` in `tests/test_chat.py` is
`tests/cassettes/test_chat/test_hello.yaml`. `--portico-record=once` records it where
it is missing, `all` anew; `none`, the default, never touches a network.

`@pytest.mark.portico(...)` takes the arguments of `portico.testing.ReplayGateway`
and `cassette`, a file or directory relative to the test's own. The ini value
`portico_config` names a settings file for all tests.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from portico.testing import ReplayGateway

_MODES = ("none", "once", "all")
_ARGUMENTS = "cassette, mode, match, ignore, pace, config, environ"


class RunningGateway:
    """What a test is given.

    Attributes:
        base_url: of the API, for clients: "http://127.0.0.1:.../api/v1".
        api_key: a key; any other one is accepted as well.
        cassette: the file or directory that is replayed or recorded.
    """

    def __init__(self, base_url: str, cassette: Path) -> None:
        self.base_url = base_url
        self.api_key = "any"
        self.cassette = cassette


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--portico-record` and the ini value `portico_config`."""
    parser.getgroup("portico").addoption(
        "--portico-record",
        choices=_MODES,
        default=None,
        help="what the fixture portico may record: none (the default), once: what is not there "
        "yet, all: everything anew",
    )
    parser.addini("portico_config", "settings file for the fixture portico; none by default")


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker."""
    config.addinivalue_line(
        "markers", f"portico({_ARGUMENTS}): how the fixture portico replays this test's cassette"
    )


@pytest.fixture
def portico(request: pytest.FixtureRequest) -> Iterator[RunningGateway]:
    """A gateway on a free port that replays the cassette of this test."""
    from portico.testing import GatewayThread  # noqa: PLC0415  # only tests that use it pay for it

    cassette, gateway = _gateway(request)
    with GatewayThread(gateway) as thread:
        yield RunningGateway(thread.base_url, cassette)


def _gateway(request: pytest.FixtureRequest) -> "tuple[Path, ReplayGateway]":
    from portico.settings import ConfigError  # noqa: PLC0415  # see above
    from portico.testing import ReplayGateway  # noqa: PLC0415

    marker = request.node.get_closest_marker("portico")
    said: dict[str, Any] = dict(marker.kwargs) if marker else {}
    here = request.path.parent
    named = said.pop("cassette", None)
    cassette = here / named if named else _own_cassette(request)
    if (config := said.get("config")) is not None:
        said["config"] = here / config
    elif config := request.config.getini("portico_config"):
        said["config"] = request.config.rootpath / config
    if (wanted := request.config.getoption("--portico-record")) is not None:
        said["mode"] = wanted
    if said.get("mode", "none") == "none" and not cassette.exists():
        pytest.fail(
            f"{cassette} is not there; --portico-record=once records it, with the keys of "
            "providers in the environment",
            pytrace=False,
        )
    try:
        return cassette, ReplayGateway(cassette, **said)
    except ConfigError as error:
        pytest.fail(str(error), pytrace=False)


def _own_cassette(request: pytest.FixtureRequest) -> Path:
    """`cassettes/<module>/<test>.yaml` beside the test."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", request.node.name).strip("-.")
    return request.path.parent / "cassettes" / request.path.stem / f"{name}.yaml"
