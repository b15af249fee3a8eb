"""Validation that the kinds with replicas of a template share, and of replication controllers."""

from __future__ import annotations

from typing import Any

from sagong.api.field_errors import Errors
from sagong.api.selectors import NOTHING, Selector, SelectorError, from_label_selector, from_labels
from sagong.api.types import core
from sagong.api.types.meta import LabelSelector
from sagong.api.validation import metadata, pods
from sagong.api.validation.rules import not_negative

_MISMATCH = "`selector` does not match template `labels`"


def selector_of(errors: Errors, path: str, selector: LabelSelector | None, empty: str, *, needed: bool = True) -> Selector | None:
    """Check a workload's selector and return it; `empty` is the complaint when it selects everything.

    One that is missing selects nothing, which the template's labels are blamed for, without `needed` only they.
    """
    if selector is None:
        if needed:
            errors.required(path)
        return NOTHING
    metadata.label_selector(errors, path, selector)
    if not selector.matchLabels and not selector.matchExpressions:
        errors.invalid(path, selector, empty)
    try:
        return from_label_selector(selector)
    except SelectorError:
        errors.invalid(path, selector, "invalid label selector")
        return None


def pod_template(errors: Errors, path: str, template: core.PodTemplateSpec, selector: Selector | None) -> None:
    """Check a template against the selector that must find its pods."""
    if selector is not None and not selector.empty and not selector.matches(template.metadata.labels):
        errors.invalid(f"{path}.metadata.labels", template.metadata.labels or None, _MISMATCH)
    pods.template(errors, path, template)


def always_restarted(errors: Errors, path: str, template: core.PodTemplateSpec, spoken: str) -> None:
    """Refuse pods that end by themselves; `spoken` names the kind."""
    if template.spec.restartPolicy != "Always":
        errors.not_supported(f"{path}.spec.restartPolicy", template.spec.restartPolicy, ("Always",))
    if template.spec.activeDeadlineSeconds is not None:
        errors.forbidden(f"{path}.spec.activeDeadlineSeconds", f"activeDeadlineSeconds in {spoken} is not Supported")


def counts(errors: Errors, status: Any, *fields: str) -> None:
    """Refuse negative numbers in a status."""
    for name in fields:
        not_negative(errors, f"status.{name}", getattr(status, name))


def at_most(errors: Errors, status: Any, field: str, bound: str, spoken: str) -> None:
    """Refuse a count of a status that exceeds another."""
    if getattr(status, field) > getattr(status, bound):
        errors.invalid(f"status.{field}", getattr(status, field), f"cannot be greater than {spoken}")


def replication_controller(errors: Errors, new: core.ReplicationController, _: core.ReplicationController | None) -> None:
    """Check a replication controller."""
    spec = new.spec
    not_negative(errors, "spec.minReadySeconds", spec.minReadySeconds)
    if not spec.selector:
        errors.required("spec.selector")
    if spec.replicas is None:
        errors.required("spec.replicas")
    not_negative(errors, "spec.replicas", spec.replicas)
    if spec.template is None:
        errors.required("spec.template")
        return
    pod_template(errors, "spec.template", spec.template, from_labels(spec.selector))
    always_restarted(errors, "spec.template", spec.template, "ReplicationController")


def replication_controller_status(errors: Errors, new: core.ReplicationController, _: core.ReplicationController) -> None:
    """Check what the controller writes."""
    replica_counts(errors, new.status)


def replica_counts(errors: Errors, status: Any) -> None:
    """Check the counts of a replica set's or replication controller's status."""
    counts(errors, status, "replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration")
    for name in ("fullyLabeledReplicas", "readyReplicas", "availableReplicas"):
        at_most(errors, status, name, "replicas", "status.replicas")
    at_most(errors, status, "availableReplicas", "readyReplicas", "readyReplicas")
