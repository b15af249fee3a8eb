"""Service account tokens bound to pods, asked for by TokenRequest and renewed at 80 % of their life (KEP-1205)."""

from __future__ import annotations

from typing import Protocol, TypeVar

from sagong.api.clock import Clock, Random, parse_time
from sagong.api.errors import ApiError
from sagong.api.types.authentication import BoundObjectReference, TokenRequest, TokenRequestSpec
from sagong.api.types.core import Pod, ServiceAccount
from sagong.node.volumes.errors import VolumeError

T = TypeVar("T")

_MAX_AGE = 24 * 3600.0
_MAX_JITTER = 10.0
_RENEW_WITHIN = 0.2


class TokenRequester(Protocol):
    """The part of the API client that posts to subresources."""

    async def create_subresource(self, kind: type, name: str, namespace: str, subresource: str, body: TokenRequest) -> TokenRequest:
        """Post `body` to serviceaccounts/<name>/token."""
        ...


class TokenCache:
    """One token per pod, audience and lifetime."""

    def __init__(self, requester: TokenRequester, clock: Clock, random: Random) -> None:
        self._requester = requester
        self._clock = clock
        self._random = random
        self._tokens: dict[tuple[str, str, int], TokenRequest] = {}

    async def token(self, pod: Pod, audience: str, seconds: int) -> str:
        """Return a valid token. When it cannot be renewed an old one that is still valid serves. Raises VolumeError."""
        key = (pod.metadata.uid, audience, seconds)
        known = self._tokens.get(key)
        if known is not None and not self._needs_renewal(known, seconds):
            return known.status.token
        try:
            fresh = await self._request(pod, audience, seconds)
        except ApiError as error:
            if known is None:
                raise VolumeError(f"failed to fetch token: {error.message}") from error
            if self._left(known) <= 0:
                raise VolumeError(f"token expired and refresh failed: {error.message}") from error
            return known.status.token
        self._tokens[key] = fresh
        return fresh.status.token

    def forget(self, pod_uid: str) -> None:
        """Drop the pod's tokens."""
        self._tokens = {key: token for key, token in self._tokens.items() if key[0] != pod_uid}

    async def _request(self, pod: Pod, audience: str, seconds: int) -> TokenRequest:
        bound = BoundObjectReference(kind="Pod", apiVersion="v1", name=pod.metadata.name, uid=pod.metadata.uid)
        spec = TokenRequestSpec(audiences=[audience] if audience else [], expirationSeconds=seconds, boundObjectRef=bound)
        body = TokenRequest(apiVersion="authentication.k8s.io/v1", kind="TokenRequest", spec=spec)
        account = pod.spec.serviceAccountName
        return await self._requester.create_subresource(ServiceAccount, account, pod.metadata.namespace, "token", body)

    def _left(self, token: TokenRequest) -> float:
        return (parse_time(token.status.expirationTimestamp) - self._clock.now()).total_seconds()

    def _needs_renewal(self, token: TokenRequest, asked: int) -> bool:
        # The server may have lengthened the life (--service-account-extend-token-expiration): its answer counts.
        lifetime = token.spec.expirationSeconds or asked
        left = self._left(token)
        jitter = self._random.uniform() * _MAX_JITTER
        return left < lifetime * _RENEW_WITHIN + jitter or lifetime - left > _MAX_AGE - jitter
