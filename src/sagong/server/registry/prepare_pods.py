"""What is particular to writing pods."""

from __future__ import annotations

from typing import Any

from sagong.api import apparmor, pods
from sagong.api.types.core import Container, Pod, PodAffinityTerm, PodCondition, PodStatus, SecurityContext
from sagong.api.types.meta import DeleteOptions, LabelSelector, LabelSelectorRequirement

_STATUS_METADATA = ("deletionTimestamp", "labels", "annotations", "finalizers", "ownerReferences")


def create(pod: Pod, circumstances: Any) -> None:
    """Begin as Pending; gated pods say so, label keys of affinity terms and spread constraints become selectors."""
    pod.status = PodStatus(phase="Pending", qosClass=pods.qos_class(pod))
    if pod.spec.schedulingGates:
        message = "Scheduling is blocked due to non-empty scheduling gates"
        gated = PodCondition(type="PodScheduled", status="False", reason="SchedulingGated", message=message)
        gated.lastTransitionTime = circumstances.now
        pod.status.conditions = [gated]
    labels = pod.metadata.labels
    for term in _affinity_terms(pod):
        _merge_label_keys(term.labelSelector, term.matchLabelKeys, "In", labels)
        _merge_label_keys(term.labelSelector, term.mismatchLabelKeys, "NotIn", labels)
    for constraint in pod.spec.topologySpreadConstraints:
        _merge_label_keys(constraint.labelSelector, constraint.matchLabelKeys, "In", labels)
    if any(key.startswith(apparmor.ANNOTATION) for key in pod.metadata.annotations):
        circumstances.warnings.extend(_move_apparmor(pod))


def _move_apparmor(pod: Pod) -> list[str]:
    """Write the profiles of old annotations into the containers' fields; return a warning for each that should have been one (KEP-24)."""
    spec, warnings = pod.spec, []
    if spec.os is not None and spec.os.name == "windows":
        return []
    of_pod = spec.securityContext.appArmorProfile if spec.securityContext is not None else None
    for container in (*spec.initContainers, *spec.containers):
        key = f"{apparmor.ANNOTATION}{container.name}"
        context = container.securityContext or SecurityContext()
        if key not in pod.metadata.annotations or context.appArmorProfile is not None:
            continue
        profile = apparmor.profile_of(pod.metadata.annotations[key])
        if profile is not None and not apparmor.is_sound(profile):
            profile = None
        if profile is None or profile != of_pod:
            warnings.append(apparmor.warning(key))
        if profile is not None and profile != of_pod:
            context.appArmorProfile, container.securityContext = profile, context
    return warnings


def _affinity_terms(pod: Pod) -> list[PodAffinityTerm]:
    affinity = pod.spec.affinity
    terms: list[PodAffinityTerm] = []
    for side in (affinity.podAffinity, affinity.podAntiAffinity) if affinity else ():
        if side is not None:
            terms += [preferred.podAffinityTerm for preferred in side.preferredDuringSchedulingIgnoredDuringExecution]
            terms += side.requiredDuringSchedulingIgnoredDuringExecution
    return terms


def _merge_label_keys(selector: LabelSelector | None, keys: list[str], operator: str, labels: dict[str, str]) -> None:
    if selector is not None:
        selector.matchExpressions += [
            LabelSelectorRequirement(key=key, operator=operator, values=[labels[key]]) for key in keys if key in labels
        ]


def update_status(new: Pod, old: Pod, _: Any) -> None:
    """Keep what a status update by an older writer leaves out: the QoS class and observed generations."""
    new.status.qosClass = new.status.qosClass or old.status.qosClass
    new.status.observedGeneration = new.status.observedGeneration or old.status.observedGeneration
    generations: dict[str, list[int]] = {}
    for condition in old.status.conditions:
        generations.setdefault(condition.type, []).append(condition.observedGeneration)
    for condition in new.status.conditions:
        known = generations.get(condition.type)
        previous = known.pop(0) if known else 0
        condition.observedGeneration = condition.observedGeneration or previous


def update_ephemeral_containers(new: Pod, old: Pod, _: Any) -> None:
    """Take the ephemeral containers from the new pod, all else from the old."""
    ephemeral = new.spec.ephemeralContainers
    _keep(new, old)
    new.spec.ephemeralContainers = ephemeral
    _count(new, old)


def update_resources(new: Pod, old: Pod, _: Any) -> None:
    """Take resources and resize policies from the new pod, all else from the old.

    Containers that were added, removed or renamed are left for validation to refuse.
    """
    spec, before = new.spec, old.spec
    names = [[container.name for container in pod.containers + pod.initContainers] for pod in (spec, before)]
    if names[0] != names[1] or len(spec.containers) != len(before.containers):
        return
    resources, wanted = spec.resources, spec.containers + spec.initContainers
    _keep(new, old)
    new.spec.resources = resources
    for container, changed in zip(new.spec.containers + new.spec.initContainers, wanted, strict=True):
        _take_resources(container, changed)
    _count(new, old)


def _take_resources(container: Container, changed: Container) -> None:
    container.resources, container.resizePolicy = changed.resources, changed.resizePolicy


def _keep(new: Pod, old: Pod) -> None:
    new.spec, new.status = old.spec.copy(), old.status
    for name in _STATUS_METADATA:
        setattr(new.metadata, name, getattr(old.metadata, name))


def _count(new: Pod, old: Pod) -> None:
    if new.spec != old.spec:
        new.metadata.generation = old.metadata.generation + 1


def grace(pod: Pod, options: DeleteOptions) -> int:
    """Return the grace period in seconds; none for pods that are on no node or have finished."""
    if not pod.spec.nodeName or pod.status.phase in ("Failed", "Succeeded"):
        return 0
    wanted = options.gracePeriodSeconds
    if wanted is None:
        wanted = pod.spec.terminationGracePeriodSeconds or 0
    return wanted if wanted >= 0 else 1
