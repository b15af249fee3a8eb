"""Tokens that a webhook knows: asked with a TokenReview, its answers kept for a while."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sagong.api.clock import Clock
from sagong.api.errors import ApiError
from sagong.server.authn.tokens import InvalidTokenError, TokenAnswer
from sagong.server.contract import User
from sagong.server.webhooks.client import CallError, WebhookClient
from sagong.server.webhooks.endpoint import Endpoint
from sagong.server.webhooks.retries import with_retries

_GROUP = "authentication.k8s.io"
_SECONDS = 30
_MOST_KEPT = 4096


class _User(msgspec.Struct):
    username: str | None = None
    uid: str | None = None
    groups: list[str] | None = None
    extra: dict[str, list[str]] | None = None


class _Status(msgspec.Struct):
    authenticated: bool | None = None
    user: _User | None = None
    audiences: list[str] | None = None
    error: str | None = None


class _Review(msgspec.Struct):
    status: _Status | None = None


_decoder = msgspec.json.Decoder(_Review)
_Known = tuple[float, TokenAnswer | None]


class WebhookTokens:
    """Asks one webhook. `ttl` in seconds holds for tokens that it knows and for those that it does not; errors are not kept."""

    def __init__(
        self, endpoint: Endpoint, client: WebhookClient, clock: Clock, *, ttl: float, api_audiences: Sequence[str], version: str = "v1"
    ) -> None:
        self._endpoint, self._client, self._clock, self._ttl = endpoint, client, clock, ttl
        self._api_audiences, self._version = tuple(api_audiences), version
        self._known: dict[tuple[str, tuple[str, ...]], _Known] = {}

    async def authenticate(self, token: str, audiences: Sequence[str]) -> TokenAnswer | None:
        """Ask, unless it is known. Raises InvalidTokenError."""
        key = (token, tuple(audiences))
        known = self._known.get(key)
        if known is None or known[0] < self._clock.monotonic():
            known = (self._clock.monotonic() + self._ttl, await self._ask(token, audiences))
            self._keep(key, known)
        return known[1]

    def _keep(self, key: tuple[str, tuple[str, ...]], known: _Known) -> None:
        if self._ttl <= 0:
            return
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[key] = known

    async def _ask(self, token: str, audiences: Sequence[str]) -> TokenAnswer | None:
        spec: dict[str, Any] = {"token": token, "audiences": list(audiences)}
        review = {"apiVersion": f"{_GROUP}/{self._version}", "kind": "TokenReview", "metadata": {}, "spec": spec}

        async def call() -> bytes:
            return await self._client.review(self._endpoint, review, _SECONDS)

        try:
            status = _decoder.decode(await with_retries(call, self._clock)).status or _Status()
        except (CallError, ApiError, msgspec.MsgspecError) as error:
            raise InvalidTokenError(str(error)) from error
        if not status.authenticated:
            if status.error:
                raise InvalidTokenError(status.error)
            return None
        # A webhook that names no audiences knows none: then the token is meant for this server.
        meant = [one for one in status.audiences or self._api_audiences if one in audiences]
        if not meant and self._api_audiences:
            return None
        user = status.user or _User()
        extra = {key: tuple(values) for key, values in (user.extra or {}).items()}
        return TokenAnswer(User(user.username or "", user.uid or "", tuple(user.groups or ()), extra), tuple(meant))
