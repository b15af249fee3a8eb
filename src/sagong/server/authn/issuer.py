"""The token subresource of service accounts: issues tokens bound to an audience, a time and, if asked, an object (KEP-1205)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Protocol

from sagong.api.clock import Clock, Random, format_time
from sagong.api.errors import BadRequestError, conflict, invalid, not_found
from sagong.api.field_errors import Errors, quote
from sagong.api.types.authentication import BoundObjectReference, TokenRequest, TokenRequestStatus
from sagong.api.types.core import Node, Pod, Secret, ServiceAccount
from sagong.server.authn.jwt import SigningKey
from sagong.server.contract import T

_SHORTEST, _LONGEST = 10 * 60, 2**32
_DEFAULT_SECONDS = 3600
_PROJECTED_SECONDS = 3607  # what a kubelet asks for; such a token lives on for a year, with a warning
_YEAR = 365 * 24 * 3600
_GROUP, _KIND = "authentication.k8s.io", "TokenRequest"


class Reader(Protocol):
    """As much of `contract.Objects` as is needed here."""

    def get(self, kind: type[T], name: str, namespace: str = "") -> T | None:
        """Return the object."""
        ...


class TokenIssuer:
    """Signs with one key in the name of one issuer."""

    def __init__(
        self,
        objects: Reader,
        *,
        key: SigningKey,
        issuer: str,
        api_audiences: Sequence[str],
        clock: Clock,
        random: Random,
        longest: int = 0,
        extend: bool = True,
    ) -> None:
        """Take `longest` seconds as the limit of any token (0: none); `extend` gives kubelets' tokens a year."""
        self._objects, self._key, self._issuer, self._api_audiences = objects, key, issuer, tuple(api_audiences)
        self._clock, self._random, self._longest, self._extend = clock, random, longest, extend

    def issue(self, namespace: str, name: str, asked: TokenRequest) -> tuple[TokenRequest, Sequence[str]]:
        """Return the answered request, and warnings. Raises NotFoundError, InvalidError, BadRequestError, ConflictError."""
        account = self._account(namespace, name, asked)
        request = asked.copy()
        now = self._clock.now()
        request.metadata.name, request.metadata.namespace, request.metadata.uid = name, namespace, account.metadata.uid
        request.metadata.creationTimestamp = format_time(now)
        request.spec.audiences = request.spec.audiences or list(self._api_audiences)
        seconds = _DEFAULT_SECONDS if request.spec.expirationSeconds is None else request.spec.expirationSeconds
        _check_seconds(seconds)
        bound = self._bound(namespace, name, request.spec.boundObjectRef) if request.spec.boundObjectRef else {}
        warnings = []
        if 0 < self._longest < seconds:
            warnings.append(f"requested expiration of {seconds} seconds shortened to {self._longest} seconds")
            seconds = self._longest
        request.spec.expirationSeconds = seconds
        own = {"namespace": namespace, "serviceaccount": {"name": name, "uid": account.metadata.uid}, **bound}
        lifetime = seconds
        if self._extend and "pod" in bound and seconds == _PROJECTED_SECONDS and set(request.spec.audiences) <= set(self._api_audiences):
            own["warnafter"] = int(now.timestamp()) + seconds
            lifetime = min(_YEAR, self._longest or _YEAR)
        token = self._key.sign(
            {
                "aud": request.spec.audiences,
                "exp": int(now.timestamp()) + lifetime,
                "iat": int(now.timestamp()),
                "iss": self._issuer,
                "jti": self._random.uid(),
                "kubernetes.io": own,
                "nbf": int(now.timestamp()),
                "sub": f"system:serviceaccount:{namespace}:{name}",
            }
        )
        request.status = TokenRequestStatus(token=token, expirationTimestamp=format_time(now + timedelta(seconds=seconds)))
        return request, warnings

    def _account(self, namespace: str, name: str, asked: TokenRequest) -> ServiceAccount:
        for field, said, meant in (("name", asked.metadata.name, name), ("namespace", asked.metadata.namespace, namespace)):
            if said not in ("", meant):
                errors = Errors()
                errors.invalid(f"metadata.{field}", said, f"must match the service account {field} if specified")
                raise invalid(_GROUP, _KIND, name, errors)
        account = self._objects.get(ServiceAccount, name, namespace)
        if account is None:
            raise not_found("", "serviceaccounts", name)
        if asked.metadata.uid not in ("", account.metadata.uid):
            text = f"the UID in the token request ({asked.metadata.uid}) does not match the UID of the service account"
            raise conflict(_GROUP, _KIND, name, f"{text} ({account.metadata.uid})")
        return account

    def _bound(self, namespace: str, account: str, to: BoundObjectReference) -> dict[str, Any]:
        """Return the claims about the bound object."""
        kinds: dict[str, type[Pod | Node | Secret]] = {"Pod": Pod, "Node": Node, "Secret": Secret}
        if to.apiVersion != "v1" or to.kind not in kinds:
            group, _, version = to.apiVersion.rpartition("/")
            raise BadRequestError(f"cannot bind token to object of type {group}/{version}, Kind={to.kind}")
        found = self._objects.get(kinds[to.kind], to.name, "" if to.kind == "Node" else namespace)
        if found is None:
            raise not_found("", f"{to.kind.lower()}s", to.name)
        claims: dict[str, Any] = {to.kind.lower(): {"name": to.name, "uid": found.metadata.uid}}
        if isinstance(found, Pod):
            if found.spec.serviceAccountName != account:
                who = f"cannot bind token for serviceaccount {quote(account)}"
                raise BadRequestError(f"{who} to pod running with different serviceaccount name.")
            claims |= self._node_of(found)
        if to.uid not in ("", found.metadata.uid):
            text = f"the UID in the bound object reference ({to.uid}) does not match the UID in record."
            raise conflict("", to.kind, to.name, f"{text} The object might have been deleted and then recreated")
        return claims

    def _node_of(self, pod: Pod) -> dict[str, Any]:
        if not pod.spec.nodeName:
            return {}
        node = self._objects.get(Node, pod.spec.nodeName)
        return {"node": {"name": pod.spec.nodeName, **({"uid": node.metadata.uid} if node else {})}}


def _check_seconds(seconds: int) -> None:
    errors = Errors()
    if seconds < _SHORTEST:
        errors.invalid("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
    if seconds > _LONGEST:
        errors.invalid("spec.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")
    if errors:
        raise invalid(_GROUP, _KIND, "", errors)
