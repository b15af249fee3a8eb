from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sagong.api.errors import BadRequestError, InvalidError
from sagong.api.types.authorization import (
    FieldSelectorAttributes,
    LocalSubjectAccessReview,
    NonResourceAttributes,
    ResourceAttributes,
    SelfSubjectAccessReview,
    SelfSubjectAccessReviewSpec,
    SelfSubjectRulesReview,
    SelfSubjectRulesReviewSpec,
    SubjectAccessReview,
    SubjectAccessReviewSpec,
)
from sagong.api.types.meta import FieldSelectorRequirement, ObjectMeta
from sagong.server.authz.reviews import review_access, review_rules
from sagong.server.contract import User

if TYPE_CHECKING:
    from tests.server.authz.conftest import Opened

JANE = User("jane", groups=("system:authenticated",))
ADMIN = User("root", groups=("system:masters",))


def about(verb: str = "", resource: str = "", namespace: str = "") -> ResourceAttributes:
    return ResourceAttributes(verb=verb, resource=resource, namespace=namespace)


async def test_reviews_of_oneself_and_of_others(opened: Opened) -> None:
    async with opened() as policy:
        own = SelfSubjectAccessReview(spec=SelfSubjectAccessReviewSpec(resourceAttributes=about(verb="get", resource="pods")))
        assert not (await review_access(own, JANE, "", policy.authorizer)).status.allowed
        assert (await review_access(own, ADMIN, "", policy.authorizer)).status.allowed
        other = SubjectAccessReview(
            spec=SubjectAccessReviewSpec(user="x", groups=["system:masters"], resourceAttributes=about(verb="get", resource="pods"))
        )
        assert (await review_access(other, JANE, "", policy.authorizer)).status.allowed
        path = SelfSubjectAccessReview(
            spec=SelfSubjectAccessReviewSpec(nonResourceAttributes=NonResourceAttributes(path="/api", verb="get"))
        )
        status = (await review_access(path, JANE, "", policy.authorizer)).status
        assert status.reason == (
            'RBAC: allowed by ClusterRoleBinding "system:discovery" of ClusterRole "system:discovery" to Group "system:authenticated"'
        )


async def test_selectors_reach_the_node_authorizer(opened: Opened) -> None:
    async with opened() as policy:
        selector = FieldSelectorAttributes(
            requirements=[
                FieldSelectorRequirement(key="spec.nodeName", operator="In", values=["node-1"]),
                FieldSelectorRequirement(key="x", operator="Exists"),
            ]
        )
        attributes = ResourceAttributes(verb="list", resource="pods", fieldSelector=selector)
        spec = SubjectAccessReviewSpec(user="system:node:node-1", groups=["system:nodes"], resourceAttributes=attributes)
        status = (await review_access(SubjectAccessReview(spec=spec), JANE, "", policy.authorizer)).status
        assert (status.allowed, status.evaluationError) == (True, "fieldSelectors do not yet support Exists")


@pytest.mark.parametrize(
    ("review", "message"),
    [
        (SelfSubjectAccessReview(), "exactly one of nonResourceAttributes or resourceAttributes must be specified"),
        (
            SubjectAccessReview(spec=SubjectAccessReviewSpec(resourceAttributes=about(verb="get"))),
            'spec.user: Invalid value: "": at least one of user or group must be specified',
        ),
        (
            LocalSubjectAccessReview(
                metadata=ObjectMeta(namespace="a"), spec=SubjectAccessReviewSpec(user="x", resourceAttributes=about(namespace="b"))
            ),
            'spec.resourceAttributes.namespace: Invalid value: "b": must match metadata.namespace',
        ),
    ],
)
async def test_questions_that_are_none(opened: Opened, review: SubjectAccessReview, message: str) -> None:
    async with opened() as policy:
        with pytest.raises(InvalidError, match=message.replace("(", r"\(")):
            await review_access(review, JANE, "a", policy.authorizer)


async def test_the_rules_of_oneself(opened: Opened) -> None:
    async with opened() as policy:
        review = SelfSubjectRulesReview(spec=SelfSubjectRulesReviewSpec(namespace="ns"))
        status = review_rules(review, JANE, policy.authorizer.rbac).status
        assert not status.incomplete
        assert {"selfsubjectaccessreviews", "selfsubjectrulesreviews"} in [set(rule.resources) for rule in status.resourceRules]
        assert any("/api/*" in rule.nonResourceURLs for rule in status.nonResourceRules)
        node = User("system:node:n", groups=("system:nodes",))
        assert review_rules(review, node, policy.authorizer.rbac).status.incomplete
        with pytest.raises(BadRequestError, match="no namespace on request"):
            review_rules(SelfSubjectRulesReview(), JANE, policy.authorizer.rbac)
