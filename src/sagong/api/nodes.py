"""Facts about nodes that follow from the object alone: taints against tolerations, node selectors, conditions, roles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sagong.api.selectors import Requirement
from sagong.api.types.core import Node, NodeCondition, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod, Taint, Toleration

_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!", "Gt": "gt", "Lt": "lt"}
_ROLE = "node-role.kubernetes.io/"
BLOCKING = ("NoSchedule", "NoExecute")
SIMULATED = "sagong.local/simulated"
"""The label of nodes that run pods in memory only: nothing of them can be reached, entered or measured."""


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Say whether one toleration covers one taint; an empty effect or key covers all of them.

    Lt and Gt (KEP-5471, off by default) cover nothing.
    """
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator in ("", "Equal"):
        return toleration.value == taint.value
    return toleration.operator == "Exists"


def untolerated(taints: Iterable[Taint], tolerations: Sequence[Toleration], effects: Sequence[str] = BLOCKING) -> Taint | None:
    """Return the first taint of these effects that no toleration covers."""
    for taint in taints:
        if taint.effect in effects and not any(tolerates(toleration, taint) for toleration in tolerations):
            return taint
    return None


def matches_term(term: NodeSelectorTerm, node: Node) -> bool:
    """Say whether a node meets all of one term; an empty term matches no node."""
    if not term.matchExpressions and not term.matchFields:
        return False
    labels = node.metadata.labels
    return all(_matches_label(expression, labels) for expression in term.matchExpressions) and all(
        _matches_field(expression, node.metadata.name) for expression in term.matchFields
    )


def matches_selector(selector: NodeSelector, node: Node) -> bool:
    """Say whether a node meets any of the terms."""
    return any(matches_term(term, node) for term in selector.nodeSelectorTerms)


def matches_required_affinity(pod: Pod, node: Node) -> bool:
    """Say whether a node meets a pod's nodeSelector and required node affinity."""
    labels = node.metadata.labels
    if any(labels.get(key) != value for key, value in pod.spec.nodeSelector.items()):
        return False
    affinity = pod.spec.affinity.nodeAffinity if pod.spec.affinity else None
    required = affinity.requiredDuringSchedulingIgnoredDuringExecution if affinity else None
    return required is None or matches_selector(required, node)


def condition(node: Node, kind: str) -> NodeCondition | None:
    """Return the condition of that type."""
    return next((found for found in node.status.conditions if found.type == kind), None)


def is_ready(node: Node) -> bool:
    """Say whether the Ready condition is True."""
    found = condition(node, "Ready")
    return found is not None and found.status == "True"


def address(node: Node, kind: str = "InternalIP") -> str:
    """Return the node's first address of a type, or nothing."""
    return next((found.address for found in node.status.addresses if found.type == kind), "")


def roles(node: Node) -> list[str]:
    """Return the node's roles, sorted, as its labels name them."""
    found = {key.removeprefix(_ROLE) for key in node.metadata.labels if key.startswith(_ROLE) and key != _ROLE}
    found |= {value for key, value in node.metadata.labels.items() if key == "kubernetes.io/role" and value}
    return sorted(found)


def _matches_label(expression: NodeSelectorRequirement, labels: dict[str, str]) -> bool:
    operator = _OPERATORS.get(expression.operator)
    return operator is not None and Requirement(expression.key, operator, tuple(expression.values)).matches(labels)


def _matches_field(expression: NodeSelectorRequirement, name: str) -> bool:
    """Only metadata.name can be selected, by In or NotIn with one value."""
    if len(expression.values) != 1 or expression.operator not in ("In", "NotIn"):
        return False
    actual = name if expression.key == "metadata.name" else ""
    return (actual == expression.values[0]) == (expression.operator == "In")
