"""What each plugin means, said as slowly and plainly as possible: one node at a time, everything counted anew each time.

The oracle of test_reference.py. It shares facts about single objects (`sagong.api`, `PodInfo`) with what it is held against, no more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sagong.api.nodes import matches_required_affinity, matches_term, tolerates, untolerated
from sagong.api.pods import HostPort
from sagong.api.selectors import Selector, from_label_selector
from sagong.api.types.core import Node, Taint, TopologySpreadConstraint
from sagong.scheduler.pod_info import PodInfo, Term, amounts

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
Reasons = tuple[str, ...]


@dataclass
class World:
    """Nodes, the pods on each of them, the labels of namespaces; and `moves`, pods that only in thought come to a node (1) or go (-1)."""

    nodes: list[Node]
    pods: dict[str, list[PodInfo]]
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    moves: tuple[tuple[str, PodInfo, int], ...] = ()

    def on(self, node: Node) -> list[PodInfo]:
        """Return the pods of a node as they are thought to be."""
        come = [pod for name, pod, by in self.moves if name == node.metadata.name and by > 0]
        gone = [pod for name, pod, by in self.moves if name == node.metadata.name and by < 0]
        found = [*self.really_on(node), *come]
        for pod in gone:
            found.remove(pod)
        return found

    def really_on(self, node: Node) -> list[PodInfo]:
        return self.pods.get(node.metadata.name, [])

    def moving(self, by: int, node: Node, *pods: PodInfo) -> World:
        """Return this world with more or fewer pods on a node."""
        moves = (*self.moves, *((node.metadata.name, pod, by) for pod in pods))
        return World(self.nodes, self.pods, self.namespaces, moves)

    def means(self, term: Term, pod: PodInfo) -> bool:
        return term.matches(pod.namespace, pod.labels, self.namespaces.get(pod.namespace, {}))

    def domain(self, key: str, node: Node) -> list[PodInfo]:
        """Return the pods of all nodes that have the same value of a label; none if the node lacks it."""
        value = node.metadata.labels.get(key)
        if value is None:
            return []
        return [pod for other in self.nodes if other.metadata.labels.get(key) == value for pod in self.on(other)]


# Filters: why a node cannot take a pod; nothing when it can.


def unschedulable(world: World, pod: PodInfo, node: Node) -> Reasons:
    taint = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
    if node.spec.unschedulable and not any(tolerates(t, taint) for t in pod.pod.spec.tolerations):
        return ("node(s) were unschedulable",)
    return ()


def taints(world: World, pod: PodInfo, node: Node) -> Reasons:
    return ("node(s) had untolerated taint(s)",) if untolerated(node.spec.taints, pod.pod.spec.tolerations) else ()


def affinity(world: World, pod: PodInfo, node: Node) -> Reasons:
    return () if matches_required_affinity(pod.pod, node) else ("node(s) didn't match Pod's node affinity/selector",)


def _overlap(port: HostPort, other: HostPort) -> bool:
    same = (port.port, port.protocol) == (other.port, other.protocol)
    return same and (port.ip == other.ip or "0.0.0.0" in (port.ip, other.ip))


def ports(world: World, pod: PodInfo, node: Node) -> Reasons:
    taken = any(_overlap(port, theirs) for other in world.on(node) for theirs in other.ports for port in pod.ports)
    return ("node(s) didn't have free ports for the requested pod ports",) if taken else ()


def resources(world: World, pod: PodInfo, node: Node) -> Reasons:
    there = amounts(node.status.allocatable)
    reasons = ["Too many pods"] if len(world.on(node)) + 1 > there.get("pods", 0) else []
    for name, wanted in pod.asked.items():
        used = sum(other.asked.get(name, 0) for other in world.on(node))
        if wanted > 0 and used + wanted > there.get(name, 0):
            reasons.append(f"Insufficient {name}")
    return tuple(reasons)


def is_too_small(pod: PodInfo, node: Node, reasons: Reasons) -> bool:
    there = amounts(node.status.allocatable)
    return any(f"Insufficient {name}" in reasons and wanted > there.get(name, 0) for name, wanted in pod.asked.items())


def _selector(constraint: TopologySpreadConstraint, pod: PodInfo) -> Callable[[Mapping[str, str]], bool]:
    selector: Selector = from_label_selector(constraint.labelSelector)
    same = {key: pod.labels[key] for key in constraint.matchLabelKeys if key in pod.labels}
    return lambda labels: selector.matches(labels) and all(labels.get(key) == value for key, value in same.items())


def _counts_on(constraint: TopologySpreadConstraint, pod: PodInfo, node: Node) -> bool:
    if constraint.nodeAffinityPolicy != "Ignore" and not matches_required_affinity(pod.pod, node):
        return False
    return not (constraint.nodeTaintsPolicy == "Honor" and untolerated(node.spec.taints, pod.pod.spec.tolerations))


def _matching(world: World, constraint: TopologySpreadConstraint, pod: PodInfo, node: Node) -> int:
    """Count as upstream does, in two ways: of the pods that are there, none when the rule means everything, and none that is leaving; of
    those that come or go in thought, each that the rule means.
    """
    rule = _selector(constraint, pod)

    def meant(other: PodInfo) -> bool:
        return other.namespace == pod.namespace and rule(other.labels)

    everything = from_label_selector(constraint.labelSelector).empty and not any(key in pod.labels for key in constraint.matchLabelKeys)
    there = 0 if everything else sum(meant(other) and not other.leaving for other in world.really_on(node))
    return there + sum(by for name, other, by in world.moves if name == node.metadata.name and meant(other))


def spread(world: World, pod: PodInfo, node: Node) -> Reasons:
    hard = [c for c in pod.pod.spec.topologySpreadConstraints if c.whenUnsatisfiable == "DoNotSchedule"]
    reason = "node(s) didn't match pod topology spread constraints"
    complete = [n for n in world.nodes if all(c.topologyKey in n.metadata.labels for c in hard)]
    for constraint in hard:
        key = constraint.topologyKey
        if key not in node.metadata.labels:
            return (f"{reason} (missing required label)",)
        counts: dict[str, int] = {}
        for other in complete:
            if _counts_on(constraint, pod, other):
                value = other.metadata.labels[key]
                counts[value] = counts.get(value, 0) + _matching(world, constraint, pod, other)
        least = min(counts.values(), default=0) if len(counts) >= (constraint.minDomains or 1) else 0
        itself = _selector(constraint, pod)(pod.labels)
        if counts.get(node.metadata.labels[key], 0) + itself - least > constraint.maxSkew:
            return (reason,)
    return ()


def _has_a_say(world: World, pod: PodInfo) -> bool:
    """Say whether company matters to a pod as upstream decides it: before any pod is moved in thought."""
    return bool(pod.affinity or pod.anti_affinity) or any(
        world.means(term, pod) and term.topology_key in place.metadata.labels
        for place in world.nodes
        for other in world.really_on(place)
        for term in other.anti_affinity
    )


def company(world: World, pod: PodInfo, node: Node) -> Reasons:
    if not _has_a_say(world, pod):
        return ()
    everybody = [other for place in world.nodes for other in world.on(place)]
    if pod.affinity:
        labelled = all(term.topology_key in node.metadata.labels for term in pod.affinity)

        def wanted(other: PodInfo) -> bool:
            return all(world.means(term, other) for term in pod.affinity)

        met = all(any(map(wanted, world.domain(term.topology_key, node))) for term in pod.affinity)
        somewhere = any(
            wanted(other) and any(term.topology_key in place.metadata.labels for term in pod.affinity)
            for place in world.nodes
            for other in world.on(place)
        )
        if not labelled or not (met or (not somewhere and wanted(pod))):
            return ("node(s) didn't match pod affinity rules",)
    if any(world.means(term, other) for term in pod.anti_affinity for other in world.domain(term.topology_key, node)):
        return ("node(s) didn't match pod anti-affinity rules",)
    for other in everybody:
        for term in other.anti_affinity:
            if world.means(term, pod) and other in world.domain(term.topology_key, node):
                return ("node(s) didn't satisfy existing pods anti-affinity rules",)
    return ()


FILTERS: tuple[tuple[str, Callable[[World, PodInfo, Node], Reasons]], ...] = (
    ("NodeUnschedulable", unschedulable),
    ("TaintToleration", taints),
    ("NodeAffinity", affinity),
    ("NodePorts", ports),
    ("NodeResourcesFit", resources),
    ("PodTopologySpread", spread),
    ("InterPodAffinity", company),
)


def refusal(world: World, pod: PodInfo, node: Node) -> tuple[str, Reasons] | None:
    """Return who refuses first, and why."""
    found = ((name, why(world, pod, node)) for name, why in FILTERS)
    return next(((name, reasons) for name, reasons in found if reasons), None)


# Scores: a rating for each of the nodes that fit.


def _normalized(scores: Sequence[int], *, reverse: bool = False) -> list[int]:
    most = max(scores, default=0)
    if most == 0:
        return [100 if reverse else 0 for _ in scores]
    scaled = [100 * score // most for score in scores]
    return [100 - score for score in scaled] if reverse else scaled


def rate_taints(world: World, pod: PodInfo, nodes: Sequence[Node]) -> list[int]:
    tolerations = [t for t in pod.pod.spec.tolerations if t.effect in ("", "PreferNoSchedule")]
    disliked = [
        sum(t.effect == "PreferNoSchedule" and not any(tolerates(own, t) for own in tolerations) for t in node.spec.taints)
        for node in nodes
    ]
    return _normalized(disliked, reverse=True)


def rate_affinity(world: World, pod: PodInfo, nodes: Sequence[Node]) -> list[int]:
    own = pod.pod.spec.affinity.nodeAffinity if pod.pod.spec.affinity else None
    terms = own.preferredDuringSchedulingIgnoredDuringExecution if own else []
    return _normalized([sum(t.weight for t in terms if matches_term(t.preference, node)) for node in nodes])


def rate_free(world: World, pod: PodInfo, nodes: Sequence[Node]) -> list[int]:
    found = []
    for node in nodes:
        there = amounts(node.status.allocatable)
        shares = []
        for place, name in enumerate(("cpu", "memory")):
            if capacity := there.get(name, 0):
                used = pod.rated[place] + sum(other.rated[place] for other in world.on(node))
                shares.append(max(capacity - used, 0) * 100 // capacity)
        found.append(sum(shares) // len(shares) if shares else 0)
    return found


def rate_balance(world: World, pod: PodInfo, nodes: Sequence[Node]) -> list[int] | None:
    if not pod.asked.get("cpu") and not pod.asked.get("memory"):
        return None

    def even(node: Node, added: Mapping[str, int]) -> int:
        there, shares = amounts(node.status.allocatable), []
        for name in ("cpu", "memory"):
            if capacity := there.get(name, 0):
                used = sum(other.asked.get(name, 0) for other in world.on(node)) + added.get(name, 0)
                shares.append(min(used / capacity, 1.0))
        deviation = abs(shares[0] - shares[1]) / 2 if len(shares) == 2 else 0.0
        return int((1 - deviation) * 100)

    return [50 + (50 + even(node, pod.asked) - even(node, {})) // 2 for node in nodes]


def rate_images(world: World, pod: PodInfo, nodes: Sequence[Node]) -> list[int]:
    names = [c.image if ":" in c.image.rsplit("/", 1)[-1] else f"{c.image}:latest" for c in pod.pod.spec.containers]
    found = []
    for node in nodes:
        total = 0
        for name in names:
            having = sum(any(name in (image.names or ()) for image in other.status.images) for other in world.nodes)
            size = next((image.sizeBytes for image in node.status.images if name in (image.names or ())), 0)
            total += int(size * (having / len(world.nodes)))
        least, most = 23 * 2**20, 1000 * 2**20 * len(names)
        found.append(100 * (min(max(total, least), most) - least) // (most - least))
    return found


def rate_spread(world: World, pod: PodInfo, nodes: Sequence[Node]) -> list[int] | None:
    soft = [c for c in pod.pod.spec.topologySpreadConstraints if c.whenUnsatisfiable == "ScheduleAnyway"]
    rated = [n for n in nodes if all(c.topologyKey in n.metadata.labels for c in soft)]
    if not soft or not rated:
        return None
    crowding: dict[str, float] = {node.metadata.name: 0.0 for node in rated}
    for constraint in soft:
        key = constraint.topologyKey
        size = len(rated) if key == HOST else len({n.metadata.labels[key] for n in rated})
        for node in rated:
            if key == HOST:
                count = _matching(world, constraint, pod, node)
            else:
                count = sum(
                    _matching(world, constraint, pod, other)
                    for other in world.nodes
                    if other.metadata.labels.get(key) == node.metadata.labels[key]
                    and all(c.topologyKey in other.metadata.labels for c in soft)
                    and _counts_on(constraint, pod, other)
                )
            crowding[node.metadata.name] += count * math.log(size + 2) + (constraint.maxSkew - 1)
    rounded = {name: math.floor(value + 0.5) for name, value in crowding.items()}
    least, most = min(rounded.values()), max(rounded.values())
    ratings = {name: 100 * (most + least - value) // most if most else 100 for name, value in rounded.items()}
    return [ratings.get(node.metadata.name, 0) for node in nodes]


def rate_company(world: World, pod: PodInfo, nodes: Sequence[Node]) -> list[int]:
    def total(node: Node) -> int:
        wishes = sum(
            weight for weight, term in pod.preferred for other in world.domain(term.topology_key, node) if world.means(term, other)
        )
        for place in world.nodes:
            for other in world.on(place):
                theirs = [*other.preferred, *((1, term) for term in other.affinity)]
                wishes += sum(
                    weight for weight, term in theirs if world.means(term, pod) and other in world.domain(term.topology_key, node)
                )
        return wishes

    totals = [total(node) for node in nodes]
    least, most = min(totals), max(totals)
    return [int(100 * ((value - least) / (most - least))) if most > least else 0 for value in totals]


SCORES: Mapping[str, Callable[[World, PodInfo, Sequence[Node]], list[int] | None]] = {
    "TaintToleration": rate_taints,
    "NodeAffinity": rate_affinity,
    "NodeResourcesFit": rate_free,
    "NodeResourcesBalancedAllocation": rate_balance,
    "ImageLocality": rate_images,
    "PodTopologySpread": rate_spread,
    "InterPodAffinity": rate_company,
}


# Preemption.


def victims(world: World, pod: PodInfo, node: Node) -> list[PodInfo] | None:
    """Return whom to evict from a node for a pod; None when that does not help. No disruption budgets."""
    lower = sorted((o for o in world.on(node) if o.priority < pod.priority), key=lambda o: (-o.priority, o.pod.status.startTime or "~"))
    without = world.moving(-1, node, *lower)
    if not lower or refusal(without, pod, node) is not None:
        return None
    gone = []
    for other in lower:
        back = without.moving(1, node, other)
        if refusal(back, pod, node) is None:
            without = back
        else:
            gone.append(other)
    return gone
