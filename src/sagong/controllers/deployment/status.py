"""What a deployment's status says: counts, Available, Progressing with its deadline, ReplicaFailure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sagong.api.clock import format_time, parse_time
from sagong.api.types.apps import Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet
from sagong.controllers import conditions
from sagong.controllers.deployment.revisions import MAX_INT32, replicas, surge_and_unavailable

AVAILABLE, PROGRESSING, REPLICA_FAILURE = "Available", "Progressing", "ReplicaFailure"
TIMED_OUT, COMPLETE = "ProgressDeadlineExceeded", "NewReplicaSetAvailable"


def condition(kind: str, status: str, reason: str, message: str, now: datetime) -> DeploymentCondition:
    """Return a condition that changes now."""
    stamp = format_time(now)
    return DeploymentCondition(type=kind, status=status, reason=reason, message=message, lastUpdateTime=stamp, lastTransitionTime=stamp)


def has_deadline(deployment: Deployment) -> bool:
    """Say whether progress has a deadline."""
    return deployment.spec.progressDeadlineSeconds not in (None, MAX_INT32)


def counted(deployment: Deployment, sets: Sequence[ReplicaSet], new: ReplicaSet | None, now: datetime) -> DeploymentStatus:
    """Count pods over all sets and say whether enough are available."""
    available = sum(rs.status.availableReplicas for rs in sets)
    status = DeploymentStatus(
        observedGeneration=deployment.metadata.generation,
        replicas=sum(rs.status.replicas for rs in sets),
        updatedReplicas=new.status.replicas if new is not None else 0,
        readyReplicas=sum(rs.status.readyReplicas for rs in sets),
        availableReplicas=available,
        unavailableReplicas=max(sum(map(replicas, sets)) - available, 0),
        terminatingReplicas=_terminating(sets),
        collisionCount=deployment.status.collisionCount,
        conditions=[entry.copy() for entry in deployment.status.conditions],
    )
    if available >= replicas(deployment) - surge_and_unavailable(deployment)[1]:
        said = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        said = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    conditions.put(status.conditions, condition(AVAILABLE, *said, now))
    return status


def rolled_out(deployment: Deployment, sets: Sequence[ReplicaSet], new: ReplicaSet | None, now: datetime) -> DeploymentStatus:
    """Count, and judge the progress of a rollout against the status before."""
    status = counted(deployment, sets, new, now)
    if not has_deadline(deployment):
        conditions.remove(status.conditions, PROGRESSING)
    else:
        _judge(deployment, status, new, now)
    failed = _replica_failure(sets, new)
    if failed is not None:
        conditions.put(status.conditions, failed)
    else:
        conditions.remove(status.conditions, REPLICA_FAILURE)
    return status


def is_complete(deployment: Deployment, status: DeploymentStatus) -> bool:
    """Say whether all pods are of the new template and available, and no other is left."""
    desired = replicas(deployment)
    return (
        status.updatedReplicas == desired
        and status.replicas == desired
        and status.availableReplicas == desired
        and status.observedGeneration >= deployment.metadata.generation
    )


def until_deadline(deployment: Deployment, status: DeploymentStatus, now: datetime) -> float | None:
    """Return the seconds until an unfinished rollout is to be judged again."""
    current = conditions.find(status.conditions, PROGRESSING)
    if not has_deadline(deployment) or current is None or is_complete(deployment, status) or current.reason in (TIMED_OUT, COMPLETE):
        return None
    left = (_deadline(deployment, current) - now).total_seconds()
    return max(left, 0) + 1


def _judge(deployment: Deployment, status: DeploymentStatus, new: ReplicaSet | None, now: datetime) -> None:
    current = conditions.find(deployment.status.conditions, PROGRESSING)
    if status.replicas == status.updatedReplicas and current is not None and current.reason == COMPLETE:
        return
    subject = f'ReplicaSet "{new.metadata.name}"' if new is not None else f'Deployment "{deployment.metadata.name}"'
    if is_complete(deployment, status):
        conditions.put(status.conditions, condition(PROGRESSING, "True", COMPLETE, f"{subject} has successfully progressed.", now))
    elif _progresses(deployment.status, status):
        fresh = condition(PROGRESSING, "True", "ReplicaSetUpdated", f"{subject} is progressing.", now)
        if current is not None and current.status == "True":
            fresh.lastTransitionTime = current.lastTransitionTime
        conditions.remove(status.conditions, PROGRESSING)
        status.conditions.append(fresh)
    elif _timed_out(deployment, status, now):
        conditions.put(status.conditions, condition(PROGRESSING, "False", TIMED_OUT, f"{subject} has timed out progressing.", now))


def _progresses(before: DeploymentStatus, after: DeploymentStatus) -> bool:
    return (
        after.updatedReplicas > before.updatedReplicas
        or after.replicas - after.updatedReplicas < before.replicas - before.updatedReplicas
        or after.readyReplicas > before.readyReplicas
        or after.availableReplicas > before.availableReplicas
    )


def _timed_out(deployment: Deployment, status: DeploymentStatus, now: datetime) -> bool:
    current = conditions.find(status.conditions, PROGRESSING)
    if current is None or current.reason == COMPLETE:
        return False
    return current.reason == TIMED_OUT or _deadline(deployment, current) < now


def _deadline(deployment: Deployment, current: DeploymentCondition) -> datetime:
    since = current.lastUpdateTime or current.lastTransitionTime
    return parse_time(since) + timedelta(seconds=deployment.spec.progressDeadlineSeconds or 0)


def _replica_failure(sets: Sequence[ReplicaSet], new: ReplicaSet | None) -> DeploymentCondition | None:
    for rs in (*((new,) if new is not None else ()), *sets):
        found = conditions.find(rs.status.conditions, REPLICA_FAILURE)
        if found is not None:
            return DeploymentCondition(
                type=found.type,
                status=found.status,
                reason=found.reason,
                message=found.message,
                lastUpdateTime=found.lastTransitionTime,
                lastTransitionTime=found.lastTransitionTime,
            )
    return None


def _terminating(sets: Sequence[ReplicaSet]) -> int | None:
    """Sum up; None while a set's status does not say."""
    known = [rs.status.terminatingReplicas for rs in sets if rs.status.observedGeneration or rs.status.terminatingReplicas is not None]
    return None if None in known else sum(count or 0 for count in known)
