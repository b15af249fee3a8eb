"""Validation of metadata, labels, selectors and conditions (k8s.io/apimachinery, api/validation and meta/v1/validation)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types.meta import Condition, LabelSelector, LabelSelectorRequirement, ManagedFieldsEntry, ObjectMeta, OwnerReference
from sagong.api.validation.rules import each, immutable, not_negative

ANNOTATIONS_SIZE = 256 * 1024
_MANAGER_LENGTH = 128
_SUBRESOURCE_LENGTH = 256
_REASON_LENGTH = 1024
_MESSAGE_LENGTH = 32 * 1024
_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
_FIXED = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
_REASON = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_REASON_RULE = names.regex_complaint(
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', "
    "and must end with an alphanumeric character or '_'",
    _REASON,
    "my_name",
    "MY_NAME",
    "MyName",
    "ReasonA,ReasonB",
    "ReasonA:ReasonB",
)


def validate_meta(
    errors: Errors, meta: ObjectMeta, name: names.Check, *, namespaced: bool, path: str = "metadata", qualified: bool = True
) -> None:
    """Check the metadata of an object that is to be created; its name is there by now, generated or given.

    `qualified` demands finalizers with a domain; of custom resources nobody does.
    """
    if meta.generateName and (complaints := names.generated(name)(meta.generateName)):
        errors.each(f"{path}.generateName", meta.generateName, complaints)
    if not meta.name:
        errors.required(f"{path}.name", "name or generateName is required")
    elif complaints := name(meta.name):
        errors.each(f"{path}.name", meta.name, complaints)
    _namespace(errors, meta, path, namespaced=namespaced)
    not_negative(errors, f"{path}.generation", meta.generation)
    _common(errors, meta, path)
    _finalizers(errors, meta.finalizers, f"{path}.finalizers", qualified=qualified)


def validate_meta_update(errors: Errors, new: ObjectMeta, old: ObjectMeta, path: str = "metadata", *, qualified: bool = True) -> None:
    """Check what may change in metadata. The new object must carry a resourceVersion, filled in where the update is unconditional."""
    if old.deletionTimestamp is not None:
        added = sorted(set(new.finalizers) - set(old.finalizers))
        if added:
            quoted = ", ".join(f'"{name}"' for name in added)
            detail = f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{quoted}}}"
            errors.forbidden(f"{path}.finalizers", detail)
    if not new.resourceVersion:
        errors.invalid(f"{path}.resourceVersion", new.resourceVersion, "must be specified for an update")
    if new.generation < old.generation:
        errors.invalid(f"{path}.generation", new.generation, "must not be decremented")
    for name in _FIXED:
        if getattr(new, name) != getattr(old, name):
            immutable(errors, f"{path}.{name}", getattr(new, name), getattr(old, name))
    _common(errors, new, path)
    if new.finalizers != old.finalizers:
        _finalizers(errors, new.finalizers, f"{path}.finalizers", qualified=qualified)


def _namespace(errors: Errors, meta: ObjectMeta, path: str, *, namespaced: bool) -> None:
    if not namespaced:
        if meta.namespace:
            errors.forbidden(f"{path}.namespace", "not allowed on this type")
    elif not meta.namespace:
        errors.required(f"{path}.namespace")
    elif complaints := names.dns1123_label(meta.namespace):
        errors.each(f"{path}.namespace", meta.namespace, complaints)


def _common(errors: Errors, meta: ObjectMeta, path: str) -> None:
    if meta.labels:
        labels(errors, f"{path}.labels", meta.labels)
    if meta.annotations:
        annotation_map(errors, f"{path}.annotations", meta.annotations)
    if meta.ownerReferences:
        _owners(errors, f"{path}.ownerReferences", meta.ownerReferences)
    if meta.managedFields:
        _managed_fields(errors, f"{path}.managedFields", meta.managedFields)


def labels(errors: Errors, path: str, found: Mapping[str, str]) -> None:
    """Check keys and values of labels, or of a node selector."""
    for key, value in found.items():
        if complaints := names.qualified_name(key):
            errors.each(path, key, complaints)
        if complaints := names.label_value(value):
            errors.each(path, value, complaints)


def label_key(errors: Errors, path: str, key: str) -> None:
    """Check one label key."""
    each(errors, path, key, names.qualified_name)


def annotation_map(errors: Errors, path: str, found: Mapping[str, str]) -> None:
    """Check keys of annotations, and the size of all of them."""
    size = 0
    for key, value in found.items():
        if complaints := names.qualified_name(key.lower()):
            errors.each(path, key, complaints)
        size += len(key) + (len(value) if value.isascii() else len(value.encode()))
    if size > ANNOTATIONS_SIZE:
        errors.too_long(path, ANNOTATIONS_SIZE)


def template_meta(errors: Errors, path: str, meta: ObjectMeta) -> None:
    """Check the metadata of a template: labels and annotations, nothing else."""
    annotation_map(errors, f"{path}.annotations", meta.annotations)
    labels(errors, f"{path}.labels", meta.labels)
    zero = ObjectMeta()
    for name in ObjectMeta.__struct_fields__:
        if name not in ("annotations", "labels") and getattr(meta, name) != getattr(zero, name):
            errors.forbidden(f"{path}.{name}", "cannot be set")


def _owners(errors: Errors, path: str, owners: Sequence[OwnerReference]) -> None:
    controller = ""
    for owner in owners:
        if not owner.apiVersion.rpartition("/")[2]:
            errors.invalid(f"{path}.apiVersion", owner.apiVersion, "version must not be empty")
        for name in ("kind", "name", "uid"):
            if not getattr(owner, name):
                errors.invalid(f"{path}.{name}", getattr(owner, name), "must not be empty")
        if (owner.apiVersion, owner.kind) == ("v1", "Event"):
            errors.invalid(path, owner, "/v1, Kind=Event is disallowed from being an owner")
        if owner.controller:
            this = f"{owner.kind}/{owner.name}"
            if controller:
                text = f'Only one reference can have Controller set to true. Found "true" in references for {controller} and {this}'
                errors.invalid(path, list(owners), text)
            else:
                controller = this


def _finalizers(errors: Errors, found: Sequence[str], path: str, *, qualified: bool) -> None:
    for name in found:
        each(errors, path, name, names.qualified_name)
    if "orphan" in found and "foregroundDeletion" in found:
        errors.invalid(path, list(found), "finalizer orphan and foregroundDeletion cannot be both set")
    for i, name in enumerate(found if qualified else ()):
        qualified_finalizer(errors, f"{path}[{i}]", name)


def qualified_finalizer(errors: Errors, path: str, name: str) -> None:
    """Refuse a finalizer that is neither one of the system's nor has a domain."""
    if "/" not in name and name not in _STANDARD_FINALIZERS:
        errors.invalid(path, name, "name is neither a standard finalizer name nor is it fully qualified")


