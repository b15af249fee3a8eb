"""Who asks the kubelet, and whether they may: client certificates here, all else delegated to the API server."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from sagong.api.clock import Clock
from sagong.api.errors import ApiError
from sagong.api.types.authentication import TokenReview, TokenReviewSpec, UserInfo
from sagong.api.types.authorization import ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec
from sagong.node.meters.ledger import Ledger
from sagong.node.meters.requests import RequestMeter
from sagong.node.server.http import Exchange, HttpError, Request

T = TypeVar("T")

_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_COARSE = {"stats": "stats", "metrics": "metrics", "logs": "log", "checkpoint": "checkpoint", "statusz": "statusz", "flagz": "configz"}
_FINE = {"pods": "pods", "runningpods": "pods", "healthz": "healthz", "configz": "configz"}
_MAX_CACHED = 4096


class Reviewer(Protocol):
    """The part of the API client that asks for reviews."""

    async def create(self, obj: T) -> T:
        """Create."""
        ...


@dataclass(frozen=True)
class AuthSettings:
    """As KubeletConfiguration's authentication and authorization have it. Seconds."""

    anonymous: bool = False
    webhook: bool = True
    token_ttl: float = 120.0
    always_allow: bool = False
    allowed_ttl: float = 300.0
    denied_ttl: float = 30.0


@dataclass
class _Cache(Generic[T]):
    """Answers that are good for a while."""

    clock: Clock
    _known: dict[object, tuple[float, T]] = field(default_factory=dict)

    def get(self, key: object) -> T | None:
        found = self._known.get(key)
        return found[1] if found is not None and found[0] > self.clock.monotonic() else None

    def put(self, key: object, value: T, ttl: float) -> None:
        if len(self._known) >= _MAX_CACHED:
            self._known.clear()
        self._known[key] = (self.clock.monotonic() + ttl, value)


class Gatekeeper:
    """Lets callers in or turns them away."""

    def __init__(
        self, reviewer: Reviewer | None, node: str, clock: Clock, settings: AuthSettings, *, meter: RequestMeter | None = None
    ) -> None:
        """Without a `reviewer` (a node of its own) only certificates identify, and only always_allow allows."""
        self._meter = meter or RequestMeter(Ledger(clock))
        self._reviewer = reviewer
        self._node = node
        self._settings = settings
        self._users = _Cache[UserInfo](clock)
        self._decisions = _Cache[bool](clock)

    async def admit(self, exchange: Exchange) -> None:
        """Return for a caller that may. Raises HttpError 401, 403."""
        user = await self._identify(exchange)
        if user is None:
            raise HttpError(401, "Unauthorized")
        if self._settings.always_allow:
            return
        verb = _VERBS.get(exchange.request.method, exchange.request.method.lower())
        for part in subresources(exchange.request.path):
            if await self._allowed(user, verb, part):
                return
        asked = subresources(exchange.request.path)
        shown = asked[0] if len(asked) == 1 else f"[{' '.join(asked)}]"
        raise HttpError(403, f"Forbidden (user={user.username}, verb={verb}, resource=nodes, subresource(s)={shown})")

    async def _identify(self, exchange: Exchange) -> UserInfo | None:
        if exchange.certificate is not None:
            return user_of(exchange.certificate)
        token = bearer(exchange.request)
        if token and self._settings.webhook and self._reviewer is not None:
            return await self._review(token)
        if token or not self._settings.anonymous:
            return None
        return UserInfo(username="system:anonymous", groups=["system:unauthenticated"])

    async def _review(self, token: str) -> UserInfo | None:
        key = hashlib.sha256(token.encode()).digest()
        known = self._users.get(key)
        self._meter.tokens.add(("hit" if known is not None else "miss",))
        if known is not None:
            return known
        assert self._reviewer is not None
        try:
            with self._meter.reviewing("authn"):
                answer = await self._reviewer.create(TokenReview(spec=TokenReviewSpec(token=token)))
        except (ApiError, OSError) as error:
            raise HttpError(500, f"Internal Server Error: {error}") from error
        if not answer.status.authenticated:
            return None
        self._users.put(key, answer.status.user, self._settings.token_ttl)
        return answer.status.user

    async def _allowed(self, user: UserInfo, verb: str, subresource: str) -> bool:
        key = (user.username, user.uid, tuple(user.groups), verb, subresource)
        known = self._decisions.get(key)
        if known is not None:
            return known
        if self._reviewer is None:
            return False
        attributes = ResourceAttributes(verb=verb, version="v1", resource="nodes", subresource=subresource, name=self._node)
        spec = SubjectAccessReviewSpec(
            resourceAttributes=attributes, user=user.username, groups=user.groups, extra=user.extra, uid=user.uid
        )
        try:
            with self._meter.reviewing("authz"):
                answer = await self._reviewer.create(SubjectAccessReview(spec=spec))
        except (ApiError, OSError) as error:
            text = f"Authorization error (user={user.username}, verb={verb}, resource=nodes, subresource={subresource})"
            raise HttpError(500, text) from error
        self._decisions.put(key, answer.status.allowed, self._settings.allowed_ttl if answer.status.allowed else self._settings.denied_ttl)
        return answer.status.allowed


def subresources(path: str) -> Sequence[str]:
    """Return the subresources of nodes any of which lets a caller at the path (KEP-2862)."""
    first = path.strip("/").split("/", 1)[0]
    if first in _COARSE:
        return [_COARSE[first]]
    return [_FINE[first], "proxy"] if first in _FINE else ["proxy"]


def user_of(certificate: Mapping[str, object]) -> UserInfo:
    """Return the user that a verified certificate names: common name and organizations."""
    subject: Any = certificate.get("subject", ())
    pairs = [pair for part in subject for pair in part]
    names = [value for key, value in pairs if key == "commonName"]
    groups = [value for key, value in pairs if key == "organizationName"]
    return UserInfo(username=names[0] if names else "", groups=[*groups, "system:authenticated"])


def bearer(request: Request) -> str:
    """Return the bearer token or ""."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""
