"""The request chain: the stages that every request passes, in order, until one of them answers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from sagong.api import cause
from sagong.api.clock import Random
from sagong.api.errors import ApiError, ForbiddenError, NotFoundError
from sagong.server.authz.authorizer import forbidden_error
from sagong.server.contract import Attributes, Authenticator, Authorizer, User
from sagong.server.exchange import ANONYMOUS, Exchange
from sagong.server.messages import Answer, Request
from sagong.server.request_info import request_info
from sagong.server.status import error_response

log = logging.getLogger(__name__)

Stage = Callable[[Exchange], Awaitable[Answer | None]]
_CACHE_CONTROL = ("Cache-Control", "no-cache, private")


_SELECTING = ("list", "watch", "deletecollection")


class Pipeline:
    """The handler of all requests."""

    def __init__(self, authenticator: Authenticator, authorizer: Authorizer, dispatch: Stage, random: Random) -> None:
        self._authenticator, self._authorizer, self._random = authenticator, authorizer, random
        self.stages: tuple[Stage, ...] = (
            self._authenticate,
            self._impersonate,
            self._authorize,
            dispatch,
        )

    async def __call__(self, request: Request) -> Answer:
        """Answer one request; whatever goes wrong becomes a Status."""
        audit_id = request.header("audit-id") or self._random.uid()
        token = cause.cause_id.set(request.header("sagong-cause") or audit_id)
        exchange = Exchange(request, request_info(request))
        try:
            answer = await self._pass(exchange)
        except ApiError as error:
            answer = error_response(error)
        except Exception as error:
            log.exception("%s %s", request.method, request.path)
            answer = error_response(ApiError(f"Internal error occurred: {error}"))
        finally:
            cause.cause_id.reset(token)
        return _finish(answer, exchange, audit_id)

    async def _pass(self, exchange: Exchange) -> Answer:
        for stage in self.stages:
            answer = await stage(exchange)
            if answer is not None:
                return answer
        raise NotFoundError("the server could not find the requested resource")

    async def _authenticate(self, exchange: Exchange) -> None:
        user = await self._authenticator.authenticate(exchange.request)
        exchange.user = user if user is not None else ANONYMOUS

    async def _impersonate(self, exchange: Exchange) -> None:
        headers = exchange.request.headers
        name = exchange.request.header("impersonate-user")
        if not name:
            if "impersonate-group" in headers or "impersonate-uid" in headers:
                raise ForbiddenError("requested impersonation without impersonating a user")
            return
        groups = tuple(headers.get("impersonate-group", ()))
        prefix = "impersonate-extra-"
        extra = {key.removeprefix(prefix): tuple(values) for key, values in headers.items() if key.startswith(prefix)}
        for resource, value in [("users", name), *(("groups", group) for group in groups)]:
            await self._check(Attributes(exchange.user, "impersonate", resource=resource, name=value))
        groups = groups if "system:unauthenticated" in groups else (*groups, "system:authenticated")
        exchange.user = User(name, exchange.request.header("impersonate-uid"), groups, extra)

    async def _authorize(self, exchange: Exchange) -> None:
        info, request = exchange.info, exchange.request
        selects = info.verb in _SELECTING and bool(request.query_string)
        await self._check(
            Attributes(
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
        )

    async def _check(self, attributes: Attributes) -> None:
        decision = await self._authorizer.authorize(attributes)
        if not decision.allowed:
            raise forbidden_error(attributes, decision.reason)


def _finish(answer: Answer, exchange: Exchange, audit_id: str) -> Answer:
    headers = [("Audit-Id", audit_id), _CACHE_CONTROL, *answer.headers]
    if exchange.warnings:
        headers += [("Warning", f'299 - "{_quoted(text)}"') for text in dict.fromkeys(exchange.warnings)]
    answer.headers = headers
    return answer


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
