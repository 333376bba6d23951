"""Portico with everything on: keys, routing, reservations, ledger and generation rows."""

import json

from peers.base import Peer, Ready, Site, output_of
from processes import BenchError

WORKLOADS = ("json", "burst", "each", "paced", "slow")
# Three endpoints per model at different prices, so that routing has something to decide.
PROVIDERS = {"bench-a": "0.15", "bench-b": "0.18", "bench-c": "0.24"}

PROVIDER = """\
[providers.{slug}]
base_url = "http://127.0.0.1:{mock_port}/v1"
api_key = "env:BENCH_UPSTREAM_KEY"
"""
MODEL = """\
[[models]]
id = "bench/{workload}"
provider = "{slug}"
upstream_model = "bench-{workload}"
context_tokens = 131072
max_completion_tokens = 16384
supported_parameters = ["max_tokens", "temperature", "top_p", "stop", "seed", "tools"]
price = {{ prompt = "{price}", completion = "0.60" }}
"""
# Prints the version, how many distributions the program needs (itself included) and their size.
# Extras and development tools in the same environment are not counted.
FOOTPRINT = """
import re
from importlib.metadata import PackageNotFoundError, distribution
names, found, size = ["portico"], {}, 0
while names:
    name = re.sub(r"[-_.]+", "-", names.pop()).lower()
    try:
        dist = found.get(name) or distribution(name)
    except PackageNotFoundError:  # required on another platform only
        continue
    if name not in found:
        found[name] = dist
        needed = [r for r in dist.requires or [] if "extra ==" not in r]
        names += [re.match(r"[A-Za-z0-9._-]+", r).group() for r in needed]
for dist in found.values():
    for file in dist.files or []:
        path = file.locate()
        size += path.stat().st_size if path.is_file() else 0
print(distribution("portico").version, len(found), size)
"""


def prepare(site: Site) -> Ready:
    portico = site.root / ".venv" / "bin" / "portico"
    if not portico.exists():
        raise BenchError("no .venv/bin/portico: run `make` first")
    data = site.work / "data"
    environment = site.environment(PORTICO_DATA_DIR=str(data), BENCH_UPSTREAM_KEY="bench")
    create = [str(portico), "keys", "create", "--name", "bench", "--json"]
    printed = output_of(create, env=environment, cwd=site.work)
    try:
        key = json.loads(printed)["key"]
    except (ValueError, LookupError) as error:
        raise BenchError(f"keys create printed no key: {printed[:120]}") from error
    config = site.work / "portico.toml"
    providers = [PROVIDER.format(slug=s, mock_port=site.mock_port) for s in PROVIDERS]
    models = [
        MODEL.format(workload=workload, slug=slug, price=price)
        for workload in WORKLOADS
        for slug, price in PROVIDERS.items()
    ]
    config.write_text("\n".join(providers + models))
    verify = [str(portico), "ledger", "verify", "--json"]

    def audit(answered: int) -> None:
        report = json.loads(output_of(verify, env=environment, cwd=site.work))
        if not report["ok"] or report["generations"] < answered:
            raise BenchError(
                f"the ledger has {report['generations']} generations for {answered} "
                f"answers and {report['problem_count']} problems"
            )

    python = portico.with_name("python")
    version, distributions, size = output_of([str(python), "-c", FOOTPRINT]).split()
    return Ready(
        version=version,
        command=[str(portico), "up", "--config", str(config), "--port", str(site.port)],
        environment=environment,
        cwd=site.work,
        health_path="/health",
        model="bench/{}",
        chat_path="/api/v1/chat/completions",
        headers=[f"Authorization: Bearer {key}"],
        audit=audit,
        distributions=int(distributions),
        installed_bytes=int(size),
    )


PEER = Peer(
    slug="portico",
    name="Portico",
    setup="`portico up`, one process: key check, routing over three endpoints per model, "
    "reservation, ledger, attempt and generation rows on SQLite, all on; after the run the "
    "ledger must add up and hold a generation for every answer",
    prepare=prepare,
)
