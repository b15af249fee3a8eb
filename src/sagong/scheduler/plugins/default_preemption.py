"""DefaultPreemption: for a pod that fits nowhere, choose a node and the fewest, least important pods whose eviction makes room.

Pure: it tries on copies and returns a choice. Who evicts is `scheduler.evictor`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sagong.api import pods as facts
from sagong.api.clock import Random
from sagong.api.selectors import SelectorError, from_label_selector
from sagong.api.types.core import Pod
from sagong.api.types.policy import PodDisruptionBudget
from sagong.scheduler.events import DELETE, Change, on
from sagong.scheduler.framework import Listers, NoFit, Nomination, State, Trial, Unfit
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.snapshot import NodeInfo, Snapshot

_NAME = "DefaultPreemption"
_NO_VICTIMS = Unfit(_NAME, ("No preemption victims found for incoming pod",), resolvable=False)
_NOT_HELPFUL = Unfit(_NAME, ("Preemption is not helpful for scheduling",), resolvable=False)
REASON = "PreemptionByScheduler"
_NEVER_STARTED = "~"  # later than any time


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node, the pods to evict from it, most important first, and how many of them a disruption budget protects."""

    node: str
    victims: tuple[PodInfo, ...]
    violations: int


class DefaultPreemption:
    """PreEnqueue and PostFilter. `is_running` tells whether a pod's earlier preemption is still being carried out."""

    name = _NAME
    events = on(Pod=DELETE)
    post_filter_reads: Sequence[type] = (PodDisruptionBudget,)

    def __init__(
        self,
        listers: Listers,
        random: Random,
        is_running: Callable[[str], bool],
        *,
        min_percentage: int = 10,
        min_absolute: int = 100,
    ) -> None:
        self._listers, self._random, self._is_running = listers, random, is_running
        self._min_percentage, self._min_absolute = min_percentage, min_absolute

    def pre_enqueue(self, pod: PodInfo) -> str | None:
        """Hold a pod back while its victims are being evicted."""
        return "waiting for the preemption for this pod to be finished" if self._is_running(pod.uid) else None

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Leave it to the plugins that rejected the pod."""
        del pod, change
        return False

    def post_filter(self, pod: PodInfo, snapshot: Snapshot, nofit: NoFit, trial: Trial) -> Nomination:
        """Choose a node and victims."""
        refusal = _refusal(pod, snapshot, nofit)
        if refusal:
            return Nomination(None, message=f"preemption: {refusal}")
        candidates, unfit = self._candidates(pod, snapshot, nofit, trial)
        if not candidates:
            failure = NoFit(len(snapshot), nofit.state, unfit, _NOT_HELPFUL)
            return Nomination("", message=f"preemption: {failure.message()}")
        best = best_candidate(candidates)
        return Nomination(best.node, best.victims)

    def _candidates(self, pod: PodInfo, snapshot: Snapshot, nofit: NoFit, trial: Trial) -> tuple[Sequence[Candidate], dict[str, Unfit]]:
        """Try the nodes on which fewer pods could help, from a random one on, until there are enough candidates."""
        nodes = [node for node in snapshot.nodes if (unfit := nofit.of(node.name)) is not None and unfit.resolvable]
        if not nodes:
            return (), {}
        budgets = list(self._listers.list(PodDisruptionBudget))
        enough = min(max(len(nodes) * self._min_percentage // 100, self._min_absolute), len(nodes))
        offset = int(self._random.uniform() * len(nodes))
        kind: list[Candidate] = []
        violating: list[Candidate] = []
        failures: dict[str, Unfit] = {}
        for node in (*nodes[offset:], *nodes[:offset]):
            found = select_victims(pod, node, nofit.state, budgets, trial)
            if isinstance(found, Unfit):
                failures[node.name] = found
                continue
            (violating if found.violations else kind).append(found)
            if kind and len(kind) + len(violating) >= enough:
                break
        return [*kind, *violating], failures


def select_victims(pod: PodInfo, node: NodeInfo, state: State, budgets: Sequence[PodDisruptionBudget], trial: Trial) -> Candidate | Unfit:
    """Take all pods of lower priority off a copy of the node; if the pod fits then, put back all that can stay, the important first."""
    state, node = state.fork(), node.copy()
    lower = sorted((other for other in node.pods.values() if other.priority < pod.priority), key=_importance)
    if not lower:
        return _NO_VICTIMS
    for other in lower:
        trial.remove(state, pod, other, node)
    unfit = trial.fits(state, pod, node)
    if unfit is not None:
        return unfit
    victims: list[PodInfo] = []

    def has_to_go(other: PodInfo) -> bool:
        trial.add(state, pod, other, node)
        if trial.fits(state, pod, node) is None:
            return False
        trial.remove(state, pod, other, node)
        victims.append(other)
        return True

    protected, others = _split(lower, budgets)
    violations = sum([has_to_go(other) for other in protected])
    for other in others:
        has_to_go(other)
    if not victims:
        return _NO_VICTIMS
    return Candidate(node.name, tuple(sorted(victims, key=_importance)), violations)


def best_candidate(candidates: Sequence[Candidate]) -> Candidate:
    """Return the one that harms least.

    The fewest protected victims; then the lowest greatest priority; the lowest sum of priorities; the fewest victims; the latest start
    of the most important.
    """
    costs = [_cost(candidate) for candidate in candidates]
    cheapest = [candidate for candidate, cost in zip(candidates, costs, strict=True) if cost == min(costs)]
    return max(cheapest, key=_earliest_start)


def _refusal(pod: PodInfo, snapshot: Snapshot, nofit: NoFit) -> str:
    """Return why the pod may not preempt, "" if it may."""
    if pod.pod.spec.preemptionPolicy == "Never":
        return "not eligible due to preemptionPolicy=Never."
    nominated = snapshot.by_name.get(pod.pod.status.nominatedNodeName)
    if nominated is None:
        return ""
    unfit = nofit.of(nominated.name)
    if unfit is not None and not unfit.resolvable:
        return ""
    if any(other.priority < pod.priority and _is_being_preempted(other.pod) for other in nominated.pods.values()):
        return "not eligible due to a terminating pod on the nominated node."
    return ""


def _is_being_preempted(pod: Pod) -> bool:
    condition = facts.condition(pod, "DisruptionTarget")
    return pod.metadata.deletionTimestamp is not None and condition is not None and (condition.status, condition.reason) == ("True", REASON)


def _split(pods: Iterable[PodInfo], budgets: Sequence[PodDisruptionBudget]) -> tuple[list[PodInfo], list[PodInfo]]:
    """Split into those whose eviction would violate a budget, one after the other, and the others."""
    protected: list[PodInfo] = []
    others: list[PodInfo] = []
    left = [budget.status.disruptionsAllowed for budget in budgets]
    for pod in pods:
        violated = False
        for place, budget in enumerate(budgets):
            if _protects(budget, pod):
                left[place] -= 1
                violated |= left[place] < 0
        (protected if violated else others).append(pod)
    return protected, others


def _protects(budget: PodDisruptionBudget, pod: PodInfo) -> bool:
    """Say whether evicting the pod costs the budget: not if the API server has counted it already."""
    if budget.metadata.namespace != pod.namespace or not pod.labels or pod.name in budget.status.disruptedPods:
        return False
    try:
        selector = from_label_selector(budget.spec.selector)
    except SelectorError:
        return False
    return not selector.empty and selector.matches(pod.labels)


def _importance(pod: PodInfo) -> tuple[int, str]:
    return -pod.priority, pod.pod.status.startTime or _NEVER_STARTED


def _cost(candidate: Candidate) -> tuple[int, int, int, int]:
    priorities = [victim.priority for victim in candidate.victims]
    # shifted, so that many pods of a negative priority do not come cheaper than few
    total = sum(priority + 2**31 for priority in priorities)
    return candidate.violations, max(priorities), total, len(priorities)


def _earliest_start(candidate: Candidate) -> str:
    top = max(victim.priority for victim in candidate.victims)
    return min(victim.pod.status.startTime or _NEVER_STARTED for victim in candidate.victims if victim.priority == top)
