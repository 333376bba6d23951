"""`portico simulate` as a process."""

import signal
import subprocess
import sys
import urllib.request

import pytest

from portico.jsonio import loads

pytestmark = pytest.mark.io

RUN = [sys.executable, "-c", "from portico.cli.simulate import simulate; simulate()"]


def run(*arguments):
    command = [*RUN, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_it_prints_its_address_when_it_is_ready_and_stops_when_told(tmp_path):
    script = tmp_path / "script.toml"
    script.write_text('models = ["a"]\n')
    command = [*RUN, "--script", str(script), "--seed", "1", "--json"]

    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            url = loads(process.stdout.readline())["url"]
            with urllib.request.urlopen(url + "/models", timeout=10) as response:
                listed = loads(response.read())
            process.send_signal(signal.SIGTERM)
            status = process.wait(timeout=10)
        finally:
            process.kill()

    assert [model["id"] for model in listed["data"]] == ["a"]
    assert status == 0


def test_a_wrong_script_is_a_usage_error_that_names_file_and_field(tmp_path):
    script = tmp_path / "script.json"
    script.write_text('{"stepz": []}')

    ended = run("--script", str(script))

    assert ended.returncode == 2
    assert "script.json" in ended.stderr
    assert "stepz" in ended.stderr


def test_an_address_that_cannot_be_had_is_an_error_in_one_line():
    ended = run("--host", "192.0.2.1")

    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: cannot listen on 192.0.2.1:0")
