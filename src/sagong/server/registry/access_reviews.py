"""authorization.k8s.io: may they, may I, what may I. The answers are `authz/reviews.py`'s."""

from __future__ import annotations

from typing import Any

from sagong.api.errors import ServiceUnavailableError
from sagong.api.resources import Resource
from sagong.api.types.authorization import SelfSubjectRulesReview
from sagong.server.authz import reviews
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry import answer
from sagong.server.registry.admitted import admitted, review_of
from sagong.server.registry.body import write_call
from sagong.server.registry.registry import Registry
from sagong.server.registry.write import match_namespace


async def review_access(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Say whether somebody may: the one who asks, or the subject that the review names."""
    if registry.authorizer is None:
        raise ServiceUnavailableError("this server does not authorize")
    review: Any = answer.read(exchange, row.type)
    if row.namespaced:
        match_namespace(row, review.metadata, exchange.info.namespace)
    review = await review_of(registry, row, write_call(exchange, "CreateOptions"), review)
    answered = await reviews.review_access(review, exchange.user, exchange.info.namespace, registry.authorizer)
    return answer.typed(exchange, answered, 201)


async def review_own_rules(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """List what the one who asks may in a namespace."""
    if registry.rules is None:
        raise ServiceUnavailableError("this server does not list rules")
    call = write_call(exchange, "CreateOptions")
    review: SelfSubjectRulesReview = await admitted(registry, row, call, answer.read(exchange, SelfSubjectRulesReview))
    return answer.typed(exchange, reviews.review_rules(review, exchange.user, registry.rules), 201)
