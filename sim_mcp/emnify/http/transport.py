"""Send a call to emnify: signed in, within the rate limits, retried where that is safe, its failures classified."""

import hashlib
import logging
import math
import time
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import stamina
from pydantic import SecretStr

from sim_mcp.emnify.errors import (
    AuthenticationError,
    DeadlineExceededError,
    EmnifyError,
    InvalidValueError,
    OutcomeUnknownError,
    RateLimitedError,
    UnreachableError,
    UnreadableAnswerError,
    UpstreamError,
)
from sim_mcp.emnify.http.auth import ApplicationTokens, Authenticator, AuthToken
from sim_mcp.emnify.http.calls import Answer, Call, request_id
from sim_mcp.emnify.http.clock import UpstreamClock
from sim_mcp.emnify.http.connection import Connection
from sim_mcp.emnify.http.error_mapping import refusal, sign_in_refusal
from sim_mcp.emnify.http.retry import Progress
from sim_mcp.emnify.limits.budget import OwnBudget
from sim_mcp.emnify.limits.pacer import Pacer
from sim_mcp.emnify.limits.rate_limit import AUTHENTICATE, Limits
from sim_mcp.emnify.limits.shared_limits import LimitStore, SharedBudget
from sim_mcp.observing import NOBODY, Observer

log = logging.getLogger(__name__)

