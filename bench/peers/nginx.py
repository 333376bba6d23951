"""nginx as a plain reverse proxy: the floor for anything that passes HTTP on."""

import os
import shutil
from pathlib import Path

from peers.base import Peer, Ready, Site, output_of, run
from processes import BenchError

CONFIG = """\
daemon off;
worker_processes 1;
pid {work}/nginx.pid;
error_log {work}/error.log;
{user}
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {work}/body;
  proxy_temp_path {work}/proxy;
  fastcgi_temp_path {work}/fastcgi;
  uwsgi_temp_path {work}/uwsgi;
  scgi_temp_path {work}/scgi;
  client_body_buffer_size 256k;
  keepalive_requests 100000000;
  tcp_nodelay on;
  upstream mock {{
    server 127.0.0.1:{mock_port};
    keepalive 1024;
    keepalive_requests 100000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


def prepare(site: Site) -> Ready:
    binary = _installed(site)
    config = site.work / "nginx.conf"
    config.write_text(
        CONFIG.format(
            work=site.work,
            port=site.port,
            mock_port=site.mock_port,
            user="user root;" if os.geteuid() == 0 else "",
        )
    )
    version = output_of([str(binary), "-v"]).strip().rpartition("/")[2].split()[0]
    return Ready(
        version=version,
        command=[
            str(binary),
            "-p",
            str(site.work),
            "-e",
            f"{site.work}/error.log",
            "-c",
            str(config),
        ],
        environment=site.environment(),
        health_path="/stats",
        distributions=1,
        installed_bytes=binary.stat().st_size,
    )


def _installed(site: Site) -> Path:
    """The system's nginx, one installed by the package manager, or one unpacked beside it."""
    unpacked = site.envs / "nginx" / "usr" / "sbin" / "nginx"
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found:
        return Path(found)
    if unpacked.exists():
        return unpacked
    unpacked.parents[2].mkdir(parents=True, exist_ok=True)
    log = site.envs / "nginx.log"
    if os.geteuid() == 0:
        run(["apt-get", "update", "-q"], log=log)
        run(["apt-get", "install", "-y", "--no-install-recommends", "nginx-light"], log=log)
        return Path("/usr/sbin/nginx")
    run(["apt-get", "download", "nginx"], log=log, cwd=unpacked.parents[2])
    for package in unpacked.parents[2].glob("nginx_*.deb"):
        run(["dpkg", "-x", str(package), str(unpacked.parents[2])], log=log)
    if not unpacked.exists():
        raise BenchError("the package holds no nginx")
    return unpacked


PEER = Peer(
    slug="nginx",
    name="nginx",
    setup="one worker, `proxy_pass` with upstream keep-alive, `proxy_buffering off`; "
    "no key check, no counting: a floor, not a competitor",
    prepare=prepare,
)
