"""Claims that a token only points to: fetched from where it says, as a token that their own issuer has signed (OIDC Core 5.6.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagong.api.field_errors import quote
from sagong.server.authn.jwt import parse
from sagong.server.authn.provider import Provider
from sagong.server.authn.tokens import InvalidTokenError

_NAMES, _SOURCES = "_claim_names", "_claim_sources"


async def expand(claims: dict[str, Any], claim: str, provider: Provider, of: Callable[[str], Provider]) -> None:
    """Put the claim among the others, in place, where it is a distributed one. Raises InvalidTokenError."""
    names = claims.get(_NAMES)
    if claim in claims or names is None:
        return
    sources = claims.get(_SOURCES)
    if not isinstance(names, dict):
        raise _failed("oidc: error parsing distributed claim names")
    if not isinstance(sources, dict):
        raise _failed("oidc: no claim sources")
    source = names.get(claim)
    if source is None:
        return
    place = sources.get(source)
    if not isinstance(place, dict):
        raise _failed(f"id token _claim_names contained a source {source} missing in _claims_sources")
    url = place.get("endpoint")
    if not isinstance(url, str) or not url:
        return  # an aggregated claim, which upstream does not know either
    claims[claim] = await _resolve(url, str(place.get("access_token") or ""), claim, provider, of)


async def _resolve(url: str, bearer: str, claim: str, provider: Provider, of: Callable[[str], Provider]) -> Any:
    text = (await provider.get_text(url, bearer)).decode("ascii", "replace").strip()
    token = parse(text)
    issuer = token.claims.get("iss") if token is not None else None
    if not isinstance(issuer, str):
        raise _failed(f"getting untrusted issuer from endpoint {url} failed for claim {quote(claim)}: malformed token")
    found = await of(issuer).verify(text)
    if claim not in found:
        raise _failed(f"jwt returned by distributed claim endpoint {quote(url)} did not contain claim: {claim}")
    return found[claim]


def _failed(text: str) -> InvalidTokenError:
    return InvalidTokenError(f"oidc: could not expand distributed claims: {text}")
