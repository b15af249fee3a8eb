"""Persistent volumes, claims, what drivers say of storage, and slices of devices."""

from __future__ import annotations

from typing import Any

from sagong.api.field_errors import quote
from sagong.api.types.core import PersistentVolume, PersistentVolumeClaim
from sagong.api.types.resource import ResourceSlice
from sagong.api.types.storage import CSIDriver, CSIStorageCapacity, StorageClass
from sagong.api.warnings.nodes import OLD_LABELS, selector, selector_term
from sagong.api.warnings.volumes import GONE_1_16, GONE_1_22, GONE_1_25, GONE_1_26, GONE_1_31, claim_spec
from sagong.api.warnings.warner import Warner

_CLASS = "volume.beta.kubernetes.io/storage-class"
_CLASS_SAID = 'deprecated since v1.8; use "storageClassName" attribute instead'
_ANNOTATIONS = {
    _CLASS: _CLASS_SAID,
    "volume.beta.kubernetes.io/mount-options": 'deprecated since v1.31; use "mountOptions" attribute instead',
}
_RECYCLE = "The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning."
# (attribute, name in the path, what is said of it), in the order of the warnings
_SOURCES = (
    ("cephfs", "cephfs", GONE_1_31),
    ("photonPersistentDisk", "photonPersistentDisk", GONE_1_16),
    ("scaleIO", "scaleIO", GONE_1_22),
    ("storageos", "storageOS", GONE_1_25),
    ("glusterfs", "glusterfs", GONE_1_26),
    ("rbd", "rbd", GONE_1_31),
)
_TOKENS = (
    "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, "
    "set to true to prevent possible logging of tokens in volume attributes"
)


def _volume(new: PersistentVolume, _: Any) -> list[str]:
    spec, annotations = new.spec, new.metadata.annotations
    found = [f"metadata.annotations[{key}]: {said}" for key, said in _ANNOTATIONS.items() if key in annotations]
    if spec.persistentVolumeReclaimPolicy == "Recycle":
        found.append(f"spec.persistentVolumeReclaimPolicy: {_RECYCLE}")
    if spec.nodeAffinity is not None and spec.nodeAffinity.required is not None:
        for i, term in enumerate(spec.nodeAffinity.required.nodeSelectorTerms):
            found += selector_term(f"spec.nodeAffinity.required.nodeSelectorTerms[{i}]", term)
    return found + [f"spec.{name}: {said}" for attribute, name, said in _SOURCES if getattr(spec, attribute) is not None]


def _claim(new: PersistentVolumeClaim, _: Any) -> list[str]:
    found = [f"metadata.annotations[{_CLASS}]: {_CLASS_SAID}"] if _CLASS in new.metadata.annotations else []
    return found + claim_spec("spec", new.spec)


def _class(new: StorageClass, _: Any) -> list[str]:
    return [
        f"allowedTopologies[{i}].matchLabelExpressions[{j}].key: {OLD_LABELS[expression.key]}"
        for i, term in enumerate(new.allowedTopologies)
        for j, expression in enumerate(term.matchLabelExpressions)
        if expression.key in OLD_LABELS
    ]


def _capacity(new: CSIStorageCapacity, _: Any) -> list[str]:
    return selector("nodeTopology", new.nodeTopology)


def _driver(new: CSIDriver, old: CSIDriver | None) -> list[str]:
    tokens = new.spec.tokenRequests
    changed = old is None or tokens != old.spec.tokenRequests
    return [_TOKENS] if tokens and changed and new.spec.serviceAccountTokenInSecrets is None else []


def _slice(new: ResourceSlice, _: Any) -> list[str]:
    driver = new.spec.driver
    said = f"spec.driver: driver names should be lowercase; {quote(driver)} contains uppercase characters"
    return [said] if driver != driver.lower() else []


TABLE: dict[type[Any], Warner] = {
    PersistentVolume: Warner(_volume),
    PersistentVolumeClaim: Warner(_claim),
    StorageClass: Warner(_class),
    CSIStorageCapacity: Warner(_capacity),
    CSIDriver: Warner(_driver),
    ResourceSlice: Warner(_slice),
}
