"""pods/binding, and bindings: the scheduler gives a pod its node."""

from __future__ import annotations

from sagong.api.clock import format_time
from sagong.api.errors import BadRequestError, conflict
from sagong.api.field_errors import Errors, text
from sagong.api.resources import Resource, resource_of
from sagong.api.types.core import Binding, Pod, PodCondition
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry import answer
from sagong.server.registry.admitted import admitted
from sagong.server.registry.body import write_call
from sagong.server.registry.registry import Registry
from sagong.server.registry.write import WRITE_TRIES, match_namespace
from sagong.store.base import RevisionMismatchError

_PODS = resource_of(Pod)


async def bind(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Set spec.nodeName once and for all. Raises ConflictError when the pod has a node, is gated or is being deleted."""
    call = write_call(exchange, "CreateOptions")
    binding: Binding = answer.read(exchange, Binding)
    match_namespace(_PODS, binding.metadata, call.namespace)
    call.name = call.name or binding.metadata.name
    if binding.metadata.name != call.name:
        raise BadRequestError("name in URL does not match name in Binding object")
    _check_target(binding)
    binding = await admitted(registry, row, call, binding)
    entry = registry.store.get(_PODS.storage_key(call.namespace, call.name))
    for _ in range(WRITE_TRIES):
        if entry is None:
            raise registry.missing(_PODS, call.name)
        pod: Pod = registry.storage.decode(_PODS, entry.value, entry.revision)
        _assign(pod, binding, format_time(registry.clock.now()))
        if call.dry_run:
            break
        try:
            await registry.write(call.fence, entry.key, registry.storage.encode(_PODS, pod), entry.revision)
            break
        except RevisionMismatchError as mismatch:
            entry = mismatch.current
    return answer.succeeded(exchange)


def _check_target(binding: Binding) -> None:
    errors = Errors()
    if binding.target.kind not in ("", "Node"):
        errors.not_supported("target.kind", binding.target.kind, ["Node", "<empty>"])
    if not binding.target.name:
        errors.required("target.name", "")
    if errors:
        raise BadRequestError(text(errors))


def _assign(pod: Pod, binding: Binding, now: str) -> None:
    meta, name = pod.metadata, pod.metadata.name
    wanted = binding.metadata
    for what, asked, actual in (("UID", wanted.uid, meta.uid), ("ResourceVersion", wanted.resourceVersion, meta.resourceVersion)):
        if asked not in ("", actual):
            raise conflict("", "pods", name, f"Precondition failed: {what} in precondition: {asked}, {what} in object meta: {actual}")
    refusal = ""
    if meta.deletionTimestamp:
        refusal = f"pod {name} is being deleted, cannot be assigned to a host"
    elif pod.spec.nodeName:
        refusal = f'pod {name} is already assigned to node "{pod.spec.nodeName}"'
    elif pod.spec.schedulingGates:
        refusal = f"pod {name} has non-empty .spec.schedulingGates"
    if refusal:
        raise conflict("", "pods/binding", name, refusal)
    pod.spec.nodeName, pod.status.nominatedNodeName = binding.target.name, ""
    meta.annotations |= wanted.annotations
    meta.labels |= wanted.labels
    set_condition(pod, PodCondition(type="PodScheduled", status="True"), now)


def set_condition(pod: Pod, condition: PodCondition, now: str) -> None:
    """Put a condition into the pod's status; the time of transition stays while the status does."""
    known = next((known for known in pod.status.conditions if known.type == condition.type), None)
    condition.lastTransitionTime = known.lastTransitionTime if known and known.status == condition.status else now
    if known is None:
        pod.status.conditions.append(condition)
    else:
        pod.status.conditions[pod.status.conditions.index(known)] = condition
