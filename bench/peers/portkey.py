"""Portkey's open-source gateway on Node.js."""

import json
import shutil

from peers.base import Peer, Ready, Site, folder_bytes, install_once, output_of, run
from processes import BenchError

PACKAGE = {
    "name": "bench-portkey",
    "private": True,
    "dependencies": {"@portkey-ai/gateway": "1.15.2"},
    # Newer releases of these two answer every stream with a 500.
    "overrides": {"@hono/node-server": "1.3.3", "hono": "4.9.7"},
}


def prepare(site: Site) -> Ready:
    env = site.envs / "portkey"
    package = env / "node_modules" / "@portkey-ai" / "gateway"
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise BenchError("node and npm are not installed")

    def install() -> None:
        (env / "package.json").write_text(json.dumps(PACKAGE))
        command = [npm, "install", "--omit=dev", "--no-audit", "--no-fund"]
        run(command, log=site.envs / "portkey.log", cwd=env)

    install_once(env, json.dumps(PACKAGE), install)
    version = json.loads((package / "package.json").read_text())["version"]
    lock = json.loads((env / "package-lock.json").read_text())["packages"]
    return Ready(
        version=f"{version} (node {output_of([node, '--version']).strip().lstrip('v')})",
        command=[
            node,
            str(package / "build" / "start-server.js"),
            *(f"--port={site.port}", "--headless"),
        ],
        environment=site.environment(NODE_ENV="production"),
        cwd=site.work,
        health_path="/",
        headers=[
            "Authorization: Bearer bench",
            "x-portkey-provider: openai",
            f"x-portkey-custom-host: http://127.0.0.1:{site.mock_port}/v1",
        ],
        distributions=sum(1 for path in lock if path),
        installed_bytes=folder_bytes(env / "node_modules"),
    )


PEER = Peer(
    slug="portkey",
    name="Portkey gateway",
    setup="one Node.js process, `NODE_ENV=production`, provider and upstream named by request "
    "headers; no key check, no ledger",
    prepare=prepare,
)
