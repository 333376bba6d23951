import json

import pytest
import yaml
from click.testing import CliRunner
from tests.conftest import SEED

from portico.cassette import load
from portico.cli import cli

TAPE = """\
version: 2
interactions:
  - request:
      method: POST
      url: https://a.example/v1/chat/completions
      headers: {Content-Type: [application/json], Authorization: [Bearer %(key)s]}
      body: '{"model": "m", "metadata": {"run": 1}}'
    response:
      {code: 200, headers: {Content-Type: [application/json]}, body: '{"key": "%(key)s"}',
       duration: 1.5ms}
  - request: {method: GET, url: "https://a.example/v1/models"}
    response: {code: 200, body: "{}", x_portico: {version: 1, ended: aborted, frames: [[2, 1.5]],
               recorded_at: "2026-01-01T00:00:00Z"}}
  - request: {method: GET, url: "https://a.example/v1/models"}
    response: {code: 200, body: "{}"}
"""
KEY = "canary" + "-0123456789"


@pytest.fixture
def tape(tmp_path):
    path = tmp_path / "tape.yaml"
    path.write_text(TAPE % {"key": KEY})
    return path


def run(*words, code=0, env=None):
    done = CliRunner().invoke(cli, ["cassette", *map(str, words)], env=env)
    assert done.exit_code == code, done.output
    return done.output


def run_json(*words, **rest):
    return json.loads(run(*words, "--json", **rest))


def test_show_lists_what_is_on_a_tape(tape):
    said = run("show", tape)

    assert "go-vcr, 3 interactions" in said
    assert "-> 200  " in said
    assert "aborted" in said
    rows = run_json("show", tape)["interactions"]
    assert [row["model"] for row in rows] == ["m", None, None]
    assert rows[1]["recorded_at"] == "2026-01-01T00:00:00.000Z"


def test_show_tells_one_interaction_whole(tape):
    [row] = run_json("show", tape, "--interaction", 1)["interactions"]

    assert row["response_body"] == "{}"
    assert row["response_frames"] == [[2, 0.0015]]
    assert '{"model": "m"' in run("show", tape, "--interaction", 0)
    assert "there is no interaction 3" in run("show", tape, "--interaction", 3, code=1)


@pytest.mark.parametrize("to", ["go-vcr", "vcrpy", "vcrpy-json", "har"])
def test_convert_keeps_every_byte_and_every_frame(tape, tmp_path, to):
    there, back = tmp_path / "there", tmp_path / "back.yaml"

    assert run_json("convert", tape, "--to", to, "--out", there)["interactions"] == 3
    run("convert", there, "--to", "go-vcr", "--out", back)

    before, after = (load(path.read_bytes()).interactions for path in (tape, back))
    assert [one.response.body for one in after] == [one.response.body for one in before]
    assert [one.response.frames for one in after] == [one.response.frames for one in before]
    assert [one.request.body for one in after] == [one.request.body for one in before]


@pytest.mark.skipif(not SEED.exists(), reason=f"the first recording is not at {SEED}")
def test_the_first_recording_goes_there_and_back(tmp_path):
    there, back = tmp_path / "there.json", tmp_path / "back.yaml"

    run("convert", SEED, "--to", "vcrpy-json", "--out", there)
    run("convert", there, "--to", "go-vcr", "--out", back)

    assert run_json("diff", SEED, back)["changes"] == []


def test_diff_tells_places_and_fails(tape, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(tape.read_text().replace('"run": 1', '"run": 2'))

    assert "request.body /metadata/run: 1 != 2" in run("diff", tape, other, code=1)
    assert run("diff", tape, tape) == ""


def test_what_cannot_be_read_cannot_be_compared(tape):
    odd = "code: 200, headers: {Content-Encoding: [br]}, body: !!binary //8="
    tape.write_text(tape.read_text().replace("code: 200, body", odd + ", x"))

    assert "cannot be compared: the body is compressed" in run("diff", tape, tape, code=1)
    assert "the body is compressed with 'br'" in run("verify", tape, code=1)


def test_redact_takes_out_named_secrets_in_place(tape):
    facts = run_json("redact", tape, "--secret", "THE_KEY", env={"THE_KEY": KEY})

    assert facts["changed"] == [0]
    assert KEY not in tape.read_text()
    assert "[redacted]" in tape.read_text()
    assert "Authorization" not in tape.read_text()


def test_redact_takes_patterns_and_headers(tape, tmp_path):
    out = tmp_path / "out.yaml"

    run("redact", tape, "--pattern", "canary-\\d+", "--keep-header", "Authorization", "--out", out)

    assert KEY in tape.read_text()
    written = yaml.safe_load(out.read_text())["interactions"][0]
    assert written["request"]["headers"]["Authorization"] == ["Bearer [redacted]"]


def test_redact_wants_what_it_is_told_of(tape):
    assert "not set in the environment: NO_SUCH" in run(
        "redact", tape, "--secret", "NO_SUCH", code=2
    )
    assert "is not a regular expression" in run("redact", tape, "--pattern", "(", code=1)


def test_verify_fails_for_what_cannot_be_replayed(tape, tmp_path):
    assert "1 of 1 cassettes are in order." in run("verify", tmp_path)
    assert "was left by its reader" in run("verify", "--strict", tape, code=1)

    (tmp_path / "bad.yaml").write_text("hello")
    report = run_json("verify", tmp_path, code=1)
    assert [row["ok"] for row in report["files"]] == [False, True]
    assert "not a cassette" in run("verify", tmp_path, code=1)


def test_prune_drops_what_is_named(tape):
    assert run_json("prune", tape, "--repeated", "--dry-run")["dropped"] == [2]
    assert run_json("prune", tape, "--failed", "--dry-run")["dropped"] == [1]
    assert run_json("prune", tape, "--older-than", "0.001", "--dry-run")["dropped"] == [1]
    assert "dropped: 1, 2" in run("prune", tape, "--repeated", "--failed")
    assert len(load(tape.read_bytes()).interactions) == 1


def test_prune_drops_what_is_not_asked_for(tape, tmp_path):
    today = tmp_path / "today.yaml"
    today.write_text(tape.read_text().replace('"run": 1', '"run": 2'))

    asked = ["prune", tape, "--unasked-by", today, "--dry-run"]

    assert run_json(*asked)["dropped"] == [0]
    assert run_json(*asked, "--ignore", "/metadata")["dropped"] == []


def test_drift_lists_what_has_changed(tape, tmp_path):
    today = tmp_path / "today.yaml"
    today.write_text(tape.read_text().replace('"run": 1', '"run": 2'))

    said = run("drift", tape, today, code=1)

    assert "request 0: POST https://a.example/v1/chat/completions; closest is interaction 0" in said
    assert "chat_body: /metadata/run: 2 != 1" in said
    assert "not asked for any more: 0" in said
    assert run_json("drift", tape, today, "--match", "method", "--match", "path")["matched"] == 3


def test_a_tape_in_rubys_format_is_not_written(tmp_path):
    ruby = tmp_path / "ruby.yml"
    ruby.write_text("http_interactions: []\nrecorded_with: VCR 6\n")

    assert "is only read" in run("redact", ruby, code=1)
    run("convert", ruby, "--to", "har", "--out", tmp_path / "out.har")


def test_what_is_no_pointer_is_refused(tape):
    assert "does not begin with a slash" in run("drift", tape, tape, "--ignore", "a", code=2)
