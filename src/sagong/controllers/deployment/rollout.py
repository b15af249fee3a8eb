"""How many pods each replica set is to have: rolling update, recreate, and scaling in the middle of either.

All functions are pure: sets in, wanted sizes by set name out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from sagong.api.types.apps import Deployment, ReplicaSet
from sagong.api.types.core import Pod
from sagong.controllers.deployment.revisions import (
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    History,
    replicas,
    size_annotation,
    surge_and_unavailable,
)

Sizes = dict[str, int]


def was_scaled(deployment: Deployment, sets: Iterable[ReplicaSet]) -> bool:
    """Say whether the deployment's size is no longer the one its active sets were made for."""
    desired = (size_annotation(rs, DESIRED_REPLICAS) for rs in sets if replicas(rs))
    return any(size is not None and size != replicas(deployment) for size in desired)


def new_set_size(deployment: Deployment, sets: Sequence[ReplicaSet], new: ReplicaSet) -> int:
    """Return the size to which the new set may grow now. `sets` includes it."""
    desired = replicas(deployment)
    if deployment.spec.strategy.type == "Recreate":
        return desired
    room = desired + surge_and_unavailable(deployment)[0] - sum(map(replicas, sets))
    return replicas(new) + min(room, desired - replicas(new)) if room > 0 else replicas(new)


def rolling_sizes(deployment: Deployment, known: History, new: ReplicaSet) -> Sizes:
    """Take the next step of a rolling update: grow the new set if there is room, else shrink old ones as far as pods are spare."""
    desired, sets = replicas(deployment), (*known.old, new)
    if replicas(new) != desired:
        size = desired if replicas(new) > desired else new_set_size(deployment, sets, new)
        if size != replicas(new):
            return {new.metadata.name: size}
    return _shrink_old(deployment, known.active_old, new, sets)


def recreate_sizes(deployment: Deployment, known: History, running_pods: Iterable[Pod]) -> Sizes | None:
    """Scale all old sets down; None while their pods are still there; then the new set up."""
    down = {rs.metadata.name: 0 for rs in known.active_old}
    if down:
        return down
    if any(rs.status.replicas for rs in known.old) or any(pod.status.phase not in ("Failed", "Succeeded") for pod in running_pods):
        return None
    return {known.new.metadata.name: replicas(deployment)} if known.new is not None else {}


def proportional_sizes(deployment: Deployment, known: History) -> Sizes:
    """Scale outside of a rollout step: the one active set, or all of them in proportion to their sizes."""
    only = _active_or_latest(known)
    if only is not None:
        return {only.metadata.name: replicas(deployment)}
    if known.new is not None and _saturated(deployment, known.new):
        return {rs.metadata.name: 0 for rs in known.active_old}
    if deployment.spec.strategy.type != "RollingUpdate":
        return {}
    return _spread(deployment, [rs for rs in known.all if replicas(rs)])


def _shrink_old(deployment: Deployment, old: Sequence[ReplicaSet], new: ReplicaSet, sets: Sequence[ReplicaSet]) -> Sizes:
    """Remove unhealthy old pods first, then healthy ones as long as enough are available."""
    if not old:
        return {}
    least = replicas(deployment) - surge_and_unavailable(deployment)[1]
    spare = sum(map(replicas, sets)) - least - (replicas(new) - _available(new))
    if spare <= 0:
        return {}
    sizes = {rs.metadata.name: replicas(rs) for rs in old}
    for rs in old:
        unhealthy = min(spare, replicas(rs) - _available(rs))
        sizes[rs.metadata.name] -= unhealthy
        spare -= unhealthy
    spare = sum(map(_available, sets)) - least
    for rs in old:
        healthy = min(max(spare, 0), sizes[rs.metadata.name])
        sizes[rs.metadata.name] -= healthy
        spare -= healthy
    return {rs.metadata.name: sizes[rs.metadata.name] for rs in old if sizes[rs.metadata.name] != replicas(rs)}


def _available(rs: ReplicaSet) -> int:
    """Return how many pods of a set are available, of those that it is to keep: its status may be older than its size."""
    return min(rs.status.availableReplicas, replicas(rs))


def _active_or_latest(known: History) -> ReplicaSet | None:
    """Return the only active set, the latest when none is; None when several are."""
    active = [rs for rs in known.all if replicas(rs)]
    if len(active) > 1:
        return None
    if active:
        return active[0]
    return known.new or (known.old[-1] if known.old else None)


def _saturated(deployment: Deployment, rs: ReplicaSet) -> bool:
    desired = replicas(deployment)
    return replicas(rs) == desired == size_annotation(rs, DESIRED_REPLICAS) == rs.status.availableReplicas


def _spread(deployment: Deployment, active: Sequence[ReplicaSet]) -> Sizes:
    """Add or take pods in proportion; what rounding leaves goes to the largest set."""
    desired = replicas(deployment)
    allowed = desired + surge_and_unavailable(deployment)[0] if desired else 0
    change = allowed - sum(map(replicas, active))
    ordered = _largest_first(active, newest_first=change > 0)
    sizes: Sizes = {}
    done = 0
    for rs in ordered:
        part = _part(deployment, rs, allowed_change=change - done) if change and change != done else 0
        sizes[rs.metadata.name] = replicas(rs) + part
        done += part
    if ordered and change:
        first = ordered[0].metadata.name
        sizes[first] = max(sizes[first] + change - done, 0)
    return sizes


def _largest_first(sets: Iterable[ReplicaSet], *, newest_first: bool) -> list[ReplicaSet]:
    by_age = sorted(sets, key=lambda rs: (rs.metadata.creationTimestamp, rs.metadata.name), reverse=newest_first)
    return sorted(by_age, key=replicas, reverse=True)


def _part(deployment: Deployment, rs: ReplicaSet, *, allowed_change: int) -> int:
    """Return a set's share of a change, which keeps its fraction of the whole."""
    desired = replicas(deployment)
    if not desired:
        share = -replicas(rs)
    else:
        before = size_annotation(rs, MAX_REPLICAS) or deployment.status.replicas
        if not before:
            return 0
        share = _round(replicas(rs) * (desired + surge_and_unavailable(deployment)[0]) / before) - replicas(rs)
    return min(share, allowed_change) if allowed_change > 0 else max(share, allowed_change)


def _round(number: float) -> int:
    """Round half away from zero, as upstream's RoundToInt32."""
    return math.floor(number + 0.5) if number >= 0 else math.ceil(number - 0.5)


def changed_sizes(sizes: Mapping[str, int], sets: Iterable[ReplicaSet]) -> Sizes:
    """Return those sizes that are not yet so."""
    return {rs.metadata.name: sizes[rs.metadata.name] for rs in sets if sizes.get(rs.metadata.name, replicas(rs)) != replicas(rs)}
