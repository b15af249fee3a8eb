"""replicaset: as many pods as `replicas` says, no more and no fewer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sagong.api.clock import format_time, parse_time
from sagong.api.pods import condition, is_active, is_available, is_finished, is_ready
from sagong.api.selectors import Selector, from_label_selector
from sagong.api.types.apps import ReplicaSet, ReplicaSetCondition, ReplicaSetStatus
from sagong.api.types.core import Pod
from sagong.client.plan import NOTHING, Action, Create, Delete, Failure, Plan, Together, Told, Update
from sagong.controllers import conditions
from sagong.controllers.declaration import Controller, Key, Watch, writes
from sagong.controllers.ownership import claim, selecting
from sagong.controllers.pod_ranking import first_to_go
from sagong.controllers.pod_template import pod_from_template
from sagong.controllers.view import View, controlled, controller_of, orphans

BURST = 500  # pods created or deleted by one plan
REPLICA_FAILURE = "ReplicaFailure"


def selector_of(rs: ReplicaSet) -> Selector:
    """Return the selector of a set's pods."""
    return from_label_selector(rs.spec.selector)


def reconcile(view: View, key: Key) -> Plan:
    """Gather a set and its pods."""
    rs = view.get(ReplicaSet, *key)
    if rs is None:
        return NOTHING
    pods = (*controlled(view, Pod, rs.metadata.uid), *orphans(view, Pod, key.namespace))
    return plan(rs, pods, _sisters_pods(view, rs), view.now)


def plan(rs: ReplicaSet, pods: Sequence[Pod], related: Sequence[Pod], now: datetime) -> Plan:
    """Plan one set. `pods` are its own and its namespace's orphans; `related` those of sets with the same owner."""
    claimed = claim(rs, [pod for pod in pods if is_active(pod)], selector_of(rs))
    owned = claimed.owned
    leaving = [pod for pod in pods if _terminates(pod) and _is_mine(rs, pod) and selector_of(rs).matches(pod.metadata.labels)]
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

    return Plan((*claimed.actions, *managed), _next_check(rs, owned, now), then)


def status_of(rs: ReplicaSet, pods: Sequence[Pod], terminating: int, failure: Failure | None, now: datetime) -> ReplicaSetStatus:
    """Count the pods; tell of a failure to create or delete some."""
    status = rs.status.copy()
    template = rs.spec.template.metadata.labels.items()
    status.replicas = len(pods)
    status.fullyLabeledReplicas = sum(template <= pod.metadata.labels.items() for pod in pods)
    status.readyReplicas = sum(is_ready(pod) for pod in pods)
    status.availableReplicas = sum(is_available(pod, rs.spec.minReadySeconds, now) for pod in pods)
    status.terminatingReplicas = terminating
    status.observedGeneration = rs.metadata.generation
    if failure is None:
        conditions.remove(status.conditions, REPLICA_FAILURE)
    elif conditions.find(status.conditions, REPLICA_FAILURE) is None:
        missing = len(pods) < _wanted(rs)
        reason = "FailedCreate" if missing else "FailedDelete" if len(pods) > _wanted(rs) else ""
        status.conditions.append(
            ReplicaSetCondition(
                type=REPLICA_FAILURE, status="True", reason=reason, message=str(failure), lastTransitionTime=format_time(now)
            )
        )
    return status


def _manage(rs: ReplicaSet, pods: Sequence[Pod], related: Sequence[Pod], now: datetime) -> tuple[Action, ...]:
    missing = _wanted(rs) - len(pods)
    if missing > 0:
        told = Told(rs, ("SuccessfulCreate", "Created pod: {name}"), ("FailedCreate", "Error creating: {error}"))
        creates = tuple(Create(pod_from_template(rs.spec.template, rs), told=told) for _ in range(min(missing, BURST)))
        return (Together(creates, slow_start=True),)
    if missing < 0:
        told = Told(rs, ("SuccessfulDelete", "Deleted pod: {name}"), ("FailedDelete", "Error deleting: {error}"))
        chosen = first_to_go(pods, related, min(-missing, BURST), now)
        deletes = tuple(Delete(Pod, pod.metadata.name, pod.metadata.namespace, pod.metadata.uid, told=told) for pod in chosen)
        return (Together(deletes),)
    return ()


def _next_check(rs: ReplicaSet, pods: Sequence[Pod], now: datetime) -> float | None:
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


def _sisters_pods(view: View, rs: ReplicaSet) -> list[Pod]:
    """Return the pods of all sets of the same owner, this one's included: the versions of one deployment crowd the same nodes."""
    owner = controller_of(rs)
    sets = controlled(view, ReplicaSet, owner.uid) if owner is not None else (rs,)
    return [pod for sister in sets for pod in controlled(view, Pod, sister.metadata.uid)]


def _wanted(rs: ReplicaSet) -> int:
    return 1 if rs.spec.replicas is None else rs.spec.replicas


def _terminates(pod: Pod) -> bool:
    return pod.metadata.deletionTimestamp is not None and not is_finished(pod)


def _is_mine(rs: ReplicaSet, pod: Pod) -> bool:
    owner = controller_of(pod)
    return owner is not None and owner.uid == rs.metadata.uid


CONTROLLER = Controller(
    name="replicaset",
    account="replicaset-controller",
    watches=(Watch(ReplicaSet), Watch(Pod, selecting(ReplicaSet, selector_of))),
    owns=(Pod,),
    writes=writes(("create delete patch", Pod), ("update", ReplicaSet, "status")),
    reconcile=reconcile,
)
