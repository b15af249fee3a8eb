"""Validation of what may change in a pod: by updates, and through its subresources."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sagong.api import names, pods
from sagong.api.field_errors import WHOLE, Errors, diff, quote
from sagong.api.types import core
from sagong.api.validation import addresses, placement
from sagong.api.validation.pods import APPARMOR, MIRROR, pod
from sagong.api.validation.rules import each, immutable, required

_MAX_INT32 = 2**31 - 1
_MAX_ADDRESSES = 2
_UPDATABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_ONE_IP = "may specify no more than one IP for each IP family"
_STAYS_TERMINATED = "may not be transitioned to non-terminated state"


def pod_change(errors: Errors, new: core.Pod, old: core.Pod) -> None:
    """Check an ordinary update: images, tolerations, the deadline, gates, and what gated pods may still change."""
    _annotations(errors, new.metadata.annotations, old.metadata.annotations)
    for name in ("containers", "initContainers"):
        after, before = getattr(new.spec, name), getattr(old.spec, name)
        if len(after) != len(before):
            errors.forbidden(f"spec.{name}", "pod updates may not add or remove containers")
            return
    _deadline(errors, new.spec.activeDeadlineSeconds, old.spec.activeDeadlineSeconds)
    _tolerations(errors, new.spec.tolerations, old.spec.tolerations)
    known = {gate.name for gate in old.spec.schedulingGates}
    for i, gate in enumerate(new.spec.schedulingGates):
        if gate.name not in known:
            text = f"only deletion is allowed, but found new scheduling gate '{gate.name}'"
            errors.forbidden(f"spec.schedulingGates[{i}].name", text)
    if new.spec != old.spec:
        allowed = _without_allowed_changes(errors, new, old)
        if allowed != old.spec:
            errors.forbidden("spec", f"pod updates may not change fields other than {_UPDATABLE}\n{diff(old.spec, allowed)}")


def _annotations(errors: Errors, new: dict[str, str], old: dict[str, str]) -> None:
    fixed = {key for key in {*new, *old} if (key.startswith(APPARMOR) or key == MIRROR) and new.get(key) != old.get(key)}
    for key in sorted(fixed):
        what = "mirror pod annotation" if key == MIRROR else "AppArmor annotations"
        errors.forbidden(f"metadata.annotations[{key}]", f"may not {'remove or update' if key in old else 'add'} {what}")


def _deadline(errors: Errors, new: int | None, old: int | None) -> None:
    path = "spec.activeDeadlineSeconds"
    if new is None:
        if old is not None:
            errors.invalid(path, None, "must not update from a positive integer to nil value")
        return
    if not 0 <= new <= _MAX_INT32:
        errors.invalid(path, new, names.between(0, _MAX_INT32))
    if old is not None and old < new:
        errors.invalid(path, new, "must be less than or equal to previous value")


def _tolerations(errors: Errors, new: Sequence[core.Toleration], old: Sequence[core.Toleration]) -> None:
    def identity(toleration: core.Toleration) -> tuple[str, ...]:
        return toleration.key, toleration.operator, toleration.value, toleration.effect

    present = {identity(toleration) for toleration in new}
    for toleration in old:
        if identity(toleration) not in present:
            errors.forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")
    placement.tolerations(errors, "spec.tolerations", new)


def _without_allowed_changes(errors: Errors, new: core.Pod, old: core.Pod) -> core.PodSpec:
    """Return the new spec with the changes taken back that are allowed; what then differs is not."""
    spec = new.spec.copy()
    for name in ("containers", "initContainers"):
        for container, before in zip(getattr(spec, name), getattr(old.spec, name), strict=True):
            container.image = before.image
    spec.activeDeadlineSeconds = old.spec.activeDeadlineSeconds
    spec.schedulingGates, spec.tolerations = old.spec.schedulingGates, old.spec.tolerations
    if (old.spec.terminationGracePeriodSeconds or 0) < 0 and spec.terminationGracePeriodSeconds == 1:
        spec.terminationGracePeriodSeconds = old.spec.terminationGracePeriodSeconds
    if old.spec.schedulingGates:
        placement_change(errors, "spec", spec, old.spec)
    return spec


def placement_change(errors: Errors, path: str, spec: core.PodSpec, old: core.PodSpec) -> None:
    """Let a gated pod's node selector and node affinity be tightened (KEP-3838), and take that back in `spec`."""
    if spec.nodeSelector != old.nodeSelector:
        if any(spec.nodeSelector.get(key) != value for key, value in old.nodeSelector.items()):
            text = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
            errors.invalid(f"{path}.nodeSelector", spec.nodeSelector, text)
        spec.nodeSelector = old.nodeSelector
    before = old.affinity.nodeAffinity if old.affinity else None
    after = spec.affinity.nodeAffinity if spec.affinity else None
    if before == after:
        return
    _node_affinity(errors, f"{path}.affinity.nodeAffinity", after, before)
    if spec.affinity is None:
        spec.affinity = core.Affinity(nodeAffinity=before)
    elif old.affinity is None and spec.affinity.podAffinity is None and spec.affinity.podAntiAffinity is None:
        spec.affinity = None
    else:
        spec.affinity.nodeAffinity = before


