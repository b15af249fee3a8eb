"""Which objects a list or watch selects: label and field selectors over stored bytes, decoding as little as they need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from sagong.api import field_selectors, selectors
from sagong.api.errors import BadRequestError
from sagong.api.resources import Resource
from sagong.server.messages import Request
from sagong.server.registry.storage import Storage


class _Metadata(msgspec.Struct):
    labels: dict[str, str] = msgspec.field(default_factory=dict)


class _Labelled(msgspec.Struct):
    metadata: _Metadata


_labels = msgspec.json.Decoder(_Labelled)
_plain = msgspec.json.Decoder()

Matcher = Callable[[bytes], bool]


class Selection:
    """The selectors of one request. `matcher` is None when everything is selected; `name` is what metadata.name must be."""

    def __init__(self, storage: Storage, row: Resource, labels: selectors.Selector, fields: field_selectors.FieldSelector) -> None:
        self._storage, self._row = storage, row
        self._labels = labels
        self.name = fields.exact("metadata.name")
        self._fields = fields
        self.matcher: Matcher | None = None
        if fields.terms:
            self.matcher = self._match_both
        elif not labels.empty:
            self.matcher = self._match_labels

    def _match_labels(self, value: bytes) -> bool:
        return self._labels.matches(_labels.decode(value).metadata.labels)

    def _match_both(self, value: bytes) -> bool:
        if not self._labels.empty and not self._match_labels(value):
            return False
        obj: Any = self._storage.decode_served(self._row, value, 0) if self._row.module is not None else _plain.decode(value)
        return self._fields.matches(obj)


def selection(request: Request, storage: Storage, row: Resource, name: str = "") -> Selection:
    """Read the selectors of a request; `name` is that of the URL. Raises BadRequestError with upstream's texts."""
    if not request.query_string and not name:
        return Selection(storage, row, selectors.EVERYTHING, field_selectors.FieldSelector())
    try:
        labels = selectors.parse(request.param("labelSelector"))
        fields = field_selectors.parse_for(request.param("fieldSelector"), row)
    except selectors.SelectorError as error:
        raise BadRequestError(str(error)) from error
    if name:
        fields = fields._replace(terms=(*fields.terms, field_selectors.Term("metadata.name", name)))
    return Selection(storage, row, labels, fields)
