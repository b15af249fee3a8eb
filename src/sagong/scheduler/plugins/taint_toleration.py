"""TaintToleration: taints keep pods away; untolerated PreferNoSchedule taints make a node less wanted."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sagong.api.nodes import tolerates, untolerated
from sagong.api.types.core import Taint, Toleration
from sagong.scheduler.columns import Ints
from sagong.scheduler.events import ADD, NODE_TAINT, POD_TOLERATION, Change, on
from sagong.scheduler.framework import SKIP, Refusals, State, Unfit, Verdict, normalize, refuse
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.nodes import Nodes, OneNode
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.remedy import Remedy
from sagong.scheduler.snapshot import Snapshot

_UNFIT = Unfit("TaintToleration", ("node(s) had untolerated taint(s)",), resolvable=False)
_SOFT = "PreferNoSchedule"


class TaintToleration:
    """PreFilter, Filter and Score."""

    name = "TaintToleration"
    events = on(Node=ADD | NODE_TAINT, Pod=POD_TOLERATION)

    def pre_filter(self, state: State, pod: PodInfo, snapshot: Snapshot) -> Verdict:
        """Skip while no node has taints."""
        del state, pod
        return None if snapshot.around.tainted else SKIP

    def filter(self, state: State, pod: PodInfo, nodes: Nodes) -> Refusals | None:
        """Refuse nodes with an untolerated NoSchedule or NoExecute taint."""
        del state
        return refuse(keeps_away(pod, nodes), _UNFIT)

    def score(self, state: State, pod: PodInfo, nodes: Nodes, snapshot: Snapshot) -> Ints | None:
        """Rate the nodes with the fewest untolerated PreferNoSchedule taints best."""
        del state
        if not snapshot.around.tainted:
            return None
        tolerations = [t for t in pod.pod.spec.tolerations if t.effect in ("", _SOFT)]
        key = ("disliked taints", msgspec.json.encode(tolerations))
        disliked = nodes.by_node(key, lambda found: [_disliked(node.node.spec.taints, tolerations) for node in found])
        return normalize(disliked, reverse=True)

    def remedies(self, state: State, pod: PodInfo, node: OneNode) -> Sequence[Remedy]:
        """Tolerate each of the taints."""
        del state
        taints = [taint for taint in node.info.node.spec.taints if untolerated((taint,), pod.pod.spec.tolerations)]
        return [Remedy(f"tolerate the taint {t.key}{'=' if t.value else ''}{t.value}:{t.effect}") for t in taints]

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Wait for a node whose taints the pod tolerates now, or for a new toleration."""
        if change.kind == "Pod":
            return bool(change.new.metadata.uid == pod.uid)
        tolerations = pod.pod.spec.tolerations
        was_kept_away = change.old is None or untolerated(change.old.spec.taints, tolerations) is not None
        return was_kept_away and untolerated(change.new.spec.taints, tolerations) is None


def keeps_away(pod: PodInfo, nodes: Nodes) -> Ints:
    """Return 1 for nodes with a taint that keeps the pod away."""
    tolerations = pod.pod.spec.tolerations

    def compute(found: Sequence[NodeInfo]) -> list[int]:
        return [bool(taints := node.node.spec.taints) and untolerated(taints, tolerations) is not None for node in found]

    return nodes.by_node(("taints", msgspec.json.encode(tolerations)), compute)


def _disliked(taints: Sequence[Taint], tolerations: Sequence[Toleration]) -> int:
    return sum(taint.effect == _SOFT and not any(tolerates(t, taint) for t in tolerations) for taint in taints)
