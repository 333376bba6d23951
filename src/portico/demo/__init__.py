"""The bundled recordings: what the gateway answers when there is no provider to ask.

Each file is a go-vcr cassette of an exchange with a provider in that
provider's own wire format, so that replaying it exercises translation,
pricing and the ledger for real. They are written by hand, not captured.

What the gateway sends is the client's body under the provider's name for the
model and without the gateway's own fields, with `stream_options` set and the
output limit under whichever name the provider takes. `MATCH_ON` therefore
compares the prompt and leaves limits and sampling parameters out.
"""

from importlib import resources

import msgspec

from portico.cassette import Cassette, load
from portico.cassette.matching import Matcher, method, path, prompt

MATCH_ON: tuple[Matcher, ...] = (method, path, prompt)
"""What must be equal for a bundled recording to answer."""


class DemoModel(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded endpoint: the model's slug, the provider's slug, and its name for the model."""

    model: str
    provider: str
    upstream_model: str


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded prompt, for people. `needs` says what else the request must hold, `may`
    what it may."""

    model: str
    text: str
    shows: str
    needs: str = ""
    may: str = ""


DEMO_MODELS = (
    DemoModel(
        model="moonshotai/kimi-k2-0905",
        provider="groq",
        upstream_model="moonshotai/kimi-k2-instruct-0905",
    ),
    DemoModel(model="openai/gpt-4o-mini", provider="openai", upstream_model="gpt-4o-mini"),
    DemoModel(model="z-ai/glm-4.6", provider="z-ai", upstream_model="glm-4.6"),
    DemoModel(model="openai/gpt-oss-20b", provider="groq", upstream_model="openai/gpt-oss-20b"),
)

PROMPTS = (
    Prompt(
        model="moonshotai/kimi-k2-0905",
        text="Say hi in Portuguese",
        shows="a short answer",
        may='the system message "You are a helpful assistant"',
    ),
    Prompt(
        model="openai/gpt-4o-mini",
        text="What is the weather in Lisbon and in Porto?",
        shows="two tool calls at once, then an answer from their results",
        needs="a tool get_weather",
    ),
    Prompt(
        model="z-ai/glm-4.6",
        text="How many times does the letter r occur in strawberry?",
        shows="reasoning before the answer",
    ),
    Prompt(
        model="openai/gpt-oss-20b",
        text="Show me a rate limit",
        shows="a provider's 429",
    ),
)
"""Everything that was recorded, each streamed and whole."""


def load_demo() -> list[Cassette]:
    """Read the bundled cassettes, in the order of their names."""
    files = [
        entry for entry in resources.files("portico.demo").iterdir() if entry.name.endswith(".yaml")
    ]
    return [load(file.read_bytes(), name=file.name) for file in sorted(files, key=lambda f: f.name)]


def _listed(prompt: Prompt) -> str:
    needs = f" with {prompt.needs}" if prompt.needs else ""
    may = f" with or without {prompt.may}" if prompt.may else ""
    return f'"{prompt.text}" to {prompt.model}{needs}{may}'


HINT = (
    f"Recorded prompts: {'; '.join(map(_listed, PROMPTS))}. "
    "Or use the model portico/simulator, which answers any prompt."
)
"""What a person can do about a prompt that was not recorded."""
