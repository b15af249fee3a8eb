"""Service account tokens: JWTs that the cluster signs itself (KEP-1205), and the older ones that live in Secrets.

A signature is verified once for each token. Whether the account and the object to which the token is bound still live is looked up
once a second, and whenever one of them has changed: a deleted pod's token is dead at once. The clock is asked once a second too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from hmac import compare_digest
from typing import Any, NamedTuple

import msgspec

from sagong.api.clock import Clock, parse_time
from sagong.api.field_errors import quote
from sagong.api.types.core import Secret, ServiceAccount
from sagong.server.authn.jwt import Token, VerificationKey, parse
from sagong.server.authn.tokens import InvalidTokenError, TokenAnswer
from sagong.server.contract import User
from sagong.store.base import Entry, RevisionMismatchError, Store, StoreWriteError

LEGACY_ISSUER = "kubernetes/serviceaccount"
_LEEWAY = timedelta(minutes=1)
_MOST_TOKENS = 10_000
_SECONDS = 1.0
"""How long what was looked up for a token is good for while no object changes that it depends on."""
_EXTRA = "authentication.kubernetes.io/"
_LEGACY = "kubernetes.io/serviceaccount/"
_LAST_USED = "kubernetes.io/legacy-token-last-used"
_INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since"


class _Identity(msgspec.Struct):
    """As much of an object's metadata as tells whether it is still the same one."""

    uid: str = ""
    deletionTimestamp: str | None = None


class _Object(msgspec.Struct):
    metadata: _Identity


class _Known(NamedTuple):
    """What was found of a token: for whom it was asked, until when that is good for, and of which revisions of objects."""

    answer: TokenAnswer
    audiences: tuple[str, ...]
    until: float
    seen: dict[str, int]


_identity = msgspec.json.Decoder(_Object)


