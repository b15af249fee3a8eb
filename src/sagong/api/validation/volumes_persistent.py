"""Validation of persistent volumes."""

from __future__ import annotations

import posixpath

from sagong.api import names
from sagong.api.field_errors import Errors, diff
from sagong.api.types import core
from sagong.api.validation import placement, resources, volumes
from sagong.api.validation.claims import VOLUME_MODES, access_modes
from sagong.api.validation.rules import IMMUTABLE, each, immutable, one_of

_RECLAIM = ("Delete", "Recycle", "Retain")
_INLINE = "may not be specified in the context of inline volumes"
_NOT_A_SOURCE = {
    "capacity",
    "accessModes",
    "claimRef",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "mountOptions",
    "volumeMode",
    "nodeAffinity",
    "volumeAttributesClassName",
}
_SOURCES = tuple(name for name in core.PersistentVolumeSpec.__struct_fields__ if name not in _NOT_A_SOURCE)
_GA_LABELS = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
}


def volume(errors: Errors, new: core.PersistentVolume, _: core.PersistentVolume | None) -> None:
    """Check a volume."""
    volume_spec(errors, "spec", new.spec, new.metadata.name)


def volume_spec(errors: Errors, path: str, spec: core.PersistentVolumeSpec, name: str, *, inline: bool = False) -> None:
    """Check a volume's spec; an inline one (of a volume attachment) has CSI's source and little else."""
    if inline:
        _inline(errors, path, spec)
    if not spec.accessModes:
        errors.required(f"{path}.accessModes")
    access_modes(errors, f"{path}.accessModes", spec.accessModes)
    if not inline:
        _capacity(errors, f"{path}.capacity", spec.capacity)
        if spec.persistentVolumeReclaimPolicy:
            one_of(errors, f"{path}.persistentVolumeReclaimPolicy", spec.persistentVolumeReclaimPolicy, _RECLAIM)
        if spec.nodeAffinity is not None:
            _node_affinity(errors, f"{path}.nodeAffinity", spec.nodeAffinity)
    volumes.sources(errors, path, spec, volumes.Where(name, in_pod=False, persistent=True))
    if spec.local and spec.nodeAffinity is None:
        errors.required(f"{path}.nodeAffinity", "Local volume requires node affinity")
    if spec.hostPath and posixpath.normpath(spec.hostPath.path or ".") == "/" and spec.persistentVolumeReclaimPolicy == "Recycle":
        errors.forbidden(f"{path}.persistentVolumeReclaimPolicy", "may not be 'recycle' for a hostPath mount of '/'")
    if spec.storageClassName and not inline:
        each(errors, f"{path}.storageClassName", spec.storageClassName, names.dns1123_subdomain)
    if not inline:
        one_of(errors, f"{path}.volumeMode", spec.volumeMode, VOLUME_MODES)
    _attributes_class(errors, path, spec)


def _inline(errors: Errors, path: str, spec: core.PersistentVolumeSpec) -> None:
    for name in ("claimRef", "capacity", "nodeAffinity", "storageClassName"):
        if getattr(spec, name):
            errors.forbidden(f"{path}.{name}", _INLINE)
    if spec.csi is None:
        errors.required(f"{path}.csi", "has to be specified in the context of inline volumes")
    if spec.persistentVolumeReclaimPolicy not in ("", "Retain"):
        errors.forbidden(f"{path}.persistentVolumeReclaimPolicy", "may only be Retain in the context of inline volumes")
    if spec.volumeMode not in (None, "Filesystem"):
        errors.forbidden(f"{path}.volumeMode", "may not specify volumeMode other than Filesystem in the context of inline volumes")


def _capacity(errors: Errors, path: str, capacity: dict[str, str]) -> None:
    if not capacity:
        errors.required(path)
    if "storage" not in capacity or len(capacity) > 1:
        errors.not_supported(path, capacity, ("storage",))
    for name, text in capacity.items():
        resources.basic_amount(errors, f"{path}[{name}]", text)
        resources.positive_amount(errors, f"{path}[{name}]", text)


def _node_affinity(errors: Errors, path: str, affinity: core.VolumeNodeAffinity) -> None:
    if affinity.required is None:
        errors.required(f"{path}.required", "must specify required node constraints")
    else:
        placement.node_selector(errors, f"{path}.required", affinity.required)


def _attributes_class(errors: Errors, path: str, spec: core.PersistentVolumeSpec) -> None:
    name = spec.volumeAttributesClassName
    if name is None:
        return
    if name:
        each(errors, f"{path}.volumeAttributesClassName", name, names.dns1123_subdomain)
    else:
        errors.required(f"{path}.volumeAttributesClassName", "an empty string is disallowed")
    if spec.csi is None:
        errors.required(f"{path}.csi", "has to be specified when using volumeAttributesClassName")


def volume_change(errors: Errors, new: core.PersistentVolume, old: core.PersistentVolume) -> None:
    """Check what may change: not the source, the mode or the node affinity."""
    after, before = _source_of(new.spec), _source_of(old.spec)
    if after.csi and before.csi and before.csi.controllerExpandSecretRef is None:
        after.csi.controllerExpandSecretRef = None
    if after != before:
        text = f"spec.persistentvolumesource is immutable after creation\n{diff(before, after)}"
        errors.forbidden("spec.persistentvolumesource", text)
    immutable(errors, "volumeMode", new.spec.volumeMode, old.spec.volumeMode)
    if old.spec.nodeAffinity is not None and _renamed(old.spec.nodeAffinity, new.spec.nodeAffinity) != new.spec.nodeAffinity:
        errors.invalid("nodeAffinity", new.spec.nodeAffinity, f"{IMMUTABLE}, except for updating from beta label to GA")
    if old.spec.volumeAttributesClassName is not None and new.spec.volumeAttributesClassName is None:
        errors.forbidden("spec.volumeAttributesClassName", "update from non-nil value to nil is forbidden")


def _source_of(spec: core.PersistentVolumeSpec) -> core.PersistentVolumeSpec:
    source = core.PersistentVolumeSpec(**{name: getattr(spec, name) for name in _SOURCES})
    return source.copy()


def _renamed(old: core.VolumeNodeAffinity, new: core.VolumeNodeAffinity | None) -> core.VolumeNodeAffinity:
    """Give the old affinity the new one's label keys where that only follows a label's rename."""
    renamed = old.copy()
    terms = [affinity.required.nodeSelectorTerms if affinity and affinity.required else [] for affinity in (renamed, new)]
    for before, after in zip(*terms, strict=False):
        for requirement, wanted in zip(before.matchExpressions, after.matchExpressions, strict=False):
            if _GA_LABELS.get(requirement.key) == wanted.key:
                requirement.key = wanted.key
    return renamed
