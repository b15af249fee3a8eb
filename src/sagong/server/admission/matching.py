"""Which writes a webhook or a policy is about: rules, selectors, and equivalent versions of what was written."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.api.errors import not_found
from sagong.api.resources import Resource
from sagong.api.selectors import Selector
from sagong.api.types.admissionregistration import NamedRuleWithOperations, RuleWithOperations
from sagong.api.types.core import Namespace
from sagong.server.admission.attributes import equivalents, labels_of, name_of, namespace_of
from sagong.server.admission.plugin import Review
from sagong.server.contract import Objects

Rules = Sequence[RuleWithOperations] | Sequence[NamedRuleWithOperations]


def matched(rules: Rules, review: Review, policy: str | None) -> Resource | None:
    """Return the version that the first rule which is about the write knows it by, None when no rule is.

    The version of the request comes first; others count with the policy Equivalent, the earlier rule first.
    """
    if any(_about(rule, review, review.row) for rule in rules):
        return review.row
    if policy != "Equivalent":
        return None
    others = equivalents(review)
    return next((row for rule in rules for row in others if _about(rule, review, row)), None)


def _about(rule: RuleWithOperations | NamedRuleWithOperations, review: Review, row: Resource) -> bool:
    return (
        _has(rule.operations, review.operation)
        and _has(rule.apiGroups, row.group)
        and _has(rule.apiVersions, row.version)
        and any(_resource(known, row.plural, review.call.subresource) for known in rule.resources)
        and _scope(rule.scope, review)
        and _named(rule, review)
    )


def _named(rule: RuleWithOperations | NamedRuleWithOperations, review: Review) -> bool:
    names = rule.resourceNames if isinstance(rule, NamedRuleWithOperations) else ()
    return not names or name_of(review) in names


def _has(known: Sequence[str], asked: str) -> bool:
    return asked in known or "*" in known


def _resource(known: str, plural: str, subresource: str) -> bool:
    resource, _, sub = known.partition("/")
    return resource in ("*", plural) and sub in ("*", subresource)


def _scope(scope: str | None, review: Review) -> bool:
    return scope in (None, "*") or (scope == "Namespaced") == bool(review.namespace)


def namespace_selected(selector: Selector, review: Review, objects: Objects) -> bool:
    """Tell whether the write's namespace is selected; what is in none always is. Raises NotFoundError."""
    name = namespace_of(review)
    itself = (review.row.group, review.row.plural) == ("", "namespaces")
    if selector.empty or (not name and not itself):
        return True
    if itself and not review.call.subresource and review.operation in ("CREATE", "UPDATE"):
        return selector.matches(review.obj.metadata.labels)
    namespace = objects.get(Namespace, name)
    if namespace is None:
        raise not_found("", "namespaces", name)
    return selector.matches(namespace.metadata.labels)


def object_selected(selector: Selector, review: Review) -> bool:
    """Tell whether the new or the old object is selected."""
    if selector.empty:
        return True
    found = (labels_of(review, obj) for obj in (review.obj, review.old))
    return any(labels is not None and selector.matches(labels) for labels in found)
