"""OpenAPI v3 schemas of the built-in kinds, made from their Structs. Names are upstream's: `io.k8s.api.core.v1.Pod`."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from sagong.api.named_types import values
from sagong.api.openapi.descriptions import COMMON, FIELDS, KINDS
from sagong.api.resources import BUILT_IN
from sagong.api.schema import Field, Shape, shape_of
from sagong.api.types.base import ApiStruct

Schema = dict[str, Any]
REF = "#/components/schemas/"
META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_RAW_EXTENSION = "io.k8s.apimachinery.pkg.runtime.RawExtension"
_PREFIXES = {
    "meta": META,
    "apiextensions": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    "apiregistration": "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1",
    "autoscaling": "io.k8s.api.autoscaling.v2",
    "autoscaling_v1": "io.k8s.api.autoscaling.v1",
}
_SCALARS: dict[str, Schema] = {
    "bool": {"type": "boolean"},
    "bytes": {"type": "string", "format": "byte"},
    "float": {"type": "number", "format": "double"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "uint32": {"type": "integer", "format": "int64"},
    "string": {"type": "string"},
}
_NAMED_SCALARS = {
    "quantity": _QUANTITY,
    "time": f"{META}.Time",
    "micro-time": f"{META}.MicroTime",
    "int-or-string": _INT_OR_STRING,
    "raw": f"{META}.FieldsV1",
}
_CRD = _PREFIXES["apiextensions"]
# Schemas that no Struct stands for.
FIXED: dict[str, Schema] = {
    _QUANTITY: {"oneOf": [{"type": "string"}, {"type": "number"}]},
    _INT_OR_STRING: {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
    _RAW_EXTENSION: {"type": "object"},
    f"{META}.Time": {"type": "string", "format": "date-time"},
    f"{META}.MicroTime": {"type": "string", "format": "date-time"},
    f"{META}.FieldsV1": {"type": "object"},
    f"{META}.Patch": {"type": "object"},
    **{f"{_CRD}.{name}": {} for name in ("JSON", "JSONSchemaPropsOrArray", "JSONSchemaPropsOrBool", "JSONSchemaPropsOrStringArray")},
    f"{_CRD}.CustomResourceSubresourceStatus": {"type": "object"},
    f"{META}.WatchEvent": {
        "type": "object",
        "required": ["type", "object"],
        "properties": {"object": {"allOf": [{"$ref": f"{REF}{_RAW_EXTENSION}"}]}, "type": {"type": "string", "default": ""}},
        "x-kubernetes-group-version-kind": [{"group": "", "kind": "WatchEvent", "version": "v1"}],
    },
}
# Properties whose schema does not follow from their Python type.
_OVERRIDES: dict[tuple[str, str], Schema] = {
    ("CustomResourceSubresources", "status"): {"allOf": [{"$ref": f"{REF}{_CRD}.CustomResourceSubresourceStatus"}]},
    ("JSONSchemaProps", "additionalItems"): {"$ref": f"{REF}{_CRD}.JSONSchemaPropsOrBool"},
    ("JSONSchemaProps", "additionalProperties"): {"$ref": f"{REF}{_CRD}.JSONSchemaPropsOrBool"},
    ("JSONSchemaProps", "default"): {"allOf": [{"$ref": f"{REF}{_CRD}.JSON"}]},
    ("JSONSchemaProps", "dependencies"): {
        "type": "object",
        "additionalProperties": {"$ref": f"{REF}{_CRD}.JSONSchemaPropsOrStringArray"},
    },
    ("JSONSchemaProps", "enum"): {"type": "array", "items": {"$ref": f"{REF}{_CRD}.JSON"}, "x-kubernetes-list-type": "atomic"},
    ("JSONSchemaProps", "example"): {"$ref": f"{REF}{_CRD}.JSON"},
    ("JSONSchemaProps", "externalDocs"): {"$ref": f"{REF}{_CRD}.ExternalDocumentation"},
    ("JSONSchemaProps", "items"): {"$ref": f"{REF}{_CRD}.JSONSchemaPropsOrArray"},
    ("JSONSchemaProps", "not"): {"$ref": f"{REF}{_CRD}.JSONSchemaProps"},
    ("APIServiceSpec", "caBundle"): {"type": "string", "format": "byte", "x-kubernetes-list-type": "atomic"},
    ("ControllerRevision", "data"): {"allOf": [{"$ref": f"{REF}{_RAW_EXTENSION}"}]},
    ("IngressRule", "http"): {"$ref": f"{REF}io.k8s.api.networking.v1.HTTPIngressRuleValue"},
    ("PersistentVolumeClaimStatus", "allocatedResourceStatuses"): {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "x-kubernetes-map-type": "granular",
    },
    ("PersistentVolumeSpec", "claimRef"): {
        "allOf": [{"$ref": f"{REF}io.k8s.api.core.v1.ObjectReference"}],
        "x-kubernetes-map-type": "granular",
    },
}
_DEFAULTS: dict[tuple[str, str], Any] = {
    ("FileKeySelector", "optional"): False,
    ("GRPCAction", "service"): "",
    ("ReplicationControllerSpec", "minReadySeconds"): 0,
    ("ScaleSpec", "replicas"): 0,
    ("AzureDiskVolumeSource", "cachingMode"): "ReadWrite",
    ("AzureDiskVolumeSource", "fsType"): "ext4",
    ("AzureDiskVolumeSource", "kind"): "Shared",
    ("AzureDiskVolumeSource", "readOnly"): False,
    ("ContainerPort", "protocol"): "TCP",
    ("DeviceToleration", "operator"): "Equal",
    ("ISCSIPersistentVolumeSource", "iscsiInterface"): "default",
    ("ISCSIVolumeSource", "iscsiInterface"): "default",
    ("LocalObjectReference", "name"): "",
    ("RBDPersistentVolumeSource", "keyring"): "/etc/ceph/keyring",
    ("RBDPersistentVolumeSource", "pool"): "rbd",
    ("RBDPersistentVolumeSource", "user"): "admin",
    ("RBDVolumeSource", "keyring"): "/etc/ceph/keyring",
    ("RBDVolumeSource", "pool"): "rbd",
    ("RBDVolumeSource", "user"): "admin",
    ("ReplicationControllerSpec", "replicas"): 1,
    ("ScaleIOPersistentVolumeSource", "fsType"): "xfs",
    ("ScaleIOPersistentVolumeSource", "storageMode"): "ThinProvisioned",
    ("ScaleIOVolumeSource", "fsType"): "xfs",
    ("ScaleIOVolumeSource", "storageMode"): "ThinProvisioned",
    ("ServicePort", "protocol"): "TCP",
}
_ZEROS = {"string": "", "bool": False, "int32": 0, "int64": 0, "uint32": 0, "float": 0}


def module_of(struct: type[ApiStruct]) -> str:
    """Return the name of the types module of a Struct."""
    return struct.__module__.rsplit(".", 1)[-1]


def name_of(struct: type[ApiStruct]) -> str:
    """Return the schema name of a Struct."""
    module = module_of(struct)
    return f"{_PREFIXES.get(module, f'io.k8s.api.{module}.v1')}.{struct.__name__}"


def ref(name: str) -> Schema:
    """Return a reference to a named schema."""
    return {"$ref": f"{REF}{name}"}


def schema_of(struct: type[ApiStruct]) -> Schema:
    """Return the schema of a Struct."""
    shape = shape_of(struct)
    schema: Schema = {"type": "object"}
    if description := _description(struct):
        schema["description"] = description
    if required := [field.name for field in shape.fields.values() if field.required]:
        schema["required"] = required
    kinds = _kinds(struct)
    if shape.fields:
        schema["properties"] = {name: _property(struct, shape.fields[name]) for name in sorted(shape.fields)}
    for (owner, name), words in COMMON.items():
        if owner == struct.__name__:
            schema["properties"][name]["description"] = words
    for name, words in FIELDS.items() if kinds else ():
        if name in shape.fields:
            schema["properties"][name]["description"] = words
    if shape.atomic:
        schema["x-kubernetes-map-type"] = "atomic"
    if kinds:
        schema["x-kubernetes-group-version-kind"] = kinds
    return schema


def _description(struct: type[ApiStruct]) -> str:
    """Say in a few words what a kind is."""
    name = struct.__name__
    listed = name.endswith("List") and "items" in struct.__struct_fields__
    return f"A list of {name.removesuffix('List')} objects." if listed else KINDS.get(name, "")


def _property(struct: type[ApiStruct], field: Field) -> Schema:
    schema = dict(_OVERRIDES.get((struct.__name__, field.name)) or _value(field.shape, wrap=True))
    default = _default(struct, field)
    if default is not None:
        schema["default"] = default
    if known := values(struct.__name__, field.name):
        if field.shape.kind == "list":
            schema["items"] = {**schema["items"], "enum": known}
        elif field.shape.kind == "string":
            schema["enum"] = known
    if field.strategies:
        schema["x-kubernetes-patch-strategy"] = ",".join(field.strategies)
    if field.merge_key:
        schema["x-kubernetes-patch-merge-key"] = field.merge_key
    return schema


def _default(struct: type[ApiStruct], field: Field) -> Any:
    known = _DEFAULTS.get((struct.__name__, field.name))
    if field.inlined and field.inlined[0][0] == "LocalObjectReference":
        return ""
    if known is not None or not field.always:
        return known
    return {} if field.shape.kind == "object" else _ZEROS.get(field.shape.kind)


def _value(shape: Shape, *, wrap: bool = False) -> Schema:
    """Return the schema of a value; `wrap` puts references into allOf, so that other keywords can stand beside them."""
    if shape.kind == "list":
        return _list(shape)
    if shape.kind == "map":
        schema: Schema = {"type": "object", "additionalProperties": _value(shape.element or Shape.ANY)}
        return {**schema, "x-kubernetes-map-type": "atomic"} if shape.atomic else schema
    name = _reference(shape)
    if name:
        atomic = {"x-kubernetes-map-type": "atomic"} if shape.atomic and shape.struct and not shape_of(shape.struct).atomic else {}
        return {"allOf": [ref(name)], **atomic} if wrap else ref(name)
    return _SCALARS.get(shape.kind, {})


def _reference(shape: Shape) -> str:
    if shape.struct is not None:
        return name_of(shape.struct)
    if shape.kind == "any" and not shape.atomic:
        return _RAW_EXTENSION
    return _NAMED_SCALARS.get(shape.kind, "")


def _list(shape: Shape) -> Schema:
    schema: Schema = {"type": "array", "items": _value(shape.element or Shape.ANY)}
    if shape.marked:
        schema["x-kubernetes-list-type"] = shape.list_type
    if shape.keys:
        schema["x-kubernetes-list-map-keys"] = list(shape.keys)
    return schema


@functools.cache
def _group_versions() -> dict[str, tuple[str, str]]:
    return {row.module: (row.group, row.version) for row in BUILT_IN if row.module}


def _kinds(struct: type[ApiStruct]) -> list[dict[str, str]]:
    """Return the group, version and kind of a Struct that clients send or get as a whole."""
    if "apiVersion" not in struct.__struct_fields__ or "kind" not in struct.__struct_fields__ or "apiVersion" in _referring(struct):
        return []
    module, kind = module_of(struct), struct.__name__
    if kind == "DeleteOptions":
        found = sorted(set(_group_versions().values()))
        return [{"group": group, "kind": kind, "version": version} for group, version in found]
    group, version = _group_versions().get(module, ("", "v1"))
    return [{"group": group, "kind": kind, "version": version}]


def _referring(struct: type[ApiStruct]) -> tuple[str, ...]:
    """Return ("apiVersion",) for Structs that name another object: there it has a protobuf number, as an object's own has not."""
    field = shape_of(struct).fields.get("apiVersion")
    return ("apiVersion",) if field is not None and field.number else ()


def references(schema: Any) -> set[str]:
    """Return the names of the schemas that a schema or a path refers to."""
    found: set[str] = set()
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            target = node.get("$ref")
            if isinstance(target, str):
                found.add(target.rpartition("/")[2])
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
    return found


@functools.cache
def _by_name() -> dict[str, type[ApiStruct]]:
    found: dict[str, type[ApiStruct]] = {}
    for module in ("meta", *_group_versions()):
        for value in vars(importlib.import_module(f"sagong.api.types.{module}")).values():
            if isinstance(value, type) and issubclass(value, ApiStruct) and module_of(value) == module:
                found[name_of(value)] = value
    return found


def named(name: str) -> Schema | None:
    """Return the schema of that name, None when nothing built in has it."""
    if name in FIXED:
        return FIXED[name]
    struct = _by_name().get(name)
    return None if struct is None else schema_of(struct)


def closure(names: set[str]) -> dict[str, Schema]:
    """Return the built-in schemas of these names and of all that they refer to, by name."""
    found: dict[str, Schema] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        schema = None if name in found else named(name)
        if schema is not None:
            found[name] = schema
            waiting.extend(references(schema))
    return dict(sorted(found.items()))
