"""TaintToleration: taints keep pods away; untolerated PreferNoSchedule taints make a node less wanted."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.api.nodes import tolerates, untolerated
from sagong.api.types.core import Taint, Toleration
from sagong.scheduler.events import ADD, NODE_TAINT, POD_TOLERATION, Change, on
from sagong.scheduler.framework import SKIP, State, Unfit, Verdict, normalize
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.snapshot import NodeInfo, Snapshot

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

    def filter(self, state: State, pod: PodInfo, node: NodeInfo) -> Unfit | None:
        """Refuse nodes with an untolerated NoSchedule or NoExecute taint."""
        del state
        taints = node.node.spec.taints
        return _UNFIT if taints and untolerated(taints, pod.pod.spec.tolerations) else None

    def score(self, state: State, pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot) -> Sequence[int] | None:
        """Rate the nodes with the fewest untolerated PreferNoSchedule taints best."""
        del state
        if not snapshot.around.tainted:
            return None
        tolerations = [t for t in pod.pod.spec.tolerations if t.effect in ("", _SOFT)]
        return normalize([_disliked(node.node.spec.taints, tolerations) for node in nodes], reverse=True)

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Wait for a node whose taints the pod tolerates now, or for a new toleration."""
        if change.kind == "Pod":
            return bool(change.new.metadata.uid == pod.uid)
        tolerations = pod.pod.spec.tolerations
        was_kept_away = change.old is None or untolerated(change.old.spec.taints, tolerations) is not None
        return was_kept_away and untolerated(change.new.spec.taints, tolerations) is None


def _disliked(taints: Sequence[Taint], tolerations: Sequence[Toleration]) -> int:
    return sum(taint.effect == _SOFT and not any(tolerates(t, taint) for t in tolerations) for taint in taints)
