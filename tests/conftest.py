"""What tests share: where recordings are, goldens, and the corpus as records."""

import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# how long an example takes is the machine's business: no law depends on it
settings.register_profile("portico", settings(), deadline=None)
settings.load_profile("portico")

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("PORTICO_SHARED", ROOT.parent / "shared"))
SEED = SHARED / "seed" / "simple_streaming_kimi-k2_groq.yaml"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite expected files")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, bytes], None]:
    """Compare with a file; `--update-golden` rewrites it, and the diff is reviewed."""

    def check(path: Path, actual: bytes) -> None:
        if request.config.getoption("--update-golden"):
            path.write_bytes(actual)
        assert actual.decode() == path.read_text()

    return check


def recorded(api: str) -> Iterator[dict]:
    """Records of the public corpus whose api is `api`; skips the test where it is absent."""
    files = sorted((SHARED / "corpus" / "records").glob(f"*.{api}.jsonl.gz"))
    if not files:
        pytest.skip(f"the corpus of recordings is not at {SHARED / 'corpus'}")
    for file in files:
        with gzip.open(file) as lines:
            for line in lines:
                yield json.loads(line)


def body_of(record: dict) -> bytes:
    """The recorded response body as bytes."""
    body = record["response"]["body"]
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


@pytest.fixture
def seed_text() -> str:
    """The first recording, as it stands."""
    if not SEED.exists():
        pytest.skip(f"the first recording is not at {SEED}")
    return SEED.read_text()
