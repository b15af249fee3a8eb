"""An identity provider: found through OpenID Connect discovery, its keys kept until a token shows that they have changed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from sagong.api.clock import Clock, format_time
from sagong.api.field_errors import quote
from sagong.server.authn.jwk import Key, read_keys
from sagong.server.authn.jwt import Token, parse
from sagong.server.authn.tokens import InvalidTokenError
from sagong.server.webhooks.client import CallError, WebhookClient
from sagong.server.webhooks.endpoint import EndpointError, endpoint_at, shared_tls

_WELL_KNOWN = "/.well-known/openid-configuration"
_SECONDS = 30.0
_RETRY = 10.0
_NOT_BEFORE_LEEWAY = 5 * 60


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose tokens, for whom, and how to find the keys. `authority` is PEM; "" believes the system's authorities."""

    url: str
    audiences: Sequence[str]
    algorithms: Sequence[str]
    discovery_url: str = ""
    authority: str = ""


class Provider:
    """Verifies the tokens of one issuer."""

    def __init__(self, issuer: Issuer, client: WebhookClient, clock: Clock) -> None:
        """Make nothing but the TLS side yet. Raises EndpointError for an authority that cannot be read."""
        self.issuer, self._client, self._clock = issuer, client, clock
        self._tls = shared_tls(issuer.authority.encode())
        self._jwks_url = ""
        self._keys: Sequence[Key] = ()
        self._failed_at: float | None = None
        self._lock = asyncio.Lock()
        self._fetched = 0

    async def verify(self, text: str) -> dict[str, Any]:
        """Return the claims of a token. Raises InvalidTokenError."""
        token = parse(text)
        if token is None:
            raise InvalidTokenError("oidc: verify token: oidc: malformed jwt")
        claims = token.claims
        if claims.get("iss") not in _spellings(self.issuer.url):
            got = quote(str(claims.get("iss", "")))
            raise _unverified(f"id token issued by a different provider, expected {quote(self.issuer.url)} got {got}")
        self._check_audience(claims)
        self._check_times(claims)
        if token.algorithm not in self.issuer.algorithms:
            known = " ".join(map(quote, self.issuer.algorithms))
            raise _unverified(f"id token signed with unsupported algorithm, expected [{known}] got {quote(token.algorithm)}")
        await self._check_signature(token)
        return claims

    def _check_audience(self, claims: dict[str, Any]) -> None:
        said = claims.get("aud")
        audiences = [said] if isinstance(said, str) else said if isinstance(said, list) else []
        wanted = self.issuer.audiences
        if not any(audience in wanted for audience in audiences):
            shown = quote(wanted[0]) if len(wanted) == 1 else f"in [{' '.join(map(quote, sorted(wanted)))}]"
            raise _unverified(f"expected audience {shown} got [{' '.join(quote(str(one)) for one in audiences)}]")

    def _check_times(self, claims: dict[str, Any]) -> None:
        now = self._clock.now()
        expiry, start = claims.get("exp", 0), claims.get("nbf", 0)
        if not all(isinstance(moment, int | float) for moment in (expiry, start)):
            raise _unverified("failed to unmarshal claims: invalid time")
        if expiry < now.timestamp():
            raise _unverified(f"token is expired (Token Expiry: {expiry})")
        if start > now.timestamp() + _NOT_BEFORE_LEEWAY:
            raise _unverified(f"current time {format_time(now)} before the nbf (not before) time: {start}")

    async def _check_signature(self, token: Token) -> None:
        await self._discover()
        seen = self._fetched
        if _verified(self._keys, token):
            return
        async with self._lock:
            if self._fetched == seen:  # nobody has asked since
                await self._fetch()
        if not _verified(self._keys, token):
            raise _unverified("failed to verify signature: failed to verify id token signature", plain=True)

    async def _discover(self) -> None:
        """Find the provider's keys, at the first token; after a failure not again for a while."""
        if self._jwks_url:
            return
        async with self._lock:
            if self._jwks_url:
                return
            now = self._clock.monotonic()
            if self._failed_at is not None and now - self._failed_at < _RETRY:
                raise InvalidTokenError("oidc: authenticator not initialized")
            try:
                self._jwks_url = await self._jwks_of_provider()
                await self._fetch()
            except InvalidTokenError:
                self._failed_at = self._clock.monotonic()
                self._jwks_url = ""
                raise

    async def _jwks_of_provider(self) -> str:
        issuer = self.issuer
        document = await self._get(issuer.discovery_url or issuer.url.rstrip("/") + _WELL_KNOWN)
        said = document.get("issuer") if isinstance(document, dict) else None
        if said != issuer.url:
            told = f"oidc: issuer did not match the issuer returned by provider, expected {quote(issuer.url)} got {quote(str(said or ''))}"
            raise InvalidTokenError(told)
        if not isinstance(document.get("jwks_uri"), str):
            raise InvalidTokenError("oidc: provider did not return JWKS URL")
        return str(document["jwks_uri"])

    async def _fetch(self) -> None:
        self._keys = read_keys(await self._get(self._jwks_url))
        self._fetched += 1

    async def _get(self, url: str) -> Any:
        return msgspec_json(await self.get_text(url), url)

    async def get_text(self, url: str, bearer: str = "") -> bytes:
        """Return what a URL of the provider answers. Raises InvalidTokenError."""
        headers = [("Authorization", f"Bearer {bearer}")] if bearer else []
        try:
            reply = await self._client.get(endpoint_at(url, self._tls, headers=lambda: headers), _SECONDS)
        except (CallError, EndpointError) as error:
            raise InvalidTokenError(f"oidc: {error}") from error
        if reply.status != 200:  # noqa: PLR2004 - what a document comes with
            raise InvalidTokenError(f"oidc: get {url} failed: {reply.status}")
        return reply.body


def msgspec_json(body: bytes, url: str) -> Any:
    """Read a provider's document. Raises InvalidTokenError."""
    try:
        return msgspec.json.decode(body)
    except msgspec.MsgspecError as error:
        raise InvalidTokenError(f"oidc: failed to decode {url}: {error}") from error


def _verified(keys: Sequence[Key], token: Token) -> bool:
    return any(key.verifies(token) for key in keys if not token.key_id or key.key_id == token.key_id)


def _unverified(text: str, *, plain: bool = False) -> InvalidTokenError:
    return InvalidTokenError(f"oidc: verify token: {'' if plain else 'oidc: '}{text}")


def _spellings(url: str) -> tuple[str, ...]:
    return (url, "accounts.google.com") if url == "https://accounts.google.com" else (url,)
