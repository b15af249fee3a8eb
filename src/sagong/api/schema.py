"""What merging, applying, publishing and encoding need to know of a value: its shape, derived once from the Structs.

A Shape says whether a value is a scalar, a list, a map or an object with named fields, and how lists and maps merge
(KEP-555). Built-in kinds come from `shape_of(Struct)`; a custom resource builds the same Shapes from its structural schema.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.structs import fields as struct_fields

from sagong.api.types.base import ApiStruct, Atomic, ListMap, ListSet, Patch, Required, Scalar

Kind = Literal[
    "any", "bool", "bytes", "float", "int32", "int64", "uint32", "int-or-string", "list", "map", "micro-time", "object", "quantity",
    "raw", "string", "time", "union",
]  # fmt: skip
ListType = Literal["atomic", "map", "set"]

# Values that take part in a list key though the client left them out (`default` of the published schema), beside the zeros.
_KEY_DEFAULTS: dict[tuple[str, str], Any] = {
    ("ContainerPort", "protocol"): "TCP",
    ("ServicePort", "protocol"): "TCP",
    ("LocalObjectReference", "name"): "",
}

# Messages that Go embeds: JSON shows their fields in place, protobuf keeps the message. (name, number, the fields beside it)
_INLINED: dict[str, tuple[str, int, frozenset[str]]] = {
    "Volume": ("VolumeSource", 2, frozenset({"name"})),
    "PersistentVolumeSpec": (
        "PersistentVolumeSource",
        2,
        frozenset(
            {
                *("capacity", "accessModes", "claimRef", "persistentVolumeReclaimPolicy", "storageClassName", "mountOptions"),
                *("volumeMode", "nodeAffinity", "volumeAttributesClassName"),
            }
        ),
    ),
    **{
        name: ("LocalObjectReference", 1, frozenset({"key", "items", "optional", "defaultMode"}))
        for name in (
            "ConfigMapEnvSource",
            "ConfigMapKeySelector",
            "ConfigMapProjection",
            "ConfigMapVolumeSource",
            "SecretEnvSource",
            "SecretKeySelector",
            "SecretProjection",
        )
    },
    "Probe": (
        "ProbeHandler",
        1,
        frozenset(
            {
                *("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"),
                "terminationGracePeriodSeconds",
            }
        ),
    ),
    "EphemeralContainer": ("EphemeralContainerCommon", 1, frozenset({"targetContainerName"})),
    "IngressRule": ("IngressRuleValue", 2, frozenset({"host"})),
    "DeviceClaimConfiguration": ("DeviceConfiguration", 2, frozenset({"requests"})),
    "DeviceAllocationConfiguration": ("DeviceConfiguration", 3, frozenset({"source", "requests"})),
    "DeviceClassConfiguration": ("DeviceConfiguration", 1, frozenset()),
    "NamedRuleWithOperations": ("RuleWithOperations", 2, frozenset({"resourceNames"})),
    "RuleWithOperations": ("Rule", 2, frozenset({"operations"})),
}

# What is null in Go when it is not set has a default_factory of NoneType, or is required, so that validation lets nobody see it as null;
# these are required and left out when they are not set.
_NOT_NULLED = frozenset(
    {
        *(("IPAddressSpec", "parentRef"), ("ValidatingAdmissionPolicyBindingSpec", "validationActions"), ("CounterSet", "counters")),
        *(("DeviceCounterConsumption", "counters"), ("CapacityRequestPolicyRange", "min")),
    }
)
# A reference that is merged field by field though its type has one owner elsewhere (`granular`).
_GRANULAR = frozenset({("PersistentVolumeSpec", "claimRef")})
# Values of any type that have one owner as a whole; others of any type have an owner for each member.
_ATOMIC_ANY = frozenset({("ControllerRevision", "data")})


class Field(Struct, frozen=True):
    """One field of an object.

    number      in protobuf, 0 where there is none; `inlined` names the messages around it that JSON leaves out, with numbers
    pointer     absent and zero differ
    always      written even when zero; `nulled` is null in Go when absent, and written so where validation allows that
    strategies  of a strategic merge patch, with the `merge_key` of a list of objects
    default     the value that stands in a list key when the client left it out
    """

    name: str
    attribute: str
    shape: Shape
    number: int = 0
    required: bool = False
    pointer: bool = False
    always: bool = False
    nulled: bool = False
    strategies: tuple[str, ...] = ()
    merge_key: str = ""
    default: Any = None
    inlined: tuple[tuple[str, int], ...] = ()


class Shape:
    """The description of a value.

    kind       what it is; `union` is one of `options`, told apart by JSON type
    element    of a list or map
    list_type  how a list merges; `keys` are the key fields of list type map
    atomic     a map or object that has one owner as a whole
    struct     the Struct behind an object, None for custom resources
    fields     of an object, by JSON name
    preserve   an object that keeps fields it does not name (x-kubernetes-preserve-unknown-fields)
    leaf       owned as a whole: a scalar, or atomic
    loose      values of several JSON types can stand in it, so that 1 and true must be told apart
    marked     the schema names the list's type; without one it is atomic
    """

    __slots__ = (
        "_fields",
        "_source",
        "atomic",
        "element",
        "keys",
        "kind",
        "leaf",
        "list_type",
        "loose",
        "marked",
        "options",
        "preserve",
        "struct",
    )
    ANY: ClassVar[Shape]

    def __init__(
        self,
        kind: Kind,
        *,
        element: Shape | None = None,
        list_type: ListType = "atomic",
        keys: tuple[str, ...] = (),
        atomic: bool = False,
        struct: type[ApiStruct] | None = None,
        fields: Callable[[], dict[str, Field]] | None = None,
        options: tuple[Shape, ...] = (),
        preserve: bool = False,
        marked: bool = False,
    ) -> None:
        self.kind, self.element, self.list_type, self.keys = kind, element, list_type, keys
        self.atomic, self.struct, self.options, self.preserve = atomic, struct, options, preserve
        self.leaf = atomic or (list_type == "atomic" if kind == "list" else kind not in ("any", "map", "object", "union", "raw"))
        self.marked = marked or bool(keys)
        inside = element is not None and element.loose
        self.loose: bool = inside or kind in ("any", "raw", "union", "int-or-string") or (kind == "object" and struct is None)
        self._source = fields
        self._fields: dict[str, Field] | None = None

    @property
    def fields(self) -> Mapping[str, Field]:
        """The fields by JSON name, worked out at first use; empty for anything but an object."""
        if self._fields is None:
            self._fields = self._source() if self._source else {}
        return self._fields


Shape.ANY = Shape("any")
_BUILTIN: dict[Any, Shape] = {
    str: Shape("string"),
    bool: Shape("bool"),
    int: Shape("int64"),
    float: Shape("float"),
    bytes: Shape("bytes"),
    Any: Shape.ANY,
    Raw: Shape("raw"),
}
_NAMED = {name: Shape(name) for name in ("quantity", "time", "micro-time", "int-or-string", "int32", "uint32", "int64")}
_ZEROS: dict[Any, Any] = {str: "", int: 0, bool: False}


@functools.cache
def shape_of(struct: type[ApiStruct]) -> Shape:
    """Return the Shape of a Struct."""
    return Shape(
        "object",
        struct=struct,
        atomic=bool(getattr(struct, "atomic", False)),
        fields=lambda: {info.encode_name: _field(struct, info) for info in struct_fields(struct)},
    )


def _field(struct: type[ApiStruct], info: msgspec.structs.FieldInfo) -> Field:
    metadata = getattr(info.type, "__metadata__", ())
    patch = next((m for m in metadata if isinstance(m, Patch)), None)
    return Field(
        name=info.encode_name,
        attribute=info.name,
        shape=_any_shape(struct, info.encode_name, _shape(info.type)),
        number=next((m for m in metadata if isinstance(m, int)), 0),
        required=any(isinstance(m, Required) for m in metadata),
        pointer=type(None) in get_args(_bare(info.type)),
        always=info.default_factory not in (msgspec.NODEFAULT, list, dict, types.NoneType),
        nulled=_is_nulled(struct, info, metadata),
        strategies=tuple(patch.strategy.split(",")) if patch else (),
        merge_key=patch.key if patch else "",
        default=_KEY_DEFAULTS.get((struct.__name__, info.encode_name), _ZEROS.get(info.default_factory)),
        inlined=_inlined(struct.__name__, info.encode_name),
    )


def _is_nulled(struct: type[ApiStruct], info: msgspec.structs.FieldInfo, metadata: tuple[Any, ...]) -> bool:
    key = (struct.__name__, info.encode_name)
    can_be_null = info.default is None or info.default_factory in (list, dict)
    return info.default_factory is types.NoneType or (can_be_null and key not in _NOT_NULLED and _has(metadata, Required))


def _any_shape(struct: type[ApiStruct], name: str, shape: Shape) -> Shape:
    """Make values of any type atomic where the published schema says so (`JSON` of a CRD's schema), an object granular."""
    if (struct.__name__, name) in _GRANULAR and shape.struct is not None:
        return _twin(shape.struct, atomic=False)
    loose = shape.kind in ("any", "union") and (struct.__module__.endswith(".apiextensions") or (struct.__name__, name) in _ATOMIC_ANY)
    return Shape(shape.kind, atomic=True, options=shape.options) if loose else shape


def _inlined(struct: str, name: str) -> tuple[tuple[str, int], ...]:
    """Return the embedded messages between the object and its field, outermost first."""
    path: list[tuple[str, int]] = []
    while (row := _INLINED.get(struct)) and name not in row[2]:
        path.append(row[:2])
        struct = row[0]
    return tuple(path)


def _bare(annotation: Any) -> Any:
    return annotation.__origin__ if get_origin(annotation) is Annotated else annotation


def _shape(annotation: Any) -> Shape:
    metadata: tuple[Any, ...] = ()
    if get_origin(annotation) is Annotated:
        metadata, annotation = annotation.__metadata__, annotation.__origin__
    if get_origin(annotation) in (types.UnionType, Union):
        return _union([arm for arm in get_args(annotation) if arm is not type(None)], metadata)
    origin = get_origin(annotation)
    if origin is list:
        return _list(_shape(get_args(annotation)[0]), metadata)
    if origin is dict:
        return Shape("map", element=_shape(get_args(annotation)[1]), atomic=_has(metadata, Atomic))
    if isinstance(annotation, type) and issubclass(annotation, ApiStruct):
        shape = shape_of(annotation)
        return _twin(annotation, atomic=True) if _has(metadata, Atomic) and not shape.atomic else shape
    return _scalar(annotation, metadata)


def _scalar(annotation: Any, metadata: tuple[Any, ...]) -> Shape:
    for item in metadata:
        if isinstance(item, Scalar):
            return _NAMED[item.name]
        if isinstance(item, Meta) and item.le is not None:
            return _NAMED[{2**31 - 1: "int32", 2**32 - 1: "uint32"}.get(int(item.le), "int64")]
    return _BUILTIN[annotation]


def _union(arms: list[Any], metadata: tuple[Any, ...]) -> Shape:
    if len(arms) == 1:
        return _shape(Annotated[arms[0], *metadata] if metadata else arms[0])
    if set(arms) == {int, str}:
        return _NAMED["int-or-string"]
    if set(arms) == {int, float}:
        return _BUILTIN[float]
    return Shape("union", options=tuple(_shape(arm) for arm in arms))


def _list(element: Shape, metadata: tuple[Any, ...]) -> Shape:
    keys = next((m.keys for m in metadata if isinstance(m, ListMap)), ())
    if keys:
        return Shape("list", element=element, list_type="map", keys=keys)
    kind: ListType = "set" if _has(metadata, ListSet) else "atomic"
    return Shape("list", element=element, list_type=kind, marked=kind == "set" or _has(metadata, Atomic))


@functools.cache
def _twin(struct: type[ApiStruct], *, atomic: bool) -> Shape:
    """Return the shape of a Struct at a place where it merges otherwise than elsewhere."""
    return Shape("object", struct=struct, atomic=atomic, fields=lambda: dict(shape_of(struct).fields))


def _has(metadata: tuple[Any, ...], kind: type) -> bool:
    return any(isinstance(item, kind) for item in metadata)
