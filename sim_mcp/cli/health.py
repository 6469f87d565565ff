"""Ask a running server over HTTP whether it is alive or ready."""

import click
import httpx

_TIMEOUT_S = 20.0


def ask_server(port: int, *, alive: bool) -> str:
    """Return what the server on a port of this machine says of itself (`GET /health` or `GET /ready`).

    Raises:
        click.ClickException: It does not answer, or is not ready; the message says what is missing.
    """
    route = "health" if alive else "ready"
    try:
        response = httpx.get(f"http://127.0.0.1:{port}/{route}", timeout=_TIMEOUT_S, trust_env=False)
        body = response.json()
    except (httpx.HTTPError, ValueError) as error:
        raise click.ClickException(f"The server on port {port} does not answer: {type(error).__name__}") from None
    if not response.is_success:
        problems = [f"{problem['what']}: {problem['why']}." for problem in body.get("problems", [])]
        raise click.ClickException("\n".join([f"the server on port {port} is not ready", *problems]))
    return f"alive: version {body['version']}" if alive else f"ready: {body['tools']} tools"
