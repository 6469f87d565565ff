"""The peer: the server that a user would otherwise generate in a minute from an OpenAPI description, over stdio.

Started by `benchmarks/peer.py`, in an environment of its own, as `python benchmarks/peer_server.py URL TOKEN`.
"""

import sys
from pathlib import Path

import httpx2
import yaml
from fastmcp import FastMCP

DESCRIPTION = Path(__file__).with_name("emnify-openapi.yaml")


def main(base_url: str, application_token: str) -> None:
    """Sign in once, generate the server and serve it."""
    login = httpx2.post(f"{base_url}/api/v1/authenticate", json={"application_token": application_token})
    client = httpx2.AsyncClient(
        base_url=base_url, headers={"Authorization": f"Bearer {login.json()['auth_token']}"}, timeout=60
    )
    FastMCP.from_openapi(yaml.safe_load(DESCRIPTION.read_text("utf-8")), client, name="emnify").run(show_banner=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
