"""One call to emnify: paced, signed in, retried where that is safe, and its failures told apart."""

import email.utils
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import anyio
import httpx
import stamina
from pydantic import SecretStr

from sim_mcp.emnify.auth import Authenticator, AuthToken
from sim_mcp.emnify.errors import (
    AuthenticationError,
    DeadlineExceededError,
    EmnifyError,
    OutcomeUnknownError,
    RateLimitedError,
    UnreachableError,
    UnreadableAnswerError,
    UpstreamError,
)
from sim_mcp.emnify.pacing import AUTHENTICATE, Limits, Pacer
from sim_mcp.emnify.refusals import refusal

log = logging.getLogger(__name__)

_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_PASSING = frozenset({502, 503, 504})
_MOST_FAULTS = 5
"""Attempts at a read that keeps failing; 429s do not count, they are waited out."""

_UNAUTHORIZED, _TOO_MANY, _SERVER_ERROR, _CLIENT_ERROR = 401, 429, 500, 400


@dataclass(frozen=True)
class Call:
    """One operation on one thing: its template for limits and messages, and what is sent."""

    method: str
    template: str
    subject: str
    ids: Mapping[str, str | int] | None = None
    params: Mapping[str, str | int] | None = None
    json: Any = None
    accept: str = "application/json"

    @property
    def operation(self) -> str:
        """Return the method and path template, such as `GET /api/v1/sim/{id}`."""
        return f"{self.method} {self.template}"

    @property
    def writes(self) -> bool:
        """Tell whether the call may change something."""
        return self.method != "GET"

    @property
    def target(self) -> str:
        """Return the path and query to send, with nothing left to be encoded."""
        path = self.template.format(**(self.ids or {}))
        query = urlencode({name: value for name, value in (self.params or {}).items() if value != ""})
        return f"{path}?{query}" if query else path


@dataclass(frozen=True)
class Answer:
    """A success: its headers, and what its body holds; None where there is no readable body."""

    operation: str
    status: int
    headers: Mapping[str, str]
    data: Any
    text: str = field(default="", repr=False)


