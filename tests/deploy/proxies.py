"""Real proxies, by the configurations that are shipped, on ports and with a certificate of a test's own."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import anyio
import trustme

DEPLOY = Path(__file__).parents[2] / "deploy"
Proxy = Literal["haproxy", "nginx"]
SHIPPED_FOR = ("SERVER_1", "SERVER_2")


def certificate(directory: Path) -> Path:
    """Make a certificate for this machine, with its key in one file and apart, and the authority's beside it, once."""
    if (directory / "both.pem").exists():
        return directory / "both.pem"
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    leaf.private_key_and_cert_chain_pem.write_to_path(str(directory / "both.pem"))
    leaf.private_key_pem.write_to_path(str(directory / "key.pem"))
    for blob in leaf.cert_chain_pems:
        blob.write_to_path(str(directory / "cert.pem"), append=True)
    return directory / "both.pem"


def haproxy_environment(certificate_file: Path, port: int, servers: Sequence[int]) -> dict[str, str]:
    return {
        "LISTEN": f"127.0.0.1:{port}",
        "CERTIFICATE": str(certificate_file),
        **{f"SERVER_{number}": f"127.0.0.1:{server}" for number, server in enumerate(servers, 1)},
    }


def haproxy_configuration(directory: Path, servers: Sequence[int]) -> Path:
    """Return the configuration as it is shipped, for two; for more, a copy with a line for each besides."""
    shipped = DEPLOY / "haproxy.cfg"
    if len(servers) == len(SHIPPED_FOR):
        return shipped
    last = '  server server-2 "${SERVER_2}"\n'
    lines = [last.replace("2", str(number)) for number in range(2, len(servers) + 1)]
    text = shipped.read_text(encoding="utf-8")
    assert text.count(last) == 2
    file = directory / "haproxy.cfg"
    file.write_text(text.replace(last, "".join(lines)))
    return file


def nginx_configuration(directory: Path, port: int, servers: Sequence[int]) -> Path:
    """Write the configuration with ports and files of a test; everything else stays."""
    certificate(directory)
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    own = {
        "listen 8443": f"listen 127.0.0.1:{port}",
        "127.0.0.1:8001": f"127.0.0.1:{servers[0]}",
        "127.0.0.1:8002": f"127.0.0.1:{servers[1]}",
        "/etc/nginx/certs/sim-mcp.crt": str(directory / "cert.pem"),
        "/etc/nginx/certs/sim-mcp.key": str(directory / "key.pem"),
    }
    for shipped, here in own.items():
        assert text.count(shipped) == 1, shipped
        text = text.replace(shipped, here)
    file = directory / "nginx.conf"
    file.write_text(f"pid {directory}/nginx.pid;\n{text}")
    return file


@contextmanager
def proxying(proxy: Proxy, directory: Path, port: int, servers: Sequence[int]) -> Iterator[Path]:
    """Run a proxy on a port in front of servers, nginx of two; yield its log, which goes on where it is run again."""
    log = directory / "proxy.log"
    if proxy == "haproxy":
        command = ["haproxy", "-f", str(haproxy_configuration(directory, servers))]
        env = os.environ | haproxy_environment(certificate(directory), port, servers)
    else:
        file = nginx_configuration(directory, port, servers)
        command = ["nginx", "-p", str(directory), "-c", str(file), "-g", "daemon off;"]
        env = dict(os.environ)
    with log.open("a") as sink, subprocess.Popen(command, env=env, stdout=sink, stderr=sink) as process:
        try:
            yield log
        finally:
            process.terminate()


async def until_open(port: int) -> None:
    with anyio.fail_after(120):
        while True:
            try:
                await (await anyio.connect_tcp("127.0.0.1", port)).aclose()
            except OSError:
                await anyio.sleep(0.05)
            else:
                return
