"""The daemonset loop: from a set, the nodes and its pods to a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sagong.api.pods import is_available, is_ready
from sagong.api.selectors import Selector, from_label_selector
from sagong.api.types.apps import ControllerRevision, DaemonSet, DaemonSetStatus
from sagong.api.types.core import Node, Pod
from sagong.api.types.meta import LabelSelector
from sagong.client.plan import NOTHING, Action, Create, Delete, Emit, Failure, Patch, Plan, Together, Told, Update, rest_after
from sagong.controllers.daemonset.placement import by_node, is_current, pod_for, should_run
from sagong.controllers.daemonset.update import Moves, allows_surge, rolling_update
from sagong.controllers.declaration import Controller, Key, Watch, updated, writes
from sagong.controllers.history import HASH_LABEL, Revisions, revisions, surplus
from sagong.controllers.ownership import claim, selecting
from sagong.controllers.view import View, controlled, controller_of, orphans

BURST = 250
FIRST_BACKOFF, LONGEST_BACKOFF = 1.0, 15 * 60.0


def selector_of(ds: DaemonSet) -> Selector:
    """Return the selector of a set's pods."""
    return from_label_selector(ds.spec.selector)


@dataclass(slots=True)
class FailedPods:
    """Remembers how often pods of a set failed on a node, so that they are not replaced without pause."""

    _until: dict[tuple[str, int, str], tuple[float, datetime]] = field(default_factory=dict)

    def wait(self, ds: DaemonSet, node: str, now: datetime) -> float:
        """Return the seconds until a failed pod may be deleted; 0 counts a failure."""
        key = (ds.metadata.uid, ds.status.observedGeneration, node)
        delay, since = self._until.get(key, (0.0, now))
        left = delay - (now - since).total_seconds()
        if left > 0:
            return left
        fresh = now - since > timedelta(seconds=2 * LONGEST_BACKOFF)
        self._until[key] = (FIRST_BACKOFF if fresh or not delay else min(delay * 2, LONGEST_BACKOFF), now)
        return 0.0


def controller() -> Controller:
    """Return the loop with its memory of failures."""
    failed = FailedPods()

    def reconcile(view: View, key: Key) -> Plan:
        ds = view.get(DaemonSet, *key)
        if ds is None:
            return NOTHING
        pods = (*controlled(view, Pod, ds.metadata.uid), *orphans(view, Pod, key.namespace))
        histories = (*controlled(view, ControllerRevision, ds.metadata.uid), *orphans(view, ControllerRevision, key.namespace))
        return plan(ds, view.list(Node), pods, histories, view.now, failed=failed)

    return Controller(
        name="daemonset",
        account="daemon-set-controller",
        component="daemonset-controller",
        watches=(
            Watch(DaemonSet),
            Watch(Pod, selecting(DaemonSet, selector_of)),
            Watch(Node, _all_sets, updated(_placement_changed)),
            # as upstream: one that is added changes nothing yet, and who adds it by hand may still be at work
            Watch(ControllerRevision, _owning_set, lambda old, _: old is not None),
        ),
        owns=(Pod,),
        writes=writes(
            ("create delete patch", Pod),
            ("create update delete patch", ControllerRevision),
            ("update", DaemonSet, "status"),
        ),
        reconcile=reconcile,
        workers=2,
    )


def _owning_set(_view: View, revision: ControllerRevision) -> Iterable[Key]:
    owner = controller_of(revision)
    return (Key(revision.metadata.namespace, owner.name),) if owner is not None and owner.kind == "DaemonSet" else ()


