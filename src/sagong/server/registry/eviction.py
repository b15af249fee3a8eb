"""pods/eviction: a deletion that asks the pod's disruption budget first (policy/v1)."""

from __future__ import annotations

from typing import NoReturn

from sagong.api import pods, selectors
from sagong.api.clock import format_time
from sagong.api.errors import ApiError, BadRequestError, Cause, ConflictError, TooManyRequestsError, forbidden
from sagong.api.resources import Resource, resource_of
from sagong.api.types.core import Pod, PodCondition
from sagong.api.types.meta import Condition, DeleteOptions, Preconditions
from sagong.api.types.policy import Eviction, PodDisruptionBudget
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry import answer
from sagong.server.registry.admitted import admitted
from sagong.server.registry.binding import set_condition
from sagong.server.registry.body import write_call
from sagong.server.registry.delete import delete_object
from sagong.server.registry.registry import Registry
from sagong.server.registry.write import WRITE_TRIES, Call, update_object
from sagong.store.base import Entry, RevisionMismatchError

_BUDGETS = resource_of(PodDisruptionBudget)
MAX_DISRUPTED = 2000
REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
_CAUSE = "DisruptionBudget"


async def evict(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Evict a pod. Raises TooManyRequestsError when its budget does not allow that now."""
    call = write_call(exchange, "CreateOptions")
    eviction: Eviction = answer.read(exchange, Eviction)
    if eviction.metadata.name != call.name:
        raise BadRequestError("name in URL does not match name in Eviction object")
    eviction = await admitted(registry, row, call, eviction)
    options = eviction.deleteOptions or DeleteOptions()
    call.dry_run = call.dry_run or bool(options.dryRun)
    call.subresource, call.admit = "", False
    pod = _pod(registry, row, call)
    pinned = options.copy()
    if not (options.preconditions and options.preconditions.resourceVersion):
        pinned.preconditions = (options.preconditions or Preconditions()).copy()
        pinned.preconditions.resourceVersion = pod.metadata.resourceVersion
    finished = pod.status.phase in ("Succeeded", "Failed") or pod.metadata.deletionTimestamp is not None
    if finished or pod.status.phase == "Pending":
        await _delete(registry, row, call, options if finished else pinned)
        return answer.succeeded(exchange)
    budgets = _budgets_of(registry, pod)
    if len(budgets) > 1:
        raise ApiError("This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.", reason="")
    if not budgets:
        await _delete(registry, row, call, options)
        return answer.succeeded(exchange)
    entry, budget = budgets[0]
    if _counts(pod, budget):
        await _take_disruption(registry, entry, budget, pod.metadata.name, call)
        await _delete(registry, row, call, options)
        return answer.succeeded(exchange)
    try:
        await _delete(registry, row, call, pinned)
    except ConflictError:
        if pinned.preconditions != options.preconditions:
            _still_processed(budget.metadata.name)
        raise
    return answer.succeeded(exchange)


def _pod(registry: Registry, row: Resource, call: Call) -> Pod:
    entry = registry.storage.entry(row, call.namespace, call.name)
    if entry is None:
        raise registry.missing(row, call.name)
    pod: Pod = registry.storage.decode(row, entry.value, entry.revision)
    return pod


def _budgets_of(registry: Registry, pod: Pod) -> list[tuple[Entry, PodDisruptionBudget]]:
    found = []
    for entry in registry.store.list(f"{_BUDGETS.storage_prefix}{pod.metadata.namespace}/"):
        budget: PodDisruptionBudget = registry.storage.decode(_BUDGETS, entry.value, entry.revision)
        try:
            selector = selectors.from_label_selector(budget.spec.selector)
        except selectors.SelectorError:
            continue
        if selector.matches(pod.metadata.labels):
            found.append((entry, budget))
    return found


def _counts(pod: Pod, budget: PodDisruptionBudget) -> bool:
    """Tell whether the pod counts for the budget: ready pods do, others only while too few are healthy."""
    if pods.is_ready(pod):
        return True
    status = budget.status
    healthy = status.currentHealthy >= status.desiredHealthy > 0
    return budget.spec.unhealthyPodEvictionPolicy != "AlwaysAllow" and not healthy


async def _take_disruption(registry: Registry, entry: Entry | None, budget: PodDisruptionBudget, pod: str, call: Call) -> None:
    for _ in range(WRITE_TRIES):
        _check_budget(budget)
        if call.dry_run or entry is None:
            return
        status = budget.status
        status.disruptionsAllowed -= 1
        now = format_time(registry.clock.now())
        status.disruptedPods[pod] = now
        if status.disruptionsAllowed == 0:
            _set_disallowed(budget, now)
        try:
            await registry.write(call.fence, entry.key, registry.storage.encode(_BUDGETS, budget), entry.revision)
        except RevisionMismatchError as mismatch:
            entry = mismatch.current
            if entry is not None:
                budget = registry.storage.decode(_BUDGETS, entry.value, entry.revision)
        else:
            return


def _set_disallowed(budget: PodDisruptionBudget, now: str) -> None:
    condition = Condition(
        type="DisruptionAllowed",
        status="False",
        reason="InsufficientPods",
        observedGeneration=budget.status.observedGeneration,
        lastTransitionTime=now,
    )
    budget.status.conditions = [*(known for known in budget.status.conditions if known.type != condition.type), condition]


def _check_budget(budget: PodDisruptionBudget) -> None:
    status, name = budget.status, budget.metadata.name
    if status.observedGeneration < budget.metadata.generation:
        _still_processed(name)
    if status.disruptionsAllowed < 0:
        raise forbidden("policy", "poddisruptionbudget", name, "pdb disruptions allowed is negative")
    if len(status.disruptedPods) > MAX_DISRUPTED:
        text = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise forbidden("policy", "poddisruptionbudget", name, text)
    if status.disruptionsAllowed == 0:
        raise TooManyRequestsError(REFUSED, causes=[Cause(_CAUSE, _why_not(budget))])


def _why_not(budget: PodDisruptionBudget) -> str:
    status, name = budget.status, budget.metadata.name
    condition = next((c for c in status.conditions if c.type == "DisruptionAllowed" and c.status == "False" and c.message), None)
    if condition is not None and condition.reason == "SyncFailed":
        return f"The disruption budget {name} does not allow evicting pods currently because it failed sync: {condition.message}"
    if status.currentHealthy <= status.desiredHealthy:
        return f"The disruption budget {name} needs {status.desiredHealthy} healthy pods and has {status.currentHealthy} currently"
    if condition is not None:
        return f"The disruption budget {name} does not allow evicting pods currently ({condition.reason}): {condition.message}"
    return f"The disruption budget {name} does not allow evicting pods currently"


def _still_processed(name: str) -> NoReturn:
    cause = Cause(_CAUSE, f"The disruption budget {name} is still being processed by the server.")
    raise TooManyRequestsError(REFUSED, causes=[cause], retry_after=10)


async def _delete(registry: Registry, row: Resource, call: Call, options: DeleteOptions) -> None:
    """Say in the pod's status why it goes, then delete it."""
    options = options.copy()
    wanted = options.preconditions
    if not call.dry_run:

        def mark(pod: Pod, _: Entry | None) -> Pod:
            if wanted is not None:
                pod.metadata.resourceVersion = wanted.resourceVersion or pod.metadata.resourceVersion
                pod.metadata.uid = wanted.uid or pod.metadata.uid
            condition = PodCondition(
                type="DisruptionTarget", status="True", reason="EvictionByEvictionAPI", message="Eviction API: evicting"
            )
            set_condition(pod, condition, format_time(registry.clock.now()))
            return pod

        call.subresource = "status"
        written = await update_object(registry, row, call, mark)
        call.subresource = ""
        if wanted is not None and wanted.resourceVersion:
            wanted.resourceVersion = str(written.revision)
    await delete_object(registry, row, call, options)
