"""Tokens and who they belong to: serviceaccounts/token, tokenreviews, selfsubjectreviews."""

from __future__ import annotations

from sagong.api.errors import ServiceUnavailableError
from sagong.api.resources import Resource
from sagong.api.types.authentication import SelfSubjectReview, TokenRequest, TokenReview
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry import answer
from sagong.server.registry.admitted import admitted, review_of
from sagong.server.registry.body import write_call
from sagong.server.registry.registry import Registry


async def issue_token(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Issue a token for a service account."""
    if registry.issuer is None:
        raise ServiceUnavailableError("no key to sign service account tokens with is configured")
    call = write_call(exchange, "CreateOptions")
    request: TokenRequest = await review_of(registry, row, call, answer.read(exchange, TokenRequest))
    issued, warnings = registry.issuer.issue(call.namespace, call.name, request)
    exchange.warnings += warnings
    return answer.typed(exchange, issued, 201)


async def review_token(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Say whose token this is."""
    if registry.tokens is None:
        raise ServiceUnavailableError("tokens are not accepted by this server")
    call = write_call(exchange, "CreateOptions")
    review: TokenReview = await review_of(registry, row, call, answer.read(exchange, TokenReview))
    return answer.typed(exchange, await registry.tokens.review_token(review), 201)


async def review_self(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Say who asks."""
    from sagong.server.authn import reviews  # noqa: PLC0415 - brings in what tokens need

    await admitted(registry, row, write_call(exchange, "CreateOptions"), answer.read(exchange, SelfSubjectReview))
    return answer.typed(exchange, reviews.review_self(exchange.user, registry.clock), 201)
