"""DefaultPreemption: for a pod that fits nowhere, choose a node and the fewest, least important pods whose eviction makes room.

Pure: it tries on copies and returns a choice. Who evicts is `scheduler.evictor`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import Protocol

import msgspec
import numpy as np

from sagong.api import pods as facts
from sagong.api.clock import Random
from sagong.api.selectors import SelectorError, from_label_selector
from sagong.api.types.core import Pod
from sagong.api.types.policy import PodDisruptionBudget
from sagong.scheduler.candidates import Candidate, best_candidate, started_of
from sagong.scheduler.events import DELETE, Change, on
from sagong.scheduler.framework import Listers, NoFit, Nomination, OnOneNode, Refusal, Trial, Unfit
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.snapshot import Snapshot
from sagong.scheduler.table import Table

_NAME = "DefaultPreemption"
_NO_VICTIMS = Unfit(_NAME, ("No preemption victims found for incoming pod",), resolvable=False)
_NOT_HELPFUL = Unfit(_NAME, ("Preemption is not helpful for scheduling",), resolvable=False)
REASON = "PreemptionByScheduler"
MAX_MEMORIES = 8


_NEVER: tuple[int, None] = (-1, None)


class Preemptions(Protocol):
    """The preemptions that are still being carried out."""

    def is_running(self, uid: str) -> bool:
        """Say whether victims of this pod are still to be evicted."""
        ...

    def preemptors_for(self, victim: str) -> Collection[str]:
        """Return the pods, by uid, that may be tried again once this victim is gone."""
        ...


class NoPreemptions:
    """None, where nobody carries any out."""

    def is_running(self, uid: str) -> bool:
        """Say no."""
        del uid
        return False

    def preemptors_for(self, victim: str) -> Collection[str]:
        """Return nobody."""
        del victim
        return ()


class DefaultPreemption:
    """PreEnqueue and PostFilter."""

    name = _NAME
    events = on(Pod=DELETE)
    post_filter_reads: Sequence[type] = (PodDisruptionBudget,)

    def __init__(
        self,
        listers: Listers,
        random: Random,
        running: Preemptions,
        *,
        min_percentage: int = 10,
        min_absolute: int = 100,
    ) -> None:
        self._listers, self._random, self._running = listers, random, running
        self._memory = _Memories()
        self._min_percentage, self._min_absolute = min_percentage, min_absolute

    def pre_enqueue(self, pod: PodInfo) -> str | None:
        """Hold a pod back while its victims are being evicted."""
        return "waiting for the preemption for this pod to be finished" if self._running.is_running(pod.uid) else None

    def concerned(self, change: Change) -> Collection[str]:
        """Name who waits for the pod that went to be the last of its victims."""
        return self._running.preemptors_for(change.old.metadata.uid)

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Leave it to the plugins that rejected the pod."""
        del pod, change
        return False

    def post_filter(self, pod: PodInfo, snapshot: Snapshot, nofit: NoFit, trial: Trial) -> Nomination:
        """Choose a node and victims."""
        refusal = _refusal(pod, snapshot, nofit)
        if refusal:
            return Nomination(None, message=f"preemption: {refusal}")
        candidates, refusals = self._candidates(pod, snapshot, nofit, trial)
        if not candidates:
            failure = NoFit(len(snapshot), nofit.state, refusals, _NOT_HELPFUL)
            return Nomination("", message=f"preemption: {failure.message()}")
        best = best_candidate(candidates)
        return Nomination(best.node, best.victims, choices=tuple(candidates))

    def _candidates(self, pod: PodInfo, snapshot: Snapshot, nofit: NoFit, trial: Trial) -> tuple[list[Candidate], list[Refusal]]:
        """Try the nodes on which fewer pods could help, from a random one on, until there are enough candidates."""
        table, state = snapshot.table, nofit.state
        rows = nofit.resolvable(snapshot.order)
        if not len(rows):
            return [], []
        enough = min(max(len(rows) * self._min_percentage // 100, self._min_absolute), len(rows))
        refusals: list[Refusal] = []
        nothing_lower = sum((sums.pods[rows] for sums in table.lower(pod.priority)), np.zeros(len(rows), np.int64)) == 0
        if nothing_lower.any():
            refusals.append(Refusal(_NO_VICTIMS, rows[nothing_lower]))
            rows = rows[~nothing_lower]
        hopeless = trial.without_lower(state, pod, table, rows) if len(rows) else None
        if hopeless:
            refusals += hopeless
            rows = rows[~np.isin(rows, np.concatenate([refusal.rows for refusal in hopeless]))]
        if not len(rows):
            return [], refusals
        rows = np.roll(rows, -int(self._random.uniform() * len(rows)))
        budgets = list(self._listers.list(PodDisruptionBudget))
        memory = self._memory.of(pod, budgets, trial.stamps(state, pod, table, rows))
        kind = 0
        candidates: list[Candidate] = []
        for place, row in enumerate(rows.tolist()):
            found = memory.get(place, row)
            if found is None:
                found = select_victims(trial.on(state, pod, table, _node(table, row)), pod, budgets)
                memory.put(place, row, found)
            if isinstance(found, Unfit):
                refusals.append(Refusal(found, rows[place : place + 1]))
                continue
            candidates.append(found)
            kind += not found.violations
            if kind and len(candidates) >= enough:
                break
        return candidates, refusals


def select_victims(attempt: OnOneNode, pod: PodInfo, budgets: Sequence[PodDisruptionBudget]) -> Candidate | Unfit:
    """Take all pods of lower priority off the node; if the pod fits then, put back all that can stay, the important first."""
    lower = sorted((other for other in attempt.node.pods.values() if other.priority < pod.priority), key=_importance)
    if not lower:
        return _NO_VICTIMS
    for other in lower:
        attempt.remove(other)
    unfit = attempt.unfit()
    if unfit is not None:
        return unfit
    victims: list[PodInfo] = []

    def has_to_go(other: PodInfo) -> bool:
        attempt.add(other)
        if attempt.unfit() is None:
            return False
        attempt.remove(other)
        victims.append(other)
        return True

    protected, others = _split(lower, budgets)
    violations = sum([has_to_go(other) for other in protected])
    for other in others:
        has_to_go(other)
    if not victims:
        return _NO_VICTIMS
    return Candidate.of(attempt.node.name, sorted(victims, key=_importance), violations)


class _Memory:
    """The candidates found for one sort of pod, by row, each with the row's stamp then. Without stamps nothing is remembered."""

    def __init__(self, found: dict[int, tuple[int, Candidate | Unfit]], stamps: Sequence[int] | None) -> None:
        self._found, self._stamps = found, stamps

    def get(self, place: int, row: int) -> Candidate | Unfit | None:
        """Return what was found and still holds."""
        if self._stamps is None:
            return None
        stamp, found = self._found.get(row, _NEVER)
        return found if stamp == self._stamps[place] else None

    def put(self, place: int, row: int, found: Candidate | Unfit) -> None:
        """Keep what was found."""
        if self._stamps is not None:
            self._found[row] = (self._stamps[place], found)


class _Memories:
    """For the sorts of pods that preempted last."""

    def __init__(self) -> None:
        self._found: OrderedDict[Hashable, dict[int, tuple[int, Candidate | Unfit]]] = OrderedDict()

    def of(self, pod: PodInfo, budgets: Sequence[PodDisruptionBudget], stamps: Sequence[int] | None) -> _Memory:
        """Return the memory for pods like this one under these budgets."""
        spec = pod.pod.spec
        demands = msgspec.json.encode((spec.nodeSelector, spec.affinity, spec.tolerations))
        key = (pod.needs, pod.priority, demands, tuple((b.metadata.uid, b.metadata.resourceVersion) for b in budgets))
        found = self._found.setdefault(key, {})
        self._found.move_to_end(key)
        while len(self._found) > MAX_MEMORIES:
            self._found.popitem(last=False)
        return _Memory(found, stamps)


def _node(table: Table, row: int) -> NodeInfo:
    node = table.infos[row]
    assert node is not None
    return node


def _refusal(pod: PodInfo, snapshot: Snapshot, nofit: NoFit) -> str:
    """Return why the pod may not preempt, "" if it may."""
    if pod.pod.spec.preemptionPolicy == "Never":
        return "not eligible due to preemptionPolicy=Never."
    nominated = snapshot.get(pod.pod.status.nominatedNodeName)
    if nominated is None:
        return ""
    unfit = nofit.of(nominated.row)
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
    return -pod.priority, started_of(pod)
