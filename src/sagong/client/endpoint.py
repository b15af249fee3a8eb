"""What the client knows of a kind: its row of the resource table, how to ask for it, how to decode it.

A kind is given as a Struct (`Pod`), as a `Resource` (custom resources: objects are dicts), or as an `Endpoint`, of which
`metadata_only(resource)` is the one for those who need only ObjectMeta.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar, cast

import msgspec

from sagong.api.resources import Resource, resource_of
from sagong.api.types.base import ApiStruct
from sagong.api.types.meta import ListMeta, PartialObjectMetadata, Status

T = TypeVar("T")
JSON = "application/json"
AS_METADATA = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"


class ListOf(msgspec.Struct, Generic[T], kw_only=True):
    """A list of any kind."""

    apiVersion: str = ""
    kind: str = ""
    metadata: ListMeta = msgspec.field(default_factory=ListMeta)
    items: list[T] = msgspec.field(default_factory=list)

    @property
    def resourceVersion(self) -> str:  # noqa: N802 - the API's spelling
        """The revision that the list shows."""
        return self.metadata.resourceVersion


class Identity(NamedTuple):
    """What names one object at one revision."""

    namespace: str
    name: str
    uid: str
    resource_version: str


class _Names(msgspec.Struct):
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resourceVersion: str = ""


class Named(msgspec.Struct):
    """An object of which nothing was read but what names it."""

    metadata: _Names


class _Frame(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _FrameOf(msgspec.Struct, Generic[T]):
    type: str
    object: T


class _Mark(msgspec.Struct, omit_defaults=True):
    resourceVersion: str = ""
    annotations: dict[str, str] | None = None


class _Marked(msgspec.Struct):
    metadata: _Mark


_frames = msgspec.json.Decoder(_Frame)
_bookmarks = msgspec.json.Decoder(_FrameOf[_Marked])
_BOOKMARK = b'{"type":"BOOKMARK"'


@dataclass(frozen=True, eq=False)
class Endpoint(Generic[T]):
    """A resource and the type its objects are decoded as."""

    resource: Resource
    type: type[T]
    accept: str = JSON
    accept_list: str = JSON

    @functools.cached_property
    def decode(self) -> Callable[[bytes | msgspec.Raw], T]:
        """Decode one object."""
        return _tolerant(cast("Hashable", self.type))

    @functools.cached_property
    def decode_list(self) -> Callable[[bytes | msgspec.Raw], ListOf[T]]:
        """Decode a list."""
        return _tolerant(ListOf[self.type])  # type: ignore[name-defined]  # a type at run time, which mypy does not follow

    def decode_event(self, line: bytes) -> tuple[str, T | Status]:
        """Decode a watch frame: its type, and the object, or the Status of an ERROR. Of a bookmark's object only what it is about."""
        if line.startswith(_BOOKMARK):  # what Go writes of an otherwise empty object does not fit its type
            return "BOOKMARK", self.decode(msgspec.json.encode(_bookmarks.decode(line).object))
        try:
            whole = self._decode_frame(line)
        except msgspec.ValidationError:  # an error, or an object that needs care
            pass
        else:
            if whole.type != "ERROR":
                return whole.type, whole.object
        frame = _frames.decode(line)
        return frame.type, (_status(frame.object) if frame.type == "ERROR" else self.decode(frame.object))

    @functools.cached_property
    def _decode_frame(self) -> Callable[[bytes], _FrameOf[T]]:
        """Decode a watch frame and its object in one go."""
        return msgspec.json.Decoder(_FrameOf[self.type]).decode  # type: ignore[name-defined]  # a type at run time, which mypy does not follow

    def filled(self, obj: T) -> T:
        """Return the object with apiVersion and kind, as the server wants them."""
        if isinstance(obj, ApiStruct) and not getattr(obj, "kind", "-"):
            return msgspec.structs.replace(obj, apiVersion=self.resource.api_version, kind=self.resource.kind)
        return obj

    def identity(self, obj: T) -> Identity:
        """Return what names the object."""
        return identity(obj)


def identity(obj: Any) -> Identity:
    """Return what names an object, typed or custom."""
    if isinstance(obj, dict):
        meta = obj.get("metadata") or {}
        return Identity(meta.get("namespace", ""), meta.get("name", ""), meta.get("uid", ""), meta.get("resourceVersion", ""))
    meta = obj.metadata
    return Identity(meta.namespace, meta.name, meta.uid, meta.resourceVersion)


def metadata_only(resource: Resource) -> Endpoint[PartialObjectMetadata]:
    """Ask for nothing but ObjectMeta of the resource's objects."""
    return Endpoint(resource, PartialObjectMetadata, AS_METADATA.format(""), AS_METADATA.format("List"))


def names_only(kind: Any) -> Endpoint[Named]:
    """Write objects of a kind, and read nothing of the answers but what names them."""
    return Endpoint(endpoint_of(kind).resource, Named)


def endpoint_of(kind: type[T] | Resource | Endpoint[T]) -> Endpoint[T]:
    """Return how to reach a kind. Raises LookupError for a Struct that is no resource."""
    return kind if isinstance(kind, Endpoint) else _endpoint(cast("Hashable", kind))


@functools.cache
def _endpoint(kind: Any) -> Endpoint[Any]:
    if isinstance(kind, Resource):
        return Endpoint(kind, dict[str, Any])
    return Endpoint(resource_of(kind), kind)


@functools.cache
def _tolerant(kind: Any) -> Callable[[bytes | msgspec.Raw], Any]:
    """Decode into `kind`; when that fails, as for Go's `null` lists, without the nulls and with unknown fields dropped."""
    strict = msgspec.json.Decoder(kind).decode

    def decode(data: bytes | msgspec.Raw) -> Any:
        try:
            return strict(data)
        except msgspec.ValidationError:
            return _salvage(msgspec.json.decode(data), kind)

    return decode


def _salvage(value: Any, kind: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(_without_nulls(value)), type=kind)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _status(data: msgspec.Raw) -> Status:
    status: Status = _tolerant(Status)(data)
    return status
