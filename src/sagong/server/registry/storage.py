"""Objects in the store: typed on the way in, bytes on the way out.

Custom resources come here as their version has them (`custom/kind.py` reads and stores them). A row that is another version
of a stored kind (autoscaling/v1, events.k8s.io/v1) is converted on the way, see `versions.py`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sagong.api.resources import Resource, ResourceTable
from sagong.api.types.base import ApiStruct
from sagong.api.types.meta import ObjectMeta
from sagong.server.registry import splice, versions
from sagong.store.base import Entry, Store

_encoder = msgspec.json.Encoder()
_decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {}
_parts = msgspec.json.Decoder(dict[str, msgspec.Raw])
_metadata = msgspec.json.Decoder(ObjectMeta)
_plain = msgspec.json.Decoder()


class CustomObject(ApiStruct):
    """A custom resource inside the server: typed metadata, the rest as it came."""

    apiVersion: str = ""
    kind: str = ""
    metadata: ObjectMeta = msgspec.field(default_factory=ObjectMeta)
    content: dict[str, Any] = msgspec.field(default_factory=dict)


class Storage:
    """The store seen through the resource table."""

    def __init__(self, store: Store, table: ResourceTable) -> None:
        self.store, self.table = store, table

    def entry(self, row: Resource, namespace: str, name: str) -> Entry | None:
        """Return the live entry of an object."""
        return self.store.get(row.storage_key(namespace, name))

    def decode(self, row: Resource, value: bytes, revision: int) -> Any:
        """Return the typed object in its storage version, with its resourceVersion."""
        obj = decode(row if row.module is None else versions.stored_row(row), value)
        obj.metadata.resourceVersion = str(revision) if revision else ""
        return obj

    def decode_served(self, row: Resource, value: bytes, revision: int) -> Any:
        """Return the typed object as `row` serves it."""
        return versions.to_served(row, self.decode(row, value, revision))

    def encode(self, row: Resource, obj: Any) -> bytes:
        """Return the bytes to store, without resourceVersion."""
        if row.module is not None:
            stored = versions.stored_row(row)
            obj.apiVersion, obj.kind = stored.api_version, stored.kind
        kept, obj.metadata.resourceVersion = obj.metadata.resourceVersion, ""
        try:
            return encode(obj)
        finally:
            obj.metadata.resourceVersion = kept

    def whole(self, row: Resource, value: bytes, revision: int) -> bytes:
        """Return the object's JSON as `row` serves it."""
        if versions.is_stored(row):
            return splice.whole(value, revision)
        return encode(self.decode_served(row, value, revision))

    def item(self, row: Resource, value: bytes, revision: int) -> bytes:
        """Return the object's JSON as an item of a list of `row`; items of custom lists keep apiVersion and kind."""
        if versions.is_stored(row):
            return splice.whole(value, revision) if row.module is None else splice.item(value, revision)
        obj = self.decode_served(row, value, revision)
        obj.apiVersion = obj.kind = ""
        return _encoder.encode(obj)


def decode(row: Resource, value: bytes) -> Any:
    """Return the typed object of stored bytes."""
    if row.module is None:
        parts = _parts.decode(value)
        metadata = _metadata.decode(parts.pop("metadata", b"{}"))
        content = {name: _plain.decode(part) for name, part in parts.items()}
        return CustomObject(apiVersion=content.pop("apiVersion", ""), kind=content.pop("kind", ""), metadata=metadata, content=content)
    kind = row.type
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    return decoder.decode(value)


def encode(obj: Any) -> bytes:
    """Return the JSON of a typed object, apiVersion, kind and metadata in front."""
    if type(obj) is CustomObject:
        return _encoder.encode({"apiVersion": obj.apiVersion, "kind": obj.kind, "metadata": obj.metadata, **obj.content})
    return _encoder.encode(obj)


def to_dict(obj: Any) -> dict[str, Any]:
    """Return an object as builtin values."""
    plain: dict[str, Any] = _plain.decode(encode(obj))
    return plain


def from_dict(content: dict[str, Any]) -> CustomObject:
    """Take a custom resource's dict apart, whose metadata are typed already; the dict is used up."""
    metadata = content.pop("metadata")
    return CustomObject(apiVersion=content.pop("apiVersion", ""), kind=content.pop("kind", ""), metadata=metadata, content=content)
