"""Validation of every kind, with upstream's paths, reasons and messages.

`rules.py` is the vocabulary; one module per group, or per kind where a kind is large, holds the checks and a TABLE of
kind -> Rules. A check takes (errors, object, old object or None) and adds to `errors`.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from sagong.api.errors import Cause
from sagong.api.field_errors import Errors
from sagong.api.resources import resource_of
from sagong.api.types.base import ApiStruct
from sagong.api.validation.metadata import validate_meta, validate_meta_update
from sagong.api.validation.rules import Rules

__all__ = ["validate_create", "validate_update"]

# The modules with the rules of a kind by the module of its type, where that is not one of the same name.
_MODULES = {
    "apiextensions": ("custom_resources",),
    "authentication": ("reviews",),
    "authorization": ("reviews",),
    "autoscaling_v1": ("autoscaling",),
    "core": ("core", "events"),
    "meta": (),
    "metrics": (),
    "admission": (),
    "resource": ("device_claims",),
}
_DEFAULT = Rules()


@functools.cache
def _rules(kind: type) -> Rules:
    """Return the rules of a kind; the module that has them is imported with the first object of its group."""
    package, _, name = kind.__module__.rpartition(".")
    if package != "sagong.api.types":
        return _DEFAULT
    for module in _MODULES.get(name, (name,)):
        table: dict[type, Rules] = importlib.import_module(f"sagong.api.validation.{module}").TABLE
        if kind in table:
            return table[kind]
    return _DEFAULT


def validate_create(obj: Any) -> list[Cause]:
    """Return what is wrong with a new object, defaulted and with its name, namespace and uid set; nothing when it is sound."""
    errors = Errors()
    kind: type[ApiStruct] = type(obj)
    rules = _rules(kind)
    if rules.stored:
        validate_meta(errors, obj.metadata, rules.name, namespaced=resource_of(kind).namespaced)
    rules.spec(errors, obj, None)
    rules.create(errors, obj, None)
    return errors


def validate_update(new: Any, old: Any, subresource: str = "") -> list[Cause]:
    """Return what is wrong with an update of an object, or of one of its subresources."""
    errors = Errors()
    kind: type[ApiStruct] = type(new)
    rules = _rules(kind)
    validate_meta_update(errors, new.metadata, old.metadata)
    if subresource:
        change = rules.subresources.get(subresource)
        if change is not None:
            change(errors, new, old)
        return errors
    rules.spec(errors, new, old)
    rules.change(errors, new, old)
    return errors
