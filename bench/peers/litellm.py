"""The LiteLLM proxy, in production mode and without a database."""

import sys
from pathlib import Path

from peers.base import Peer, Ready, Site, folder_bytes, install_once, output_of, run

VERSION = "1.106.2"
WORKLOADS = ("json", "burst", "each", "paced", "slow")
# Made of words, so that it is plainly nobody's key; LiteLLM wants it to start with "sk-".
MASTER_KEY = "-".join(["sk", "bench", "only", "on", "loopback"])

MODEL = """\
  - model_name: bench-{workload}
    litellm_params:
      model: openai/bench-{workload}
      api_base: http://127.0.0.1:{mock_port}/v1
      api_key: bench
      input_cost_per_token: 0.00000015
      output_cost_per_token: 0.0000006
"""
SETTINGS = """\
litellm_settings:
  telemetry: false
  set_verbose: false
  num_retries: 0
  request_timeout: 120
general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
"""


def prepare(site: Site) -> Ready:
    env = site.envs / "litellm"
    python = env / "bin" / "python"
    requirement = f"litellm[proxy]=={VERSION}"

    def install() -> None:
        log = site.envs / "litellm.log"
        run([sys.executable, "-m", "venv", str(env)], log=log)
        run([str(python), "-m", "pip", "install", "-q", requirement], log=log)

    install_once(env, requirement, install)
    config = site.work / "config.yaml"
    models = "".join(MODEL.format(workload=w, mock_port=site.mock_port) for w in WORKLOADS)
    config.write_text(f"model_list:\n{models}{SETTINGS}")
    count = "from importlib.metadata import distributions as d, version as v; "
    count += "print(v('litellm'), len({x.name for x in d()} - {'pip', 'setuptools', 'wheel'}))"
    version, distributions = output_of([str(python), "-c", count]).split()
    return Ready(
        version=version,
        command=[
            str(env / "bin" / "litellm"),
            *("--config", str(config), "--host", "127.0.0.1", "--port", str(site.port)),
            *("--num_workers", "1", "--telemetry", "False"),
        ],
        environment=site.environment(
            LITELLM_MASTER_KEY=MASTER_KEY,
            LITELLM_MODE="PRODUCTION",
            LITELLM_LOG="ERROR",
            LITELLM_LOCAL_MODEL_COST_MAP="True",
            NO_DOCS="True",
        ),
        cwd=site.work,
        health_path="/health/liveliness",
        headers=[f"Authorization: Bearer {MASTER_KEY}"],
        distributions=int(distributions),
        installed_bytes=_site_packages_bytes(env),
    )


def _site_packages_bytes(env: Path) -> int:
    return sum(folder_bytes(folder) for folder in env.glob("lib/python*/site-packages"))


PEER = Peer(
    slug="litellm",
    name="LiteLLM proxy",
    setup="`litellm[proxy]`, one worker, master key, five models on one OpenAI-compatible "
    "`api_base`, `LITELLM_MODE=PRODUCTION`, `LITELLM_LOG=ERROR`, bundled cost map, telemetry "
    "off, no database",
    prepare=prepare,
    start_timeout_s=120.0,
)