def plan(
    ds: DaemonSet,
    nodes: Sequence[Node],
    pods: Sequence[Pod],
    histories: Sequence[ControllerRevision],
    now: datetime,
    *,
    failed: FailedPods,
) -> Plan:
    """Plan one set. `pods` and `histories` are its own and the namespace's orphans."""
    if ds.spec.selector == LabelSelector():
        said = "This daemon set is selecting all pods. A non-empty selector is required."
        return Plan((Emit(ds, "Warning", "SelectingAll", said),))
    if ds.metadata.deletionTimestamp is not None:
        return NOTHING
    claimed_histories = claim(ds, histories, selector_of(ds))
    past = revisions(ds, claimed_histories.owned, {found.metadata.name: found for found in histories}.get)
    if past.collision:
        changed = ds.copy()
        changed.status.collisionCount = (ds.status.collisionCount or 0) + 1
        return Plan((Update(changed, "status"),))
    claimed = claim(ds, pods, selector_of(ds))
    placed = by_node(claimed.owned)
    managed = _Managed(ds, past.hash, now, failed)
    moves = managed.moves(nodes, placed)
    if not moves.create and not moves.delete and ds.spec.updateStrategy.type == "RollingUpdate":
        moves = rolling_update(ds, nodes, placed, past.hash, now)
    actions = (
        *claimed_histories.actions,
        *past.actions,
        *claimed.actions,
        *_relabel(past, claimed.owned, histories),
        *managed.events,
        *_carry_out(ds, moves, past.hash),
        *surplus(past.old, ds.spec.revisionHistoryLimit, (pod.metadata.labels.get(HASH_LABEL, "") for pod in claimed.owned)),
    )
    status = status_of(ds, nodes, placed, past.hash, now)

    def then(_failure: Failure | None) -> Plan:
        if status == ds.status:
            return NOTHING
        changed = ds.copy()
        changed.status = status
        return Plan((Update(changed, "status"),))

    waits = [float(ds.spec.minReadySeconds)] if ds.spec.minReadySeconds and status.numberReady != status.numberAvailable else []
    return Plan(actions, min([*waits, *managed.waits], default=None), then, rest=rest_after(len(nodes)))


def status_of(ds: DaemonSet, nodes: Iterable[Node], placed: Mapping[str, Sequence[Pod]], digest: str, now: datetime) -> DaemonSetStatus:
    """Count nodes by what they should and do have."""
    status = ds.status.copy()
    status.observedGeneration = ds.metadata.generation
    counts = dict.fromkeys(("desired", "current", "misscheduled", "ready", "available", "updated"), 0)
    for node in nodes:
        pods = placed.get(node.metadata.name, ())
        if not should_run(node, ds)[0]:
            counts["misscheduled"] += bool(pods)
            continue
        counts["desired"] += 1
        if pods:
            counts["current"] += 1
            counts["ready"] += is_ready(pods[0])
            counts["available"] += is_available(pods[0], ds.spec.minReadySeconds, now)
            counts["updated"] += is_current(pods[0], ds, digest)
    status.desiredNumberScheduled, status.currentNumberScheduled = counts["desired"], counts["current"]
    status.numberMisscheduled, status.numberReady = counts["misscheduled"], counts["ready"]
    status.updatedNumberScheduled, status.numberAvailable = counts["updated"], counts["available"]
    status.numberUnavailable = counts["desired"] - counts["available"]
    return status


