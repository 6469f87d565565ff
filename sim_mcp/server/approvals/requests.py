"""What comes to the pages: refused unless sent to the public address, and where it decides, by a page of ours."""

from starlette.requests import Request

from sim_mcp.changes.approval_page.request import RefusedError
from sim_mcp.settings import Settings


def check_host(request: Request, settings: Settings) -> None:
    """Refuse what was not sent to the public address: only there a browser keeps who signed in.

    Raises:
        RefusedError: It was sent to another name.
    """
    public = settings.public_url or ""
    if request.headers.get("host", "").lower() != public.partition("://")[2]:
        raise RefusedError(421, "This page is elsewhere", f"Open it at {public}.")


def check_origin(request: Request, settings: Settings) -> None:
    """Refuse what another page sent.

    Raises:
        RefusedError: It does not come from our own origin, or does not say so.
    """
    site = request.headers.getlist("sec-fetch-site")
    if request.headers.getlist("origin") != [settings.public_url] or site not in ([], ["same-origin"]):
        raise RefusedError(403, "Nothing was decided", "Only the form on this page can decide.")
