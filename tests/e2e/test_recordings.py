"""Record with one process, replay with another: what clients see is the same, and no secret stays."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Self

import httpx
import pytest
import yaml

from portico.cassette import load
from portico.simulator import Script, Step
from tests.compat.processes import SIMULATED, Gateway, gateway, simulated, simulator
from tests.conftest import SEED

pytestmark = pytest.mark.io

BODY = {"model": SIMULATED, "messages": [{"role": "user", "content": "hello"}]}
CHUNKS = ("One, ", "two, ", "três. ", "\U0001f600")


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    with simulator(tmp_path_factory.mktemp("upstream")) as running:
        yield running


def recording(folder, upstream, *arguments, environment=None, config=""):
    return gateway(
        folder,
        *arguments,
        config=simulated(upstream) + config,
        command="record",
        environment=environment,
    )


def replaying(folder, *arguments, **rest):
    return gateway(folder, "cassettes", *arguments, command="replay", **rest)


def ask(running: Gateway, *, stream=False, **rest):
    headers = {**running.headers, **rest.pop("headers", {})}
    return httpx.post(
        f"{running.base_url}/chat/completions",
        json={**BODY, "stream": stream, **rest},
        headers=headers,
        timeout=20,
    )


def tape(folder: Path, name="recorded"):
    return load((folder / "cassettes" / f"{name}.yaml").read_bytes()).interactions


def settled(text: str) -> str:
    """An answer without what is new in each: its id and its second."""
    return re.sub(r'"id":"gen-[^"]+"|"created":\d+', "", text)


def test_what_was_recorded_replays_without_the_provider(tmp_path, upstream):
    upstream.play(Script(default=Step(chunks=CHUNKS)))
    with recording(tmp_path, upstream) as running:
        streamed, whole = ask(running, stream=True), ask(running)
    upstream.play(Script(default=Step(status=500, times=0)))

    with replaying(tmp_path) as running:
        again, whole_again = ask(running, stream=True), ask(running)
        health = httpx.get(running.base_url.removesuffix("/api/v1") + "/health").json()

    assert streamed.status_code == again.status_code == 200
    assert settled(again.text) == settled(streamed.text)
    assert settled(whole_again.text) == settled(whole.text)
    assert again.headers["x-portico-replay"] == "none"
    assert (health["mode"], health["replay"]["interactions"]) == ("replay", 2)
    assert upstream.arrivals() == []


def test_a_recorded_stream_has_the_frames_that_came_and_their_times(tmp_path, upstream):
    upstream.play(Script(ttft_s=0.05, chunk_interval_s=0.03, default=Step(chunks=CHUNKS)))
    with recording(tmp_path, upstream) as running:
        ask(running, stream=True)

    [one] = tape(tmp_path)
    frames = one.response.frames
    assert len(frames) >= len(CHUNKS)
    assert sum(frame.size_bytes for frame in frames) == len(one.response.body)
    assert frames[0].at_s >= 0.04
    assert frames[-1].at_s - frames[0].at_s >= 0.06
    assert (one.side, one.response.ended) == ("upstream", "done")
    assert one.response.head_s is not None


def test_what_the_gateway_answered_replays_byte_for_byte(tmp_path, upstream):
    upstream.play(Script(default=Step(chunks=CHUNKS)))
    with recording(tmp_path, upstream, "--side", "client") as running:
        streamed, whole = ask(running, stream=True), ask(running)

    with replaying(tmp_path) as running:
        again, whole_again = ask(running, stream=True), ask(running)

    assert {one.side for one in tape(tmp_path)} == {"client"}
    assert again.content == streamed.content
    assert whole_again.content == whole.content
    assert again.headers["x-generation-id"] == streamed.headers["x-generation-id"]


@pytest.mark.skipif(not SEED.exists(), reason=f"the first recording is not at {SEED}")
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("name", [SEED.name, "as-given.yaml"])
def test_the_first_recording_replays_to_curl_byte_for_byte(tmp_path, name):
    (tmp_path / "cassettes").mkdir()
    shutil.copy(SEED.parent / name, tmp_path / "cassettes")
    [one] = yaml.safe_load(SEED.with_name(name).read_text())["interactions"]

    with replaying(tmp_path) as running:
        command = ["curl", "-sN", f"{running.base_url}/chat/completions", "--data-binary", "@-"]
        command += ["-H", "Content-Type: application/json"]
        asked = one["request"]["body"].encode()
        said = [
            subprocess.run([*command, *key], input=asked, capture_output=True, check=True).stdout
            for key in ([], ["-H", "Authorization: Bearer anything"])
        ]
        data_dir = tmp_path / "data"

    assert said == [one["response"]["body"].encode()] * 2
    verified = subprocess.run(
        [
            sys.executable,
            "-m",
            "portico",
            "ledger",
            "verify",
            "--data-dir",
            str(data_dir),
            "--json",
        ],
        capture_output=True,
        check=False,
    )
    assert json.loads(verified.stdout)["generations"] == 2
    assert json.loads(verified.stdout)["ok"]


def test_a_broken_stream_is_recorded_and_breaks_again(tmp_path, upstream):
    upstream.play(Script(default=Step(chunks=CHUNKS, cut_at_byte=700)))
    with recording(tmp_path, upstream) as running:
        broken = ask(running, stream=True)

    with replaying(tmp_path) as running:
        again = ask(running, stream=True)

    [one] = tape(tmp_path)
    assert (one.response.ended, one.response.failure) == ("error", "broken")
    assert '"finish_reason":"error"' in broken.text
    assert settled(again.text) == settled(broken.text)


def test_a_provider_that_says_nothing_is_recorded_and_times_out_again(tmp_path, upstream):
    """At the recorded pace the client waits as long, so its stream has begun in the same way."""
    upstream.play(Script(default=Step(ttft_s=30, times=0)))  # the first token is due after 1 s
    with recording(tmp_path, upstream) as running:
        late = ask(running, stream=True, provider={"allow_fallbacks": False})

    with replaying(tmp_path, "--pace", "recorded") as running:
        again = ask(running, stream=True, provider={"allow_fallbacks": False})

    assert [one.response.failure for one in tape(tmp_path)] == ["timeout"]
    assert '"code":504' in late.text
    assert settled(again.text) == settled(late.text)


def test_a_stream_that_its_client_left_is_recorded_as_far_as_it_came(tmp_path, upstream):
    upstream.play(Script(chunk_interval_s=0.2, default=Step(chunks=CHUNKS * 20)))
    with recording(tmp_path, upstream) as running:
        leave_after(running, "two")

    [one] = tape(tmp_path)
    assert one.response.ended == "aborted"
    assert b"two" in one.response.body
    assert b"[DONE]" not in one.response.body


def leave_after(running: Gateway, word: str) -> None:
    with httpx.stream(
        "POST",
        f"{running.base_url}/chat/completions",
        json={**BODY, "stream": True},
        headers=running.headers,
    ) as answer:
        next(line for line in answer.iter_lines() if word in line)


def test_a_miss_names_the_closest_recording_and_what_differs(tmp_path, upstream):
    upstream.play(Script(default=Step(text="hi")))
    with recording(tmp_path, upstream) as running:
        ask(running)

    with replaying(tmp_path) as running:
        missed = ask(running, messages=[{"role": "user", "content": "hullo"}])

    error = missed.json()["error"]
    assert (missed.status_code, error["code"]) == (404, 404)
    assert (
        "closest is interaction 0 of recorded.yaml; it differs in chat_body: " in error["message"]
    )
    assert '/messages/0/content: "hullo" != "hello"' in error["message"]
    assert upstream.arrivals()[1:] == []


def test_repeated_requests_replay_in_their_order(tmp_path, upstream):
    upstream.play(Script(steps=(Step(text="first"), Step(text="second")), default=Step(text="no")))
    with recording(tmp_path, upstream) as running:
        ask(running), ask(running)

    with replaying(tmp_path) as running:
        said = [ask(running).json()["choices"][0]["message"]["content"] for _ in range(3)]

    assert said == ["first", "second", "second"]


def test_places_that_do_not_matter_are_declared(tmp_path, upstream):
    upstream.play(Script(default=Step(text="hi")))
    ignoring = '\n[recordings]\nignore = ["/user"]\n'
    with recording(tmp_path, upstream, config=ignoring) as running:
        ask(running, user="monday")

    with replaying(tmp_path) as running:
        assert ask(running, user="tuesday").status_code == 200


def test_only_what_asks_for_it_is_recorded_by_a_plain_gateway(tmp_path, upstream):
    upstream.play(Script(default=Step(text="hi")))
    switched = '\n[recordings]\ndir = "cassettes"\nformat = "vcrpy"\n'
    with gateway(tmp_path, config=simulated(upstream) + switched) as running:
        ask(running)
        named = ask(running, headers={"X-Portico-Record": "mine"})
        refused = ask(running, headers={"X-Portico-Record": "../mine"})

    assert named.status_code == 200
    assert refused.status_code == 400
    assert [file.name for file in (tmp_path / "cassettes").iterdir()] == ["mine.yaml"]
    assert len(tape(tmp_path, "mine")) == 1


def test_a_key_is_recorded_if_the_settings_name_it(tmp_path, upstream):
    upstream.play(Script(default=Step(text="hi")))
    with gateway(tmp_path, config=simulated(upstream)) as running:
        ask(running)
        kept = running.headers
    listed = subprocess.run(
        [sys.executable, "-m", "portico", "keys", "list", "--json"],
        env={**os.environ, "PORTICO_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        check=True,
    )
    [row] = json.loads(listed.stdout)
    named = f'\n[recordings]\ndir = "cassettes"\nby_header = false\nkeys = ["{row["hash"]}"]\n'
    with gateway(tmp_path, config=simulated(upstream) + named) as again:
        answer = ask(again, headers=kept)

    assert answer.status_code == 200
    assert len(tape(tmp_path)) == 1


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all"])
def test_modes_record_what_they_shall(tmp_path, upstream, mode):
    upstream.play(Script(default=Step(text="old")))
    with recording(tmp_path, upstream) as running:
        ask(running)
    upstream.play(Script(default=Step(text="new")))

    with replaying(tmp_path, "--mode", mode) as running:
        known = ask(running)
        unknown = ask(running, user="else")

    said = known.json()["choices"][0]["message"]["content"]
    expected = {
        "once": ("old", 404, 1, 0),
        "new_episodes": ("old", 200, 2, 1),
        "all": ("new", 200, 2, 2),
    }[mode]
    got = (said, unknown.status_code, len(tape(tmp_path)), len(upstream.arrivals()))
    assert got == expected


def test_once_records_where_there_is_nothing(tmp_path, upstream):
    upstream.play(Script(default=Step(text="new")))

    with replaying(tmp_path, "--mode", "once", config=simulated(upstream)) as running:
        assert ask(running).status_code == 200

    assert len(tape(tmp_path)) == 1


def test_replay_refuses_to_start_where_it_could_spend_money(tmp_path, upstream):
    upstream.play(Script(default=Step(text="hi")))
    with recording(tmp_path, upstream) as running:
        ask(running)
    environment = {"OPENAI_API_KEY": "sk-" + secrets.token_hex(16)}

    with pytest.raises(RuntimeError, match="replay found live keys of openai") as refusal:
        replaying(tmp_path, environment=environment).__enter__()
    assert environment["OPENAI_API_KEY"] not in str(refusal.value)
    with replaying(tmp_path, "--allow-live-keys", environment=environment) as running:
        assert ask(running).status_code == 200


def test_there_must_be_something_to_replay(tmp_path):
    with pytest.raises(RuntimeError, match="there are no cassettes to replay"):
        replaying(tmp_path).__enter__()


def test_at_recorded_pace_the_time_between_frames_is_as_recorded(tmp_path, upstream):
    """The machine may be busy: the best of several runs counts, less what sleeping is late by."""
    words = [f"w{n:02} " for n in range(40)]
    upstream.play(Script(chunk_interval_s=0.02, default=Step(chunks=tuple(words))))
    with recording(tmp_path, upstream) as running:
        ask(running, stream=True)
    [one] = tape(tmp_path)
    recorded = pauses_s(frames_of(one.response), words)

    errors_s = []
    with replaying(tmp_path, "--pace", "recorded") as running:
        while len(errors_s) < 8 and not any(error_s <= 0.005 for error_s in errors_s):
            with Lateness() as machine:
                replayed = pauses_s(heard(running), words)
            errors_s.append(p95_error_s(recorded, replayed) - machine.p95_s)

    assert sum(recorded) > 0.5
    assert min(errors_s) <= 0.005


class Lateness:
    """How late a thread wakes from short sleeps while the context lasts."""

    def __enter__(self) -> Self:
        self._late_s = [0.0]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sleep)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def p95_s(self) -> float:
        return sorted(self._late_s)[int(len(self._late_s) * 0.95)]

    def _sleep(self) -> None:
        while not self._over.is_set():
            began_s = time.perf_counter()
            time.sleep(0.005)
            self._late_s.append(time.perf_counter() - began_s - 0.005)


def test_a_pace_may_be_any_factor(tmp_path, upstream):
    upstream.play(Script(chunk_interval_s=0.05, default=Step(chunks=("a ",) * 10)))
    with recording(tmp_path, upstream) as running:
        ask(running, stream=True)
    [one] = tape(tmp_path)

    with replaying(tmp_path, "--pace", "2") as running:
        times_s = [at_s for at_s, _ in heard(running)]

    assert times_s[-1] - times_s[0] >= 1.5 * one.response.frames[-1].at_s - 0.1


def frames_of(response):
    """Times and bytes of the recorded reads."""
    at = 0
    for frame in response.frames:
        yield frame.at_s, response.body[at : at + frame.size_bytes]
        at += frame.size_bytes


def heard(running: Gateway):
    """Times and bytes of what a client reads."""
    with httpx.stream(
        "POST",
        f"{running.base_url}/chat/completions",
        json={**BODY, "stream": True},
        headers=running.headers,
        timeout=20,
    ) as answer:
        return [(time.perf_counter(), data) for data in answer.iter_raw()]


def pauses_s(reads, words: list[str]) -> list[float]:
    """The time between each two words: a word comes with the read that it is in."""
    times = {word: at_s for at_s, data in reads for word in words if word.strip().encode() in data}
    return [times[b] - times[a] for a, b in pairwise(words)]


def p95_error_s(recorded: list[float], replayed: list[float]) -> float:
    errors = sorted(abs(a - b) for a, b in zip(recorded, replayed, strict=True))
    return errors[int(len(errors) * 0.95)]


CANARIES = [f"canary{n:02}" + secrets.token_hex(12) for n in range(12)]


@pytest.mark.parametrize("side", ["upstream", "client"])
@pytest.mark.parametrize("form", ["go-vcr", "vcrpy", "har"])
def test_twelve_canaries_are_in_no_written_file(tmp_path, upstream, side, form):
    provider_key, further_key, bearer, brought, cookie, word = CANARIES[:6]
    in_url, in_prompt, in_answer, pattern, api_key, query = CANARIES[6:]
    script = Script(
        default=Step(
            text=f"your key is {provider_key}, {further_key} and {in_answer}-secret; "
            f"see https://user:{in_url}@example.test/ and Bearer {word}"
        )
    )
    upstream.play(script)
    config = simulated(upstream).replace(
        'dialect = "openai_chat"',
        'dialect = "openai_chat"\napi_key = "env:THE_KEY"\n'
        'credentials = [{ name = "b", api_key = "env:OTHER_KEY" }]',
    )
    config += f"\n[recordings]\nredact = ['{in_answer[:8]}\\w+-secret', '{pattern[:8]}\\w+']\n"
    environment = {"THE_KEY": provider_key, "OTHER_KEY": further_key}
    with gateway(
        tmp_path,
        *("--side", side, "--format", form),
        config=config,
        command="record",
        environment=environment,
    ) as running:
        for stream in (True, False):
            answer = httpx.post(
                f"{running.base_url}/chat/completions?api_key={query}",
                json={
                    **BODY,
                    "stream": stream,
                    "messages": [
                        {
                            "role": "user",
                            "content": f"{running.key} {cookie} {brought} {api_key} {pattern} "
                            f"https://user:{in_prompt}@example.test/ {provider_key}",
                        }
                    ],
                },
                headers={
                    **running.headers,
                    "Cookie": f"session={cookie}",
                    "X-Provider-API-Keys": json.dumps({"acme": brought}),
                    "X-Api-Key": api_key,
                    "Proxy-Authorization": f"Bearer {bearer}",
                },
                timeout=20,
            )
            assert answer.status_code == 200

    files = [file for file in (tmp_path / "cassettes").rglob("*") if file.is_file()]
    written = b"".join(file.read_bytes() for file in files)
    assert files
    assert [canary for canary in (*CANARIES, running.key) if canary.encode() in written] == []
    assert written.count(b"[redacted]") >= 6
