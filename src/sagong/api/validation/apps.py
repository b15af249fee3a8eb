"""Validation of the apps group."""

from __future__ import annotations

from typing import Any

import msgspec

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types import apps, core
from sagong.api.validation.claims import claim_spec
from sagong.api.validation.replicas import always_restarted, at_most, counts, pod_template, replica_counts, selector_of
from sagong.api.validation.rules import Rules, each, immutable, not_negative, one_of, status

_WHOLE = 100
_STATEFUL_CHANGE = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
    "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
_STATEFUL_FIXED = ("serviceName", "selector", "volumeClaimTemplates", "podManagementPolicy")


def _deployment(errors: Errors, new: apps.Deployment, _: apps.Deployment | None) -> None:
    spec = new.spec
    not_negative(errors, "spec.replicas", spec.replicas)
    selector = selector_of(errors, "spec.selector", spec.selector, "empty selector is invalid for deployment")
    pod_template(errors, "spec.template", spec.template, selector)
    always_restarted(errors, "spec.template", spec.template, "ReplicaSet")
    _strategy(errors, "spec.strategy", spec.strategy)
    not_negative(errors, "spec.minReadySeconds", spec.minReadySeconds)
    not_negative(errors, "spec.revisionHistoryLimit", spec.revisionHistoryLimit)
    not_negative(errors, "spec.progressDeadlineSeconds", spec.progressDeadlineSeconds)
    if spec.progressDeadlineSeconds is not None and spec.progressDeadlineSeconds <= spec.minReadySeconds:
        errors.invalid("spec.progressDeadlineSeconds", spec.progressDeadlineSeconds, "must be greater than minReadySeconds")


