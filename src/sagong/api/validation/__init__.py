"""Validation of every kind, with upstream's paths, reasons and messages.

`rules.py` is the vocabulary; one module per group, or per kind where a kind is large, holds the checks and a TABLE of
kind -> Rules. A check takes (errors, object, old object or None) and adds to `errors`.
"""

from __future__ import annotations

from typing import Any

from sagong.api.errors import Cause
from sagong.api.field_errors import Errors
from sagong.api.resources import resource_of
from sagong.api.types.base import ApiStruct
from sagong.api.validation import (
    admissionregistration,
    apiregistration,
    apps,
    autoscaling,
    batch,
    certificates,
    coordination,
    core,
    custom_resources,
    device_claims,
    discovery,
    events,
    flowcontrol,
    networking,
    node,
    policy,
    rbac,
    reviews,
    scheduling,
    storage,
)
from sagong.api.validation.metadata import validate_meta, validate_meta_update
from sagong.api.validation.rules import Rules

__all__ = ["validate_create", "validate_update"]

_TABLE: dict[type, Rules] = {}
for _module in (
    admissionregistration,
    apiregistration,
    apps,
    autoscaling,
    batch,
    certificates,
    coordination,
    core,
    custom_resources,
    device_claims,
    discovery,
    events,
    flowcontrol,
    networking,
    node,
    policy,
    rbac,
    reviews,
    scheduling,
    storage,
):
    _TABLE.update(_module.TABLE)
_DEFAULT = Rules()


def validate_create(obj: Any) -> list[Cause]:
    """Return what is wrong with a new object, defaulted and with its name, namespace and uid set; nothing when it is sound."""
    errors = Errors()
    kind: type[ApiStruct] = type(obj)
    rules = _TABLE.get(kind, _DEFAULT)
    if rules.stored:
        validate_meta(errors, obj.metadata, rules.name, namespaced=resource_of(kind).namespaced)
    rules.spec(errors, obj, None)
    rules.create(errors, obj, None)
    return errors


def validate_update(new: Any, old: Any, subresource: str = "") -> list[Cause]:
    """Return what is wrong with an update of an object, or of one of its subresources."""
    errors = Errors()
    rules = _TABLE.get(type(new), _DEFAULT)
    validate_meta_update(errors, new.metadata, old.metadata)
    if subresource:
        change = rules.subresources.get(subresource)
        if change is not None:
            change(errors, new, old)
        return errors
    rules.spec(errors, new, old)
    rules.change(errors, new, old)
    return errors
