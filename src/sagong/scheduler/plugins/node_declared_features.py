"""NodeDeclaredFeatures: a pod that needs a feature goes only to nodes whose kubelet declares it (KEP-5328)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sagong.api.types.core import Pod, PodSpec
from sagong.scheduler.events import ADD, NODE_FEATURES, UPDATE, Change, on
from sagong.scheduler.framework import SKIP, Refusals, State, Unfit, Verdict, refuse
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.nodes import Nodes, OneNode
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.remedy import Remedy
from sagong.scheduler.snapshot import Snapshot

_NAME = "NodeDeclaredFeatures"
_UNFIT = Unfit(_NAME, ("node(s) didn't match Pod's required features",), resolvable=False)


def _restarts_all(spec: PodSpec) -> bool:
    containers = (*spec.containers, *spec.initContainers)
    return any(rule.action == "RestartAllContainers" for container in containers for rule in container.restartPolicyRules)


_NEEDS: dict[str, Callable[[PodSpec], bool]] = {
    "RestartAllContainersOnContainerExits": _restarts_all,
    "UserNamespacesHostNetworkSupport": lambda spec: spec.hostNetwork and spec.hostUsers is False,
}


class NodeDeclaredFeatures:
    """PreFilter and Filter."""

    name = _NAME
    events = on(Node=ADD | NODE_FEATURES, Pod=UPDATE)

    def pre_filter(self, state: State, pod: PodInfo, snapshot: Snapshot) -> Verdict:
        """Skip pods that need nothing."""
        del state, snapshot
        return None if _needed(pod.pod) else SKIP

    def filter(self, state: State, pod: PodInfo, nodes: Nodes) -> Refusals | None:
        """Refuse nodes that lack a feature."""
        del state
        needed = _needed(pod.pod)

        def compute(found: Sequence[NodeInfo]) -> list[int]:
            return [not needed <= set(node.node.status.declaredFeatures) for node in found]

        return refuse(nodes.by_node((_NAME, needed), compute), _UNFIT)

    def remedies(self, state: State, pod: PodInfo, node: OneNode) -> Sequence[Remedy]:
        """Name the features that are missing."""
        del state
        missing = _needed(pod.pod) - set(node.info.node.status.declaredFeatures)
        return [Remedy(f"run a kubelet that declares {feature}") for feature in sorted(missing)]

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Wait for a node that has what the pod needs, or for the pod to need something else."""
        if change.kind == "Pod":
            return change.new.metadata.uid == pod.uid and _needed(change.old) != _needed(change.new)
        return _needed(pod.pod) <= set(change.new.status.declaredFeatures)


def _needed(pod: Pod) -> frozenset[str]:
    return frozenset(feature for feature, needs in _NEEDS.items() if needs(pod.spec))