def _strategy(errors: Errors, path: str, strategy: apps.DeploymentStrategy) -> None:
    update = strategy.rollingUpdate
    if strategy.type == "Recreate":
        if update is not None:
            errors.forbidden(f"{path}.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
    elif strategy.type != "RollingUpdate":
        errors.not_supported(path, strategy, ("Recreate", "RollingUpdate"))
    elif update is None:
        errors.required(f"{path}.rollingUpdate", "this should be defaulted and never be nil")
    else:
        unavailable, surge = _given(update.maxUnavailable), _given(update.maxSurge)
        int_or_percent(errors, f"{path}.rollingUpdate.maxUnavailable", unavailable)
        int_or_percent(errors, f"{path}.rollingUpdate.maxSurge", surge)
        if _amount(unavailable) == _amount(surge) == 0:
            errors.invalid(f"{path}.rollingUpdate.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0")
        at_most_whole(errors, f"{path}.rollingUpdate.maxUnavailable", unavailable)


def int_or_percent(errors: Errors, path: str, value: int | str) -> None:
    """Check a number of pods that is a count or a percentage."""
    if isinstance(value, int):
        not_negative(errors, path, value)
    else:
        errors.each(path, value, names.percent(value))


def _given(value: int | str | None) -> int | str:
    return 0 if value is None else value


def _amount(value: int | str) -> int:
    if isinstance(value, int):
        return value
    digits = value.removesuffix("%")
    return int(digits) if digits.isdecimal() else 0


def at_most_whole(errors: Errors, path: str, value: int | str) -> None:
    """Refuse more than all."""
    if isinstance(value, str) and not names.percent(value) and _amount(value) > _WHOLE:
        errors.invalid(path, value, "must not be greater than 100%")


def _same_selector(errors: Errors, new: Any, old: Any) -> None:
    immutable(errors, "spec.selector", new.spec.selector, old.spec.selector)


def _collisions(errors: Errors, new: Any, old: Any) -> None:
    not_negative(errors, "status.collisionCount", new.status.collisionCount)
    if old.status.collisionCount is not None and (new.status.collisionCount or 0) < old.status.collisionCount:
        errors.invalid("status.collisionCount", new.status.collisionCount or 0, "cannot be decremented")


def _deployment_status(errors: Errors, new: apps.Deployment, old: apps.Deployment) -> None:
    found = ("updatedReplicas", "readyReplicas", "availableReplicas")
    counts(errors, new.status, "observedGeneration", "replicas", *found, "unavailableReplicas", "terminatingReplicas")
    for name in found:
        at_most(errors, new.status, name, "replicas", "status.replicas")
    at_most(errors, new.status, "availableReplicas", "readyReplicas", "readyReplicas")
    _collisions(errors, new, old)


def _replica_set(errors: Errors, new: apps.ReplicaSet, _: apps.ReplicaSet | None) -> None:
    not_negative(errors, "spec.replicas", new.spec.replicas)
    not_negative(errors, "spec.minReadySeconds", new.spec.minReadySeconds)
    selector = selector_of(errors, "spec.selector", new.spec.selector, "empty selector is invalid for deployment")
    pod_template(errors, "spec.template", new.spec.template, selector)
    always_restarted(errors, "spec.template", new.spec.template, "ReplicaSet")


def _replica_set_status(errors: Errors, new: apps.ReplicaSet, _: apps.ReplicaSet) -> None:
    replica_counts(errors, new.status)
    not_negative(errors, "status.terminatingReplicas", new.status.terminatingReplicas)


def _daemon_set(errors: Errors, new: apps.DaemonSet, _: apps.DaemonSet | None) -> None:
    spec = new.spec
    selector = selector_of(errors, "spec.selector", spec.selector, "empty selector is invalid for daemonset", needed=False)
    pod_template(errors, "spec.template", spec.template, selector)
    always_restarted(errors, "spec.template", spec.template, "DaemonSet")
    not_negative(errors, "spec.minReadySeconds", spec.minReadySeconds)
    strategy, path = spec.updateStrategy, "spec.updateStrategy"
    if strategy.type == "RollingUpdate":
        _daemon_update(errors, f"{path}.rollingUpdate", strategy.rollingUpdate)
    elif strategy.type != "OnDelete":
        errors.not_supported(path, strategy, ("RollingUpdate", "OnDelete"))
    not_negative(errors, "spec.revisionHistoryLimit", spec.revisionHistoryLimit)


def _daemon_update(errors: Errors, path: str, update: apps.RollingUpdateDaemonSet | None) -> None:
    if update is None:
        errors.required(path)
        return
    unavailable, surge = _given(update.maxUnavailable), _given(update.maxSurge)
    for name, value in (("maxUnavailable", unavailable), ("maxSurge", surge)):
        int_or_percent(errors, f"{path}.{name}", value)
    for name, value in (("maxUnavailable", unavailable), ("maxSurge", surge)):
        at_most_whole(errors, f"{path}.{name}", value)
    if _amount(unavailable) and _amount(surge):
        errors.invalid(f"{path}.maxSurge", surge, "may not be set when maxUnavailable is non-zero")
    elif not _amount(unavailable) and not _amount(surge):
        errors.required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0")


def _daemon_set_status(errors: Errors, new: apps.DaemonSet, old: apps.DaemonSet) -> None:
    scheduled = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady", "observedGeneration")
    counts(errors, new.status, *scheduled, "updatedNumberScheduled", "numberAvailable", "numberUnavailable")
    _collisions(errors, new, old)


def _stateful_set(errors: Errors, new: apps.StatefulSet, old: apps.StatefulSet | None) -> None:
    spec = new.spec
    if not spec.podManagementPolicy:
        errors.required("spec.podManagementPolicy")
    elif spec.podManagementPolicy not in ("OrderedReady", "Parallel"):
        errors.invalid("spec.podManagementPolicy", spec.podManagementPolicy, "must be 'OrderedReady' or 'Parallel'")
    _stateful_strategy(errors, "spec.updateStrategy", spec.updateStrategy)
    if (policy := spec.persistentVolumeClaimRetentionPolicy) is not None:
        for name in ("whenDeleted", "whenScaled"):
            one_of(errors, f"spec.persistentVolumeClaimRetentionPolicy.{name}", getattr(policy, name), ("Retain", "Delete"))
    if old is None:
        for i, claim in enumerate(spec.volumeClaimTemplates):
            claim_spec(errors, f"spec.volumeClaimTemplates[{i}].spec", claim.spec)
        if spec.serviceName:
            each(errors, "spec.serviceName", spec.serviceName, names.dns1123_label)
    not_negative(errors, "spec.replicas", spec.replicas)
    not_negative(errors, "spec.minReadySeconds", spec.minReadySeconds)
    if spec.ordinals is not None:
        not_negative(errors, "spec.ordinals.start", spec.ordinals.start)
    selector = selector_of(errors, "spec.selector", spec.selector, "empty selector is invalid for statefulset")
    pod_template(errors, "spec.template", _stateful_template(spec), selector)
    always_restarted(errors, "spec.template", spec.template, "StatefulSet")


def _stateful_strategy(errors: Errors, path: str, strategy: apps.StatefulSetUpdateStrategy) -> None:
    update = strategy.rollingUpdate
    if not strategy.type:
        errors.required(path)
    elif strategy.type == "OnDelete":
        if update is not None:
            errors.invalid(f"{path}.rollingUpdate", update, "only allowed for updateStrategy 'RollingUpdate'")
    elif strategy.type != "RollingUpdate":
        errors.invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'")
    elif update is not None:
        not_negative(errors, f"{path}.rollingUpdate.partition", update.partition)
        if update.maxUnavailable is not None:
            at = f"{path}.rollingUpdate.maxUnavailable"
            int_or_percent(errors, at, update.maxUnavailable)
            if _amount(update.maxUnavailable) == 0:
                errors.invalid(at, update.maxUnavailable, "cannot be 0")
            at_most_whole(errors, at, update.maxUnavailable)


def _stateful_template(spec: apps.StatefulSetSpec) -> core.PodTemplateSpec:
    """Return the template as its pods will be: with the claims as volumes, named by the set rather than by themselves."""
    template = spec.template.copy()
    template.spec.subdomain = template.spec.hostname = ""
    claims = {claim.metadata.name for claim in spec.volumeClaimTemplates}
    template.spec.volumes = [
        *(core.Volume(name=name, persistentVolumeClaim=core.PersistentVolumeClaimVolumeSource(claimName=name)) for name in sorted(claims)),
        *(volume for volume in template.spec.volumes if volume.name not in claims),
    ]
    return template


def _stateful_set_change(errors: Errors, new: apps.StatefulSet, old: apps.StatefulSet) -> None:
    if any(getattr(new.spec, name) != getattr(old.spec, name) for name in _STATEFUL_FIXED):
        errors.forbidden("spec", _STATEFUL_CHANGE)


def _stateful_set_status(errors: Errors, new: apps.StatefulSet, old: apps.StatefulSet) -> None:
    found = ("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")
    counts(errors, new.status, "replicas", *found, "observedGeneration")
    for name in found:
        at_most(errors, new.status, name, "replicas", "status.replicas")
    at_most(errors, new.status, "availableReplicas", "readyReplicas", "status.readyReplicas")
    _collisions(errors, new, old)


def _controller_revision(errors: Errors, new: apps.ControllerRevision, old: apps.ControllerRevision | None) -> None:
    not_negative(errors, "revision", new.revision)
    if old is not None:
        return
    if new.data is None:
        errors.required("data", "data is mandatory")
    elif not isinstance(new.data, dict):
        errors.required("data", "data must be a valid JSON object")


_json = msgspec.json.Encoder().encode


def _controller_revision_change(errors: Errors, new: apps.ControllerRevision, old: apps.ControllerRevision) -> None:
    if _json(new.data) != _json(old.data):  # upstream compares the text: the order of members counts, and how numbers are written
        errors.invalid("data", new.data, "field is immutable")


TABLE: dict[type, Rules] = {
    apps.Deployment: Rules(spec=_deployment, change=_same_selector, subresources=status(_deployment_status)),
    apps.ReplicaSet: Rules(spec=_replica_set, change=_same_selector, subresources=status(_replica_set_status)),
    apps.DaemonSet: Rules(spec=_daemon_set, change=_same_selector, subresources=status(_daemon_set_status)),
    apps.StatefulSet: Rules(
        name=names.dns1123_label, spec=_stateful_set, change=_stateful_set_change, subresources=status(_stateful_set_status)
    ),
    apps.ControllerRevision: Rules(spec=_controller_revision, change=_controller_revision_change),
}
