"""The request chain: the stages that every request passes, in order, until one of them answers."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from sagong.api import cause
from sagong.api.clock import Clock, Random
from sagong.api.errors import ApiError, BadRequestError, NotFoundError, ServiceUnavailableError, TimeoutApiError
from sagong.api.field_errors import quote
from sagong.api.go_values import parse_duration
from sagong.server import impersonation
from sagong.server.authz.authorizer import forbidden_error
from sagong.server.contract import Attributes, Authenticator, Authorizer
from sagong.server.exchange import ANONYMOUS, REQUEST_SECONDS, Exchange
from sagong.server.messages import Answer, Request, Response, Stream, Upgrade
from sagong.server.metrics import Metrics
from sagong.server.request_info import request_info
from sagong.server.status import error_response
from sagong.server.warning_headers import warning_headers
from sagong.store.base import StoreClosedError, StoreWriteError

log = logging.getLogger(__name__)

Stage = Callable[[Exchange], Awaitable[Answer | None]]
SWEEP_SECONDS = 1.0
_CACHE_CONTROL = ("Cache-Control", "no-cache, private")
_SHOWN_USERS = frozenset({"admin", "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default"})
_SELECTING = ("list", "watch", "deletecollection")


class Checks(Protocol):
    """The parts that say who asks, and whether they may."""

    @property
    def authenticator(self) -> Authenticator:
        """Find out who."""
        ...

    @property
    def authorizer(self) -> Authorizer:
        """Decide."""
        ...


class Auditor(Protocol):
    """Keeps records of requests."""

    async def begin(self, exchange: Exchange) -> None:
        """Begin, when it is known who asks."""
        ...

    def authorized(self, exchange: Exchange, reason: str, *, allowed: bool) -> None:
        """Note whether it may be, and why."""
        ...

    def answered(self, exchange: Exchange, answer: Answer) -> None:
        """Note the answer."""
        ...

    def ended(self, exchange: Exchange) -> None:
        """Note the end of an answer that streams."""
        ...


class Pipeline:
    """The handler of all requests. `limit` decides who is served now (priority and fairness)."""

    def __init__(
        self, checks: Checks, limit: Stage, dispatch: Stage, metrics: Metrics, *, clock: Clock, random: Random, audit: Auditor | None = None
    ) -> None:
        self._audit = audit
        self._authenticator, self._authorizer = checks.authenticator, checks.authorizer
        self._metrics, self._clock, self._random = metrics, clock, random
        self._deadlines: dict[Exchange, float] = {}
        self.stages: tuple[Stage, ...] = (
            self._authenticate,
            *(() if audit is None else (audit.begin,)),
            self._impersonate,
            limit,
            self._authorize,
            dispatch,
        )

    async def __call__(self, request: Request) -> Answer:
        """Answer one request; whatever goes wrong becomes a Status."""
        audit_id = request.header("audit-id") or self._random.uid()
        token = cause.cause_id.set(request.header("sagong-cause") or audit_id)
        exchange = Exchange(request, request_info(request), audit_id)
        kind = "readOnly" if request.method in ("GET", "HEAD") else "mutating"
        inflight, started = self._metrics.inflight, self._clock.monotonic()
        inflight[kind] += 1
        try:
            answer = await self._answer(exchange, started)
        finally:
            cause.cause_id.reset(token)
            inflight[kind] -= 1
            self._deadlines.pop(exchange, None)
        if self._audit is not None:
            self._audit.answered(exchange, answer)
        if isinstance(answer, Response):
            self._over(exchange, answer.status, started, len(answer.body) if answer.pieces is None else -1)
            if answer.pieces is not None:
                answer.sent = functools.partial(self._metrics.sent, exchange)
        else:
            self._goes_on(exchange, answer, started)
        return _finish(answer, exchange)

    async def _answer(self, exchange: Exchange, started: float) -> Answer:
        """Return what the stages answer, or the Status of what went wrong."""
        request = exchange.request
        try:
            if not exchange.info.long_running:
                self._set_deadline(exchange, started)
            answer = await self._pass(exchange)
            if isinstance(answer, Stream) and request.wants_websocket:
                from sagong.server import websockets  # noqa: PLC0415 - few clients ask for it

                answer = websockets.upgrade(request, answer, events=exchange.info.verb == "watch")
        except ApiError as error:
            return error_response(error, request)
        except StoreWriteError as error:
            return error_response(ApiError(f"Internal error occurred: the write was not kept: {error}"), request)
        except StoreClosedError as error:
            return error_response(ServiceUnavailableError(f"the server keeps no state any more: {error}"), request)
        except asyncio.CancelledError:
            if not self._expired(exchange):
                raise
            exchange.terminated = True
            return error_response(TimeoutApiError("Timeout: request did not complete within the allotted timeout"), request)
        except Exception as error:
            log.exception("%s %s", request.method, request.path)
            exchange.panic, exchange.terminated = str(error), True
            return error_response(ApiError(f"Internal error occurred: {error}"), request)
        return answer

    async def run(self) -> None:
        """End what takes too long, until cancelled."""
        while True:
            earliest = next(iter(self._deadlines.values()), float("inf"))  # they are in order: all have the same time
            wait = min(earliest - self._clock.monotonic(), REQUEST_SECONDS)  # what comes meanwhile ends later
            await self._clock.sleep(max(wait, SWEEP_SECONDS))
            now = self._clock.monotonic()
            for exchange, deadline in tuple(self._deadlines.items()):
                if deadline <= now:
                    self._expire(exchange)

    def _set_deadline(self, exchange: Exchange, started: float) -> None:
        """Give a request its time. One loop watches the usual deadline, so that a request costs no timer of its own."""
        exchange.task = asyncio.current_task()
        self._deadlines[exchange] = started + REQUEST_SECONDS
        if exchange.request.query_string and (said := exchange.request.param("timeout")):
            exchange.seconds = _seconds(said)
            asyncio.get_running_loop().call_later(exchange.seconds, self._expire, exchange)

    def _expire(self, exchange: Exchange) -> None:
        if self._deadlines.pop(exchange, None) is not None and exchange.task is not None:
            exchange.expired = True
            exchange.task.cancel()

    def _expired(self, exchange: Exchange) -> bool:
        """Tell whether a cancellation is the end of the request's time; it is dealt with then. Otherwise all is over: let go."""
        if exchange.expired and exchange.task is not None:
            return exchange.task.uncancel() == 0
        self._let_go(exchange)
        return False

    def _over(self, exchange: Exchange, status: int, started: float, size: int = -1) -> None:
        if exchange.seat is not None:
            self._let_go(exchange)
        self._metrics.answered(exchange, status, self._clock.monotonic() - started, size)

    def _goes_on(self, exchange: Exchange, answer: Stream | Upgrade, started: float) -> None:
        """Count an answer that streams when it ends. A watch gives its seat back earlier, when it has begun."""
        status = answer.status
        self._metrics.long_running(exchange, 1)

        def ended() -> None:
            self._metrics.long_running(exchange, -1)
            self._over(exchange, status, started)
            if self._audit is not None:
                self._audit.ended(exchange)

        answer.ended = ended

    def _let_go(self, exchange: Exchange) -> None:
        seat, exchange.seat = exchange.seat, None
        if seat is not None:
            seat.leave()

    async def _pass(self, exchange: Exchange) -> Answer:
        for stage in self.stages:
            answer = await stage(exchange)
            if answer is not None:
                return answer
        raise NotFoundError("the server could not find the requested resource", generic=True)

    async def _authenticate(self, exchange: Exchange) -> None:
        try:
            user = await self._authenticator.authenticate(exchange.request) or ANONYMOUS
        except ApiError:
            self._metrics.unknown["error"] += 1
            raise
        exchange.user = user
        self._metrics.users[user.name if user.name in _SHOWN_USERS else "email_id" if "@" in user.name else "other"] += 1

    async def _impersonate(self, exchange: Exchange) -> None:
        wanted = impersonation.asked(exchange.request)
        if wanted is None:
            return
        for question in impersonation.questions(exchange.user, wanted):
            await self._check(question)
        exchange.user = impersonation.complete(wanted)

    async def _authorize(self, exchange: Exchange) -> None:
        info, request = exchange.info, exchange.request
        selects = info.verb in _SELECTING and bool(request.query_string)
        attributes = Attributes(
            exchange.user,
            info.verb,
            info.path,
            info.group,
            info.version,
            info.resource,
            info.subresource,
            info.namespace,
            info.name,
            info.resource_request,
            request.param("fieldSelector") if selects else "",
            request.param("labelSelector") if selects else "",
        )
        await self._check(attributes, exchange)

    async def _check(self, attributes: Attributes, exchange: Exchange | None = None) -> None:
        """Raise ForbiddenError when it may not be; a decision about the request itself is noted."""
        decision = await self._authorizer.authorize(attributes)
        if self._audit is not None and exchange is not None:
            self._audit.authorized(exchange, decision.reason, allowed=decision.allowed)
        if not decision.allowed:
            if decision.error:
                raise ApiError(f"Internal Server Error: {quote(attributes.path)}: {decision.error}")
            raise forbidden_error(attributes, decision.reason)


def _finish(answer: Answer, exchange: Exchange) -> Answer:
    headers = [("Audit-Id", exchange.audit_id), _CACHE_CONTROL, *exchange.headers, *answer.headers]
    if exchange.warnings:
        headers += warning_headers(exchange.warnings)
    answer.headers = headers
    return answer


def _seconds(said: str) -> float:
    """Return what a client allows its request; not more than the server does."""
    try:
        seconds = parse_duration(said)
    except ValueError as error:
        raise BadRequestError(f"invalid timeout specified in the request URL - {error}") from error
    return min(seconds, REQUEST_SECONDS) if seconds > 0 else REQUEST_SECONDS
