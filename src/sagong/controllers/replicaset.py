"""replicaset, replicationcontroller: as many pods as `replicas` says, no more and no fewer.

The older kind differs in how it spells its selector, and has no count of terminating pods.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sagong.api.clock import format_time, parse_time
from sagong.api.pods import condition, is_active, is_available, is_finished, is_ready
from sagong.api.selectors import NOTHING as SELECTS_NOTHING
from sagong.api.selectors import Selector, from_label_selector, from_labels
from sagong.api.types.apps import ReplicaSet, ReplicaSetCondition, ReplicaSetStatus
from sagong.api.types.core import (
    Pod,
    PodTemplateSpec,
    ReplicationController,
    ReplicationControllerCondition,
    ReplicationControllerStatus,
)
from sagong.client.plan import NOTHING, Action, Create, Delete, Failure, Plan, Together, Told, Update, rest_after
from sagong.controllers import conditions
from sagong.controllers.declaration import Controller, Key, Reconcile, Watch, writes
from sagong.controllers.ownership import claim, selecting
from sagong.controllers.pod_ranking import first_to_go
from sagong.controllers.pod_template import pod_from_template
from sagong.controllers.view import View, controlled, controller_of, orphans

BURST = 500  # pods created or deleted by one plan
REPLICA_FAILURE = "ReplicaFailure"
Set = ReplicaSet | ReplicationController
Status = ReplicaSetStatus | ReplicationControllerStatus


def selector_of(rs: Set) -> Selector:
    """Return the selector of a set's pods."""
    if isinstance(rs, ReplicationController):
        return from_labels(rs.spec.selector) if rs.spec.selector else SELECTS_NOTHING
    return from_label_selector(rs.spec.selector)


def reconciler(kind: type[Set]) -> Reconcile:
    """Return what gathers a set of that kind and its pods."""

    def reconcile(view: View, key: Key) -> Plan:
        rs = view.get(kind, *key)
        if rs is None:
            return NOTHING
        pods = (*controlled(view, Pod, rs.metadata.uid), *orphans(view, Pod, key.namespace))
        return plan(rs, pods, lambda: _sisters_pods(view, rs), view.now)

    return reconcile


def plan(rs: Set, pods: Sequence[Pod], related: Callable[[], Sequence[Pod]], now: datetime) -> Plan:
    """Plan one set. `pods` are its own and its namespace's orphans; `related` finds those of sets with the same owner."""
    selector = selector_of(rs)
    claimed = claim(rs, [pod for pod in pods if is_active(pod)], selector)
    owned = claimed.owned
    leaving = [pod for pod in pods if _terminates(pod) and _is_mine(rs, pod) and selector.matches(pod.metadata.labels)]
    managed: tuple[Action, ...] = ()
    if rs.metadata.deletionTimestamp is None:
        managed = _manage(rs, owned, related, now)

    def then(failure: Failure | None) -> Plan:
        status = status_of(rs, owned, len(leaving), failure, now)
        if status == rs.status:
            return NOTHING
        changed = rs.copy()
        changed.status = status
        return Plan((Update(changed, "status"),))

    return Plan((*claimed.actions, *managed), _next_check(rs, owned, now), then, rest=rest_after(len(pods)))


