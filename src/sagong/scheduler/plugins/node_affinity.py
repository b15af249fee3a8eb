"""NodeAffinity: nodeSelector and required terms decide, preferred terms rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sagong.api.nodes import matches_required_affinity, matches_term
from sagong.api.types.core import Pod, PreferredSchedulingTerm
from sagong.scheduler.framework import State, Unfit, normalize
from sagong.scheduler.snapshot import NodeInfo, Snapshot

_UNFIT = Unfit(("node(s) didn't match Pod's node affinity/selector",), resolvable=False)


class NodeAffinity:
    """PreFilter, Filter and Score."""

    name = "NodeAffinity"
    events = frozenset({"Node"})

    def pre_filter(self, state: State, pod: Pod, snapshot: Snapshot) -> frozenset[str] | Unfit | None:
        """Look only at the nodes that are named by metadata.name, when every term names some."""
        del state, snapshot
        affinity = pod.spec.affinity.nodeAffinity if pod.spec.affinity else None
        required = affinity.requiredDuringSchedulingIgnoredDuringExecution if affinity else None
        if required is None or not required.nodeSelectorTerms:
            return None
        names: set[str] = set()
        for term in required.nodeSelectorTerms:
            named = [set(f.values) for f in term.matchFields if f.key == "metadata.name" and f.operator == "In"]
            if not named:
                return None
            names |= set.intersection(*named)
        return frozenset(names)

    def filter(self, state: State, pod: Pod, node: NodeInfo) -> Unfit | None:
        """Refuse nodes that do not match."""
        del state
        return None if node.node is not None and matches_required_affinity(pod, node.node) else _UNFIT

    def pre_score(self, state: State, pod: Pod, nodes: Sequence[NodeInfo]) -> bool:
        """Rate only for pods with preferences."""
        del state, nodes
        return bool(_preferred(pod))

    def score(self, state: State, pod: Pod, node: NodeInfo) -> int:
        """Add the weights of the terms that match."""
        del state
        return sum(p.weight for p in _preferred(pod) if node.node is not None and matches_term(p.preference, node.node))

    def normalize(self, state: State, pod: Pod, scores: Mapping[str, int]) -> Mapping[str, int]:
        """Scale to the best."""
        del state, pod
        return normalize(scores)


def _preferred(pod: Pod) -> Sequence[PreferredSchedulingTerm]:
    affinity = pod.spec.affinity.nodeAffinity if pod.spec.affinity else None
    return affinity.preferredDuringSchedulingIgnoredDuringExecution if affinity else ()
