"""Validation of priority classes."""

from __future__ import annotations

from sagong.api.field_errors import Errors
from sagong.api.types import scheduling
from sagong.api.validation.rules import Rules, immutable, one_of

_HIGHEST = 10**9
_SYSTEM = {"system-node-critical": 2 * _HIGHEST + 1000, "system-cluster-critical": 2 * _HIGHEST}
_RESERVED = "priority class names with 'system-' prefix are reserved for system use only. error: "


def _priority_class(errors: Errors, new: scheduling.PriorityClass, _: scheduling.PriorityClass | None) -> None:
    name = new.metadata.name
    if name.startswith("system-"):
        if complaint := _not_of_system(new):
            errors.forbidden("metadata.name", _RESERVED + complaint)
    elif new.value > _HIGHEST:
        errors.forbidden("value", f"maximum allowed value of a user defined priority is {_HIGHEST}")
    one_of(errors, "preemptionPolicy", new.preemptionPolicy, ("PreemptLowerPriority", "Never"), missing="")


def _not_of_system(new: scheduling.PriorityClass) -> str:
    name = new.metadata.name
    if name not in _SYSTEM:
        return f"{name} is not a known system priority class"
    if new.value != _SYSTEM[name]:
        return f"value of {name} PriorityClass must be {_SYSTEM[name]}"
    return f"globalDefault of {name} PriorityClass must be false" if new.globalDefault else ""


def _priority_class_change(errors: Errors, new: scheduling.PriorityClass, old: scheduling.PriorityClass) -> None:
    if new.value != old.value:
        errors.forbidden("value", "may not be changed in an update.")
    immutable(errors, "preemptionPolicy", new.preemptionPolicy, old.preemptionPolicy)


TABLE: dict[type, Rules] = {scheduling.PriorityClass: Rules(create=_priority_class, change=_priority_class_change)}
