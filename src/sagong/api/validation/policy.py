"""Validation of disruption budgets."""

from __future__ import annotations

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types import policy
from sagong.api.validation.apps import at_most_whole, int_or_percent
from sagong.api.validation.metadata import conditions, label_selector
from sagong.api.validation.replicas import counts
from sagong.api.validation.rules import Rules, one_of, status


def _budget(errors: Errors, new: policy.PodDisruptionBudget, old: policy.PodDisruptionBudget | None) -> None:
    spec = new.spec
    if spec.minAvailable is not None and spec.maxUnavailable is not None:
        errors.invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")
    for name in ("minAvailable", "maxUnavailable"):
        value = getattr(spec, name)
        if value is not None:
            int_or_percent(errors, f"spec.{name}", value)
            at_most_whole(errors, f"spec.{name}", value)
    label_selector(errors, "spec.selector", spec.selector, loose_values=old is not None and _bad_selector(old.spec))
    one_of(errors, "spec.unhealthyPodEvictionPolicy", spec.unhealthyPodEvictionPolicy, ("AlwaysAllow", "IfHealthyBudget"))


def _bad_selector(spec: policy.PodDisruptionBudgetSpec) -> bool:
    found = Errors()
    label_selector(found, "", spec.selector)
    return bool(found)


def _budget_status(errors: Errors, new: policy.PodDisruptionBudget, _: policy.PodDisruptionBudget) -> None:
    conditions(errors, "status.conditions", new.status.conditions)
    counts(errors, new.status, "disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")


TABLE: dict[type, Rules] = {
    policy.Eviction: Rules(stored=False),
    policy.PodDisruptionBudget: Rules(name=names.path_segment, spec=_budget, subresources=status(_budget_status)),
}
