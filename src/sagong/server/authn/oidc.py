"""Tokens of identity providers: verified by their keys, their claims mapped to users (OpenID Connect; KEP-3331)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagong.api.clock import Clock
from sagong.api.field_errors import Errors, quote
from sagong.server.authn.authentication_config import ClaimMappings, JwtAuthenticator, expressions_of
from sagong.server.authn.distributed_claims import expand
from sagong.server.authn.jwt import parse
from sagong.server.authn.provider import Issuer, Provider
from sagong.server.authn.tokens import InvalidTokenError, TokenAnswer, api_answer
from sagong.server.contract import User
from sagong.server.webhooks.client import WebhookClient

_CREDENTIAL = "authentication.kubernetes.io/credential-id"
_GOOGLE = {"accounts.google.com": "https://accounts.google.com"}
_JSON_NAMES: dict[type, str] = {bool: "bool", int: "number", float: "number", list: "array", dict: "object"}


class OidcTokens:
    """Tokens of one provider."""

    def __init__(
        self, jwt: JwtAuthenticator, algorithms: Sequence[str], client: WebhookClient, clock: Clock, api_audiences: Sequence[str]
    ) -> None:
        """Take one entry of an AuthenticationConfiguration, validated."""
        said = jwt.issuer
        issuer = Issuer(said.url, said.audiences, algorithms, said.discoveryURL, said.certificateAuthority)
        self._provider = Provider(issuer, client, clock)
        self._others: dict[str, Provider] = {}
        self._expressions = expressions_of(jwt, Errors(), "")
        self._jwt, self._client, self._clock, self._api_audiences = jwt, client, clock, api_audiences

    async def authenticate(self, token: str, audiences: Sequence[str]) -> TokenAnswer | None:
        """Verify, and map."""
        parsed = parse(token)
        issuer = parsed.claims.get("iss") if parsed is not None else None
        if not isinstance(issuer, str) or _GOOGLE.get(issuer, issuer) != self._jwt.issuer.url:
            return None
        claims = dict(await self._provider.verify(token))
        if groups := self._jwt.claimMappings.groups.claim:
            await expand(claims, groups, self._provider, self._other)
        user = self._user(claims)
        self._check_rules(claims)
        if self._expressions is not None:
            self._expressions.check_claims(claims)
            self._expressions.check_user(user)
        return api_answer(user, audiences, self._api_audiences)

    def _user(self, claims: Mapping[str, Any]) -> User:
        mappings, expressions = self._jwt.claimMappings, self._expressions
        extra: dict[str, Sequence[str]] = {}
        if isinstance(claims.get("jti"), str) and claims["jti"]:
            extra[_CREDENTIAL] = (f"JTI={claims['jti']}",)
        if expressions is None:
            return User(_username(claims, mappings), _uid(claims, mappings), _groups(claims, mappings), extra)
        name, groups, uid = expressions.username(claims), expressions.groups(claims), expressions.uid(claims)
        return User(
            _username(claims, mappings) if name is None else name,
            _uid(claims, mappings) if uid is None else uid,
            _groups(claims, mappings) if groups is None else groups,
            {**extra, **expressions.extras(claims)},
        )

    def _other(self, issuer: str) -> Provider:
        """Return the provider who signs distributed claims."""
        if issuer == self._jwt.issuer.url:
            return self._provider
        if issuer not in self._others:
            own = self._provider.issuer
            self._others[issuer] = Provider(Issuer(issuer, own.audiences, own.algorithms, "", own.authority), self._client, self._clock)
        return self._others[issuer]

    def _check_rules(self, claims: Mapping[str, Any]) -> None:
        for rule in self._jwt.claimValidationRules:
            if not rule.claim:
                continue
            if rule.claim not in claims:
                raise InvalidTokenError(f"oidc: required claim {rule.claim} not present in ID token")
            value = _text(claims, rule.claim, f"oidc: parse claim {rule.claim}")
            if value != rule.requiredValue:
                told = f"value does not match. Got = {value}, want = {rule.requiredValue}"
                raise InvalidTokenError(f"oidc: required claim {rule.claim} {told}")


def _username(claims: Mapping[str, Any], mappings: ClaimMappings) -> str:
    claim = mappings.username.claim
    name = _text(claims, claim, f"oidc: parse username claims {quote(claim)}")
    if claim == "email" and "email_verified" in claims:
        verified = claims["email_verified"]
        if not isinstance(verified, bool):
            raise InvalidTokenError(f"oidc: parse 'email_verified' claim: {_mismatch(verified, 'bool')}")
        if not verified:
            raise InvalidTokenError("oidc: email not verified")
    return (mappings.username.prefix or "") + name


def _uid(claims: Mapping[str, Any], mappings: ClaimMappings) -> str:
    claim = mappings.uid.claim
    return _text(claims, claim, f"oidc: parse uid claim {quote(claim)}") if claim else ""


def _groups(claims: Mapping[str, Any], mappings: ClaimMappings) -> tuple[str, ...]:
    claim = mappings.groups.claim
    if not claim or claim not in claims:
        return ()
    said = claims[claim]
    groups = [said] if isinstance(said, str) else said
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise InvalidTokenError(f"oidc: parse groups claim {quote(claim)}: {_mismatch(said, '[]string')}")
    return tuple((mappings.groups.prefix or "") + group for group in groups)


def _text(claims: Mapping[str, Any], claim: str, where: str) -> str:
    if claim not in claims:
        raise InvalidTokenError(f"{where}: claim not present")
    value = claims[claim]
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidTokenError(f"{where}: {_mismatch(value, 'string')}")
    return value


def _mismatch(value: object, wanted: str) -> str:
    return f"json: cannot unmarshal {_JSON_NAMES.get(type(value), 'string')} into Go value of type {wanted}"
