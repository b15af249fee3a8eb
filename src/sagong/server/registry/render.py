"""Objects, lists and watch events as the client asked for them: themselves, Tables, or metadata only; JSON, YAML or protobuf."""

from __future__ import annotations

import importlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec

from sagong.api.clock import Clock
from sagong.api.errors import NotAcceptableError
from sagong.api.resources import Resource
from sagong.api.types.base import ApiStruct
from sagong.api.types.meta import PartialObjectMetadata
from sagong.server.messages import JSON, Request, Response
from sagong.server.negotiation import PROTOBUF, YAML, Representation
from sagong.server.registry import splice
from sagong.server.registry.splice import ListParts, listing
from sagong.server.registry.storage import Storage
from sagong.store.base import Entry

GZIP_FROM = 128 * 1024
STEP = 32
RENDERED = 1024
_NO_ITEMS = b'{"kind":"PartialObjectMetadataList","apiVersion":"%b","metadata":%b,"items":null}'
_encoder = msgspec.json.Encoder()


class _Partial(msgspec.Struct):
    metadata: msgspec.Raw


_partial = msgspec.json.Decoder(_Partial)
_partial_struct = msgspec.json.Decoder(PartialObjectMetadata)
_plain = msgspec.json.Decoder()


class Renderer:
    """Renders the objects of one row in one representation."""

    def __init__(self, storage: Storage, row: Resource, representation: Representation, request: Request, clock: Clock) -> None:
        self._storage, self._row, self.representation, self._clock = storage, row, representation, clock
        self._request = request
        self._version = f"meta.k8s.io/{representation.target_version}"
        self._include = request.param("includeObject") if representation.target == "Table" else ""
        target = representation.target
        self.one: Callable[[bytes, int], bytes] = {
            "": self._whole,
            "Table": self._table_of_one,
        }.get(target, self.metadata_only)
        custom = row.extra.kind.serial if row.module is None else 0
        self.key = (row.group, row.version, row.plural, custom, representation, self._include)

    @property
    def keeps(self) -> bool:
        """Whether what was rendered once may be sent later too: not where ages are told."""
        return self.representation.target != "Table"

    def event(self, kind: bytes, value: bytes, revision: int, *, columns: bool = False) -> bytes:
        """Return a watch event about a stored object; the first Table of a stream has the columns."""
        if self.representation.media == PROTOBUF:
            from sagong.api import protobuf  # noqa: PLC0415 - rarely asked for

            return protobuf.encode_watch_event(kind.decode(), protobuf.encode(self._struct(value, revision)))
        if self.representation.target == "Table":
            return event_line(kind, b"".join(self._table([(value, revision)], ListParts(str(revision)), columns=columns)))
        return event_line(kind, self.one(value, revision))

    def event_of(self, kind: bytes, obj: bytes) -> bytes:
        """Return a watch event about an object that is not stored: a bookmark, a Status."""
        if self.representation.media == PROTOBUF:
            from sagong.api import protobuf  # noqa: PLC0415 - rarely asked for

            return protobuf.encode_watch_event(kind.decode(), to_protobuf(obj, self._row))
        return event_line(kind, obj)

    def answer(self, value: bytes, revision: int, *, status: int = 200) -> Response:
        """Answer with one object. Raises NotAcceptableError."""
        if self.representation.target == "PartialObjectMetadataList":
            raise self._other("is not a list", self._row.kind, "Unstructured")
        if self.representation.media == PROTOBUF:
            from sagong.api import protobuf  # noqa: PLC0415 - rarely asked for

            return Response(protobuf.encode(self._struct(value, revision)), status, PROTOBUF)
        return self._response(self.one(value, revision), status=status)

    def _other(self, what: str, kind: str, custom: str) -> NotAcceptableError:
        """Return the error for a list that is asked for as an object, or the other way round, with the name of Go's type."""
        package = "core" if self._row.module == "events" else (self._row.module or "").partition("_")[0]
        name = f"*{package}.{kind}" if package else f"*unstructured.{custom}"
        return NotAcceptableError(f"you requested {self.representation.target}, but the requested object {what} ({name})")

    def _struct(self, value: bytes, revision: int) -> ApiStruct:
        """Return an object as what is written as protobuf."""
        if self.representation.target:
            return _partial_struct.decode(self.metadata_only(value, revision))
        obj: ApiStruct = self._storage.decode_served(self._row, value, revision)
        return obj

    async def list(self, entries: Sequence[Entry], parts: ListParts) -> Response:
        """Answer with a list. What is large is made while it is sent, and zipped if the client takes that. Raises NotAcceptableError."""
        if self.representation.target == "PartialObjectMetadata":
            raise self._other("is a list", self._row.list_kind, "UnstructuredList")
        media, size = self.representation.media, sum(len(entry.value) for entry in entries)
        if media == PROTOBUF:
            return Response(content_type=PROTOBUF, pieces=await self._protobuf_list(entries, parts), gzip=size >= GZIP_FROM and self._zips)
        pieces = self._pieces(entries, parts)
        if media != JSON or self.representation.pretty or size < GZIP_FROM:
            return self._response(b"".join(pieces))
        return Response(content_type=JSON, pieces=pieces, gzip=self._zips)

    @property
    def _zips(self) -> bool:
        return "gzip" in self._request.header("accept-encoding")

    def _pieces(self, entries: Sequence[Entry], parts: ListParts) -> Iterator[bytes]:
        row, target = self._row, self.representation.target
        if not target:
            item = self._storage.item
            return listing(row.api_version, row.list_kind, parts, (item(row, entry.value, entry.revision) for entry in entries))
        if target == "Table":
            return self._table(((entry.value, entry.revision) for entry in entries), parts, columns=True)
        if not entries and self.representation.media != PROTOBUF:
            return iter([_NO_ITEMS % (self._version.encode(), parts.encode())])
        items = (self.metadata_only(entry.value, entry.revision) for entry in entries)
        return listing(self._version, "PartialObjectMetadataList", parts, items)

    async def _protobuf_list(self, entries: Sequence[Entry], parts: ListParts) -> Iterator[bytes]:
        """Return a list as protobuf, in pieces. How long it is stands in front: all items are encoded before, a few at a time."""
        from sagong.api import protobuf  # noqa: PLC0415 - rarely asked for

        empty = to_protobuf(b"".join(self._pieces((), parts)), self._row)
        items: list[bytes] = []
        for at in range(0, len(entries), STEP):
            items += [protobuf.encode_message(self._struct(entry.value, entry.revision)) for entry in entries[at : at + STEP]]
            await self._clock.sleep(0)
        return protobuf.with_items(empty, items)

    def metadata_only(self, value: bytes, revision: int) -> bytes:
        """Return the object as PartialObjectMetadata."""
        metadata = bytes(_partial.decode(value).metadata)
        version = (self._version if self.representation.target_version else "meta.k8s.io/v1").encode()
        return b'{"kind":"PartialObjectMetadata","apiVersion":"%b","metadata":{"resourceVersion":"%d",%b}' % (
            version,
            revision,
            metadata[1:],
        )

    def _response(self, body: bytes, *, status: int = 200) -> Response:
        """Finish an answer: its media type and indentation."""
        media, pretty = self.representation.media, self.representation.pretty
        if media == YAML:
            body = to_yaml(body)
        elif pretty:
            body = msgspec.json.format(body, indent=2)
        return Response(body, status, media)

    def _whole(self, value: bytes, revision: int) -> bytes:
        return self._storage.whole(self._row, value, revision)

    def _table_of_one(self, value: bytes, revision: int) -> bytes:
        return b"".join(self._table([(value, revision)], ListParts(str(revision)), columns=True))

    def empty_cells(self) -> Sequence[Any]:
        """Return the cells of a table's row that is about no object."""
        from sagong.api import printers  # noqa: PLC0415 - not needed before the first Table

        if self._row.module is None:
            cells: Sequence[Any] = self._row.extra.columns.cells({}, self._clock.now())
            return cells
        return printers.row(self._row.type(), self._clock.now())

    def _table(self, objects: Iterable[tuple[bytes, int]], parts: ListParts, *, columns: bool) -> Iterator[bytes]:
        from sagong.api import printers  # noqa: PLC0415 - not needed before the first Table

        custom = self._row.extra.columns if self._row.module is None else None
        table = {
            "kind": "Table",
            "apiVersion": self._version,
            "metadata": parts,
            "columnDefinitions": (custom.definitions if custom is not None else printers.columns(self._row)) if columns else None,
            "rows": (),
        }
        each = iter(objects)
        first = next(each, None)
        if first is None and printers.is_plain(self._row):
            return iter([_encoder.encode(table | {"rows": None})])
        head = _encoder.encode(table)
        rows = (_encoder.encode(self._table_row(value, revision)) for value, revision in chain(() if first is None else (first,), each))
        return splice.pieces(head.removesuffix(b"]}"), rows, b"]}")

    def _table_row(self, value: bytes, revision: int) -> dict[str, Any]:
        from sagong.api import printers  # noqa: PLC0415 - not needed before the first Table

        if self._row.module is None:
            shown: dict[str, Any] = {"cells": self._row.extra.columns.cells(_plain.decode(value), self._clock.now())}
        else:
            obj = self._storage.decode_served(self._row, value, revision)
            shown = {"cells": printers.row(obj, self._clock.now())}
            if conditions := printers.row_conditions(obj):
                shown["conditions"] = conditions
        if self._include == "Object":
            shown["object"] = msgspec.Raw(self._storage.whole(self._row, value, revision))
        else:
            shown["object"] = None if self._include == "None" else msgspec.Raw(self.metadata_only(value, revision))
        return shown