def _node_affinity(errors: Errors, path: str, new: core.NodeAffinity | None, old: core.NodeAffinity | None) -> None:
    path = f"{path}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
    sides = [side.requiredDuringSchedulingIgnoredDuringExecution if side else None for side in (new, old)]
    after, before = (side.nodeSelectorTerms if side else [] for side in sides)
    if not before:
        return
    if len(before) != len(after):
        errors.invalid(path, after, "no additions/deletions to non-empty NodeSelectorTerms list are allowed")
        return
    for i, (wanted, had) in enumerate(zip(after, before, strict=True)):
        if not _only_adds(wanted, had):
            errors.invalid(f"{path}[{i}]", wanted, "only additions are allowed (no mutations or deletions)")


def _only_adds(new: core.NodeSelectorTerm, old: core.NodeSelectorTerm) -> bool:
    if not old.matchExpressions and not old.matchFields:
        return not new.matchExpressions and not new.matchFields
    expressions, fields = old.matchExpressions, old.matchFields
    return new.matchExpressions[: len(expressions)] == expressions and new.matchFields[: len(fields)] == fields


def pod_status(errors: Errors, new: core.Pod, old: core.Pod) -> None:
    """Check a status that a kubelet, the scheduler or a controller writes."""
    _annotations(errors, new.metadata.annotations, old.metadata.annotations)
    for i, condition in enumerate(new.status.conditions):
        if condition.observedGeneration < 0:
            errors.invalid(f"status.conditions[{i}].observedGeneration", condition.observedGeneration, "must be a non-negative integer")
        if condition.type not in ("PodScheduled", "Ready", "Initialized"):
            each(errors, f"status.conditions[{i}].Type", condition.type, names.qualified_name)
    if new.spec.nodeName != old.spec.nodeName:
        errors.forbidden("status.nodeName", "may not be changed directly")
    _nomination(errors, new.status.nominatedNodeName, old)
    if new.status.observedGeneration < 0:
        errors.invalid("status.observedGeneration", new.status.observedGeneration, "must be a non-negative integer")
    immutable(errors, "status.qosClass", new.status.qosClass, old.status.qosClass)
    _transitions(errors, new, old)
    _claim_statuses(errors, new)
    _addresses(errors, new, old)


def _nomination(errors: Errors, node: str, old: core.Pod) -> None:
    if not node or node == old.status.nominatedNodeName:
        return
    each(errors, "status.nominatedNodeName", node, names.dns1123_subdomain)
    if old.spec.nodeName:
        errors.forbidden("status.nominatedNodeName", "may not be set on pods that are already bound to a node")


