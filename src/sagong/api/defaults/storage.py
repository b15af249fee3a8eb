"""Defaults of the storage and scheduling groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagong.api.defaults.fill import fill
from sagong.api.types import scheduling, storage

_DRIVER = {
    "attachRequired": True,
    "podInfoOnMount": False,
    "storageCapacity": False,
    "fsGroupPolicy": "ReadWriteOnceWithFSType",
    "volumeLifecycleModes": lambda: ["Persistent"],
    "requiresRepublish": False,
    "seLinuxMount": False,
}


def _storage_class(obj: storage.StorageClass) -> None:
    fill(obj, {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"})


def _csi_driver(obj: storage.CSIDriver) -> None:
    fill(obj.spec, _DRIVER)


def _priority_class(obj: scheduling.PriorityClass) -> None:
    fill(obj, {"preemptionPolicy": "PreemptLowerPriority"})


TABLE: dict[type, Callable[[Any], None]] = {
    storage.StorageClass: _storage_class,
    storage.CSIDriver: _csi_driver,
    scheduling.PriorityClass: _priority_class,
}
