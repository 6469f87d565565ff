"""What comes to the approval page: refused unless the page's own form sent it, on this machine."""

from typing import NoReturn
from urllib.parse import parse_qsl

from starlette.requests import Request

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_BODY_LIMIT = 4096
_FIELD_LIMIT = 4


class RefusedError(Exception):
    """Answer with a page that says why nothing was shown or decided."""

    def __init__(self, status: int, heading: str, text: str) -> None:
        super().__init__(heading)
        self.status, self.heading, self.text = status, heading, text


def check_host(request: Request) -> None:
    """Refuse what was not sent to this machine by its own name.

    Raises:
        RefusedError: It was sent to another name.
    """
    # A name that was rebound to this machine still sends its own name here.
    host, colon, port = (request.headers.get("host") or "").rpartition(":")
    server = request.scope.get("server")
    if not (colon and server and host.lower() in _LOOPBACK and port == str(server[1])):
        raise RefusedError(421, "This page is only for this machine", "Open the link exactly as you were given it.")


def check_origin(request: Request) -> None:
    """Refuse what another page sent.

    Raises:
        RefusedError: It does not come from this page's origin, or does not say so.
    """
    origin = request.headers.getlist("origin")
    site = request.headers.getlist("sec-fetch-site")
    if origin != [f"http://{request.headers['host']}"] or site not in ([], ["same-origin"]):
        raise RefusedError(403, "Nothing was decided", "Only the form on this page can decide.")


async def fields_of(request: Request, most_bytes: int = _BODY_LIMIT) -> dict[str, str]:
    """Read the fields of a form.

    Raises:
        RefusedError: It is none, or longer than any answer to ours.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise RefusedError(415, "Nothing was decided", "Only the form on this page can decide.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise RefusedError(413, "Nothing was decided", "What was sent is longer than any answer to the form.")
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_FIELD_LIMIT
        )
    except ValueError:
        pairs = []
    fields = dict(pairs)
    if not pairs or len(fields) != len(pairs):
        raise RefusedError(400, "Nothing was decided", "What was sent is no answer to the form.")
    return fields


def refuse_stale_form() -> NoReturn:
    """Say that a form decides nothing any more.

    Raises:
        RefusedError: Always.
    """
    raise RefusedError(403, "Nothing was decided", "This form was used or is not valid any more. Open the link again.")


def refuse_expired() -> NoReturn:
    """Say that a link decides nothing any more.

    Raises:
        RefusedError: Always.
    """
    raise RefusedError(
        410, "This link has expired", "It decides nothing any more. Ask for a new one where you got it, if you need it."
    )
