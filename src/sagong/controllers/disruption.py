"""disruption: says how many pods of a budget may be evicted now (KEP-85); evictions are decided by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sagong.api.clock import format_time, parse_time
from sagong.api.errors import ApiError, NotFoundError
from sagong.api.pods import condition, is_finished, is_ready
from sagong.api.selectors import from_label_selector
from sagong.api.types.apps import Deployment, ReplicaSet, StatefulSet
from sagong.api.types.autoscaling_v1 import Scale
from sagong.api.types.core import Pod, PodCondition, ReplicationController
from sagong.api.types.meta import Condition, OwnerReference
from sagong.api.types.policy import PodDisruptionBudget, PodDisruptionBudgetStatus
from sagong.client.discovery import discovered
from sagong.client.endpoint import Endpoint
from sagong.client.plan import NOTHING, Action, Emit, Plan, Update, rest_after
from sagong.controllers import conditions
from sagong.controllers.declaration import Controller, Key, Watch, updated, writes
from sagong.controllers.percent import scaled
from sagong.controllers.pod_conditions import DISRUPTION_TARGET, patch_status
from sagong.controllers.view import Live, View, controller_of, selected

DELETION_TIMEOUT = timedelta(minutes=2)  # until an eviction that was granted counts as not carried out
ALLOWED = "DisruptionAllowed"
_POD = "pod:"
_SCALED: Mapping[str, type[Any]] = {
    "ReplicaSet": ReplicaSet,
    "ReplicationController": ReplicationController,
    "StatefulSet": StatefulSet,
    "Deployment": Deployment,
}


class ScaleError(Exception):
    """How many pods there should be cannot be found out."""


class Expected(NamedTuple):
    """How many pods there should be, how many of them healthy, and which pods nobody manages."""

    pods: int
    healthy: int
    unmanaged: Sequence[str] = ()


async def reconcile(live: Live, key: Key) -> Plan:
    """Gather a budget, its pods and their controllers' scales."""
    if key.name.startswith(_POD):
        pod = live.get(Pod, key.namespace, key.name.removeprefix(_POD))
        return plan_stale(pod, live.now) if pod is not None else NOTHING
    budget = live.get(PodDisruptionBudget, *key)
    if budget is None:
        return NOTHING
    selector = from_label_selector(budget.spec.selector)
    pods = [pod for pod in selected(live, Pod, key.namespace, selector) if not is_finished(pod)]
    try:
        expected = await _expected(live, budget, pods)
    except (ScaleError, ValueError, ApiError) as error:
        return plan_failed(budget, str(error), live.now)
    return plan(budget, pods, expected, live.now)


def plan(budget: PodDisruptionBudget, pods: Sequence[Pod], expected: Expected, now: datetime) -> Plan:
    """Plan one budget's status."""
    said: list[Action] = []
    if not pods:
        said.append(Emit(budget, "Normal", "NoPods", "No matching pods found"))
    if expected.unmanaged:
        text = (
            f"Pods selected by this PodDisruptionBudget (selector: {from_label_selector(budget.spec.selector)}) were found to be unmanaged."
            " As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for"
            ' these pods please set ".spec.minAvailable" field of the PDB to an integer value.'
        )
        said.append(Emit(budget, "Warning", "UnmanagedPods", text))
    disrupted = _still_disrupted(budget, pods, now)
    healthy = sum(is_ready(pod) for pod in pods if pod.metadata.deletionTimestamp is None and pod.metadata.name not in disrupted)
    status = PodDisruptionBudgetStatus(
        observedGeneration=budget.metadata.generation,
        disruptedPods=dict(disrupted),
        disruptionsAllowed=max(healthy - expected.healthy, 0) if expected.pods > 0 else 0,
        currentHealthy=healthy,
        desiredHealthy=expected.healthy,
        expectedPods=expected.pods,
        conditions=[entry.copy() for entry in budget.status.conditions],
    )
    allowed = status.disruptionsAllowed > 0
    _set_condition(status, "True" if allowed else "False", "SufficientPods" if allowed else "InsufficientPods", "", now)
    waits = [(parse_time(granted) + DELETION_TIMEOUT - now).total_seconds() for granted in disrupted.values()]
    return Plan((*said, *_write(budget, status)), min(waits, default=None), rest=rest_after(len(pods)))


def plan_failed(budget: PodDisruptionBudget, error: str, now: datetime) -> Plan:
    """Allow nothing while it is not known what may be allowed."""
    status = budget.status.copy()
    status.disruptionsAllowed = 0
    _set_condition(status, "False", "SyncFailed", error, now)
    said = f"Failed to calculate the number of expected pods: {error}"
    return Plan((Emit(budget, "Warning", "CalculateExpectedPodCountFailed", said), *_write(budget, status)))


def plan_stale(pod: Pod, now: datetime) -> Plan:
    """Take back the mark of a disruption that has not come in two minutes."""
    found = condition(pod, DISRUPTION_TARGET)
    if found is None or found.status != "True" or found.reason == "TerminationByKubelet":
        return NOTHING
    if pod.metadata.deletionTimestamp is not None or is_finished(pod):
        return NOTHING
    left = (parse_time(found.lastTransitionTime) + DELETION_TIMEOUT - now).total_seconds()
    if left > 0:
        return Plan(requeue_after=left)
    undone = PodCondition(type=DISRUPTION_TARGET, status="False", lastTransitionTime=format_time(now))
    return Plan((patch_status(pod, conditions=[undone]),))