class _Managed:
    """Finds nodes that lack a pod and pods that should not be, and what is to be said of it."""

    def __init__(self, ds: DaemonSet, digest: str, now: datetime, failed: FailedPods) -> None:
        self._ds, self._digest, self._now, self._failed = ds, digest, now, failed
        self.events: list[Action] = []
        self.waits: list[float] = []

    def moves(self, nodes: Sequence[Node], placed: Mapping[str, Sequence[Pod]]) -> Moves:
        """Look at every node, and at unbound pods of nodes that are gone."""
        create: list[str] = []
        delete: list[Pod] = []
        for node in nodes:
            name = node.metadata.name
            starts, stays = should_run(node, self._ds)
            pods = placed.get(name, ())
            if starts and not pods:
                create.append(name)
            elif stays:
                found = self._on_node(name, pods, starts=starts)
                create += found.create
                delete += found.delete
            else:
                delete += [pod for pod in pods if pod.metadata.deletionTimestamp is None]
        known = {node.metadata.name for node in nodes}
        delete += [pod for name, pods in placed.items() if name not in known for pod in pods if not pod.spec.nodeName]
        return Moves(delete, create)

    def _on_node(self, node: str, pods: Sequence[Pod], *, starts: bool) -> Moves:
        """Of a node that may have pods: finished ones go, and all but one; two may stay while an update surges."""
        delete: list[Pod] = []
        running: list[Pod] = []
        for pod in pods:
            if pod.metadata.deletionTimestamp is not None:
                continue
            if pod.status.phase == "Failed":
                delete += self._failed_pod(node, pod)
            elif pod.status.phase == "Succeeded":
                said = f"Found succeeded daemon pod {pod.metadata.namespace}/{pod.metadata.name} on node {node}, will try to delete it"
                self.events.append(Emit(self._ds, "Normal", "SucceededDaemonPod", said))
                delete.append(pod)
            else:
                running.append(pod)
        if not allows_surge(self._ds):
            return Moves(delete + running[1:])
        if len(running) <= 1:
            return Moves(delete, [node] if starts and not running else [])
        return Moves(delete + self._surplus(running))

    def _failed_pod(self, node: str, pod: Pod) -> list[Pod]:
        wait = self._failed.wait(self._ds, node, self._now)
        if wait:
            self.waits.append(wait)
            return []
        said = f"Found failed daemon pod {pod.metadata.namespace}/{pod.metadata.name} on node {node}, will try to kill it"
        self.events.append(Emit(self._ds, "Warning", "FailedDaemonPod", said))
        return [pod]

    def _surplus(self, running: Sequence[Pod]) -> list[Pod]:
        """Keep the oldest new and the oldest old pod; the old one goes when it is not ready or the new one is available."""
        new = next((pod for pod in running if pod.metadata.labels.get(HASH_LABEL) == self._digest), None)
        old = next((pod for pod in running if pod.metadata.labels.get(HASH_LABEL) != self._digest), None)
        delete = [pod for pod in running if pod not in (new, old)]
        if new is not None and old is not None and (not is_ready(old) or is_available(new, self._ds.spec.minReadySeconds, self._now)):
            delete.append(old)
        return delete


def _carry_out(ds: DaemonSet, moves: Moves, digest: str) -> tuple[Action, ...]:
    created = Told(ds, ("SuccessfulCreate", "Created pod: {name}"), ("FailedCreate", "Error creating: {error}"))
    deleted = Told(ds, ("SuccessfulDelete", "Deleted pod: {name}"), ("FailedDelete", "Error deleting: {error}"))
    creates = tuple(Create(pod_for(ds, node, digest), told=created) for node in moves.create[:BURST])
    deletes = tuple(Delete(Pod, pod.metadata.name, pod.metadata.namespace, pod.metadata.uid, told=deleted) for pod in moves.delete[:BURST])
    found: list[Action] = [Together(creates, slow_start=True)] if creates else []
    return (*found, Together(deletes)) if deletes else tuple(found)


def _relabel(past: Revisions, pods: Iterable[Pod], histories: Iterable[ControllerRevision]) -> tuple[Action, ...]:
    """Give pods of a revision that is deleted as a duplicate the hash of the one that stays."""
    doomed = {action.name for action in past.actions if isinstance(action, Delete)}
    hashes = {found.metadata.labels.get(HASH_LABEL) for found in histories if found.metadata.name in doomed} - {None}
    patch = {"metadata": {"labels": {HASH_LABEL: past.hash}}}
    return tuple(
        Patch(Pod, pod.metadata.name, pod.metadata.namespace, patch) for pod in pods if pod.metadata.labels.get(HASH_LABEL) in hashes
    )


def _all_sets(view: View, _node: Node) -> Iterable[Key]:
    return [Key(ds.metadata.namespace, ds.metadata.name) for ds in view.list(DaemonSet)]


def _placement_changed(old: Node, new: Node) -> bool:
    return old.metadata.labels != new.metadata.labels or old.spec.taints != new.spec.taints