class ServiceAccountTokens:
    """Both kinds of token."""

    def __init__(
        self, store: Store, clock: Clock, *, keys: Sequence[VerificationKey], issuers: Sequence[str], api_audiences: Sequence[str]
    ) -> None:
        self._store, self._clock = store, clock
        self._keys, self._issuers, self._api_audiences = tuple(keys), frozenset(issuers), tuple(api_audiences)
        self._verified: dict[str, Token] = {}
        self._known: dict[str, _Known] = {}

    async def authenticate(self, token: str, audiences: Sequence[str]) -> TokenAnswer | None:
        """Verify and look up."""
        known, now = self._known.get(token), self._clock.monotonic()
        if known is not None and now < known.until and known.audiences == tuple(audiences) and self._unchanged(known.seen):
            return known.answer
        parsed = self._verified.get(token) or self._verify(token)
        if parsed is None:
            return None
        claims, seen = parsed.claims, dict[str, int]()
        meant = self._audiences(claims, audiences)
        user = await self._legacy_user(token, claims, seen) if claims["iss"] == LEGACY_ISSUER else self._user(claims, seen)
        answer = TokenAnswer(user, meant)
        if len(self._known) >= _MOST_TOKENS:
            self._known.clear()
        self._known[token] = _Known(answer, tuple(audiences), now + _SECONDS, seen)
        return answer

    def _unchanged(self, seen: Mapping[str, int]) -> bool:
        for key, revision in seen.items():
            entry = self._store.get(key)
            if entry is None or entry.revision != revision:
                return False
        return True

    def _entry(self, key: str, seen: dict[str, int]) -> Entry | None:
        """Look an object up, and note that and at which revision."""
        entry = self._store.get(key)
        seen[key] = entry.revision if entry else 0
        return entry

    def _verify(self, token: str) -> Token | None:
        parsed = parse(token)
        issuer = parsed.claims.get("iss") if parsed else None
        if parsed is None or (issuer != LEGACY_ISSUER and issuer not in self._issuers):
            return None
        keys = [key for key in self._keys if not parsed.key_id or key.key_id == parsed.key_id]
        if not keys:
            raise InvalidTokenError("invalid signature, no keys found")
        if not any(key.verifies(parsed) for key in keys):
            raise InvalidTokenError("go-jose/go-jose: error in cryptographic primitive")
        if len(self._verified) >= _MOST_TOKENS:
            self._verified.clear()
        self._verified[token] = parsed
        return parsed

    def _audiences(self, claims: Mapping[str, Any], asked: Sequence[str]) -> tuple[str, ...]:
        claimed = claims.get("aud") or self._api_audiences
        claimed = (claimed,) if isinstance(claimed, str) else tuple(claimed)
        meant = tuple(audience for audience in claimed if audience in asked)
        if not meant and self._api_audiences:
            raise InvalidTokenError(f"token audiences {_quoted(claimed)} is invalid for the target audiences {_quoted(asked)}")
        return meant

    def _user(self, claims: Mapping[str, Any], seen: dict[str, int]) -> User:
        self._check_times(claims)
        own = claims.get("kubernetes.io") or {}
        namespace, account = own.get("namespace", ""), own.get("serviceaccount") or {}
        name, uid = account.get("name", ""), account.get("uid", "")
        self._check_account(namespace, name, uid, seen)
        extra: dict[str, Sequence[str]] = {}
        for kind in ("secret", "pod", "node"):
            bound = own.get(kind)
            if bound and (kind != "node" or "pod" not in own):
                self._check_bound(kind, namespace, bound, seen)
            if bound and kind != "secret":
                extra[f"{_EXTRA}{kind}-name"] = (bound.get("name", ""),)
                if bound.get("uid"):
                    extra[f"{_EXTRA}{kind}-uid"] = (bound["uid"],)
        if claims.get("jti"):
            extra[f"{_EXTRA}credential-id"] = (f"JTI={claims['jti']}",)
        return account_user(namespace, name, uid, extra)

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now().timestamp()
        leeway = _LEEWAY.total_seconds()
        if "nbf" in claims and now + leeway < claims["nbf"]:
            raise InvalidTokenError("service account token is not valid yet")
        if "exp" in claims and now - leeway > claims["exp"]:
            raise InvalidTokenError("service account token has expired")
        if "iat" in claims and now + leeway < claims["iat"]:
            raise InvalidTokenError("service account token is issued in the future")

    def _check_account(self, namespace: str, name: str, uid: str, seen: dict[str, int]) -> None:
        found = self._look_up(f"/registry/serviceaccounts/{namespace}/{name}", seen)
        if found is None:
            raise InvalidTokenError(f"serviceaccounts {quote(name)} not found")
        if found.uid != uid:
            raise InvalidTokenError(f"service account UID ({found.uid}) does not match claim ({uid})")
        if self._gone(found):
            raise InvalidTokenError(f"service account {namespace}/{name} has been deleted")

    def _check_bound(self, kind: str, namespace: str, bound: Mapping[str, str], seen: dict[str, int]) -> None:
        name, uid = bound.get("name", ""), bound.get("uid", "")
        key = f"/registry/minions/{name}" if kind == "node" else f"/registry/{kind}s/{namespace}/{name}"
        found = self._look_up(key, seen)
        if found is None or (found.uid == uid and self._gone(found)):
            raise InvalidTokenError("service account token has been invalidated")
        if found.uid != uid:
            raise InvalidTokenError(f"{kind} UID ({found.uid}) does not match service account {kind} ref claim ({uid})")

    def _look_up(self, key: str, seen: dict[str, int]) -> _Identity | None:
        entry = self._entry(key, seen)
        return _identity.decode(entry.value).metadata if entry else None

    def _gone(self, identity: _Identity) -> bool:
        """Say whether an object has been on its way out for longer than the leeway."""
        return bool(identity.deletionTimestamp) and parse_time(identity.deletionTimestamp or "") < self._clock.now() - _LEEWAY

    async def _legacy_user(self, token: str, claims: Mapping[str, Any], seen: dict[str, int]) -> User:
        fields = {
            "namespace": "namespace",
            "secret.name": "secretName",
            "service-account.name": "serviceAccountName",
            "service-account.uid": "serviceAccountUID",
        }
        for claim, called in {"sub": "sub", **{_LEGACY + field: called for field, called in fields.items()}}.items():
            if not claims.get(claim):
                raise InvalidTokenError(f"{called} claim is missing")
        namespace, secret_name, name, uid = (str(claims[_LEGACY + field]) for field in fields)
        if claims["sub"] != f"system:serviceaccount:{namespace}:{name}":
            raise InvalidTokenError("sub claim is invalid")
        entry = self._entry(f"/registry/secrets/{namespace}/{secret_name}", seen)
        secret = msgspec.json.decode(entry.value, type=Secret) if entry else None
        if entry is None or secret is None or secret.metadata.deletionTimestamp:
            raise InvalidTokenError("Token has been invalidated")
        if not compare_digest(secret.data.get("token", b""), token.encode()):
            raise InvalidTokenError("Token does not match server's copy")
        self._check_legacy_account(namespace, name, uid, seen)
        await self._touch(entry.key, secret, entry.revision)
        if secret.metadata.labels.get(_INVALID_SINCE):
            raise InvalidTokenError(
                f"the token in secret {namespace}/{secret_name} for service account {namespace}/{name} has been marked invalid. "
                "Use tokens from the TokenRequest API or manually created secret-based tokens, "
                f"or remove the '{_INVALID_SINCE}' label from the secret to temporarily allow use of this token"
            )
        return account_user(namespace, name, uid, {})

    def _check_legacy_account(self, namespace: str, name: str, uid: str, seen: dict[str, int]) -> None:
        entry = self._entry(f"/registry/serviceaccounts/{namespace}/{name}", seen)
        if entry is None:
            raise InvalidTokenError(f"serviceaccounts {quote(name)} not found")
        account = msgspec.json.decode(entry.value, type=ServiceAccount)
        if account.metadata.deletionTimestamp:
            raise InvalidTokenError(f"ServiceAccount {namespace}/{name} has been deleted")
        if account.metadata.uid != uid:
            raise InvalidTokenError(f"ServiceAccount UID ({account.metadata.uid}) does not match claim ({uid})")

    async def _touch(self, key: str, secret: Secret, revision: int) -> None:
        """Note the day on which the token was last used, for the cleaner of unused ones."""
        now = self._clock.now()
        days = [(now + timedelta(days=ahead)).strftime("%Y-%m-%d") for ahead in (0, 1)]
        if secret.metadata.labels.get(_LAST_USED) in days:
            return
        secret.metadata.labels[_LAST_USED] = days[0]
        try:
            await self._store.write(key, msgspec.json.encode(secret), revision)
        except (RevisionMismatchError, StoreWriteError):
            return


def account_user(namespace: str, name: str, uid: str, extra: Mapping[str, Sequence[str]]) -> User:
    """Return a service account as a user."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    return User(f"system:serviceaccount:{namespace}:{name}", uid, groups, extra)


def _quoted(values: Sequence[str]) -> str:
    return "[" + " ".join(map(quote, values)) + "]"
