"""authorization.k8s.io: may they, may I, what may I."""

from __future__ import annotations

from typing import Any

from sagong.api.errors import BadRequestError, invalid
from sagong.api.field_errors import Errors
from sagong.api.resources import Resource
from sagong.api.types.authorization import (
    NonResourceRule,
    ResourceRule,
    SelfSubjectRulesReview,
    SubjectAccessReviewStatus,
    SubjectRulesReviewStatus,
)
from sagong.server.contract import Attributes, User
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry import answer
from sagong.server.registry.registry import Registry
from sagong.server.registry.write import match_namespace


async def review_subject(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Say whether somebody may; a LocalSubjectAccessReview asks about its own namespace only."""
    review: Any = answer.read(exchange, row.type)
    spec = review.spec
    errors = Errors()
    _check_question(spec, errors)
    if not spec.user and not spec.groups:
        errors.required("spec.user", "at least one of user or group must be specified")
    if row.namespaced:
        match_namespace(row, review.metadata, exchange.info.namespace)
        if spec.resourceAttributes is not None and spec.resourceAttributes.namespace != review.metadata.namespace:
            errors.invalid("spec.resourceAttributes.namespace", spec.resourceAttributes.namespace, "must match metadata.namespace")
        if spec.nonResourceAttributes is not None:
            errors.forbidden("spec.nonResourceAttributes", "disallowed on this kind of request")
    if errors:
        raise invalid(row.group, row.kind, "", errors)
    extra = {key: tuple(values) for key, values in spec.extra.items()}
    return await _answer(registry, exchange, review, User(spec.user, spec.uid, tuple(spec.groups), extra))


async def review_own_access(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Say whether the one who asks may."""
    review: Any = answer.read(exchange, row.type)
    errors = Errors()
    _check_question(review.spec, errors)
    if errors:
        raise invalid(row.group, row.kind, "", errors)
    return await _answer(registry, exchange, review, exchange.user)


def _check_question(spec: Any, errors: Errors) -> None:
    if spec.resourceAttributes is not None and spec.nonResourceAttributes is not None:
        errors.invalid("spec.nonResourceAttributes", None, "cannot be specified in combination with resourceAttributes")
    if spec.resourceAttributes is None and spec.nonResourceAttributes is None:
        errors.invalid("spec.resourceAttributes", None, "exactly one of nonResourceAttributes or resourceAttributes must be specified")


async def _answer(registry: Registry, exchange: Exchange, review: Any, user: User) -> Answer:
    asked = review.spec.resourceAttributes
    if asked is not None:
        attributes = Attributes(
            user,
            asked.verb,
            group=asked.group,
            version=asked.version or "*",
            resource=asked.resource,
            subresource=asked.subresource,
            namespace=asked.namespace,
            name=asked.name,
        )
    else:
        path = review.spec.nonResourceAttributes
        attributes = Attributes(user, path.verb, path.path, resource_request=False)
    assert registry.authorizer is not None
    decision = await registry.authorizer.authorize(attributes)
    review.status = SubjectAccessReviewStatus(allowed=decision.allowed, reason=decision.reason)
    return answer.typed(exchange, review, 201)


async def review_own_rules(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """List what the one who asks may in a namespace."""
    del row
    review: SelfSubjectRulesReview = answer.read(exchange, SelfSubjectRulesReview)
    if not review.spec.namespace:
        raise BadRequestError("no namespace on request")
    status = SubjectRulesReviewStatus()
    if registry.rules is not None:
        rules, status.evaluationError = registry.rules.rules_of(exchange.user, review.spec.namespace)
        for rule in rules:
            if rule.resources:
                status.resourceRules.append(
                    ResourceRule(verbs=rule.verbs, apiGroups=rule.apiGroups, resources=rule.resources, resourceNames=rule.resourceNames)
                )
            if rule.nonResourceURLs:
                status.nonResourceRules.append(NonResourceRule(verbs=rule.verbs, nonResourceURLs=rule.nonResourceURLs))
    return answer.typed(exchange, SelfSubjectRulesReview(status=status), 201)