def status_of(rs: Set, pods: Sequence[Pod], terminating: int, failure: Failure | None, now: datetime) -> Status:
    """Count the pods; tell of a failure to create or delete some."""
    status: Status = rs.status.copy()
    template = _template(rs).metadata.labels.items()
    status.replicas = len(pods)
    status.fullyLabeledReplicas = sum(template <= pod.metadata.labels.items() for pod in pods)
    ready = [pod for pod in pods if is_ready(pod)]
    status.readyReplicas = len(ready)
    status.availableReplicas = (
        sum(is_available(pod, rs.spec.minReadySeconds, now) for pod in ready) if rs.spec.minReadySeconds else len(ready)
    )
    if isinstance(status, ReplicaSetStatus):
        status.terminatingReplicas = terminating
    status.observedGeneration = rs.metadata.generation
    if failure is None:
        conditions.remove(status.conditions, REPLICA_FAILURE)
    elif conditions.find(status.conditions, REPLICA_FAILURE) is None:
        missing = len(pods) < _wanted(rs)
        reason = "FailedCreate" if missing else "FailedDelete" if len(pods) > _wanted(rs) else ""
        kind: Any = ReplicaSetCondition if isinstance(rs, ReplicaSet) else ReplicationControllerCondition
        status.conditions.append(
            kind(type=REPLICA_FAILURE, status="True", reason=reason, message=str(failure), lastTransitionTime=format_time(now))
        )
    return status


def _manage(rs: Set, pods: Sequence[Pod], related: Callable[[], Sequence[Pod]], now: datetime) -> tuple[Action, ...]:
    missing = _wanted(rs) - len(pods)
    if missing > 0:
        told = Told(rs, ("SuccessfulCreate", "Created pod: {name}"), ("FailedCreate", "Error creating: {error}"))
        create = Create(pod_from_template(_template(rs), rs), told=told)  # they differ only in the names that the server gives
        return (Together((create,) * min(missing, BURST), slow_start=True),)
    if missing < 0:
        told = Told(rs, ("SuccessfulDelete", "Deleted pod: {name}"), ("FailedDelete", "Error deleting: {error}"))
        chosen = first_to_go(pods, related(), min(-missing, BURST), now)
        deletes = tuple(Delete(Pod, pod.metadata.name, pod.metadata.namespace, pod.metadata.uid, told=told) for pod in chosen)
        return (Together(deletes),)
    return ()


def _next_check(rs: Set, pods: Sequence[Pod], now: datetime) -> float | None:
    """Return the seconds until the next ready pod becomes available."""
    if not rs.spec.minReadySeconds:
        return None
    waits = [wait for pod in pods if (wait := _until_available(pod, rs.spec.minReadySeconds, now)) > 0]
    return min(waits, default=None)


def _until_available(pod: Pod, min_ready_seconds: int, now: datetime) -> float:
    ready = condition(pod, "Ready")
    if ready is None or ready.status != "True" or not ready.lastTransitionTime:
        return 0
    return (parse_time(ready.lastTransitionTime) + timedelta(seconds=min_ready_seconds) - now).total_seconds()


def _sisters_pods(view: View, rs: Set) -> list[Pod]:
    """Return the pods of all sets of the same owner, this one's included: the versions of one deployment crowd the same nodes."""
    owner = controller_of(rs)
    sets = controlled(view, type(rs), owner.uid) if owner is not None else (rs,)
    return [pod for sister in sets for pod in controlled(view, Pod, sister.metadata.uid)]


def _wanted(rs: Set) -> int:
    return 1 if rs.spec.replicas is None else rs.spec.replicas


def _template(rs: Set) -> PodTemplateSpec:
    return rs.spec.template or PodTemplateSpec()


def _terminates(pod: Pod) -> bool:
    return pod.metadata.deletionTimestamp is not None and not is_finished(pod)


def _is_mine(rs: Set, pod: Pod) -> bool:
    owner = controller_of(pod)
    return owner is not None and owner.uid == rs.metadata.uid


def _controller(name: str, account: str, kind: type[Set]) -> Controller:
    return Controller(
        name=name,
        account=account,
        component=f"{account.removesuffix('-controller')}-controller",
        watches=(Watch(kind), Watch(Pod, selecting(kind, selector_of))),
        owns=(Pod,),
        writes=writes(("create delete patch", Pod), ("update", kind, "status")),
        reconcile=reconciler(kind),
    )


REPLICA_SETS = _controller("replicaset", "replicaset-controller", ReplicaSet)
REPLICATION_CONTROLLERS = _controller("replicationcontroller", "replication-controller", ReplicationController)