_JSON = "application/json"
_UNAUTHORIZED, _TOO_MANY, _SERVER_ERROR, _CLIENT_ERROR = 401, 429, 500, 400


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
        observer: Observer = NOBODY,
        limit_store: LimitStore | None = None,
        application_tokens: ApplicationTokens | None = None,
        budget: OwnBudget | None = None,
        kept_for: str = "",
    ) -> None:
        self._observer = observer
        self._host = urlsplit(base_url).hostname or base_url
        self.base_url = base_url
        self._connection = Connection(base_url, user_agent, transport)
        self._application_token = application_token
        key = hashlib.sha256(application_token.get_secret_value().encode()).digest()
        about = f"{base_url} {kept_for}" if kept_for else base_url
        self.identity = hashlib.blake2b(about.encode(), key=key, digest_size=12).hexdigest()
        own = budget or OwnBudget(limits)
        self._shared = SharedBudget(limit_store, limits, self.identity, own) if limit_store is not None else None
        self.pacer = Pacer(limits, budget=self._shared or own, observer=observer)
        self.auth = (
            Authenticator(self._sign_in)
            if application_tokens is None
            else Authenticator(
                self._sign_in,
                may_have_changed=application_tokens.may_have_changed,
                renew=partial(self._renew, application_tokens),
            )
        )
        self.clock = UpstreamClock()

    async def wait_s(self, operation: str) -> float:
        """Return in how many seconds a request of this operation may be sent, as things stand."""
        shared_s = await self._shared.wait_s(operation) if self._shared is not None else 0.0
        return max(self.pacer.wait_s(operation), shared_s)

    async def close(self) -> None:
        """Close every connection."""
        await self._connection.close()

    async def send(self, call: Call, deadline_s: float) -> Answer:
        """Send a call and return its answer, which is a success.

        Raises:
            EmnifyError: The call failed; the subclass says how, and `changed` whether it may have had an effect.
        """
        progress = Progress()
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
                    progress.attempts = attempt.num
                    with attempt:
                        return await self._send_signed_in(call, progress)
        except TimeoutError:
            raise self._deadline_passed(call, deadline_s, progress) from None
        raise UpstreamError(
            f"{call.operation} was never tried", operation=call.operation
        )  # pragma: no cover  # stamina either returns or raises.

    async def _send_signed_in(self, call: Call, progress: Progress) -> Answer:
        """Send with a token, and once more with a new one if that is not accepted."""
        token = await self.auth.token()
        response = await self._send_with(call, token, progress)
        if response.status_code == _UNAUTHORIZED and not progress.signed_in_again:
            progress.signed_in_again = True
            self.auth.reject(token)
            response = await self._send_with(call, await self.auth.token(), progress)
        if response.status_code == _UNAUTHORIZED:
            raise AuthenticationError(
                "emnify does not accept the token, also after signing in again",
                operation=call.operation,
                status=_UNAUTHORIZED,
            )
        try:
            return self._read_answer(call, response)
        except EmnifyError as error:
            error.request_id = request_id(response.headers)
            raise

    async def _send_with(self, call: Call, token: AuthToken, progress: Progress) -> httpx.Response:
        # httpx's own Headers keep the token out of their repr, and so out of tracebacks that show locals.
        headers = httpx.Headers({"Authorization": f"Bearer {token.bearer}", "Accept": _JSON})
        return await self._send_once(call, headers, progress)

    async def _send_once(self, call: Call, headers: httpx.Headers, progress: Progress) -> httpx.Response:
        async with self.pacer.turn(call.operation):
            if call.on_sent is not None:
                call.on_sent()
            with self._observer.attempt(call.operation, self._host, progress.attempts) as attempt:
                response = await self._exchange(call, headers, progress)
                attempt.answered(response.status_code, request_id(response.headers))
        self.clock.read(response.headers.get("Date", ""))
        await self._check_throttling(call, response)
        return response

    async def _exchange(self, call: Call, headers: httpx.Headers, progress: Progress) -> httpx.Response:
        progress.in_flight = True
        started = time.monotonic()
        try:
            response = await self._connection.request(call, headers)
        except UnreachableError as error:
            progress.in_flight = False
            error.operation = call.operation
            raise
        except (httpx.InvalidURL, httpx.LocalProtocolError):
            progress.in_flight = False
            raise InvalidValueError(
                f"the request about {call.subject} cannot be written as a URL", operation=call.operation
            ) from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            log.info("%s broke: %s", call.operation, type(error).__name__)
            raise self._connection_lost(call, type(error).__name__) from None
        progress.in_flight = False
        took_ms = (time.monotonic() - started) * 1000
        log.info(
            "%s %d in %.0f ms, attempt %d",
            call.operation,
            response.status_code,
            took_ms,
            progress.attempts,
            extra={
                "operation": call.operation,
                "status": response.status_code,
                "took_ms": round(took_ms),
                "emnify_request": request_id(response.headers),
            },
        )
        return response

    async def _check_throttling(self, call: Call, response: httpx.Response) -> None:
        """Slow down after a 429, which is raised to be retried; speed up again after anything else."""
        if response.status_code != _TOO_MANY:
            self.pacer.answered()
            return
        self._observer.throttled(call.operation)
        retry_after_s = self.clock.wait_s(response.headers.get("Retry-After", ""))
        pause_s = self.pacer.throttled(retry_after_s)
        wait_s = pause_s if retry_after_s is None else retry_after_s
        if self._shared is not None:
            await self._shared.pause(pause_s)
        raise RateLimitedError(
            f"emnify asks to slow down (429) for {math.ceil(wait_s)} s",
            retry_after_s=wait_s,
            operation=call.operation,
        )

    def _read_answer(self, call: Call, response: httpx.Response) -> Answer:
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
        try:
            data = _decode(response, call.operation)
        except UnreadableAnswerError:
            # A write has succeeded whatever its body says; a read is worth another attempt.
            if not call.writes:
                raise
            data = None
        return Answer(call.operation, status, response.headers, data, response.content)

    def _connection_lost(self, call: Call, how: str) -> EmnifyError:
        if call.writes and call.operation != AUTHENTICATE:
            return OutcomeUnknownError(
                f"the change of {call.subject} was sent, but the connection broke before an answer came ({how})",
                operation=call.operation,
            )
        return UpstreamError(
            f"the connection to emnify{self._connection.route} broke before an answer came ({how})",
            operation=call.operation,
        )

    def _deadline_passed(self, call: Call, deadline_s: float, progress: Progress) -> EmnifyError:
        if call.writes and progress.in_flight:
            return OutcomeUnknownError(
                f"the change of {call.subject} was sent, but no answer came within {deadline_s:g} s",
                operation=call.operation,
            )
        if progress.last is not None:
            return progress.last
        return DeadlineExceededError(
            f"emnify did not answer about {call.subject}{self._connection.route} within {deadline_s:g} s",
            operation=call.operation,
        )

    async def _renew(self, tokens: ApplicationTokens) -> bool:
        """Read the application token again; tell whether it is another than the one before."""
        before, self._application_token = self._application_token, await tokens.read()
        return self._application_token != before

    async def _sign_in(self) -> str:
        """Exchange the application token for an auth token (POST /api/v1/authenticate)."""
        call = Call(
            "POST",
            "/api/v1/authenticate",
            "the application token",
            json={"application_token": self._application_token.get_secret_value()},
        )
        response = await self._send_once(call, httpx.Headers({"Accept": _JSON}), Progress())
        if response.status_code >= _SERVER_ERROR:
            raise UpstreamError("emnify could not sign in", operation=call.operation, status=response.status_code)
        if response.is_client_error:
            raise sign_in_refusal(call.operation, response)
        answer = _decode(response, call.operation)
        bearer = answer.get("auth_token") if isinstance(answer, dict) else None
        # Other characters could not be sent in a header.
        if isinstance(bearer, str) and bearer and all("!" <= char <= "~" for char in bearer):
            return bearer
        raise UnreadableAnswerError("emnify's answer to signing in holds no auth token", operation=call.operation)


def _decode(response: httpx.Response, operation: str) -> Any:
    try:
        return response.json()
    except (ValueError, RecursionError):
        kind = response.headers.get("Content-Type", "no content type").split(";")[0]
        what = "an empty answer" if not response.content else f"an answer that is not JSON ({kind[:40]})"
        raise UnreadableAnswerError(f"emnify sent {what}", operation=operation, status=response.status_code) from None
