"""What a plugin may do: upstream's scheduling framework (KEP-624) as optional methods.

A plugin is one object with a name, the changes it waits for, and the methods of the points it takes part in. Each pod's attempt has a
`State`, where a plugin notes what it computed at PreFilter. Plugins read the snapshot and never change it; only Reserve and PreBind
act. Filter looks at all nodes in one call and answers with an array; so does Score, which is upstream's PreScore, Score and
NormalizeScore in one. What has to look at nodes one by one, as plugins for volumes do, is a NodeFilter.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from sagong.scheduler.candidates import Candidate
from sagong.scheduler.columns import Ints
from sagong.scheduler.events import Change
from sagong.scheduler.node_info import NodeInfo
from sagong.scheduler.nodes import Nodes
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.snapshot import Snapshot
from sagong.scheduler.table import Table

T = TypeVar("T")
MAX_SCORE = 100


class PluginError(Exception):
    """A plugin could not decide: the pod is tried again after a pause, with reason SchedulerError."""


class Unfit(NamedTuple):
    """Why a pod does not fit. `resolvable`: removing other pods from the node could help, so preemption may try."""

    plugin: str
    reasons: tuple[str, ...]
    resolvable: bool = True


class Refusals(NamedTuple):
    """Filter's answer: for each node 0, or a number other than 0 that stands for the reason against it."""

    codes: npt.NDArray[Any]
    why: Callable[[int], Unfit]
    """What a number stands for."""


class Skip(Enum):
    """PreFilter's way to say that the plugin's Filter has nothing to do for this pod."""

    SKIP = "skip"


SKIP: Final = Skip.SKIP
Verdict = Unfit | frozenset[str] | Skip | None


@runtime_checkable
class Forkable(Protocol):
    """A note that changes as pods are tried on and off a node."""

    def fork(self) -> Any:
        """Return a copy that changes by itself."""
        ...


@dataclass(slots=True)
class State:
    """One attempt's notes by plugin name, and the plugins whose Filter is skipped."""

    notes: dict[str, Any] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)

    def fork(self) -> State:
        """Return a copy for a trial."""
        return State({name: note.fork() if isinstance(note, Forkable) else note for name, note in self.notes.items()}, self.skipped)


class Listers(Protocol):
    """Objects of any kind that plugins read."""

    def get(self, kind: type[T], namespace: str, name: str) -> T | None:
        """Return one object; the namespace is empty for cluster-scoped kinds."""
        ...

    def list(self, kind: type[T], namespace: str = "") -> Iterable[T]:
        """Return all objects of a kind, or a namespace's."""
        ...


class OnOneNode(Protocol):
    """A pod's attempt on one node, with other pods moved on and off it."""

    @property
    def node(self) -> NodeInfo:
        """The node, as it would be."""
        ...

    def unfit(self) -> Unfit | None:
        """Return why the pod does not fit, counting pods of its priority or more that are nominated to the node."""
        ...

    def add(self, other: PodInfo) -> None:
        """Put another pod on the node."""
        ...

    def remove(self, other: PodInfo) -> None:
        """Take another pod off the node."""
        ...


class Trial(Protocol):
    """Tries a pod on nodes with other pods moved on and off: what a PostFilter plugin works with."""

    def on(self, state: State, pod: PodInfo, table: Table, node: NodeInfo) -> OnOneNode:
        """Return an attempt on one node."""
        ...

    def without_lower(self, state: State, pod: PodInfo, table: Table, rows: Ints) -> Sequence[Refusal] | None:
        """Return which nodes could not take the pod even without any pod of lower priority; None when it takes a look at each."""
        ...

    def stamps(self, state: State, pod: PodInfo, table: Table, rows: Ints) -> Sequence[int] | None:
        """Return, for each row, a number that is another when the fit there may be; None when it depends on other nodes too."""
        ...


class Refusal(NamedTuple):
    """The nodes, by row, that cannot take a pod for the same reason."""

    unfit: Unfit
    rows: Ints