class Transport:
    """Send calls to one emnify with one application token."""

    def __init__(
        self,
        *,
        base_url: str,
        application_token: SecretStr,
        limits: Limits,
        user_agent: str,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self.base_url = base_url
        on_this_machine = urlsplit(base_url).scheme == "http"
        self._http = httpx.AsyncClient(
            base_url=base_url,
            # A proxy for the world outside has no business with an address of this machine.
            trust_env=not on_this_machine,
            headers={"User-Agent": user_agent},
            timeout=httpx.Timeout(20.0, connect=5.0),
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=10),
            follow_redirects=False,
            transport=transport,
        )
        self._application_token = application_token
        self._pacer = Pacer(limits)
        self.auth = Authenticator(self._sign_in)
        self._clock_ahead: timedelta | None = None
        self._clock_read_at = 0.0

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    def now(self) -> datetime:
        """Return emnify's time, by the Date of its newest answer; before the first answer, this machine's."""
        return datetime.now(UTC) + (self._clock_ahead or timedelta())

    async def send(self, call: Call, deadline_s: float) -> Answer:
        """Send a call and return its answer, which is a success.

        Raises:
            EmnifyError: The call failed; which member of the tree tells how, and `changed` whether it may have had
                an effect.
        """
        progress = _Progress()
        try:
            with anyio.fail_after(deadline_s):
                async for attempt in stamina.retry_context(
                    on=progress.retry_in,
                    attempts=None,
                    timeout=None,
                    wait_initial=0.2,
                    wait_max=5.0,
                    wait_jitter=0.5,
                ):
                    with attempt:
                        return await self._authorised(call, progress)
        except TimeoutError:
            raise self._out_of_time(call, deadline_s, progress) from None
        raise UpstreamError(
            f"{call.operation} was never tried", operation=call.operation
        )  # pragma: no cover  # stamina either returns or raises.

    async def _authorised(self, call: Call, progress: "_Progress") -> Answer:
        """Send once, and once more with a new token if the first is not accepted."""
        token = await self.auth.token()
        response = await self._paced(call, token, progress)
        if response.status_code == _UNAUTHORIZED and not progress.signed_in_again:
            progress.signed_in_again = True
            self.auth.reject(token)
            response = await self._paced(call, await self.auth.token(), progress)
        if response.status_code == _UNAUTHORIZED:
            raise AuthenticationError(
                "emnify does not accept the token, also after signing in again",
                operation=call.operation,
                status=_UNAUTHORIZED,
            )
        return self._judged(call, response)

    async def _paced(self, call: Call, token: AuthToken, progress: "_Progress") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token.bearer}", "Accept": call.accept}
        return await self._once(call, headers, progress)

    async def _once(self, call: Call, headers: Mapping[str, str], progress: "_Progress") -> httpx.Response:
        await self._pacer.turn(call.operation)
        progress.in_flight = True
        started = time.monotonic()
        try:
            response = await self._http.request(call.method, call.target, headers=headers, json=call.json)
        except _NEVER_LEFT as error:
            progress.in_flight = False
            raise UnreachableError(
                f"emnify could not be reached ({type(error).__name__})", operation=call.operation
            ) from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            log.info("%s broke: %s", call.operation, type(error).__name__)
            raise self._broken(call, type(error).__name__) from None
        progress.in_flight = False
        took_ms = (time.monotonic() - started) * 1000
        log.info("%s %d in %.0f ms", call.operation, response.status_code, took_ms)
        self._read_clock(response)
        self._heed(call, response)
        return response

    def _heed(self, call: Call, response: httpx.Response) -> None:
        """Slow down after a 429, which is raised to be tried again later; recover after anything else."""
        if response.status_code != _TOO_MANY:
            self._pacer.answered()
            return
        told = _retry_after(response, self.now())
        pause = self._pacer.throttled(told)
        raise RateLimitedError(
            "emnify asks to slow down (429)",
            retry_after_s=told if told is not None else pause,
            operation=call.operation,
        )

    def _judged(self, call: Call, response: httpx.Response) -> Answer:
        status = response.status_code
        if status >= _SERVER_ERROR:
            if call.writes:
                raise OutcomeUnknownError(
                    f"emnify answered {status} to a change of {call.subject}, which may have happened all the same",
                    operation=call.operation,
                    status=status,
                )
            raise UpstreamError(f"emnify failed with {status}", operation=call.operation, status=status)
        if status >= _CLIENT_ERROR:
            raise refusal(call.operation, call.subject, response)
        if not response.is_success:
            raise UnreadableAnswerError(
                f"emnify answered {status} where a result was expected",
                operation=call.operation,
                status=status,
                changed="unknown" if call.writes else "nothing",
            )
        data = None
        try:
            data = _json(response, call.operation)
        except UnreadableAnswerError:
            # A write has done its work whatever its body says; a read is worth another try.
            if not call.writes and call.accept == "application/json":
                raise
        return Answer(call.operation, status, response.headers, data, response.text)

    def _broken(self, call: Call, how: str) -> EmnifyError:
        if call.writes and call.operation != AUTHENTICATE:
            return OutcomeUnknownError(
                f"the change of {call.subject} was sent, but the connection broke before an answer came ({how})",
                operation=call.operation,
            )
        return UpstreamError(f"the connection to emnify broke before an answer came ({how})", operation=call.operation)

    def _out_of_time(self, call: Call, deadline_s: float, progress: "_Progress") -> EmnifyError:
        if call.writes and progress.in_flight:
            return OutcomeUnknownError(
                f"the change of {call.subject} was sent, but no answer came within {deadline_s:g} s",
                operation=call.operation,
            )
        if progress.last is not None:
            return progress.last
        return DeadlineExceededError(
            f"emnify did not answer about {call.subject} within {deadline_s:g} s", operation=call.operation
        )

    async def _sign_in(self) -> str:
        """Exchange the application token for an auth token (POST /api/v1/authenticate)."""
        body = {"application_token": self._application_token.get_secret_value()}
        call = Call("POST", "/api/v1/authenticate", "the application token", json=body)
        response = await self._once(call, {"Accept": "application/json"}, _Progress())
        if response.status_code >= _SERVER_ERROR:
            raise UpstreamError("emnify could not sign in", operation=call.operation, status=response.status_code)
        if response.is_client_error:
            raise refusal(call.operation, call.subject, response)
        token = _json(response, call.operation)
        if isinstance(token, dict) and isinstance(token.get("auth_token"), str):
            return str(token["auth_token"])
        raise UnreadableAnswerError("emnify's answer to signing in holds no auth token", operation=call.operation)

    def _read_clock(self, response: httpx.Response) -> None:
        try:
            said = email.utils.parsedate_to_datetime(response.headers.get("Date", ""))
        except ValueError:
            return
        self._clock_ahead = said - datetime.now(UTC)


class _Progress:
    """Remember, over the attempts of one call, what decides about the next."""

    def __init__(self) -> None:
        self.in_flight = False
        self.signed_in_again = False
        self.last: EmnifyError | None = None
        self._faults = 0

    def retry_in(self, error: Exception) -> bool | float:
        """Tell stamina whether to try again: at once where the pacer does the waiting, else with jitter."""
        if isinstance(error, RateLimitedError) and error.status == _TOO_MANY:
            self.last = error
            left = anyio.current_effective_deadline() - anyio.current_time()
            return False if (error.retry_after_s or 0) > left else 0.0
        passing = isinstance(error, UpstreamError) and (error.status is None or error.status in _PASSING)
        unread = isinstance(error, UnreadableAnswerError) and error.changed == "nothing"
        if isinstance(error, EmnifyError) and (passing or unread or isinstance(error, UnreachableError)):
            self.last = error
            self._faults += 1
            return self._faults < _MOST_FAULTS
        return False


def _json(response: httpx.Response, operation: str) -> Any:
    try:
        return response.json()
    except ValueError:
        kind = response.headers.get("Content-Type", "no content type").split(";")[0]
        what = "an empty answer" if not response.content else f"an answer that is not JSON ({kind[:40]})"
        raise UnreadableAnswerError(f"emnify sent {what}", operation=operation, status=response.status_code) from None


def _retry_after(response: httpx.Response, now: datetime) -> float | None:
    """Return the seconds a `Retry-After` header asks for, written as seconds or as a date."""
    said = response.headers.get("Retry-After", "").strip()
    if said.isdecimal():
        return float(said)
    try:
        return max(0.0, (email.utils.parsedate_to_datetime(said) - now).total_seconds())
    except ValueError:
        return None