def event_line(kind: bytes, obj: bytes) -> bytes:
    """Return one event as a line of JSON."""
    return b'{"type":"%b","object":%b}\n' % (kind, obj)


class RenderCache:
    """The latest rendered events, by revision, kind of event and representation."""

    def __init__(self) -> None:
        self._events: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()

    def get(self, kind: bytes, value: bytes, revision: int, renderer: Renderer) -> bytes:
        """Return an event."""
        if not renderer.keeps:
            return renderer.event(kind, value, revision)
        key = (revision, kind, renderer.key)
        event = self._events.get(key)
        if event is None:
            event = self._events[key] = renderer.event(kind, value, revision)
            if len(self._events) > RENDERED:
                self._events.popitem(last=False)
        return event


def to_yaml(body: bytes) -> bytes:
    """Return JSON as YAML."""
    from sagong.api import yaml_encode  # noqa: PLC0415 - rarely asked for

    return yaml_encode.to_yaml(body)


def to_protobuf(body: bytes, row: Resource) -> bytes:
    """Return an object or list of `row` in JSON, or what stands in for one, as protobuf."""
    from sagong.api import protobuf  # noqa: PLC0415 - rarely asked for

    head = _head.decode(body)
    module = "meta" if head.kind == "Status" or head.apiVersion.startswith("meta.k8s.io/") else row.module
    struct = getattr(importlib.import_module(f"sagong.api.types.{module}"), head.kind)
    return protobuf.encode(msgspec.json.decode(body, type=struct))


class _Head(msgspec.Struct):
    apiVersion: str = ""
    kind: str = ""


_head = msgspec.json.Decoder(_Head)
