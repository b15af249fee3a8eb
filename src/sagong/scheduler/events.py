"""What changes in the cluster, told finely enough to know which waiting pods it may help (KEP-4247).

An action is a bit; what a plugin registers for is a union of bits. A change of which nothing finer is known has all the bits of
UPDATE, so that only plugins that registered for every update hear of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sagong.api.types.core import Node, Pod
from sagong.scheduler.pod_info import PodInfo

ADD, DELETE = 1 << 0, 1 << 1
NODE_ALLOCATABLE, NODE_LABEL, NODE_TAINT, NODE_CONDITION, NODE_ANNOTATION, NODE_FEATURES = (1 << bit for bit in range(2, 8))
POD_LABEL, POD_SCALE_DOWN, POD_TOLERATION, POD_GATES, POD_CLAIMS = (1 << bit for bit in range(8, 13))
UPDATE = (1 << 13) - 1 - ADD - DELETE
ANY = UPDATE | ADD | DELETE

_NAMES = {
    ADD: "Add",
    DELETE: "Delete",
    NODE_ALLOCATABLE: "UpdateNodeAllocatable",
    NODE_LABEL: "UpdateNodeLabel",
    NODE_TAINT: "UpdateNodeTaint",
    NODE_CONDITION: "UpdateNodeCondition",
    NODE_ANNOTATION: "UpdateNodeAnnotation",
    NODE_FEATURES: "UpdateNodeDeclaredFeature",
    POD_LABEL: "UpdatePodLabel",
    POD_SCALE_DOWN: "UpdatePodScaleDown",
    POD_TOLERATION: "UpdatePodToleration",
    POD_GATES: "UpdatePodSchedulingGatesEliminated",
    POD_CLAIMS: "UpdatePodGeneratedResourceClaim",
    UPDATE: "Update",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One change: the kind's name, what was done, and the objects before and after."""

    kind: str
    action: int
    old: Any
    new: Any

    def is_one_of(self, actions: int) -> bool:
        """Say whether it is among the actions that somebody registered for."""
        return self.action & actions == self.action

    @property
    def label(self) -> str:
        """The name under which metrics count it."""
        kind = self.kind
        if kind == "Pod":
            pod: Pod = self.new or self.old
            kind = "AssignedPod" if pod.spec.nodeName else "UnschedulablePod"
        return f"{kind}{_NAMES[self.action]}"


def on(**kinds: int) -> Mapping[str, int]:
    """Return what a plugin waits for: the union of actions, by kind."""
    return MappingProxyType(kinds)


def change(kind: str, old: Any, new: Any) -> Change:
    """Return the change of an object of a kind without finer actions."""
    return Change(kind, ADD if old is None else DELETE if new is None else UPDATE, old, new)


def node_changes(old: Node | None, new: Node | None) -> Iterable[Change]:
    """Return what happened to a node, as far as it can matter: heartbeats are nothing."""
    if old is None or new is None:
        return (change("Node", old, new),)
    return [Change("Node", action, old, new) for action, differs in _NODE_ACTIONS if differs(old, new)]


def pod_changes(old: PodInfo, new: PodInfo) -> list[Change]:
    """Return what happened to a pod."""
    found = [Change("Pod", action, old.pod, new.pod) for action, differs in _POD_ACTIONS if differs(old, new)]
    return found or [Change("Pod", UPDATE, old.pod, new.pod)]


def _scaled_down(old: PodInfo, new: PodInfo) -> bool:
    return old.asked is not new.asked and any(new.asked.get(name, -1) < amount for name, amount in old.asked.items())


_POD_ACTIONS: tuple[tuple[int, Callable[[PodInfo, PodInfo], bool]], ...] = (
    (POD_LABEL, lambda old, new: old.labels != new.labels),
    (POD_SCALE_DOWN, _scaled_down),
    (POD_GATES, lambda old, new: bool(old.pod.spec.schedulingGates) and not new.pod.spec.schedulingGates),
    (POD_TOLERATION, lambda old, new: len(old.pod.spec.tolerations) != len(new.pod.spec.tolerations)),
    (
        POD_CLAIMS,
        lambda old, new: (
            old.pod.status.resourceClaimStatuses != new.pod.status.resourceClaimStatuses
            or old.pod.status.extendedResourceClaimStatus != new.pod.status.extendedResourceClaimStatus
        ),
    ),
)

_NODE_ACTIONS: tuple[tuple[int, Callable[[Node, Node], bool]], ...] = (
    (NODE_TAINT, lambda old, new: (old.spec.unschedulable and not new.spec.unschedulable) or old.spec.taints != new.spec.taints),
    (NODE_ALLOCATABLE, lambda old, new: old.status.allocatable != new.status.allocatable),
    (NODE_LABEL, lambda old, new: old.metadata.labels != new.metadata.labels),
    (NODE_CONDITION, lambda old, new: _conditions(old) != _conditions(new)),
    (NODE_ANNOTATION, lambda old, new: old.metadata.annotations != new.metadata.annotations),
    (NODE_FEATURES, lambda old, new: old.status.declaredFeatures != new.status.declaredFeatures),
)


def _conditions(node: Node) -> dict[str, str]:
    return {condition.type: condition.status for condition in node.status.conditions}
