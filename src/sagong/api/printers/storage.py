"""Tables of storage and of dynamic resources."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sagong.api.printers.columns import NONE, UNSET, Cells, Printer, age, name_and_age, printer
from sagong.api.types import core, resource, storage

_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_OLD_CLASS = "volume.beta.kubernetes.io/storage-class"
_DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def _modes(found: Iterable[str]) -> str:
    have = set(found)
    return ",".join(short for mode, short in _MODES.items() if mode in have)


def _unset(value: str | None) -> str:
    return UNSET if value is None else value


def _volume(obj: core.PersistentVolume, now: datetime) -> Cells:
    spec = obj.spec
    return [
        obj.metadata.name,
        spec.capacity.get("storage", "0"),
        _modes(spec.accessModes),
        spec.persistentVolumeReclaimPolicy,
        obj.status.phase if obj.metadata.deletionTimestamp is None else "Terminating",
        f"{spec.claimRef.namespace}/{spec.claimRef.name}" if spec.claimRef else "",
        obj.metadata.annotations.get(_OLD_CLASS, spec.storageClassName),
        _unset(spec.volumeAttributesClassName),
        obj.status.reason,
        age(obj, now),
        _unset(spec.volumeMode),
    ]


def _claim(obj: core.PersistentVolumeClaim, now: datetime) -> Cells:
    spec, status = obj.spec, obj.status
    return [
        obj.metadata.name,
        status.phase if obj.metadata.deletionTimestamp is None else "Terminating",
        spec.volumeName,
        status.capacity.get("storage", "0") if spec.volumeName else "",
        _modes(status.accessModes) if spec.volumeName else "",
        obj.metadata.annotations.get(_OLD_CLASS, spec.storageClassName or ""),
        _unset(spec.volumeAttributesClassName),
        age(obj, now),
        _unset(spec.volumeMode),
    ]


def _storage_class(obj: storage.StorageClass, now: datetime) -> Cells:
    default = any(obj.metadata.annotations.get(key) == "true" for key in _DEFAULT_CLASS)
    return [
        f"{obj.metadata.name} (default)" if default else obj.metadata.name,
        obj.provisioner,
        "Delete" if obj.reclaimPolicy is None else obj.reclaimPolicy,
        "Immediate" if obj.volumeBindingMode is None else obj.volumeBindingMode,
        bool(obj.allowVolumeExpansion),
        age(obj, now),
    ]


def _driver(obj: storage.CSIDriver, now: datetime) -> Cells:
    spec = obj.spec
    return [
        obj.metadata.name,
        spec.attachRequired is not False,
        bool(spec.podInfoOnMount),
        bool(spec.storageCapacity),
        ",".join(request.audience for request in spec.tokenRequests) if spec.tokenRequests else UNSET,
        bool(spec.requiresRepublish),
        ",".join(spec.volumeLifecycleModes) or NONE,
        age(obj, now),
    ]


def _attributes_class(obj: storage.VolumeAttributesClass, now: datetime) -> Cells:
    return [obj.metadata.name, obj.driverName, age(obj, now)]


def _csi_node(obj: storage.CSINode, now: datetime) -> Cells:
    return [obj.metadata.name, len(obj.spec.drivers or ()), age(obj, now)]


def _capacity(obj: storage.CSIStorageCapacity, _: datetime) -> Cells:
    return [obj.metadata.name, obj.storageClassName, _unset(obj.capacity)]


def _attachment(obj: storage.VolumeAttachment, now: datetime) -> Cells:
    spec = obj.spec
    return [obj.metadata.name, spec.attacher, spec.source.persistentVolumeName or "", spec.nodeName, obj.status.attached, age(obj, now)]


def _resource_claim(obj: resource.ResourceClaim, now: datetime) -> Cells:
    deleted, allocated = obj.metadata.deletionTimestamp is not None, obj.status.allocation is not None
    states = {
        "deleted": deleted,
        "pending": not deleted and not allocated,
        "allocated": allocated,
        "reserved": allocated and bool(obj.status.reservedFor),
    }
    return [obj.metadata.name, ",".join(state for state, holds in states.items() if holds), age(obj, now)]


def _slice(obj: resource.ResourceSlice, now: datetime) -> Cells:
    return [obj.metadata.name, obj.spec.nodeName or "", obj.spec.driver, obj.spec.pool.name, age(obj, now)]


TABLE: dict[type, Printer] = {
    core.PersistentVolume: printer(
        "Name",
        "Capacity",
        "Access Modes",
        "Reclaim Policy",
        "Status",
        "Claim",
        "StorageClass",
        "VolumeAttributesClass",
        "Reason",
        "Age",
        "+VolumeMode",
        cells=_volume,
    ),
    core.PersistentVolumeClaim: printer(
        "Name",
        "Status",
        "Volume",
        "Capacity",
        "Access Modes",
        "StorageClass",
        "VolumeAttributesClass",
        "Age",
        "+VolumeMode",
        cells=_claim,
    ),
    storage.StorageClass: printer(
        "Name", "Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion", "Age", cells=_storage_class
    ),
    storage.VolumeAttributesClass: printer("Name", "DriverName", "Age", cells=_attributes_class),
    storage.CSINode: printer("Name", "Drivers:integer", "Age", cells=_csi_node),
    storage.CSIDriver: printer(
        "Name",
        "AttachRequired:boolean",
        "PodInfoOnMount:boolean",
        "StorageCapacity:boolean",
        "TokenRequests",
        "RequiresRepublish:boolean",
        "Modes",
        "Age",
        cells=_driver,
    ),
    storage.CSIStorageCapacity: printer("Name", "StorageClassName", "Capacity", cells=_capacity),
    storage.VolumeAttachment: printer("Name", "Attacher", "PV", "Node", "Attached:boolean", "Age", cells=_attachment),
    resource.DeviceClass: printer("Name", "Age", cells=name_and_age),
    resource.ResourceClaim: printer("Name", "State", "Age", cells=_resource_claim),
    resource.ResourceClaimTemplate: printer("Name", "Age", cells=name_and_age),
    resource.ResourceSlice: printer("Name", "Node", "Driver", "Pool", "Age", cells=_slice),
}
