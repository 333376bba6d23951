"""One gateway for many cases: each case is a model, whose providers play a step each.

Endpoints are judged by model and provider, so what fails in one case is not
held against the next.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from portico.simulator import Script, Step
from tests.e2e.process import Gateway, SimulatorProcess, model, provider

Cases = Mapping[str, Mapping[str, Step]]


class Stage(msgspec.Struct, kw_only=True):
    """A gateway, and its providers by slug, each a process."""

    gateway: Gateway
    simulators: dict[str, SimulatorProcess]
    models: dict[str, str]

    def arrivals(self, slug: str, case: str) -> list[dict]:
        """What the provider was asked for in this case."""
        return [one for one in self.simulators[slug].log() if one["model"] == self.models[case]]


@contextmanager
def staged(
    folder: Path, cases: Cases, *, settings: str = "", prompt: str = "1", completion: str = "2"
) -> Iterator[Stage]:
    """Start everything; it ends with the context.

    Args:
        folder: for configuration, data and logs.
        cases: by name, what each provider does whenever it is asked. Steps that
            do not say how fast they are answer at once.
        settings: the beginning of portico.toml.
        prompt: price of every model in USD per million tokens, likewise `completion`.
    """
    models = {case: f"case/{number}" for number, case in enumerate(cases)}
    slugs = list(dict.fromkeys(slug for steps in cases.values() for slug in steps))
    with ExitStack() as ends:
        simulators: dict[str, SimulatorProcess] = {}
        for slug in slugs:
            steps = [
                msgspec.structs.replace(steps[slug], model=models[case], times=0)
                for case, steps in cases.items()
                if slug in steps
            ]
            script = Script(ttft_s=0.0, chunk_interval_s=0.0, steps=tuple(steps))
            home = folder / slug
            home.mkdir()
            simulators[slug] = SimulatorProcess(home, msgspec.to_builtins(script))
            ends.callback(simulators[slug].stop)
        config = [settings, *(provider(slug, simulators[slug].url) for slug in slugs)]
        config += [
            model(models[case], slug, prompt=prompt, completion=completion)
            for case, steps in cases.items()
            for slug in steps
        ]
        gateway = Gateway(folder, "".join(config))
        ends.callback(gateway.kill)
        gateway.start()
        yield Stage(gateway=gateway, simulators=simulators, models=models)
