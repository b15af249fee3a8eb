"""Validation of persistent volume claims and of templates of claims."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.api import names
from sagong.api.field_errors import Errors, diff
from sagong.api.quantity import ZERO, parse
from sagong.api.types import core
from sagong.api.types.meta import LabelSelector
from sagong.api.validation import metadata, resources
from sagong.api.validation.rules import each, immutable, one_of, required

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES = ("Block", "Filesystem")
OLD_CLASS = "volume.beta.kubernetes.io/storage-class"
_RESIZE_STATES = (
    "ControllerResizeInProgress",
    "ControllerResizeInfeasible",
    "NodeResizeInProgress",
    "NodeResizeInfeasible",
    "NodeResizePending",
)
_PATH = LabelSelector()  # upstream shows the path of the other field for the value, of which JSON shows nothing: {}
_CHANGED = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"


def claim(errors: Errors, new: core.PersistentVolumeClaim, old: core.PersistentVolumeClaim | None) -> None:
    """Check a claim."""
    loose = old is not None and any(ref is not None and ref.apiGroup is not None for ref in (old.spec.dataSource, old.spec.dataSourceRef))
    claim_spec(errors, "spec", new.spec, loose_group=loose)


def claim_template(errors: Errors, path: str, template: core.PersistentVolumeClaimTemplate) -> None:
    """Check the template of the claim of an ephemeral volume."""
    metadata.template_meta(errors, f"{path}.metadata", template.metadata)
    claim_spec(errors, f"{path}.spec", template.spec)


def access_modes(errors: Errors, path: str, modes: Sequence[str]) -> None:
    """Check the access modes of a claim or volume."""
    for mode in modes:
        one_of(errors, path, mode, ACCESS_MODES)
    if "ReadWriteOncePod" in modes and {*modes} & {*ACCESS_MODES} != {"ReadWriteOncePod"}:
        errors.forbidden(path, "may not use ReadWriteOncePod with other access modes")


def claim_spec(errors: Errors, path: str, spec: core.PersistentVolumeClaimSpec, *, loose_group: bool = False) -> None:
    """Check what a claim asks for."""
    if not spec.accessModes:
        errors.required(f"{path}.accessModes", "at least 1 access mode is required")
    metadata.label_selector(errors, f"{path}.selector", spec.selector)
    access_modes(errors, f"{path}.accessModes", spec.accessModes)
    size, at = spec.resources.requests.get("storage"), f"{path}.resources[storage]"
    if size is None:
        errors.required(at)
    elif parse(size) <= ZERO:
        resources.positive_amount(errors, at, size)
    else:
        resources.amount(errors, at, "storage", size)
    if spec.storageClassName:
        each(errors, f"{path}.storageClassName", spec.storageClassName, names.dns1123_subdomain)
    one_of(errors, f"{path}.volumeMode", spec.volumeMode, VOLUME_MODES)
    _data_sources(errors, path, spec, loose_group=loose_group)
    if spec.volumeAttributesClassName:
        each(errors, f"{path}.volumeAttributesClassName", spec.volumeAttributesClassName, names.dns1123_subdomain)


def _data_sources(errors: Errors, path: str, spec: core.PersistentVolumeClaimSpec, *, loose_group: bool) -> None:
    source, ref = spec.dataSource, spec.dataSourceRef
    for name, found in (("dataSource", source), ("dataSourceRef", ref)):
        if found is not None:
            _data_source(errors, f"{path}.{name}", found, loose_group=loose_group)
    if ref is None or source is None:
        return
    if ref.namespace:
        errors.invalid(path, _PATH, "may not be specified when dataSourceRef.namespace is specified")
    elif (source.apiGroup, source.kind, source.name) != (ref.apiGroup, ref.kind, ref.name):
        errors.invalid(path, _PATH, "must match dataSourceRef")


def _data_source(
    errors: Errors, path: str, found: core.TypedLocalObjectReference | core.TypedObjectReference, *, loose_group: bool
) -> None:
    required(errors, path, found, "name", "kind")
    if not found.apiGroup and found.kind != "PersistentVolumeClaim":
        errors.invalid(path, found.kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup")
    if found.apiGroup and not loose_group:
        each(errors, f"{path}.apiGroup", found.apiGroup, names.dns1123_subdomain)
    if isinstance(found, core.TypedObjectReference) and found.namespace:
        each(errors, f"{path}.namespace", found.namespace, names.dns1123_label)


def claim_change(errors: Errors, new: core.PersistentVolumeClaim, old: core.PersistentVolumeClaim) -> None:
    """Check what may change: the volume once, the class from unset, size and attributes of a bound claim."""
    allowed = new.spec.copy()
    if not old.spec.volumeName:
        allowed.volumeName = ""
    _storage_class(errors, new, old, allowed)
    if new.status.phase == "Bound":
        allowed.volumeAttributesClassName = old.spec.volumeAttributesClassName
        if "storage" in old.spec.resources.requests:
            allowed.resources.requests["storage"] = old.spec.resources.requests["storage"]
    if allowed != old.spec:
        errors.forbidden("spec", f"{_CHANGED}\n{diff(old.spec, allowed)}")
    sizes = [found.get("storage", "0") for found in (new.spec.resources.requests, old.spec.resources.requests, old.status.capacity)]
    if parse(sizes[0]) < parse(sizes[1]) and parse(sizes[0]) <= parse(sizes[2]):
        errors.forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")
    immutable(errors, "volumeMode", new.spec.volumeMode, old.spec.volumeMode)
    _attributes_class(errors, new.spec, old)


def _storage_class(
    errors: Errors, new: core.PersistentVolumeClaim, old: core.PersistentVolumeClaim, allowed: core.PersistentVolumeClaimSpec
) -> None:
    """Tolerate the move of the class from the old annotation into the field, and the class of a claim that had none."""
    annotated, now = old.metadata.annotations.get(OLD_CLASS), new.metadata.annotations.get(OLD_CLASS)
    wanted = new.spec.storageClassName
    unset = old.spec.storageClassName is None
    if annotated is not None and unset and wanted == annotated and now in (None, annotated):
        allowed.storageClassName = None
        return
    immutable(errors, f"metadata.annotations.{OLD_CLASS}", now or "", annotated or "")
    if wanted is not None and unset and annotated in (None, wanted):
        allowed.storageClassName = None


def _attributes_class(errors: Errors, new: core.PersistentVolumeClaimSpec, old: core.PersistentVolumeClaim) -> None:
    name, path = new.volumeAttributesClassName, "spec.volumeAttributesClassName"
    if name == old.spec.volumeAttributesClassName or old.status.currentVolumeAttributesClassName is None:
        return
    if name is None:
        errors.forbidden(path, "update to nil is forbidden when status.currentVolumeAttributesClassName is not nil")
    elif not name:
        errors.forbidden(path, "update to empty string is forbidden when status.currentVolumeAttributesClassName is not nil")


def claim_status(errors: Errors, new: core.PersistentVolumeClaim, _: core.PersistentVolumeClaim) -> None:
    """Check the status that the controllers and kubelets write."""
    if not new.spec.accessModes:
        errors.required("Spec.accessModes")
    for name, text in new.status.capacity.items():
        resources.basic_amount(errors, f"status.capacity[{name}]", text)
    for name, state in new.status.allocatedResourceStatuses.items():
        _resource_key(errors, "status.allocatedResourceStatuses", name)
        if state not in _RESIZE_STATES:
            errors.not_supported("status.allocatedResourceStatuses", name, _RESIZE_STATES)
    for name, text in new.status.allocatedResources.items():
        _resource_key(errors, "status.allocatedResources", name)
        resources.amount(errors, f"status.allocatedResources[{name}]", "storage", text)


def _resource_key(errors: Errors, path: str, name: str) -> None:
    if complaints := names.qualified_name(name):
        errors.each(path, name, complaints)
    elif resources.is_native(name) and name != "storage":
        errors.not_supported(path, name, ("storage",))