@dataclass(slots=True)
class NoFit:
    """Why no node can take a pod: by reason, for all other nodes, or, from PreFilter, before any node was looked at."""

    nodes: int
    state: State
    refusals: Sequence[Refusal] = ()
    others: Unfit | None = None
    at_once: Unfit | None = None
    narrowed_by: frozenset[str] = frozenset()
    preemption: str = ""
    seen: int = 0
    """How many nodes were looked at."""

    def of(self, row: int) -> Unfit | None:
        """Return why the node of this row cannot take the pod."""
        found = (refusal.unfit for refusal in self.refusals if row in refusal.rows)
        return next(found, self.at_once or self.others)

    def resolvable(self, order: Ints) -> Ints:
        """Return those of the rows on which fewer pods could help."""
        rest = self.at_once or self.others
        rows = np.zeros(int(order.max(initial=-1)) + 1, np.bool_)
        rows[:] = rest is not None and rest.resolvable
        for refusal in self.refusals:
            rows[refusal.rows] = refusal.unfit.resolvable
        return order[rows[order]]

    @property
    def rejected_by(self) -> frozenset[str]:
        """The plugins that said no."""
        found = {refusal.unfit.plugin for refusal in self.refusals} | self.narrowed_by
        if self.at_once is not None:
            found.add(self.at_once.plugin)
        return frozenset(found - {""})

    def message(self) -> str:
        """Return the text of the FailedScheduling event and of the PodScheduled condition."""
        if not self.nodes:
            return "no nodes available to schedule pods"
        if self.at_once is not None:
            reasons = ", ".join(self.at_once.reasons)
        else:
            reasons = ", ".join(sorted(f"{count} {reason}" for reason, count in self._histogram().items()))
        text = f"0/{self.nodes} nodes are available:"
        if reasons:
            text += f" {reasons}."
        return f"{text} {self.preemption}" if self.preemption else text

    def _histogram(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        rest = self.nodes
        for unfit, rows in self.refusals:
            rest -= len(rows)
            for reason in unfit.reasons:
                counts[reason] = counts.get(reason, 0) + len(rows)
        if rest > 0 and self.others is not None:
            for reason in self.others.reasons:
                counts[reason] = counts.get(reason, 0) + rest
        return counts


@dataclass(frozen=True, slots=True)
class Nomination:
    """What PostFilter found: the node a pod is nominated to ("": to none any more, None: as before), and whom to evict for it."""

    node: str | None
    victims: tuple[PodInfo, ...] = ()
    message: str = ""
    choices: tuple[Candidate, ...] = ()
    """All that would do: extenders that have a say in preemption choose among them."""


class Named(Protocol):
    """What every point of a plugin has."""

    name: str


@runtime_checkable
class Plugin(Named, Protocol):
    """What every plugin has."""

    events: Mapping[str, int]
    """Kinds and actions (`scheduler.events`) that can make a pod that this plugin rejected schedulable."""


@runtime_checkable
class QueueingHint(Named, Protocol):
    """Looks closer at a change of `events` (KEP-4247). Without it each of them may help."""

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Return whether the pod is worth another attempt."""
        ...


@runtime_checkable
class Reads(Named, Protocol):
    """Names the kinds that a plugin looks up for a pod, so that they are followed from the first pod on that needs them."""

    def reads(self, pod: PodInfo) -> Iterable[type]:
        """Return the kinds."""
        ...


@runtime_checkable
class QueueSort(Named, Protocol):
    """Orders the active queue; one for all profiles."""

    def urgency(self, pod: PodInfo, since: float) -> tuple[float, float]:
        """Return what pods are ordered by, the least first; `since`: when the pod came into the queue."""
        ...


@runtime_checkable
class PreEnqueue(Named, Protocol):
    """Decides whether a pod may enter the active queue."""

    def pre_enqueue(self, pod: PodInfo) -> str | None:
        """Return why not, or None."""
        ...


@runtime_checkable
class GateHint(Named, Protocol):
    """A PreEnqueue plugin that knows which of its pods a change of `events` concerns. Without it each of them is asked about again."""

    def concerned(self, change: Change) -> Collection[str]:
        """Return the uids of pods that may be let in."""
        ...


@runtime_checkable
class PreFilter(Named, Protocol):
    """Computes what Filter needs; may narrow the nodes, give up at once, or say that Filter has nothing to do."""

    def pre_filter(self, state: State, pod: PodInfo, snapshot: Snapshot) -> Verdict:
        """Return the names of the only candidate nodes, why no node can do, SKIP, or None."""
        ...


@runtime_checkable
class PodExtensions(Named, Protocol):
    """Keeps PreFilter's notes true while a node is tried with more or fewer pods."""

    def add_pod(self, state: State, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        """Another pod is now on the node."""
        ...

    def remove_pod(self, state: State, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        """Another pod is no longer on the node."""
        ...


@runtime_checkable
class Filter(Named, Protocol):
    """Says which nodes can run a pod."""

    def filter(self, state: State, pod: PodInfo, nodes: Nodes) -> Refusals | None:
        """Return which cannot and why, None when all can."""
        ...


@runtime_checkable
class NodeFilter(Named, Protocol):
    """Says whether a node can run a pod, one node at a time; asked only about nodes that nothing else refuses."""

    def filter_node(self, state: State, pod: PodInfo, node: NodeInfo) -> Unfit | None:
        """Return why not, or None."""
        ...


@runtime_checkable
class PostFilter(Named, Protocol):
    """Tries to make room for a pod that fits nowhere."""

    post_filter_reads: Sequence[type]

    def post_filter(self, pod: PodInfo, snapshot: Snapshot, nofit: NoFit, trial: Trial) -> Nomination:
        """Return what to do."""
        ...


@runtime_checkable
class Score(Named, Protocol):
    """Rates the nodes that a pod fits."""

    def score(self, state: State, pod: PodInfo, nodes: Nodes, snapshot: Snapshot) -> Ints | None:
        """Return a rating of 0 to 100 for each node, None when there is nothing to say."""
        ...


@runtime_checkable
class Reserve(Named, Protocol):
    """Holds something for a pod whose node is chosen."""

    def reserve(self, state: State, pod: PodInfo, node: str) -> Unfit | None:
        """Hold; return why it cannot be held."""
        ...

    def unreserve(self, state: State, pod: PodInfo, node: str) -> None:
        """Let go; must not fail, and may be called twice."""
        ...


class Wait(NamedTuple):
    """Permit's way to hold a pod back, for so many seconds at most."""

    seconds: float


@runtime_checkable
class Permit(Named, Protocol):
    """May refuse a pod whose node is chosen, or let it wait until `permits.WaitingPods` says otherwise."""

    def permit(self, state: State, pod: PodInfo, node: str) -> Unfit | Wait | None:
        """Return why not, that the pod has to wait, or None."""
        ...


@runtime_checkable
class Bind(Named, Protocol):
    """Tells where a pod goes; the first plugin that takes the pod does it."""

    async def bind(self, state: State, pod: PodInfo, node: str) -> bool:
        """Bind; return False to leave it to the next plugin. Raises ApiError, OSError, PluginError."""
        ...


@runtime_checkable
class PostBind(Named, Protocol):
    """Hears of pods that are bound."""

    def post_bind(self, state: State, pod: PodInfo, node: str) -> None:
        """Take note; must not fail."""
        ...


@runtime_checkable
class PreBind(Named, Protocol):
    """Does what must be done before a pod is bound, such as provisioning its volumes."""

    def has_work(self, state: State, pod: PodInfo, node: str) -> bool:
        """Say whether `pre_bind` will do anything (KEP-5278)."""
        ...

    async def pre_bind(self, state: State, pod: PodInfo, node: str) -> None:
        """Do it. Raises PluginError."""
        ...


def normalize(scores: Ints, *, reverse: bool = False) -> Ints:
    """Scale ratings so that the greatest is 100; `reverse` makes the greatest the worst."""
    most = int(scores.max(initial=0))
    if most == 0:
        return np.full(len(scores), MAX_SCORE if reverse else 0, np.int64)
    scaled = MAX_SCORE * scores // most
    return MAX_SCORE - scaled if reverse else scaled


def refuse(codes: npt.NDArray[Any], *unfits: Unfit) -> Refusals | None:
    """Return a Filter's answer: `codes` are 0 or the place of the reason among `unfits`, counted from 1 (so True is the first)."""
    return Refusals(codes, lambda code: unfits[code - 1]) if codes.any() else None
