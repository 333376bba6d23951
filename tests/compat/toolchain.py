"""The Go tool, for clients that are written in Go."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_DOWNLOAD_S, _BUILD_S = 60, 600


def build(source: Path, binary: Path) -> Path:
    """Build the program in `source` outside the tree; skips the test where that cannot be."""
    if shutil.which("go") is None:
        pytest.skip("there is no Go on this machine")
    downloaded = go(source, "mod", "download", timeout_s=_DOWNLOAD_S)
    if downloaded.returncode != 0:
        pytest.skip(f"the Go client cannot be had: {downloaded.stderr.strip()[-300:]}")
    built = go(source, "build", "-buildvcs=false", "-o", str(binary), ".", timeout_s=_BUILD_S)
    assert built.returncode == 0, built.stderr
    return binary


def go(source: Path, *arguments: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run the Go tool on a module; no other toolchain is fetched, nothing is written there."""
    environment = {**os.environ, "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    command = ["go", *arguments]
    try:
        return subprocess.run(
            command,
            cwd=source,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"not done after {timeout_s} s")
