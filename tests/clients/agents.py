"""Coding agents on a scripted task: read a file, edit it, say so. The model is played."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec

from tests.clients.environments import Package
from tests.surfaces import natives
from tests.surfaces.upstream import Arrived, Played

FILE = "greeting.txt"
BEFORE, AFTER = "Hello from far away\n", "Hello from nearby\n"
DONE = "The greeting is changed."
TASK = f"Replace 'far away' by 'nearby' in {FILE}."
_RUN_S = 150


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """One agent: its package, how it is started, and how its model calls its tools.

    `model` is whose provider answers. `command` is made from the folder of its environment,
    the gateway's root URL and the model, `environment` from URL, key and model. `steps` are
    made from the path of the file: for each step the tools that may do it, each with its
    arguments, the first known one counts.
    """

    name: str
    package: Package
    model: str
    surface: str
    upstream: str
    command: Callable[[Path, str, str], list[str]]
    environment: Callable[[str, str, str], dict[str, str]]
    steps: Callable[[Path], list[list[tuple[str, dict]]]]


def _claude_code(home: Path, root: str, model: str) -> list[str]:
    return [
        str(home / "node_modules/.bin/claude"), "-p", TASK, "--allowedTools", "Read,Edit",
        "--permission-mode", "acceptEdits", "--output-format", "json", "--model", model,
    ]  # fmt: skip


def _claude_environment(root: str, key: str, model: str) -> dict[str, str]:
    return {
        "ANTHROPIC_BASE_URL": f"{root}/api",
        "ANTHROPIC_AUTH_TOKEN": key,
        "ANTHROPIC_API_KEY": "",
        "ANTHROPIC_SMALL_FAST_MODEL": model,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }


def _claude_steps(file: Path) -> list[list[tuple[str, dict]]]:
    change = {"file_path": str(file), "old_string": "far away", "new_string": "nearby"}
    return [[("Read", {"file_path": str(file)})], [("Edit", change)]]


def _codex(home: Path, root: str, model: str) -> list[str]:
    provider = (
        f'{{name="portico",base_url="{root}/api/v1",env_key="PORTICO_KEY",wire_api="responses"}}'
    )
    return [
        str(home / "node_modules/.bin/codex"), "exec", "-m", model,
        "-c", 'model_provider="portico"', "-c", f"model_providers.portico={provider}",
        "-s", "danger-full-access", "--skip-git-repo-check", TASK,
    ]  # fmt: skip


def _codex_steps(file: Path) -> list[list[tuple[str, dict]]]:
    patch = "\n".join(
        ["*** Begin Patch", f"*** Update File: {FILE}", "@@", f"-{BEFORE.strip()}",
         f"+{AFTER.strip()}", "*** End Patch"]
    )  # fmt: skip
    return [
        _shell(f"cat {FILE}"),
        [("apply_patch", {"input": patch}), *_shell(f"apply_patch <<'EOF'\n{patch}\nEOF")],
    ]


def _shell(command: str) -> list[tuple[str, dict]]:
    """A command as the shell tools of several versions take it."""
    return [
        ("exec_command", {"cmd": command}),
        ("shell_command", {"command": command}),
        ("shell", {"command": ["bash", "-lc", command]}),
    ]


_CLAUDE_CODE = Package(
    language="node",
    name="claude-code",
    wished=("@anthropic-ai/claude-code",),
    shown="@anthropic-ai/claude-code",
)
_CODEX = Package(language="node", name="codex", wished=("@openai/codex",), shown="@openai/codex")
MODELS = {
    "chat": "openai/agent-chat",
    "Messages": "anthropic/agent-messages",
    "Responses": "answers/agent-responses",
}
"""Of a provider of each dialect, by its name in the table."""

AGENTS = tuple(
    Agent(
        name="Claude Code",
        package=_CLAUDE_CODE,
        model=MODELS[upstream],
        surface="/messages",
        upstream=upstream,
        command=_claude_code,
        environment=_claude_environment,
        steps=_claude_steps,
    )
    for upstream in MODELS
) + tuple(
    Agent(
        name="Codex",
        package=_CODEX,
        model=MODELS[upstream],
        surface="/responses",
        upstream=upstream,
        command=_codex,
        environment=lambda root, key, model: {"PORTICO_KEY": key},
        steps=_codex_steps,
    )
    for upstream in MODELS
)


def player(agent: Agent, file: Path) -> Callable[[Arrived], Played]:
    """The model: as many tool calls as there are steps, then a last word."""
    steps = agent.steps(file)

    def play(arrived: Arrived) -> Played:
        body = arrived.json
        names = {(tool.get("function") or tool).get("name") for tool in body.get("tools", ())}
        done = sum(map(_results, body["messages"] if "messages" in body else body["input"]))
        known = [call for call in steps[done] if call[0] in names] if done < len(steps) else []
        tell = _TELLERS[arrived.path.rsplit("/", 1)[1]]
        return tell(call=known[0], number=done) if known else tell(text=DONE)

    return play


def _results(turn: dict) -> int:
    """How much of what tools have found a message or an item tells, in whatever dialect."""
    if turn.get("role") == "tool" or turn.get("type", "").endswith("_call_output"):
        return 1
    content = turn.get("content")
    parts = content if isinstance(content, list) else ()
    return sum(part["type"] == "tool_result" for part in parts)


def _chunks(*, text: str = "", call: tuple[str, dict] | None = None, number: int = 0) -> Played:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    delta: dict = {"role": "assistant", "content": text or None}
    if call is not None:
        function = {"name": call[0], "arguments": json.dumps(call[1])}
        made = {"index": 0, "id": f"call_{number}", "type": "function", "function": function}
        delta["tool_calls"] = [made]
    reason = "stop" if call is None else "tool_calls"
    usage = {"prompt_tokens": 900, "completion_tokens": 20, "total_tokens": 920}
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
        {**head, "choices": [], "usage": usage},
    ]
    return natives.sse([(None, chunk) for chunk in chunks], "data: [DONE]\n\n")


def _response(*, text: str = "", call: tuple[str, dict] | None = None, number: int = 0) -> Played:
    """The same as a stream of the Responses API."""
    if call is None:
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        item: dict = {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}
    else:
        item = {
            "type": "function_call",
            "id": f"fc_{number}",
            "call_id": f"call_{number}",
            "name": call[0],
            "arguments": json.dumps(call[1]),
        }
    item["status"] = "completed"
    usage = {
        "input_tokens": 900,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 920,
    }
    response = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m"}
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    ended = {**response, "status": "completed", "output": [item], "usage": usage}
    events: list[dict] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": ended},
    ]
    return natives.sse([(e["type"], {**e, "sequence_number": n}) for n, e in enumerate(events)])


def _message(*, text: str = "", call: tuple[str, dict] | None = None, number: int = 0) -> Played:
    """The same as a stream of the Messages API."""
    usage = {"input_tokens": 900, "output_tokens": 20}
    message = {
        "id": f"msg_{number if call else 9}", "type": "message", "role": "assistant",
        "model": "m", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    if call is None:
        block: dict = {"type": "text", "text": ""}
        delta = {"type": "text_delta", "text": text}
    else:
        block = {"type": "tool_use", "id": f"toolu_{number}", "name": call[0], "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(call[1])}
    ended = {"stop_reason": "end_turn" if call is None else "tool_use", "stop_sequence": None}
    events: list[dict] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": usage},
        {"type": "message_stop"},
    ]
    return natives.sse([(event["type"], event) for event in events])


_TELLERS = {"completions": _chunks, "messages": _message, "responses": _response}
"""By the end of the path that the provider is asked at."""


def _node_folder() -> Path:
    return Path(shutil.which("node") or "/usr/bin/node").parent


def work(agent: Agent, home: Path, folder: Path, root: str, key: str) -> tuple[str, str]:
    """Let the agent do the task in `folder`: "yes", or what went wrong; and what it said."""
    file = folder / FILE
    try:
        done = subprocess.run(
            agent.command(home, root, agent.model),
            cwd=folder,
            env={
                "PATH": f"{_node_folder()}:/usr/local/bin:/usr/bin:/bin",
                "HOME": str(folder / "home"),
                **agent.environment(root, key, agent.model),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_RUN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "no: it took too long", ""
    said = done.stdout + done.stderr
    if file.read_text() != AFTER:
        return f"no: the file is unchanged ({said.strip()[-200:]})", said
    return ("yes" if DONE in said else "no: it did not hear the last word"), said