async def _expected(live: Live, budget: PodDisruptionBudget, pods: Sequence[Pod]) -> Expected:
    minimum, maximum = budget.spec.minAvailable, budget.spec.maxUnavailable
    if maximum is None and not isinstance(minimum, str):
        return Expected(len(pods), minimum or 0) if minimum is not None else Expected(0, 0)
    owners: dict[str, tuple[OwnerReference, Pod]] = {}
    unmanaged: list[str] = []
    for pod in pods:
        controller = controller_of(pod)
        if controller is None:
            unmanaged.append(pod.metadata.name)
        else:
            owners[controller.uid] = controller, pod
    scales = dict([await _scale(live, owner, pod) for owner, pod in owners.values()])
    count = sum(scales.values())
    if maximum is not None:
        return Expected(count, max(count - scaled(maximum, count, round_up=True), 0), unmanaged)
    return Expected(count, scaled(minimum, count, round_up=True), unmanaged)


async def _scale(live: Live, owner: OwnerReference, pod: Pod) -> tuple[str, int]:
    """Return the uid and size of what scales a pod: of a deployment's replica set the deployment."""
    kind = _SCALED.get(owner.kind) if owner.apiVersion in ("apps/v1", "v1") else None
    if kind is None:
        return await _scale_of_other(live, owner, pod)
    found = live.get(kind, pod.metadata.namespace, owner.name)
    if found is None or found.metadata.uid != owner.uid:
        raise ScaleError(f'found no controllers for pod "{pod.metadata.name}"')
    above = controller_of(found)
    if kind is ReplicaSet and above is not None and above.kind == "Deployment":
        return await _scale(live, above, pod)
    replicas: int | None = found.spec.replicas
    return owner.uid, 1 if replicas is None else replicas


async def _scale_of_other(live: Live, owner: OwnerReference, pod: Pod) -> tuple[str, int]:
    """Ask the scale subresource of a custom controller."""
    group = owner.apiVersion.rpartition("/")[0]
    row = next((row for row in await discovered(live.client) if (row.group, row.kind) == (group, owner.kind)), None)
    if row is None:
        raise ScaleError(f'found no controllers for pod "{pod.metadata.name}"')
    try:
        scale = await live.client.get(Endpoint(row, Scale), owner.name, pod.metadata.namespace, "scale")
    except NotFoundError as error:
        raise ScaleError(f"{row.group_resource} does not implement the scale subresource") from error
    return owner.uid, scale.spec.replicas


def _still_disrupted(budget: PodDisruptionBudget, pods: Iterable[Pod], now: datetime) -> Mapping[str, str]:
    """Return the granted evictions that may still be carried out."""
    if not budget.status.disruptedPods:
        return {}
    names = {pod.metadata.name for pod in pods if pod.metadata.deletionTimestamp is None}
    return {
        name: granted
        for name, granted in budget.status.disruptedPods.items()
        if name in names and parse_time(granted) + DELETION_TIMEOUT > now
    }


def _set_condition(status: PodDisruptionBudgetStatus, value: str, reason: str, message: str, now: datetime) -> None:
    new = Condition(type=ALLOWED, status=value, reason=reason, message=message, observedGeneration=status.observedGeneration)
    old = conditions.find(status.conditions, ALLOWED)
    new.lastTransitionTime = old.lastTransitionTime if old is not None and old.status == value else format_time(now)
    conditions.remove(status.conditions, ALLOWED)
    status.conditions.append(new)


def _write(budget: PodDisruptionBudget, status: PodDisruptionBudgetStatus) -> tuple[Action, ...]:
    if status == budget.status:
        return ()
    changed = budget.copy()
    changed.status = status
    return (Update(changed, "status"),)


def _keys_of_pod(view: View, pod: Pod) -> Iterable[Key]:
    if condition(pod, DISRUPTION_TARGET) is not None:
        yield Key(pod.metadata.namespace, _POD + pod.metadata.name)
    for budget in view.list(PodDisruptionBudget, pod.metadata.namespace):
        if from_label_selector(budget.spec.selector).matches(pod.metadata.labels):
            yield Key(budget.metadata.namespace, budget.metadata.name)


def _pod_matters(old: Pod, new: Pod) -> bool:
    def facts(pod: Pod) -> tuple[object, ...]:
        target = condition(pod, DISRUPTION_TARGET)
        return pod.metadata.labels, pod.metadata.deletionTimestamp, is_ready(pod), is_finished(pod), target and target.status

    return facts(old) != facts(new)


CONTROLLER = Controller(
    name="disruption",
    account="disruption-controller",
    component="controllermanager",
    watches=(Watch(PodDisruptionBudget), Watch(Pod, _keys_of_pod, updated(_pod_matters))),
    reads=(ReplicaSet, ReplicationController, StatefulSet, Deployment),
    writes=writes(("update", PodDisruptionBudget, "status"), ("patch", Pod, "status")),
    reconcile_live=reconcile,
    workers=2,
)
