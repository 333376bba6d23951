"""A gateway to be asked badly: it checks every answer for what no answer may tell."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from portico.simulator import Script, Step
from tests.e2e import wire
from tests.e2e.inside import Inside, envelope_faults
from tests.e2e.process import Gateway, SimulatorProcess, model, provider
from tests.e2e.wire import Answer, request

MODEL = "test/plain"
CHAT = "/api/v1/chat/completions"


class Site(msgspec.Struct, kw_only=True):
    """A gateway, its upstream, and a key that may be used and one that may not."""

    gateway: Gateway
    simulator: SimulatorProcess
    key: str
    disabled: str
    inside: Inside

    def ask(self, data: bytes) -> Answer:
        """The answer to `data`, which must not tell anything of the inside."""
        answer = wire.exchange(self.gateway.port, data)
        assert self.inside.shown_by(answer, sent=data) == []
        return answer

    def refusal(self, data: bytes) -> Answer:
        """As `ask`, for what must be refused: in the usual shape, and without a trace."""
        before = self.gateway.counts()
        answer = self.ask(data)
        assert envelope_faults(answer) == []
        assert self.gateway.counts() == before
        return answer

    def chat(self, body: bytes, *headers: tuple[str, str]) -> bytes:
        return request("POST", CHAT, key=self.key, headers=headers, body=body)


@contextmanager
def sited(folder: Path) -> Iterator[Site]:
    """Start everything; it ends with the context."""
    script = Script(ttft_s=0.0, chunk_interval_s=0.0, default=Step(text="one two"))
    simulator = SimulatorProcess(folder, msgspec.to_builtins(script))
    canary = secrets.token_hex(24)
    config = provider("sim", simulator.url, api_key="env:CANARY") + model(MODEL, "sim")
    gateway = Gateway(folder, config, environ={"CANARY": canary})
    try:
        gateway.start()
        key, disabled = gateway.create_key("in use"), gateway.create_key("retired")
        gateway.run("keys", "disable", "retired")
        yield Site(
            gateway=gateway,
            simulator=simulator,
            key=key,
            disabled=disabled,
            inside=Inside(
                gateway,
                upstream_port=simulator.port,
                secrets=(gateway.key, key, disabled, canary),
            ),
        )
    finally:
        gateway.kill()
        simulator.stop()
