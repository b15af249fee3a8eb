"""What a plugin may do, and the table of plugins: upstream's scheduling framework (KEP-624) as optional methods.

A plugin is one object with the methods of the points it takes part in. Each pod's attempt has a `State`, where a plugin keeps what it
computed at PreFilter or PreScore. Plugins read the snapshot and never change it; only Reserve, PreBind and Bind act.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from sagong.api.types.core import Pod
from sagong.scheduler.snapshot import NodeInfo, Snapshot

MAX_SCORE = 100

State = dict[str, Any]
"""One attempt's notes, by plugin name."""


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a pod does not fit. `resolvable`: removing other pods from the node could help, so preemption may try."""

    reasons: tuple[str, ...]
    resolvable: bool = True
    plugin: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Something in the cluster changed that may make a pod schedulable: the kind's name, and the objects before and after."""

    kind: str
    old: Any
    new: Any


@runtime_checkable
class PreEnqueue(Protocol):
    """Decides whether a pod may enter the active queue."""

    def pre_enqueue(self, pod: Pod) -> str | None:
        """Return why not, or None."""
        ...


@runtime_checkable
class PreFilter(Protocol):
    """Computes what Filter needs; may narrow the nodes or give up at once."""

    def pre_filter(self, state: State, pod: Pod, snapshot: Snapshot) -> Unfit | frozenset[str] | None:
        """Return the names of the only candidate nodes, why no node can do, or None."""
        ...


@runtime_checkable
class PreFilterExtensions(Protocol):
    """Keeps PreFilter's notes true while preemption tries a node without some of its pods."""

    def add_pod(self, state: State, pod: Pod, other: Pod, node: NodeInfo) -> None:
        """Another pod is now on the node."""
        ...

    def remove_pod(self, state: State, pod: Pod, other: Pod, node: NodeInfo) -> None:
        """Another pod is no longer on the node."""
        ...


@runtime_checkable
class Filter(Protocol):
    """Says whether a node can run a pod."""

    def filter(self, state: State, pod: Pod, node: NodeInfo) -> Unfit | None:
        """Return why not, or None."""
        ...


@runtime_checkable
class PreScore(Protocol):
    """Computes what Score needs."""

    def pre_score(self, state: State, pod: Pod, nodes: Sequence[NodeInfo]) -> bool:
        """Return whether this plugin has anything to score for this pod."""
        ...


@runtime_checkable
class Score(Protocol):
    """Rates a node, 0 to 100 after `normalize`."""

    def score(self, state: State, pod: Pod, node: NodeInfo) -> int:
        """Return the raw rating."""
        ...


@runtime_checkable
class Normalize(Protocol):
    """Brings raw ratings into 0 to 100."""

    def normalize(self, state: State, pod: Pod, scores: Mapping[str, int]) -> Mapping[str, int]:
        """Return the ratings by node name."""
        ...


@runtime_checkable
class Reserve(Protocol):
    """Holds something for a pod whose node is chosen."""

    def reserve(self, state: State, pod: Pod, node: str) -> Unfit | None:
        """Hold; return why it cannot be held."""
        ...

    def unreserve(self, state: State, pod: Pod, node: str) -> None:
        """Let go; must not fail."""
        ...


@runtime_checkable
class PreBind(Protocol):
    """Does what must be done before a pod is bound, such as provisioning its volumes."""

    async def pre_bind(self, state: State, pod: Pod, node: str) -> Unfit | None:
        """Do it; return why it could not be done."""
        ...


@runtime_checkable
class QueueingHint(Protocol):
    """Says which changes may help a pod that this plugin rejected (KEP-4247). Without it every change of `events` may."""

    def may_help(self, pod: Pod, change: Change) -> bool:
        """Return whether the pod is worth another attempt."""
        ...


@runtime_checkable
class Plugin(Protocol):
    """What every plugin has."""

    name: str
    events: frozenset[str]
    """Kinds whose changes can make a pod that this plugin rejected schedulable."""


def normalize(scores: Mapping[str, int], *, reverse: bool = False) -> Mapping[str, int]:
    """Scale ratings so that the greatest is 100; `reverse` makes the greatest the worst."""
    most = max(scores.values(), default=0)
    if most == 0:
        return dict.fromkeys(scores, MAX_SCORE) if reverse else dict(scores)
    scaled = {name: value * MAX_SCORE // most for name, value in scores.items()}
    return {name: MAX_SCORE - value for name, value in scaled.items()} if reverse else scaled
