"""What every page of the approvals is written on: its headers, its policy for content, its templates."""

import secrets

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from sim_mcp.sanitize import clean

HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Under no-referrer browsers post forms with "Origin: null"; this tells other origins just as little.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
LOOKS_AGAIN = "connect-src 'self'; "
"""What a page may do besides that looks again by itself."""

_LONGEST_TEXT = 2000


class Paper:
    """Render pages, each with a nonce of its own and nothing from elsewhere."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=PackageLoader("sim_mcp.changes.approval_page"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_shown,
        )
        self._templates.filters["clean"] = clean

    def page(self, status: int, template: str, *, also: str = "", **values: object) -> Response:
        """Return a page; `also` is what its policy for content allows besides."""
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src data:; "
            f"{also}form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        content = self._templates.get_template(template).render(nonce=nonce, **values)
        return HTMLResponse(content, status, headers={**HEADERS, "Content-Security-Policy": policy})

    def message(self, status: int, heading: str, text: str) -> Response:
        """Return a page that only says something, with no plan on it."""
        return self.page(status, "message.html", heading=heading, text=text)


def _shown(value: object) -> object:
    # Whatever a template shows passes here, so that no text reaches the page uncleaned.
    return clean(value, _LONGEST_TEXT) if isinstance(value, str) and not isinstance(value, Markup) else value
