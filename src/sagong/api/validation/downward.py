"""Validation of references to a pod's own fields and resources (the downward API), in variables and in files."""

from __future__ import annotations

import re
from collections.abc import Collection

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.quantity import parse
from sagong.api.types.core import DownwardAPIVolumeFile, ObjectFieldSelector, ResourceFieldSelector
from sagong.api.validation.paths import file_mode, unreserved
from sagong.api.validation.rules import each, required

ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
FILE_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
_CONVERTIBLE = {*ENV_FIELDS, *FILE_FIELDS, "spec.restartPolicy", "spec.schedulerName", "status.phase", "spec.host"}
_RESOURCES = tuple(f"{kind}.{name}" for kind in ("limits", "requests") for name in ("cpu", "ephemeral-storage", "memory"))
_HUGE = ("limits.hugepages-", "requests.hugepages-")
_SUBSCRIPT = re.compile(r"(.+)\['(.*)'\]", re.DOTALL)
_BYTES = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei"
_DIVISORS = {"cpu": "1m, 1", "memory": _BYTES, "ephemeral-storage": _BYTES}
_SPOKEN = {"cpu": "1m and 1", "ephemeral-storage": _BYTES, "memory": _BYTES}
_NAMED = {"ephemeral-storage": "local ephemeral storage"}


def field_ref(errors: Errors, path: str, ref: ObjectFieldSelector, fields: Collection[str]) -> None:
    """Check a reference to a field of the pod; `fields` are those that can be had in this place."""
    required(errors, path, ref, "apiVersion", "fieldPath")
    match = _SUBSCRIPT.fullmatch(ref.fieldPath)
    if complaint := _unconvertible(ref, match):
        errors.invalid(f"{path}.fieldPath", ref.fieldPath, f"error converting fieldPath: {complaint}")
    elif match and match[1] == "metadata.annotations":
        each(errors, path, match[2].lower(), names.qualified_name)
    elif match:
        each(errors, path, match[2], names.qualified_name)
    elif ref.fieldPath.replace("spec.host", "spec.nodeName") not in fields and ref.fieldPath not in fields:
        errors.not_supported(f"{path}.fieldPath", ref.fieldPath, sorted(fields))


def _unconvertible(ref: ObjectFieldSelector, match: re.Match[str] | None) -> str:
    if ref.apiVersion != "v1":
        return f"unsupported pod version: {ref.apiVersion}"
    if match:
        known = match[1] in ("metadata.annotations", "metadata.labels")
        return "" if known else f"field label does not support subscript: {ref.fieldPath}"
    return "" if ref.fieldPath in _CONVERTIBLE else f"field label not supported: {ref.fieldPath}"


def resource_ref(errors: Errors, path: str, ref: ResourceFieldSelector, *, in_volume: bool) -> None:
    """Check a reference to a request or limit of a container; volumes must say of which."""
    if in_volume and not ref.containerName:
        errors.required(f"{path}.containerName")
    elif not ref.resource:
        errors.required(f"{path}.resource")
    elif ref.resource not in _RESOURCES and not ref.resource.startswith(_HUGE):
        errors.not_supported(f"{path}.resource", ref.resource, _RESOURCES)
    if ref.divisor and parse(ref.divisor):
        _divisor(errors, f"{path}.divisor", ref)


def _divisor(errors: Errors, path: str, ref: ResourceFieldSelector) -> None:
    name = "hugepages" if ref.resource.startswith(_HUGE) else ref.resource.partition(".")[2]
    valid = _DIVISORS.get(name, _BYTES).split(", ")
    if ref.divisor not in valid and (name == "hugepages" or ref.resource in _RESOURCES):
        text = f"only divisor's values {_SPOKEN.get(name, _BYTES)} are supported with the {_NAMED.get(name, name)} resource"
        errors.invalid(path, ref.resource, text)


def file(errors: Errors, path: str, item: DownwardAPIVolumeFile) -> None:
    """Check one file of a downward API volume."""
    required(errors, path, item, "path")
    unreserved(errors, f"{path}.path", item.path)
    if item.fieldRef:
        field_ref(errors, f"{path}.fieldRef", item.fieldRef, FILE_FIELDS)
        if item.resourceFieldRef:
            errors.invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
    elif item.resourceFieldRef:
        resource_ref(errors, f"{path}.resourceFieldRef", item.resourceFieldRef, in_volume=True)
    else:
        errors.required(path, "one of fieldRef and resourceFieldRef is required")
    file_mode(errors, f"{path}.mode", item.mode)
