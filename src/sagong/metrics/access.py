"""Who asks, and whether they may: the API server vouches for users (request headers) and decides (SubjectAccessReview, TokenReview)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from sagong.api.clock import Clock
from sagong.api.errors import ApiError, ForbiddenError, UnauthorizedError
from sagong.api.types.authentication import TokenReview, TokenReviewSpec, UserInfo
from sagong.api.types.authorization import (
    NonResourceAttributes,
    ResourceAttributes,
    SubjectAccessReview,
    SubjectAccessReviewSpec,
)
from sagong.api.types.core import ConfigMap
from sagong.client.client import Client
from sagong.metrics.http import Request

T = TypeVar("T")

CONFIG_MAP = ("extension-apiserver-authentication", "kube-system")
OPEN = ("/healthz", "/livez", "/readyz")
_MASTERS = "system:masters"
_AUTHENTICATED, _UNAUTHENTICATED = "system:authenticated", "system:unauthenticated"
_KEPT_SECONDS = 10.0
_MOST_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Proxies:
    """Whom to believe about users: holders of a certificate of `ca` (PEM) with one of the names, in these headers."""

    ca: str = ""
    names: Sequence[str] = ()
    username: Sequence[str] = ("x-remote-user",)
    uid: Sequence[str] = ("x-remote-uid",)
    group: Sequence[str] = ("x-remote-group",)
    extra_prefix: Sequence[str] = ("x-remote-extra-",)


def proxies_of(config: ConfigMap) -> Proxies:
    """Read extension-apiserver-authentication. Raises ValueError."""

    def names(key: str, default: Sequence[str]) -> Sequence[str]:
        text = config.data.get(f"requestheader-{key}", "")
        return [str(name).lower() for name in json.loads(text)] if text else default

    own = Proxies()
    allowed = config.data.get("requestheader-allowed-names", "")
    return Proxies(
        config.data.get("requestheader-client-ca-file", ""),
        json.loads(allowed) if allowed else (),
        names("username-headers", own.username),
        names("uid-headers", own.uid),
        names("group-headers", own.group),
        names("extra-headers-prefix", own.extra_prefix),
    )


@dataclass(slots=True)
class _Kept(Generic[T]):
    """Answers that are good for a while."""

    clock: Clock
    _known: dict[object, tuple[float, T]] = field(default_factory=dict)

    def get(self, key: object) -> T | None:
        found = self._known.get(key)
        return found[1] if found is not None and found[0] > self.clock.monotonic() else None

    def put(self, key: object, value: T) -> None:
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[key] = (self.clock.monotonic() + _KEPT_SECONDS, value)


class Gatekeeper:
    """Lets requests in."""

    def __init__(self, client: Client) -> None:
        self.proxies = Proxies()
        self._client = client
        self._users = _Kept[UserInfo](client.clock)
        self._decisions = _Kept[tuple[bool, str]](client.clock)

    async def admit(self, request: Request, resource: ResourceAttributes | None) -> None:
        """Return for one that may; `resource` None: a path. Raises UnauthorizedError, ForbiddenError, OSError."""
        if request.path.startswith(OPEN):
            return
        user = await self._user(request)
        if _MASTERS in user.groups:
            return
        allowed, reason = await self._decide(user, request, resource)
        if not allowed:
            raise ForbiddenError(_forbidden(user, request, resource, reason), group=resource.group if resource else "")

    async def _user(self, request: Request) -> UserInfo:
        found = self._vouched_for(request)
        if found is not None:
            return found
        scheme, _, token = request.header("authorization").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return UserInfo(username="system:anonymous", groups=[_UNAUTHENTICATED])
        key = hashlib.sha256(token.strip().encode()).digest()
        known = self._users.get(key)
        if known is None:
            answer = await self._client.create(TokenReview(spec=TokenReviewSpec(token=token.strip())))
            if not answer.status.authenticated:
                raise UnauthorizedError("Unauthorized")
            known = answer.status.user
            self._users.put(key, known)
        return known

    def _vouched_for(self, request: Request) -> UserInfo | None:
        proxies = self.proxies
        if request.peer is None or not proxies.ca:
            return None
        if proxies.names and common_name(request.peer) not in proxies.names:
            raise UnauthorizedError("Unauthorized")
        name = next((request.headers[header][0] for header in proxies.username if request.headers.get(header)), "")
        if not name:
            return None
        uid = next((request.headers[header][0] for header in proxies.uid if request.headers.get(header)), "")
        groups = [group for header in proxies.group for group in request.headers.get(header, ())]
        if not {_AUTHENTICATED, _UNAUTHENTICATED} & set(groups):
            groups.append(_AUTHENTICATED)
        extra: dict[str, list[str]] = {}
        for prefix in proxies.extra_prefix:
            for header, values in request.headers.items():
                if header.startswith(prefix):
                    extra.setdefault(unquote(header.removeprefix(prefix)), []).extend(values)
        return UserInfo(username=name, uid=uid, groups=groups, extra=extra)

    async def _decide(self, user: UserInfo, request: Request, resource: ResourceAttributes | None) -> tuple[bool, str]:
        path = None if resource else NonResourceAttributes(path=request.path, verb=request.method.lower())
        spec = SubjectAccessReviewSpec(
            resourceAttributes=resource,
            nonResourceAttributes=path,
            user=user.username,
            uid=user.uid,
            groups=user.groups,
            extra=user.extra,
        )
        key = repr(spec)
        known = self._decisions.get(key)
        if known is None:
            try:
                answer = await self._client.create(SubjectAccessReview(spec=spec))
            except ApiError as error:
                raise ApiError(f"Internal error occurred: {error}") from error
            known = answer.status.allowed, answer.status.reason
            self._decisions.put(key, known)
        return known


def common_name(certificate: Mapping[str, Any]) -> str:
    """Return the common name of a certificate as ssl shows it."""
    pairs = [pair for part in certificate.get("subject", ()) for pair in part]
    return next((str(value) for name, value in pairs if name == "commonName"), "")


def _forbidden(user: UserInfo, request: Request, resource: ResourceAttributes | None, reason: str) -> str:
    tail = f": {reason}" if reason else ""
    if resource is None:
        return f'forbidden: User "{user.username}" cannot {request.method.lower()} path "{request.path}"{tail}'
    name = f' "{resource.name}"' if resource.name else ""
    scope = f'in the namespace "{resource.namespace}"' if resource.namespace else "at the cluster scope"
    what = f'cannot {resource.verb} resource "{resource.resource}" in API group "{resource.group}" {scope}'
    return f'{resource.resource}.{resource.group}{name} is forbidden: User "{user.username}" {what}{tail}'
