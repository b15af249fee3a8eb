"""What expressions are told of a write: the request, its namespace, and answers of the authorizer.

Expressions are evaluated without waiting. A question that the authorizer has not answered yet ends the evaluation; it is asked,
and the evaluation begins anew with the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from sagong.api.cel.library.authz import Question, Verdict
from sagong.api.errors import not_found
from sagong.api.policies.evaluation import Activation, Compiled
from sagong.api.types.core import Namespace
from sagong.server.admission.attributes import Seen
from sagong.server.admission.plugin import Review
from sagong.server.admission.webhooks.reviews import question
from sagong.server.cel_metrics import CelMetrics
from sagong.server.contract import Attributes, Authorizer, Objects, User
from sagong.server.registry.storage import to_dict

T = TypeVar("T")
_HIDDEN = ("uid", "object", "oldObject")
_NAMESPACE_META = (
    *("name", "generateName", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp"),
    *("deletionGracePeriodSeconds", "labels", "annotations", "finalizers"),
)


class _UnansweredError(Exception):
    """Nobody has asked the authorizer that yet."""

    def __init__(self, asked: Question) -> None:
        super().__init__()
        self.asked = asked


class Answers:
    """The authorizer's answers to the questions of one write."""

    def __init__(self, authorizer: Authorizer | None, user: User, cel: CelMetrics) -> None:
        self._authorizer, self._user, self._cel = authorizer, user, cel
        self._known: dict[Question, Verdict] = {}

    def decide(self, asked: Question) -> Verdict:
        """Return the answer. Raises what `settled` waits for."""
        known = self._known.get(asked)
        if known is None:
            raise _UnansweredError(asked)
        return known

    async def settled(self, evaluate: Callable[[], T], *, costly: bool = False) -> T:
        """Evaluate until every question has its answer; what is costly beside the loop, so that others are served meanwhile."""
        while True:
            try:
                if costly:
                    return await asyncio.to_thread(self._cel.evaluated, evaluate)
                return self._cel.evaluated(evaluate)
            except _UnansweredError as unanswered:
                self._known[unanswered.asked] = await self._ask(unanswered.asked)

    async def _ask(self, asked: Question) -> Verdict:
        if self._authorizer is None:
            return Verdict(allowed=False)
        decision = await self._authorizer.authorize(_attributes(asked, self._user))
        return Verdict(decision.allowed, decision.reason)


def _attributes(asked: Question, user: User) -> Attributes:
    if asked.service_account is not None:
        namespace, name = asked.service_account
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        user = User(f"system:serviceaccount:{namespace}:{name}", groups=groups)
    if asked.path:
        return Attributes(user, asked.verb, asked.path, resource_request=False)
    return Attributes(
        user,
        asked.verb,
        group=asked.group,
        version="*",
        resource=asked.resource,
        subresource=asked.subresource,
        namespace=asked.namespace,
        name=asked.name,
        field_selector=asked.field_selector,
        label_selector=asked.label_selector,
    )


class Context:
    """One write, as the expressions of policies see it."""

    def __init__(self, review: Review, objects: Objects, answers: Answers) -> None:
        self.answers = answers
        self._review, self._objects = review, objects
        self._namespace: dict[str, Any] | None = None

    def namespace(self) -> dict[str, Any] | None:
        """Return the namespace of the object; None at the cluster scope. Raises NotFoundError."""
        if self._review.namespace and self._namespace is None:
            found = self._objects.get(Namespace, self._review.namespace)
            if found is None:
                raise not_found("", "namespaces", self._review.namespace)
            plain = to_dict(found)
            meta = {name: plain["metadata"][name] for name in _NAMESPACE_META if name in plain["metadata"]}
            self._namespace = {"metadata": meta, "spec": plain.get("spec", {}), "status": plain.get("status", {})}
        return self._namespace

    def activation(self, seen: Seen, variables: dict[str, Compiled], params: Any, *, namespace: bool = True) -> Activation:
        """Return what an evaluation starts from. Match conditions have no namespace."""
        return Activation(
            object=seen.object,
            old=seen.old,
            request=request_of(self._review, seen),
            namespace=self.namespace() if namespace else None,
            params=params,
            decide=self.answers.decide,
            variables=variables,
        )


def request_of(review: Review, seen: Seen) -> dict[str, Any]:
    """Return the variable `request`."""
    asked = question(review, seen, "v1", "")["request"]
    return {name: value for name, value in asked.items() if name not in _HIDDEN and value is not None}
