"""Nodes and runtime classes, and labels of nodes that have new names, wherever something selects by them."""

from __future__ import annotations

from itertools import chain
from typing import Any

from sagong.api import names
from sagong.api.types.core import Node, NodeSelectorTerm
from sagong.api.types.meta import LabelSelector
from sagong.api.types.node import RuntimeClass
from sagong.api.warnings.addresses import cidrs
from sagong.api.warnings.warner import Warner

OLD_LABELS = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
    "app.kubernetes.io/created-by": "deprecated since v1.9",
    "scheduler.alpha.kubernetes.io/preferAvoidPods": "deprecated since v1.22; use Taints and Tolerations instead",
    "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
}


def selector_term(at: str, term: NodeSelectorTerm, *, values: bool = False) -> list[str]:
    """Warn about a term of a node selector; `values`: also about values that no label can have, since validation lets them pass."""
    found: list[str] = []
    for i, expression in enumerate(term.matchExpressions):
        found += old_key(f"{at}.matchExpressions[{i}].key", expression.key)
        for j, value in enumerate(expression.values if values else ()):
            found += [f"{at}.matchExpressions[{i}].values[{j}]: {value} is invalid, {wrong}" for wrong in names.label_value(value)]
    return found


def old_key(at: str, key: str) -> list[str]:
    """Warn about a key that has a new name, naming the old."""
    return [f"{at}: {key} is {OLD_LABELS[key]}"] if key in OLD_LABELS else []


def selector(at: str, found: LabelSelector | None) -> list[str]:
    """Warn about a label selector of nodes."""
    if found is None:
        return []
    keys = (old_key(f"{at}.matchExpressions[{i}].key", expression.key) for i, expression in enumerate(found.matchExpressions))
    labels = (f"{at}.matchLabels.{label}: {OLD_LABELS[label]}" for label in found.matchLabels if label in OLD_LABELS)
    return [*chain.from_iterable(keys), *labels]


def _node(new: Node, _: Any) -> list[str]:
    found = []
    if new.spec.configSource is not None:
        found.append("spec.configSource: the feature is removed")
    if new.spec.externalID:
        found.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
    return found + cidrs("spec.podCIDRs", new.spec.podCIDRs)


def _runtime_class(new: RuntimeClass, _: Any) -> list[str]:
    labels = new.scheduling.nodeSelector if new.scheduling is not None else {}
    return [f"scheduling.nodeSelector: {OLD_LABELS[label]}" for label in labels if label in OLD_LABELS]


TABLE = {Node: Warner(_node), RuntimeClass: Warner(_runtime_class)}
