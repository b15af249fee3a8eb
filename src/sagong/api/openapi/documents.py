"""The OpenAPI documents of a server: /openapi/v2, /openapi/v3 and one v3 document for each group version.

A document is made when it is first asked for and kept as bytes. The hashes of the v3 index come from what a document is made
of, not from its bytes, so that the index needs none of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from sagong.api.openapi import v2, v3
from sagong.api.openapi.gnostic import encode_v2
from sagong.api.openapi.merging import merge
from sagong.api.openapi.operations import schema_name
from sagong.api.openapi.schemas import Schema
from sagong.api.resources import Resource, ResourceTable

V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
NO_OTHERS: Mapping[str, Schema] = {}
CustomSchema = Callable[[Resource], Schema | None]


@dataclass(frozen=True, slots=True)
class Document:
    """A finished document. `etag` goes into the ETag header, in quotes, and is the hash in the v3 index."""

    body: bytes
    etag: str
    content_type: str = "application/json"


class Documents:
    """All OpenAPI documents over a resource table.

    `custom` gives the openAPIV3Schema of a custom resource; call `changed` when the table or these schemas change.
    """

    def __init__(self, table: ResourceTable, version: str, custom: CustomSchema = lambda _: None) -> None:
        self._table, self._version, self._custom = table, version, custom
        self._made: dict[str, Document] = {}

    def changed(self) -> None:
        """Forget the documents."""
        self._made.clear()

    def index(self, others: Mapping[str, Schema] = NO_OTHERS) -> Document:
        """Return /openapi/v3: the paths of all documents with their hashes; `others` are the entries of other servers' documents."""
        if not others:
            return self._once("v3", self._index)
        own = msgspec.json.decode(self.index().body)
        paths = dict(sorted({**own["paths"], **others}.items()))
        return Document(msgspec.json.encode({**own, "paths": paths}), _digest(repr(paths)))

    def group_version(self, path: str) -> Document | None:
        """Return /openapi/v3/<path>, as `apis/apps/v1`; None: there is none."""
        if path in _PLAIN_PATHS:
            return self._once(path, lambda: (v3.plain_document(path, self._version), self._hash(path, ())))
        rows = self._rows(path)
        if not rows:
            return None
        return self._once(path, lambda: (v3.document(rows, self._schemas(rows), self._version), self._hash(path, rows)))

    def swagger(self, others: Mapping[str, Schema] = NO_OTHERS) -> Document:
        """Return /openapi/v2 as JSON; `others` are other servers' documents, by their digests, to be merged into it."""
        return self._swagger("v2", others, lambda value, etag: Document(msgspec.json.encode(value), etag))

    def swagger_protobuf(self, others: Mapping[str, Schema] = NO_OTHERS) -> Document:
        """Return /openapi/v2 as old kubectls ask for it (V2_PROTOBUF)."""
        return self._swagger("v2.pb", others, lambda value, etag: Document(encode_v2(value), etag, V2_PROTOBUF.replace("@", ".")))

    def _swagger(self, key: str, others: Mapping[str, Schema], encode: Callable[[Any, str], Document]) -> Document:
        rows = tuple(self._table)
        etag = self._hash("v2", rows) if not others else _digest(repr((self._hash("v2", rows), list(others))))
        made = self._made.get(key)
        if made is None or made.etag != etag:
            value = v2.document(rows, self._schemas(rows, v2=True), self._version)
            made = self._made[key] = encode(merge(value, list(others.values())), etag)
        return made

    def _once(self, key: str, make: Callable[[], tuple[Any, str]]) -> Document:
        if key not in self._made:
            value, etag = make()
            self._made[key] = Document(msgspec.json.encode(value), etag)
        return self._made[key]

    def _index(self) -> tuple[Any, str]:
        groups: dict[str, list[Resource]] = {}
        for row in self._table:
            groups.setdefault(_document_path(row), []).append(row)
        hashes = {path: self._hash(path, groups.get(path, ())) for path in sorted([*groups, *_PLAIN_PATHS])}
        urls = {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={value}"} for path, value in hashes.items()}
        return {"paths": urls}, _digest(repr(sorted(hashes.items())))

    def _rows(self, path: str) -> tuple[Resource, ...]:
        return tuple(row for row in self._table if _document_path(row) == path)

    def _hash(self, path: str, rows: Iterable[Resource]) -> str:
        return _digest(repr((self._version, path, [(row, self._custom(row) if row.module is None else None) for row in rows])))

    def _schemas(self, rows: Iterable[Resource], *, v2: bool = False) -> dict[str, Schema]:
        """Return the schemas of custom resources, objects and lists, by name."""
        found: dict[str, Schema] = {}
        for row in rows:
            if row.module is None:
                from sagong.api.custom.publish import published, published_list  # noqa: PLC0415 - few servers have custom resources

                source = self._custom(row)
                found[schema_name(row)] = published(row, source, v2=v2)
                found[schema_name(row, items=True)] = published_list(row, source, v2=v2)
        return found


_PLAIN_PATHS = ("api", "apis", "version")


def _document_path(row: Resource) -> str:
    return f"apis/{row.group}/{row.version}" if row.group else f"api/{row.version}"


def _digest(text: str) -> str:
    return hashlib.sha512(text.encode()).hexdigest().upper()