def _transitions(errors: Errors, new: core.Pod, old: core.Pod) -> None:
    """Refuse that a container which ended, and will not be restarted, is no longer ended."""
    spec = old.spec
    whole = any(rule.action == "RestartAllContainers" for c in (*spec.containers, *spec.initContainers) for rule in c.restartPolicyRules)
    found: Sequence[tuple[str, Callable[[core.ContainerStatus], bool]]] = (
        ("containerStatuses", lambda status: whole or _may_restart(spec, spec.containers, status)),
        ("initContainerStatuses", lambda status: whole or _may_restart(spec, spec.initContainers, status)),
        ("ephemeralContainerStatuses", lambda _: False),
    )
    for name, may_restart in found:
        after = {status.name: status for status in getattr(new.status, name)}
        for i, status in enumerate(getattr(old.status, name)):
            again = after.get(status.name)
            if status.state.terminated and again and not again.state.terminated and not may_restart(status):
                errors.forbidden(f"status.{name}[{i}].state", _STAYS_TERMINATED)


def _may_restart(spec: core.PodSpec, containers: Sequence[core.Container], status: core.ContainerStatus) -> bool:
    container = next((found for found in containers if found.name == status.name), None)
    code = status.state.terminated.exitCode if status.state.terminated else 0
    for rule in container.restartPolicyRules if container else ():
        if rule.exitCodes and (code in rule.exitCodes.values) == (rule.exitCodes.operator == "In"):
            return True
    policy = (container.restartPolicy if container else None) or spec.restartPolicy
    return policy == "Always" or (policy == "OnFailure" and code != 0)


def _claim_statuses(errors: Errors, new: core.Pod) -> None:
    claims, seen = {claim.name for claim in new.spec.resourceClaims}, set[str]()
    for i, status in enumerate(new.status.resourceClaimStatuses):
        path = f"status.resourceClaimStatuses[{i}]"
        if status.name not in claims:
            errors.invalid(f"{path}.name", status.name, "must match the name of an entry in `spec.resourceClaims`")
        if status.name in seen:
            errors.duplicate(f"{path}.name", status.name)
        seen.add(status.name)
        if status.resourceClaimName is not None:
            each(errors, f"{path}.resourceClaimName", status.resourceClaimName, names.dns1123_subdomain)
    if (extended := new.status.extendedResourceClaimStatus) is not None:
        path = "status.extendedResourceClaimStatus"
        if not extended.requestMappings:
            errors.required(f"{path}.requestMappings", "at least one request mapping is required")
        required(errors, path, extended, "resourceClaimName")


def _addresses(errors: Errors, new: core.Pod, old: core.Pod) -> None:
    if new.status.hostIPs and new.status.hostIP != new.status.hostIPs[0].ip:
        errors.invalid("status.hostIPs[0].ip", new.status.hostIPs[0].ip, "must be equal to `hostIP`")
    for name in ("podIPs", "hostIPs"):
        after, known = ([entry.ip for entry in getattr(side.status, name)] for side in (new, old))
        for i, ip in enumerate(after):
            addresses.ip(errors, f"status.{name}[{i}]", ip, known)
        if len(after) > _MAX_ADDRESSES or (len(after) > 1 and not addresses.is_dual_stack(after)):
            errors.invalid(f"status.{name}", getattr(new.status, name), _ONE_IP)


def ephemeral_containers(errors: Errors, new: core.Pod, old: core.Pod) -> None:
    """Check the ephemeralcontainers subresource: containers may be added, no more."""
    if MIRROR in old.metadata.annotations:
        errors.forbidden(WHOLE, "static pods do not support ephemeral containers")
        return
    pod(errors, new, old)
    found = {container.name: container for container in new.spec.ephemeralContainers}
    for before in old.spec.ephemeralContainers:
        after = found.get(before.name)
        if after is None:
            errors.forbidden("spec.ephemeralContainers", f"existing ephemeral containers {quote(before.name)} may not be removed\n")
        elif after != before:
            text = f"existing ephemeral containers {quote(before.name)} may not be changed\n{diff(before, after)}"
            errors.forbidden("spec.ephemeralContainers", text)