def _managed_fields(errors: Errors, path: str, entries: Sequence[ManagedFieldsEntry]) -> None:
    for i, entry in enumerate(entries):
        if entry.operation not in ("Apply", "Update"):
            errors.invalid(f"{path}[{i}].operation", entry.operation, "must be `Apply` or `Update`")
        if entry.fieldsType not in ("", "FieldsV1"):
            errors.invalid(f"{path}[{i}].fieldsType", entry.fieldsType, "must be `FieldsV1`")
        field_manager(errors, f"{path}[{i}].manager", entry.manager)
        if len(entry.subresource) > _SUBRESOURCE_LENGTH:
            errors.too_long(f"{path}[{i}].subresource", _SUBRESOURCE_LENGTH)


def field_manager(errors: Errors, path: str, name: str) -> None:
    """Check the name of a field manager, also as a request's option."""
    if len(name.encode()) > _MANAGER_LENGTH:
        errors.too_long(path, _MANAGER_LENGTH)
    if not name.isprintable():
        for i, character in enumerate(name):
            if not character.isprintable():
                errors.invalid(path, name, f"invalid character U+{ord(character):04X} (at position {i})")


def label_selector(errors: Errors, path: str, selector: LabelSelector | None, *, loose_values: bool = False) -> None:
    """Check a metav1.LabelSelector; `loose_values` tolerates values that were stored before they were checked."""
    if selector is None:
        return
    if selector.matchLabels:
        labels(errors, f"{path}.matchLabels", selector.matchLabels)
    for i, requirement in enumerate(selector.matchExpressions):
        label_requirement(errors, f"{path}.matchExpressions[{i}]", requirement, loose_values=loose_values)


def label_requirement(
    errors: Errors, path: str, requirement: LabelSelectorRequirement, *, loose_values: bool = False, any_operator: bool = False
) -> None:
    """Check one requirement; `any_operator` leaves it to whoever evaluates the selector to know operators."""
    if requirement.operator in ("In", "NotIn"):
        if not requirement.values:
            errors.required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif requirement.operator in ("Exists", "DoesNotExist"):
        if requirement.values:
            errors.forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    elif not any_operator:
        errors.invalid(f"{path}.operator", requirement.operator, "not a valid selector operator")
    label_key(errors, f"{path}.key", requirement.key)
    if not loose_values:
        for i, value in enumerate(requirement.values):
            each(errors, f"{path}.values[{i}]", value, names.label_value)


def conditions(errors: Errors, path: str, found: Sequence[Condition]) -> None:
    """Check a list of metav1.Condition."""
    seen: set[str] = set()
    for i, condition in enumerate(found):
        at = f"{path}[{i}]"
        if condition.type in seen:
            errors.duplicate(f"{at}.type", condition.type)
        seen.add(condition.type)
        _condition(errors, at, condition)


def _condition(errors: Errors, path: str, condition: Condition) -> None:
    label_key(errors, f"{path}.type", condition.type)
    if condition.status not in ("True", "False", "Unknown"):
        errors.not_supported(f"{path}.status", condition.status, ("False", "True", "Unknown"))
    if condition.observedGeneration < 0:
        errors.invalid(f"{path}.observedGeneration", condition.observedGeneration, "must be greater than or equal to zero")
    if not condition.lastTransitionTime:
        errors.required(f"{path}.lastTransitionTime")
    if not condition.reason:
        errors.required(f"{path}.reason")
    elif not re.fullmatch(_REASON, condition.reason):
        errors.invalid(f"{path}.reason", condition.reason, _REASON_RULE)
    if len(condition.reason) > _REASON_LENGTH:
        errors.too_long(f"{path}.reason", _REASON_LENGTH)
    if len(condition.message) > _MESSAGE_LENGTH:
        errors.too_long(f"{path}.message", _MESSAGE_LENGTH)
