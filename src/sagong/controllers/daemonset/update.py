"""How a daemon set moves to a new template: by taking old pods away (maxUnavailable), or by surging (maxSurge, KEP-1591)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sagong.api.pods import is_available
from sagong.api.types.apps import DaemonSet
from sagong.api.types.core import Node, Pod
from sagong.controllers.daemonset.placement import is_current, should_run
from sagong.controllers.percent import scaled

Placed = Mapping[str, Sequence[Pod]]


@dataclass(frozen=True, slots=True)
class Moves:
    """Pods to delete, and nodes that get a pod."""

    delete: Sequence[Pod] = ()
    create: Sequence[str] = ()


def limits(ds: DaemonSet, nodes: int) -> tuple[int, int]:
    """Return how many nodes may have a pod too many, and how many may lack one; both round up."""
    rolling = ds.spec.updateStrategy.rollingUpdate
    if ds.spec.updateStrategy.type != "RollingUpdate" or rolling is None:
        return 0, 0
    surge, unavailable = scaled(rolling.maxSurge, nodes, round_up=True), scaled(rolling.maxUnavailable, nodes, round_up=True)
    return (surge, unavailable) if surge or unavailable or not nodes else (0, 1)


def allows_surge(ds: DaemonSet) -> bool:
    """Say whether a node may have two pods during an update."""
    return limits(ds, 1)[0] > 0


def rolling_update(ds: DaemonSet, nodes: Sequence[Node], placed: Placed, digest: str, now: datetime) -> Moves:
    """Take the next step of a rolling update."""
    wanted = [node.metadata.name for node in nodes if should_run(node, ds)[0]]
    surge, unavailable = limits(ds, len(wanted))
    every: dict[str, Sequence[Pod]] = {**dict.fromkeys(wanted, ()), **placed}
    pairs = {name: _pair(ds, pods, digest) for name, pods in every.items()}
    if surge:
        return _Surge(ds, nodes, now).moves(pairs, surge, len(wanted))
    return Moves(_replaceable(ds, pairs, unavailable, now))


_Pair = tuple[Pod | None, Pod | None] | None


def _pair(ds: DaemonSet, pods: Sequence[Pod], digest: str) -> _Pair:
    """Return a node's new and old pod; None when there are more of either, which the core loop is to settle first."""
    alive = [pod for pod in pods if pod.metadata.deletionTimestamp is None]
    new = [pod for pod in alive if is_current(pod, ds, digest)]
    old = [pod for pod in alive if not is_current(pod, ds, digest)]
    if len(new) > 1 or len(old) > 1:
        return None
    return (new[0] if new else None), (old[0] if old else None)


def _replaceable(ds: DaemonSet, pairs: Mapping[str, _Pair], unavailable: int, now: datetime) -> list[Pod]:
    """Return the old pods that may go: those not available anyway, and others while few nodes lack one."""
    missing = 0
    broken: list[Pod] = []
    candidates: list[Pod] = []
    for pair in pairs.values():
        new, old = pair or (None, None)
        if pair is not None and new is not None and old is None:
            missing += not _available(ds, new, now)
        elif pair is not None and old is not None and new is None:
            if _available(ds, old, now):
                candidates.append(old)
            else:
                broken.append(old)
                missing += 1
        else:
            missing += 1
    return broken + candidates[: max(unavailable - missing, 0)]


class _Surge:
    """Starts new pods beside old ones, and removes an old one when its successor is available."""

    def __init__(self, ds: DaemonSet, nodes: Sequence[Node], now: datetime) -> None:
        self._ds, self._now = ds, now
        self._nodes = {node.metadata.name: node for node in nodes}
        self._delete: list[Pod] = []
        self._misplaced: list[Pod] = []
        self._allowed: list[str] = []
        self._candidates: list[str] = []
        self._surging = self._available = 0

    def moves(self, pairs: Mapping[str, _Pair], surge: int, desired: int) -> Moves:
        """Look at every node, then choose within the limits."""
        for name, pair in pairs.items():
            if pair is None:
                self._surging += 1
            else:
                self._look(name, *pair)
        spare = max(self._available - desired, 0)
        return Moves(
            self._delete + self._misplaced[:spare],
            self._allowed + self._candidates[: max(surge - self._surging, 0)],
        )

    def _look(self, name: str, new: Pod | None, old: Pod | None) -> None:
        shown = old or new
        available = shown is not None and _available(self._ds, shown, self._now)
        self._available += available
        if old is None:
            return
        if new is not None:
            if _available(self._ds, new, self._now):
                self._delete.append(old)
            else:
                self._surging += 1
            return
        node = self._nodes.get(name)
        fits = node is not None and should_run(node, self._ds)[0]
        if fits:
            (self._candidates if available else self._allowed).append(name)
        else:
            (self._misplaced if available else self._delete).append(old)


def _available(ds: DaemonSet, pod: Pod, now: datetime) -> bool:
    return is_available(pod, ds.spec.minReadySeconds, now)
