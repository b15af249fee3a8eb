"""Validation of the storage group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagong.api import names
from sagong.api.field_errors import OMIT, Errors
from sagong.api.types import core, storage
from sagong.api.validation.metadata import label_key, label_selector
from sagong.api.validation.resources import amount
from sagong.api.validation.rules import IMMUTABLE, Rules, each, immutable, not_negative, one_of, status
from sagong.api.validation.volumes import driver_name
from sagong.api.validation.volumes_persistent import volume_spec

_PARAMETERS_SIZE = 256 * 1024
_PARAMETERS = 512
_ERROR_LENGTH = 1024
_NODE_ID_LENGTH = 256
_MIN_PERIOD = 10
_MIN_EXPIRATION, _MAX_EXPIRATION = 600, 2**32
_MODES = ("Immediate", "WaitForFirstConsumer")
_GROUP_POLICIES = ("File", "None", "ReadWriteOnceWithFSType")
_LIFECYCLES = ("Persistent", "Ephemeral")
_ONE_SOURCE = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
_FIXED = ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode")


def _class(errors: Errors, new: storage.StorageClass, _: storage.StorageClass | None) -> None:
    _provisioner(errors, "provisioner", new.provisioner)
    _parameters(errors, new.parameters)
    if new.reclaimPolicy:
        one_of(errors, "reclaimPolicy", new.reclaimPolicy, ("Delete", "Retain"))
    if new.volumeBindingMode is None:
        errors.required("volumeBindingMode")
    one_of(errors, "volumeBindingMode", new.volumeBindingMode, _MODES)
    seen: list[dict[str, set[str]]] = []
    for i, term in enumerate(new.allowedTopologies):
        found = _topology(errors, f"allowedTopologies[{i}].matchLabelExpressions", term)
        if found in seen or not found:
            errors.duplicate(f"allowedTopologies[{i}].matchLabelExpressions", "")
        seen.append(found)


def _class_change(errors: Errors, new: storage.StorageClass, old: storage.StorageClass) -> None:
    for name in _FIXED:
        immutable(errors, name, getattr(new, name), getattr(old, name))


def _provisioner(errors: Errors, path: str, name: str) -> None:
    if name:
        each(errors, path, name.lower(), names.qualified_name)
    else:
        errors.required(path)


def _parameters(errors: Errors, found: Mapping[str, str]) -> None:
    if len(found) > _PARAMETERS:
        errors.too_long("parameters", _PARAMETERS)
    if "" in found:
        errors.invalid("parameters", "", "field can not be empty.")
    if _size(found) > _PARAMETERS_SIZE:
        errors.too_long("parameters", _PARAMETERS_SIZE)


def _size(found: Mapping[str, str]) -> int:
    return sum(len(key.encode()) + len(value.encode()) for key, value in found.items())


def _topology(errors: Errors, path: str, term: core.TopologySelectorTerm) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for i, requirement in enumerate(term.matchLabelExpressions):
        at = f"{path}[{i}]"
        if not requirement.values:
            errors.required(f"{at}.values")
        values: set[str] = set()
        for j, value in enumerate(requirement.values):
            if value in values:
                errors.duplicate(f"{at}.values[{j}]", value)
            values.add(value)
        label_key(errors, f"{at}.key", requirement.key)
        if requirement.key in found:
            errors.duplicate(f"{at}.key", requirement.key)
        found[requirement.key] = values
    return found


def _attachment(errors: Errors, new: storage.VolumeAttachment, old: storage.VolumeAttachment | None) -> None:
    spec = new.spec
    driver_name(errors, "spec.attacher", spec.attacher)
    name, inline = spec.source.persistentVolumeName, spec.source.inlineVolumeSpec
    if name is None and inline is None:
        errors.required("spec.source", _ONE_SOURCE)
    elif name is not None and inline is not None:
        errors.forbidden("spec.source", _ONE_SOURCE)
    elif name == "":
        errors.required("spec.source.persistentVolumeName", "must specify non empty persistentVolumeName")
    elif inline is not None:
        volume_spec(errors, "spec.source.inlineVolumeSpec", inline, "", inline=True)
    each(errors, "spec.nodeName", spec.nodeName, names.dns1123_subdomain)
    _attachment_status(errors, new, old)
    if name is not None:
        each(errors, "spec.source.persistentVolumeName", name, names.dns1123_subdomain)


def _attachment_change(errors: Errors, new: storage.VolumeAttachment, old: storage.VolumeAttachment) -> None:
    immutable(errors, "spec", new.spec, old.spec)


def _attachment_all(errors: Errors, new: storage.VolumeAttachment, old: storage.VolumeAttachment) -> None:
    _attachment(errors, new, old)
    _attachment_change(errors, new, old)


def _attachment_status(errors: Errors, new: storage.VolumeAttachment, _: storage.VolumeAttachment | None) -> None:
    if _size(new.status.attachmentMetadata) > _PARAMETERS_SIZE:
        errors.too_long("status.attachmentMetadata", _PARAMETERS_SIZE)
    for name in ("attachError", "detachError"):
        error: storage.VolumeError | None = getattr(new.status, name)
        if error is None:
            continue
        if len(error.message.encode()) > _ERROR_LENGTH:
            errors.too_long(f"status.{name}.message", _PARAMETERS_SIZE)  # upstream names the other limit
        if error.errorCode is not None and error.errorCode < 0:
            errors.invalid(f"status.{name}.errorCode", error.errorCode, names.between(0, 2**31 - 1))


def _node(errors: Errors, new: storage.CSINode, old: storage.CSINode | None) -> None:
    seen: set[str] = set()
    for i, driver in enumerate(new.spec.drivers or ()):
        _node_driver(errors, f"spec.drivers[{i}]", driver, seen)
    before = {driver.name: driver for driver in old.spec.drivers or ()} if old is not None else {}
    for driver in new.spec.drivers or ():
        known = before.get(driver.name)
        if known is not None and (driver.nodeID, driver.topologyKeys or []) != (known.nodeID, known.topologyKeys or []):
            errors.invalid("spec.drivers", driver, "field is immutable")


def _node_driver(errors: Errors, path: str, driver: storage.CSINodeDriver, seen: set[str]) -> None:
    driver_name(errors, f"{path}.name", driver.name)
    if not driver.nodeID:
        errors.required(f"{path}.nodeID")
    if len(driver.nodeID.encode()) > _NODE_ID_LENGTH:
        errors.invalid(f"{path}.nodeID", driver.nodeID, f"must be {_NODE_ID_LENGTH} characters or less")
    if driver.allocatable is not None:
        not_negative(errors, f"{path}.allocatable.count", driver.allocatable.count)
    if driver.name in seen:
        errors.duplicate(f"{path}.name", driver.name)
    seen.add(driver.name)
    keys: set[str] = set()
    for key in driver.topologyKeys or ():
        if not key:
            errors.required(path)
        if key in keys:
            errors.duplicate(path, key)
        keys.add(key)
        each(errors, path, key, names.qualified_name)


def _driver(errors: Errors, new: storage.CSIDriver, _: storage.CSIDriver | None) -> None:
    spec = new.spec
    needed = {
        "attachedRequired": spec.attachRequired,
        "podInfoOnMount": spec.podInfoOnMount,
        "storageCapacity": spec.storageCapacity,
    }
    _demanded(errors, needed)
    one_of(errors, "spec.fsGroupPolicy", spec.fsGroupPolicy, _GROUP_POLICIES)
    _token_requests(errors, "spec.tokenRequests", spec.tokenRequests)
    for mode in spec.volumeLifecycleModes:
        one_of(errors, "spec.volumeLifecycleModes", mode, _LIFECYCLES)
    _demanded(errors, {"seLinuxMount": spec.seLinuxMount})
    period = spec.nodeAllocatableUpdatePeriodSeconds
    if period is not None and period < _MIN_PERIOD:
        errors.invalid("spec.nodeAllocatableUpdatePeriodSeconds", period, "must be greater than or equal to 10 seconds")
    if spec.serviceAccountTokenInSecrets is not None and not spec.tokenRequests:
        text = "serviceAccountTokenInSecrets is set but no tokenRequests are specified"
        errors.invalid("spec.serviceAccountTokenInSecrets", spec.serviceAccountTokenInSecrets, text)


def _demanded(errors: Errors, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        if value is None:
            errors.required(f"spec.{name}")


def _token_requests(errors: Errors, path: str, found: Sequence[storage.TokenRequest]) -> None:
    seen: set[str] = set()
    for i, request in enumerate(found):
        if request.audience in seen:
            errors.duplicate(f"{path}[{i}].audience", request.audience)
            continue
        seen.add(request.audience)
        seconds, at = request.expirationSeconds, f"{path}[{i}].expirationSeconds"
        if seconds is not None and seconds < _MIN_EXPIRATION:
            errors.invalid(at, seconds, "may not specify a duration less than 10 minutes")
        if seconds is not None and seconds > _MAX_EXPIRATION:
            errors.invalid(at, seconds, "may not specify a duration larger than 2^32 seconds")


def _driver_change(errors: Errors, new: storage.CSIDriver, old: storage.CSIDriver) -> None:
    immutable(errors, "spec.attachedRequired", new.spec.attachRequired, old.spec.attachRequired)
    immutable(errors, "spec.volumeLifecycleModes", new.spec.volumeLifecycleModes, old.spec.volumeLifecycleModes)


def _capacity(errors: Errors, new: storage.CSIStorageCapacity, _: storage.CSIStorageCapacity | None) -> None:
    label_selector(errors, "nodeTopology", new.nodeTopology)
    each(errors, "storageClassName", new.storageClassName, names.dns1123_subdomain)
    if new.capacity is not None:
        amount(errors, "capacity", "", new.capacity)


def _capacity_change(errors: Errors, new: storage.CSIStorageCapacity, old: storage.CSIStorageCapacity) -> None:
    if new.nodeTopology != old.nodeTopology:
        errors.invalid("nodeTopology", new.nodeTopology if new.nodeTopology is not None else OMIT, IMMUTABLE)
    immutable(errors, "storageClassName", new.storageClassName, old.storageClassName)


def _attributes(errors: Errors, new: storage.VolumeAttributesClass, _: storage.VolumeAttributesClass | None) -> None:
    _provisioner(errors, "driverName", new.driverName)
    _parameters(errors, new.parameters)
    if not new.parameters:
        errors.required("parameters", "must contain at least one key/value pair")


def _attributes_change(errors: Errors, new: storage.VolumeAttributesClass, old: storage.VolumeAttributesClass) -> None:
    for name in ("driverName", "parameters"):
        if getattr(new, name) != getattr(old, name):
            errors.forbidden(name, f"updates to {name} are forbidden.")


TABLE: dict[type, Rules] = {
    storage.StorageClass: Rules(create=_class, change=_class_change),
    storage.VolumeAttachment: Rules(spec=_attachment, change=_attachment_change, subresources=status(_attachment_all)),
    storage.CSINode: Rules(spec=_node),
    storage.CSIDriver: Rules(spec=_driver, change=_driver_change),
    storage.CSIStorageCapacity: Rules(create=_capacity, change=_capacity_change),
    storage.VolumeAttributesClass: Rules(spec=_attributes, change=_attributes_change),
}
