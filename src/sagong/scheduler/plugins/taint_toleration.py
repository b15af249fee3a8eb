"""TaintToleration: taints keep pods away; untolerated PreferNoSchedule taints make a node less wanted."""

from __future__ import annotations

from collections.abc import Mapping

from sagong.api.nodes import tolerates, untolerated
from sagong.api.types.core import Pod
from sagong.scheduler.framework import State, Unfit, normalize
from sagong.scheduler.snapshot import NodeInfo


class TaintToleration:
    """Filter and Score."""

    name = "TaintToleration"
    events = frozenset({"Node"})

    def filter(self, state: State, pod: Pod, node: NodeInfo) -> Unfit | None:
        """Refuse nodes with an untolerated NoSchedule or NoExecute taint."""
        del state
        taint = untolerated(node.node.spec.taints, pod.spec.tolerations) if node.node else None
        if taint is None:
            return None
        return Unfit((f"node(s) had untolerated taint(s) {{{taint.key}: {taint.value}}}",), resolvable=False)

    def score(self, state: State, pod: Pod, node: NodeInfo) -> int:
        """Count the PreferNoSchedule taints that are not tolerated."""
        del state
        soft = [t for t in pod.spec.tolerations if t.effect in ("", "PreferNoSchedule")]
        taints = node.node.spec.taints if node.node else []
        return sum(taint.effect == "PreferNoSchedule" and not any(tolerates(t, taint) for t in soft) for taint in taints)

    def normalize(self, state: State, pod: Pod, scores: Mapping[str, int]) -> Mapping[str, int]:
        """Make the fewest the best."""
        del state, pod
        return normalize(scores, reverse=True)
