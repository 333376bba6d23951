"""The clients of the table: one row each."""

import shutil
from pathlib import Path

import msgspec

from tests.clients.environments import DRIVERS, Package


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """One row: a driver, and the package in whose environment it runs. Go drivers are the package."""

    name: str
    package: Package
    driver: str = ""

    @property
    def command(self) -> list[str]:
        """What runs the driver in the environment, which is there."""
        home = self.package.home
        if self.package.language == "python":
            return [str(home / "bin/python"), str(DRIVERS / self.driver)]
        if self.package.language == "node":
            return [shutil.which("node") or "node", str(_beside(home, self.driver))]
        return [str(home / "client")]


def _beside(home: Path, driver: str) -> Path:
    """Node looks for packages from where the program lies."""
    for name in ("common.mjs", driver):
        (home / name).write_bytes((DRIVERS / name).read_bytes())
    return home / driver


def _python(name: str, *wished: str, shown: str) -> Package:
    return Package(language="python", name=name, wished=wished, shown=shown)


def _node(name: str, *wished: str, shown: str) -> Package:
    return Package(language="node", name=name, wished=wished, shown=shown)


_OPENAI = _python("openai-python", "openai", shown="openai")
_PYDANTIC = "pydantic-ai-slim[openai,openrouter]"
_AI_SDK = ("ai", "@openrouter/ai-sdk-provider", "zod")

CLIENTS = (
    Client(name="openai-python", package=_OPENAI, driver="openai_python.py"),
    Client(name="openai-python, Responses", package=_OPENAI, driver="openai_python_responses.py"),
    Client(
        name="anthropic-python",
        package=_python("anthropic-python", "anthropic", shown="anthropic"),
        driver="anthropic_python.py",
    ),
    Client(
        name="openrouter-python",
        package=_python("openrouter-python", "openrouter", shown="openrouter"),
        driver="openrouter_python.py",
    ),
    Client(
        name="langchain-openai",
        package=_python("langchain-openai", "langchain-openai", shown="langchain-openai"),
        driver="langchain_openai_.py",
    ),
    Client(
        name="pydantic-ai",
        package=_python("pydantic-ai", _PYDANTIC, shown="pydantic-ai-slim"),
        driver="pydantic_ai_.py",
    ),
    Client(
        name="litellm",
        package=_python("litellm", "litellm", "mcp", "tenacity", shown="litellm"),
        driver="litellm_.py",
    ),
    Client(
        name="openai-node",
        package=_node("openai-node", "openai", shown="openai"),
        driver="openai_node.mjs",
    ),
    Client(
        name="openrouter-sdk",
        package=_node("openrouter-sdk", "@openrouter/sdk", shown="@openrouter/sdk"),
        driver="openrouter_sdk.mjs",
    ),
    Client(
        name="ai-sdk",
        package=_node("ai-sdk", *_AI_SDK, shown="@openrouter/ai-sdk-provider"),
        driver="ai_sdk.mjs",
    ),
    Client(
        name="openai-go",
        package=Package(language="go", name="openai-go", shown="github.com/openai/openai-go/v2"),
    ),
    Client(
        name="fantasy",
        package=Package(language="go", name="fantasy-go", shown="charm.land/fantasy"),
    ),
)
