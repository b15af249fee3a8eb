"""Why a pod is not placed: for each node every plugin that says no, and the smallest change that would make it fit. Pure.

Scheduling stops at a node's first refusal; whoever wants to change something needs all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sagong.scheduler.cycle import Cycle, Placement
from sagong.scheduler.filtering import Filtering
from sagong.scheduler.framework import Nomination, PreEnqueue, State, Unfit
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.nodes import OneNode
from sagong.scheduler.nominator import Nominator
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.profile import Profile
from sagong.scheduler.remedy import Remedies, Remedy
from sagong.scheduler.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Objection:
    """One plugin's no to one node, and what would change its mind."""

    plugin: str
    reasons: tuple[str, ...]
    remedies: tuple[Remedy, ...]


@dataclass(frozen=True, slots=True)
class OnNode:
    """What is said of one node; it fits when nothing is."""

    node: str
    objections: tuple[Objection, ...]

    @property
    def effort(self) -> tuple[bool, int, float, str]:
        """How much would have to change here: what nothing is known against comes last, then few changes come before many."""
        remedies = [remedy for objection in self.objections for remedy in objection.remedies]
        hopeless = any(not objection.remedies for objection in self.objections)
        return hopeless, len(remedies), sum(remedy.size for remedy in remedies), self.node


@dataclass(frozen=True, slots=True)
class Explanation:
    """What scheduling the pod now would come to: the node it would go to, or the message that it would be told, and the nodes."""

    node: str
    message: str
    nodes: tuple[OnNode, ...]

    @property
    def smallest(self) -> OnNode | None:
        """The node where the least would have to change, and enough is known to say what."""
        best = min(self.nodes, key=lambda node: node.effort, default=None)
        return None if best is None or best.effort[0] or not best.objections else best


def explain(profile: Profile, pod: PodInfo, snapshot: Snapshot, cycle: Cycle) -> Explanation:
    """Ask everybody about every node. Raises PluginError."""
    gates = [plugin.pre_enqueue(pod) for plugin in profile.at(PreEnqueue)]
    held = next((reason for reason in gates if reason), "")
    result = cycle.schedule(pod, snapshot)
    if isinstance(result, Placement):
        return Explanation("" if held else result.node, held, _nodes(profile, pod, snapshot, result.state, None))
    nomination = cycle.post_filter(pod, snapshot, result) if result.nodes and not held else Nomination("")
    message = held or result.message()
    if nomination.node:
        victims = ", ".join(f"{victim.namespace}/{victim.name}" for victim in nomination.victims)
        message += f" Preempting {victims} on node {nomination.node} would make room."
    return Explanation("", message, _nodes(profile, pod, snapshot, result.state, result.at_once))


def _nodes(profile: Profile, pod: PodInfo, snapshot: Snapshot, state: State, at_once: Unfit | None) -> tuple[OnNode, ...]:
    filtering = Filtering(profile, Nominator(snapshot.table))
    able = {plugin.name: plugin for plugin in profile.at(Remedies)}

    def objections(info: NodeInfo) -> Sequence[Objection]:
        if at_once is not None:
            return [Objection(at_once.plugin, at_once.reasons, ())]
        node = OneNode(snapshot.table, info)
        return [
            Objection(
                unfit.plugin,
                unfit.reasons,
                tuple(able[unfit.plugin].remedies(state, pod, node)) if unfit.plugin in able else (),
            )
            for unfit in filtering.all_on_one(state, pod, node)
        ]

    found = [OnNode(info.name, tuple(objections(info))) for info in snapshot.nodes]
    return tuple(sorted(found, key=lambda node: node.effort))