def resize(errors: Errors, new: core.Pod, old: core.Pod) -> None:
    """Check the resize subresource (KEP-1287): cpu and memory of containers, and of the pod, may change in value."""
    if MIRROR in old.metadata.annotations:
        errors.forbidden(WHOLE, "static pods cannot be resized")
        return
    if old.spec.os is not None and old.spec.os.name == "windows":
        errors.forbidden(WHOLE, "windows pods cannot be resized")
        return
    pod(errors, new, old)
    if (old.status.qosClass or pods.qos_class(old)) != pods.qos_class(new):
        errors.invalid("spec", new.status.qosClass, "Pod QOS Class may not change as a result of resizing")
    running = next((status for status in old.status.containerStatuses if status.state.running), None)
    if running is not None and running.resources is None:
        errors.forbidden("spec", "Pod running on node without support for resize")
    if old.status.nodeAllocatableResourceClaimStatuses:
        errors.forbidden("spec", "pods with node allocatable resource claims cannot be resized")
    if _same_containers(errors, new.spec, old.spec):
        _resized(errors, new.spec, old.spec)


def _same_containers(errors: Errors, new: core.PodSpec, old: core.PodSpec) -> bool:
    before = len(errors)
    for name in ("containers", "initContainers"):
        after, had = getattr(new, name), getattr(old, name)
        if len(after) != len(had):
            errors.forbidden(f"spec.{name}", f"{name} may not be added or removed on resize")
            continue
        for i, (container, earlier) in enumerate(zip(after, had, strict=True)):
            if container.name != earlier.name:
                errors.forbidden(f"spec.{name}[{i}].name", f"{name} may not be renamed or reordered on resize")
    return len(errors) == before


def _resized(errors: Errors, new: core.PodSpec, old: core.PodSpec) -> None:
    count, spec = len(errors), new.copy()
    if old.resources is not None and new.resources is None:
        errors.forbidden("spec.resources", "pod-level resources cannot be removed")
    elif old.resources is not None and spec.resources is not None:
        _kept(errors, "spec.resources", spec.resources, old.resources, "pod-level resource")
    _take_back(spec.resources, old.resources)
    if old.resources is None and spec.resources == core.ResourceRequirements():
        spec.resources = None
    if spec.resources != old.resources:
        errors.forbidden("spec", "only cpu and memory resources are mutable at pod-level")
    for name in ("initContainers", "containers"):
        for i, (container, before) in enumerate(zip(getattr(spec, name), getattr(old, name), strict=True)):
            _resized_container(errors, f"spec.{name}[{i}]", container, before)
    if len(errors) == count and spec != old:
        errors.forbidden("spec", "only cpu and memory resources are mutable")


def _resized_container(errors: Errors, path: str, new: core.Container, old: core.Container) -> None:
    _kept(errors, f"{path}.resources", new.resources, old.resources, "resource")
    changed = new != old
    _take_back(new.resources, old.resources)
    init = path.startswith("spec.init")
    if new != old and init:
        errors.forbidden(path, "only cpu and memory resources for init or sidecar containers are mutable")
    elif new != old:
        errors.forbidden("spec", "only cpu and memory resources are mutable")
    if init and changed and not pods.is_sidecar(new) and any(p.restartPolicy == "RestartContainer" for p in new.resizePolicy):
        errors.forbidden(path, "non-sidecar init containers with a resize policy of RestartContainer cannot be resized")


def _kept(errors: Errors, path: str, new: core.ResourceRequirements, old: core.ResourceRequirements, what: str) -> None:
    for name in ("requests", "limits"):
        if set(getattr(old, name)) - set(getattr(new, name)):
            errors.forbidden(f"{path}.{name}", f"{what} {name} cannot be removed")


def _take_back(new: core.ResourceRequirements | None, old: core.ResourceRequirements | None) -> None:
    """Undo changes of cpu and memory, so that what still differs is what may not change."""
    for name in ("requests", "limits") if new is not None else ():
        amounts: dict[str, str] = getattr(new, name)
        before: dict[str, str] = getattr(old, name) if old is not None else {}
        for resource in ("cpu", "memory"):
            amounts.pop(resource, None)
            if resource in before:
                amounts[resource] = before[resource]


def binding(errors: Errors, new: core.Binding, _: None) -> None:
    """Check a binding, also one that comes through the pod's subresource."""
    if new.target.kind not in ("", "Node"):
        errors.not_supported("target.kind", new.target.kind, ("Node", "<empty>"))
    if not new.target.name:
        errors.required("target.name")
