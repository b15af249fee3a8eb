"""Validation of runtime classes."""

from __future__ import annotations

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types import core, node
from sagong.api.validation import placement
from sagong.api.validation.metadata import labels
from sagong.api.validation.resources import requirements
from sagong.api.validation.rules import Rules, immutable, named


def _runtime_class(errors: Errors, new: node.RuntimeClass, _: node.RuntimeClass | None) -> None:
    named(errors, "handler", new.handler, names.dns1123_label)
    if new.overhead is not None:
        requirements(errors, "overhead", core.ResourceRequirements(limits=new.overhead.podFixed))
    if new.scheduling is None:
        return
    labels(errors, "scheduling.nodeSelector", new.scheduling.nodeSelector)
    tolerations, path = new.scheduling.tolerations, "scheduling.tolerations"
    placement.tolerations(errors, path, tolerations)
    seen: set[tuple[str, str, str, str]] = set()
    for i, toleration in enumerate(tolerations):
        key = (toleration.key, toleration.operator, toleration.value, toleration.effect)
        if key in seen:
            errors.duplicate(f"{path}[{i}]", toleration)
        seen.add(key)


def _runtime_class_change(errors: Errors, new: node.RuntimeClass, old: node.RuntimeClass) -> None:
    immutable(errors, "handler", new.handler, old.handler)


TABLE: dict[type, Rules] = {node.RuntimeClass: Rules(spec=_runtime_class, change=_runtime_class_change)}
