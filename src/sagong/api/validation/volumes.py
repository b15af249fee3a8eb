"""Validation of volumes, of pods and persistent: one function for each source, most of them a list of required fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sagong.api import names
from sagong.api.field_errors import Errors, quote
from sagong.api.quantity import ZERO, parse
from sagong.api.types import core
from sagong.api.types.meta import ObjectMeta
from sagong.api.validation import downward, projected
from sagong.api.validation.claims import claim_template
from sagong.api.validation.paths import descending, file_mode, key_to_path, no_backsteps
from sagong.api.validation.rules import each, in_range, named, one_of, required

_ONE_TYPE = "may not specify more than 1 volume type"
_HOST_PATH_TYPES = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_MAX_BYTE = 255
_DRIVER_LENGTH = 63
_INITIATOR_LENGTH = 64
_ISCSI_NAMES = {
    "iqn": re.compile(r"iqn\.\d{4}-\d{2}\.([a-zA-Z0-9.-]+)(:[^,;*&$|\s]+)$", re.ASCII),
    "eui": re.compile(r"^eui.[a-zA-Z0-9]{16}$"),
    "naa": re.compile(r"^naa.[a-zA-Z0-9]{32}$"),
}
_REGISTRY = "must be a host:port pair or multiple pairs separated by commas"
_RESERVED = "kubernetes.io and k8s.io namespaces are reserved"


@dataclass(frozen=True)
class Where:
    """What a source's check may need to know: the volume's name, and whether a pod (not a template) is being checked."""

    name: str = ""
    in_pod: bool = True
    persistent: bool = False


Source = Callable[[Errors, str, Any, Where], None]


def _needs(*fields: str) -> Source:
    """Make a check that only demands fields."""
    return lambda errors, path, source, _: required(errors, path, source, *fields)


def _empty_dir(errors: Errors, path: str, source: core.EmptyDirVolumeSource, _: Where) -> None:
    if source.sizeLimit is not None and parse(source.sizeLimit) < ZERO:
        errors.forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")


def _host_path(errors: Errors, path: str, source: core.HostPathVolumeSource, _: Where) -> None:
    required(errors, path, source, "path")
    no_backsteps(errors, f"{path}.path", source.path)
    one_of(errors, f"{path}.type", source.type, _HOST_PATH_TYPES)


def _git_repo(errors: Errors, path: str, source: core.GitRepoVolumeSource, _: Where) -> None:
    required(errors, path, source, "repository")
    descending(errors, f"{path}.directory", source.directory)


def _disk(identifier: str) -> Source:
    def check(errors: Errors, path: str, source: Any, _: Where) -> None:
        required(errors, path, source, identifier)
        if not 0 <= source.partition <= _MAX_BYTE:
            errors.invalid(f"{path}.partition", source.partition, names.between(1, _MAX_BYTE))

    return check


def _keys(owner: str) -> Source:
    def check(errors: Errors, path: str, source: Any, _: Where) -> None:
        required(errors, path, source, owner)
        file_mode(errors, f"{path}.defaultMode", source.defaultMode)
        for i, item in enumerate(source.items):
            key_to_path(errors, f"{path}.items[{i}]", item)

    return check


def _nfs(errors: Errors, path: str, source: core.NFSVolumeSource, _: Where) -> None:
    required(errors, path, source, "server", "path")
    if not source.path.startswith("/"):
        errors.invalid(f"{path}.path", source.path, "must be an absolute path")


def _iscsi(errors: Errors, path: str, source: core.ISCSIVolumeSource | core.ISCSIPersistentVolumeSource, where: Where) -> None:
    required(errors, path, source, "targetPortal")
    if not source.iqn:
        errors.required(f"{path}.iqn")
    else:
        _iscsi_name(errors, f"{path}.iqn", source.iqn, where)
    in_range(errors, f"{path}.lun", source.lun, 0, _MAX_BYTE)
    if (source.chapAuthDiscovery or source.chapAuthSession) and source.secretRef is None:
        errors.required(f"{path}.secretRef")
    if where.persistent and source.secretRef and not source.secretRef.name:
        errors.required(f"{path}.secretRef.name")
    if source.initiatorName is None:
        return
    _iscsi_name(errors, f"{path}.initiatorname", source.initiatorName, where)
    if len(f"{where.name}:{source.targetPortal}") > _INITIATOR_LENGTH:
        at, value = (f"{path}.targetportal", source.targetPortal) if where.persistent else (f"{path[: -len('.iscsi')]}.name", where.name)
        text = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified."
        errors.invalid(at, value, text)


def _iscsi_name(errors: Errors, path: str, name: str, where: Where) -> None:
    pattern = _ISCSI_NAMES.get(name[:3])
    if pattern is None:
        errors.invalid(path, name, "must be valid format" + ("" if where.persistent else " starting with iqn, eui, or naa"))
    elif not pattern.search(name):
        errors.invalid(path, name, "must be valid format")


def _glusterfs(errors: Errors, path: str, source: Any, where: Where) -> None:
    required(errors, path, source, "endpoints", "path")
    if where.persistent and source.endpointsNamespace is not None:
        if not source.endpointsNamespace:
            text = "if the endpointnamespace is set, it must be a valid namespace name"
            errors.invalid(f"{path}.endpointsNamespace", source.endpointsNamespace, text)
        else:
            each(errors, f"{path}.endpointsNamespace", source.endpointsNamespace, names.dns1123_label)


def _flocker(errors: Errors, path: str, source: core.FlockerVolumeSource, _: Where) -> None:
    if not source.datasetName and not source.datasetUUID:
        errors.required(path, "one of datasetName and datasetUUID is required")
    if source.datasetName and source.datasetUUID:
        errors.invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously")
    if "/" in source.datasetName:
        errors.invalid(f"{path}.datasetName", source.datasetName, "must not contain '/'")


def _cinder(errors: Errors, path: str, source: Any, where: Where) -> None:
    required(errors, path, source, "volumeID")
    _secret_ref(errors, path, source, where)


def _secret_ref(errors: Errors, path: str, source: Any, where: Where) -> None:
    if source.secretRef:
        required(errors, f"{path}.secretRef", source.secretRef, "name", *(("namespace",) if where.persistent else ()))


def _quobyte(errors: Errors, path: str, source: core.QuobyteVolumeSource, _: Where) -> None:
    if not source.registry:
        errors.required(f"{path}.registry", _REGISTRY)
    elif len(source.tenant) > names.LABEL_LENGTH + 1:
        errors.required(f"{path}.tenant", "must be a UUID and may not exceed a length of 64 characters")
    elif not all(":" in pair for pair in source.registry.split(",")):
        errors.invalid(f"{path}.registry", source.registry, _REGISTRY)
    required(errors, path, source, "volume")


def _downward_api(errors: Errors, path: str, source: core.DownwardAPIVolumeSource, _: Where) -> None:
    file_mode(errors, f"{path}.defaultMode", source.defaultMode)
    for item in source.items:
        downward.file(errors, path, item)


def _fc(errors: Errors, path: str, source: core.FCVolumeSource, _: Where) -> None:
    if not source.targetWWNs and not source.wwids:
        errors.required(f"{path}.targetWWNs", "must specify either targetWWNs or wwids, but not both")
    if source.targetWWNs and source.wwids:
        errors.invalid(f"{path}.targetWWNs", source.targetWWNs, "targetWWNs and wwids can not be specified simultaneously")
    if source.targetWWNs and source.lun is None:
        errors.required(f"{path}.lun", "lun is required if targetWWNs is specified")
    elif source.targetWWNs:
        in_range(errors, f"{path}.lun", source.lun, 0, _MAX_BYTE)


def _flex_volume(errors: Errors, path: str, source: core.FlexVolumeSource | core.FlexPersistentVolumeSource, _: Where) -> None:
    required(errors, path, source, "driver")
    for key in source.options:
        if f".{key.partition('/')[0].lower()}".endswith((".kubernetes.io", ".k8s.io")):
            errors.invalid(f"{path}.options[{key}]", key, _RESERVED)


def _azure_file(errors: Errors, path: str, source: Any, where: Where) -> None:
    required(errors, path, source, "secretName", "shareName")
    if where.persistent and source.secretNamespace == "":
        errors.required(f"{path}.secretNamespace")


def _azure_disk(errors: Errors, path: str, source: core.AzureDiskVolumeSource, _: Where) -> None:
    required(errors, path, source, "diskName", "diskURI")
    one_of(errors, f"{path}.cachingMode", source.cachingMode, ("None", "ReadOnly", "ReadWrite"))
    one_of(errors, f"{path}.kind", source.kind, ("Dedicated", "Managed", "Shared"))
    managed = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
    blob = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"
    if source.kind == "Managed" and not source.diskURI.startswith("/subscriptions/"):
        errors.not_supported(f"{path}.diskURI", source.diskURI, (managed,))
    if source.kind not in (None, "Managed") and not source.diskURI.startswith("https://"):
        errors.not_supported(f"{path}.diskURI", source.diskURI, (blob,))


def _storageos(errors: Errors, path: str, source: Any, where: Where) -> None:
    named(errors, f"{path}.volumeName", source.volumeName, names.dns1123_label)
    if source.volumeNamespace:
        each(errors, f"{path}.volumeNamespace", source.volumeNamespace, names.dns1123_label)
    _secret_ref(errors, path, source, where)


def driver_name(errors: Errors, path: str, name: str) -> None:
    """Check the name of a CSI driver."""
    if not name:
        errors.required(path)
        return
    if len(name) > _DRIVER_LENGTH:
        errors.too_long(path, _DRIVER_LENGTH)
    if complaints := names.dns1123_subdomain(name.lower()):
        errors.each(path, name, complaints)


def _csi(errors: Errors, path: str, source: core.CSIVolumeSource, _: Where) -> None:
    driver_name(errors, f"{path}.driver", source.driver)
    if source.nodePublishSecretRef:
        if not source.nodePublishSecretRef.name:
            errors.required(f"{path}.nodePublishSecretRef.name")
        else:
            each(errors, f"{path}.name", source.nodePublishSecretRef.name, names.dns1123_subdomain)


def _csi_persistent(errors: Errors, path: str, source: core.CSIPersistentVolumeSource, _: Where) -> None:
    driver_name(errors, f"{path}.driver", source.driver)
    required(errors, path, source, "volumeHandle")
    for stage in ("controllerPublish", "controllerExpand", "nodePublish", "nodeExpand"):
        if ref := getattr(source, f"{stage}SecretRef"):
            named(errors, f"{path}.{stage}SecretRef.name", ref.name, names.dns1123_subdomain)
            named(errors, f"{path}.{stage}SecretRef.namespace", ref.namespace, names.dns1123_label)


def _local(errors: Errors, path: str, source: core.LocalVolumeSource, _: Where) -> None:
    required(errors, path, source, "path")
    no_backsteps(errors, f"{path}.path", source.path)


def _ephemeral(errors: Errors, path: str, source: core.EphemeralVolumeSource, _: Where) -> None:
    if source.volumeClaimTemplate is None:
        errors.required(f"{path}.volumeClaimTemplate")
    else:
        claim_template(errors, f"{path}.volumeClaimTemplate", source.volumeClaimTemplate)


def _image(errors: Errors, path: str, source: core.ImageVolumeSource, where: Where) -> None:
    if where.in_pod:
        required(errors, path, source, "reference")
    one_of(errors, f"{path}.pullPolicy", source.pullPolicy, PULL_POLICIES, missing="")


_IO = _needs("gateway", "system", "volumeName")
_SOURCES: Mapping[str, Source] = {
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "gitRepo": _git_repo,
    "gcePersistentDisk": _disk("pdName"),
    "awsElasticBlockStore": _disk("volumeID"),
    "secret": _keys("secretName"),
    "nfs": _nfs,
    "iscsi": _iscsi,
    "glusterfs": _glusterfs,
    "flocker": _flocker,
    "persistentVolumeClaim": _needs("claimName"),
    "rbd": _needs("monitors", "image"),
    "cinder": _cinder,
    "cephfs": _needs("monitors"),
    "quobyte": _quobyte,
    "downwardAPI": _downward_api,
    "fc": _fc,
    "flexVolume": _flex_volume,
    "configMap": _keys("name"),
    "azureFile": _azure_file,
    "vsphereVolume": _needs("volumePath"),
    "photonPersistentDisk": _needs("pdID"),
    "portworxVolume": _needs("volumeID"),
    "azureDisk": _azure_disk,
    "storageos": _storageos,
    "projected": lambda errors, path, source, _: projected.volume(errors, path, source),
    "scaleIO": _IO,
    "csi": _csi,
    "ephemeral": _ephemeral,
    "image": _image,
}
_PERSISTENT: Mapping[str, Source] = {
    **{
        name: _SOURCES[name]
        for name in (
            "hostPath",
            "gcePersistentDisk",
            "awsElasticBlockStore",
            "glusterfs",
            "flocker",
            "nfs",
            "rbd",
            "quobyte",
            "cephfs",
            "iscsi",
            "cinder",
            "fc",
            "flexVolume",
            "azureFile",
            "vsphereVolume",
            "photonPersistentDisk",
            "portworxVolume",
            "azureDisk",
            "scaleIO",
        )
    },
    "local": _local,
    "storageos": _storageos,
    "csi": _csi_persistent,
}
# Upstream names a field other than the one that is wrong.
_SPOKEN = {"gcePersistentDisk": "persistentDisk"}
_SPOKEN_TWICE = {"cephfs": "cephFS", "downwardAPI": "downwarAPI"}


def sources(errors: Errors, path: str, holder: Any, where: Where) -> None:
    """Check that a volume has exactly one source, and the source."""
    found: list[str] = []
    for name, check in (_PERSISTENT if where.persistent else _SOURCES).items():
        source = getattr(holder, name)
        if source is None:
            continue
        if found:
            errors.forbidden(f"{path}.{_SPOKEN_TWICE.get(name, name)}", _ONE_TYPE)
        else:
            check(errors, f"{path}.{_SPOKEN.get(name, name)}", source, where)
        found.append(name)
    if not found:
        errors.required(path, "must specify a volume type")


def volumes(errors: Errors, path: str, found: list[core.Volume], pod: ObjectMeta | None) -> dict[str, core.Volume]:
    """Check a pod's volumes (a template's, without `pod`) and return the sound ones by name, which mounts refer to."""
    sound: dict[str, core.Volume] = {}
    claims = set(_claims_of_ephemeral(found, pod))
    for i, volume in enumerate(found):
        at, before = f"{path}[{i}]", len(errors)
        sources(errors, at, volume, Where(volume.name, in_pod=pod is not None))
        if volume.ephemeral and pod and pod.name and volume.name:
            claim = f"{pod.name}-{volume.name}"
            errors.each(f"{at}.name", volume.name, [f"PVC name {quote(claim)}: {text}" for text in names.dns1123_subdomain(claim)])
        named(errors, f"{at}.name", volume.name, names.dns1123_label)
        if volume.name in sound:
            errors.duplicate(f"{at}.name", volume.name)
        if len(errors) == before:
            sound[volume.name] = volume
        if volume.persistentVolumeClaim and volume.persistentVolumeClaim.claimName in claims:
            text = "must not reference a PVC that gets created for an ephemeral volume"
            errors.invalid(f"{at}.persistentVolumeClaim.claimName", volume.persistentVolumeClaim.claimName, text)
    return sound


def _claims_of_ephemeral(found: list[core.Volume], pod: ObjectMeta | None) -> Iterator[str]:
    if pod is not None and pod.name:
        yield from (f"{pod.name}-{volume.name}" for volume in found if volume.ephemeral)
