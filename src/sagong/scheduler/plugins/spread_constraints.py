"""Topology spread constraints, parsed: which pods they mean, which nodes are domains for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sagong.api.nodes import matches_required_affinity, untolerated
from sagong.api.selectors import Requirement, Selector
from sagong.api.types.core import Node, PodSpec, TopologySpreadConstraint
from sagong.scheduler.columns import Bools
from sagong.scheduler.nodes import Nodes
from sagong.scheduler.plugins.node_affinity import matching
from sagong.scheduler.plugins.taint_toleration import keeps_away
from sagong.scheduler.pod_info import PodInfo, shared_selector

HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
HARD, SOFT = "DoNotSchedule", "ScheduleAnyway"
SYSTEM_DEFAULTS = (
    TopologySpreadConstraint(topologyKey=HOSTNAME, whenUnsatisfiable=SOFT, maxSkew=3),
    TopologySpreadConstraint(topologyKey=ZONE, whenUnsatisfiable=SOFT, maxSkew=5),
)


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint of one pod, or of its profile's defaults."""

    key: str
    max_skew: int
    min_domains: int
    selector: Selector
    honours_affinity: bool
    honours_taints: bool

    @property
    def counts_all(self) -> bool:
        """Whether the pod could spread over every node that has the label."""
        return not (self.honours_affinity or self.honours_taints)

    def counts(self, pod: PodInfo, nodes: Nodes) -> Bools:
        """Say which nodes are such that the pod could spread over them."""
        found = nodes.exist
        if self.honours_affinity:
            found = found & (matching(pod, nodes) != 0)
        if self.honours_taints:
            found = found & (keeps_away(pod, nodes) == 0)
        return found

    def counts_on(self, pod: PodInfo, node: Node) -> bool:
        """Say whether the node is one that the pod could spread over."""
        if self.honours_affinity and not matches_required_affinity(pod.pod, node):
            return False
        return not (self.honours_taints and node.spec.taints and untolerated(node.spec.taints, pod.pod.spec.tolerations))


def parse(constraint: TopologySpreadConstraint, pod: PodInfo, selector: Selector | None) -> Constraint:
    """Parse; a selector that is given stands in for the constraint's own and its matchLabelKeys."""
    if selector is None:
        selector = shared_selector(constraint.labelSelector)
        same = [Requirement(key, "=", (pod.labels[key],)) for key in constraint.matchLabelKeys if key in pod.labels]
        if same and not selector.nothing:
            selector = Selector(dict.fromkeys((*same, *selector.requirements)))
    return Constraint(
        key=constraint.topologyKey,
        max_skew=constraint.maxSkew,
        min_domains=1 if constraint.minDomains is None else constraint.minDomains,
        selector=selector,
        honours_affinity=(constraint.nodeAffinityPolicy or "Honor") == "Honor" and _is_choosy(pod.pod.spec),
        honours_taints=constraint.nodeTaintsPolicy == "Honor",
    )


def _is_choosy(spec: PodSpec) -> bool:
    return bool(spec.nodeSelector) or (spec.affinity is not None and spec.affinity.nodeAffinity is not None)


def has_keys(nodes: Nodes, constraints: Iterable[Constraint]) -> Bools:
    """Say which nodes are in a domain of every constraint."""
    found = np.ones(len(nodes), np.bool_)
    for constraint in constraints:
        found &= nodes.domains(constraint.key) != 0
    return found
