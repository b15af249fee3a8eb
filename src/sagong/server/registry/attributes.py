"""What selectors ask of an object: its labels and the fields that can be selected, read from stored bytes and remembered.

A pod's are read in half the time of the pod, because the rest of it is skipped. Sets of labels that many objects have in
common are kept once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from sagong.api.field_selectors import field_reader, field_value, read_fields, selectable_fields
from sagong.api.narrow import narrow
from sagong.api.resources import Resource
from sagong.server.registry import versions
from sagong.server.registry.storage import Storage
from sagong.store.base import Event

OF_THE_KEY = ("metadata.name", "metadata.namespace")
REMEMBERED = 4096
_EMPTY = msgspec.Raw(b"{}")


class Attributes(msgspec.Struct, frozen=True, gc=False):
    """The attributes of an object as of `revision`; `fields` are the values of `Reader.fields`."""

    revision: int
    labels: Mapping[str, str]
    fields: tuple[str, ...]


class _Metadata(msgspec.Struct, gc=False):
    labels: msgspec.Raw = _EMPTY


class _Labelled(msgspec.Struct, gc=False):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


_labelled = msgspec.json.Decoder(_Labelled)
_labels = msgspec.json.Decoder(dict[str, str])
_plain = msgspec.json.Decoder()


class Reader:
    """Reads the attributes of one row's objects, from their bytes as the row has them.

    `live` are those of the objects that an index keeps up to date; it is the index that changes them.
    """

    def __init__(self, storage: Storage, row: Resource) -> None:
        self.fields = tuple(field for field in selectable_fields(row) if field not in OF_THE_KEY)
        self.live: dict[str, Attributes] = {}
        self._recent: dict[tuple[str, int], Attributes] = {}
        self._label_sets: dict[bytes, Mapping[str, str]] = {}
        self._field_sets: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._values = _values_of(storage, row, self.fields)
        self.trigger = functools.cache(self._trigger)

    def _trigger(self, label: str, field: int) -> Callable[[Event], Iterable[str]]:
        """Return what tells the values of a label, or of the field of that number, before and after a change."""

        def values(event: Event) -> Iterator[str]:
            for value, revision in ((event.value, event.revision), (event.previous, event.previous_revision)):
                if value is not None:
                    known = self.get(event.key, value, revision)
                    found = known.labels.get(label) if field < 0 else known.fields[field]
                    if found is not None:
                        yield found

        return values

    def get(self, key: str, value: bytes, revision: int) -> Attributes:
        """Return the attributes of `value`, which is at `key` at that revision."""
        live = self.live.get(key)
        if live is not None and live.revision == revision:
            return live
        recent = self._recent.get((key, revision))
        if recent is None:
            recent = self.read(value, revision)
            if len(self._recent) >= REMEMBERED:
                self._recent.clear()
            self._recent[key, revision] = recent
        return recent

    def read(self, value: bytes, revision: int) -> Attributes:
        """Read the attributes of `value`, remembering nothing about it."""
        raw, fields = self._values(value)
        labels = self._label_sets.get(raw)
        if labels is None:
            if len(self._label_sets) >= REMEMBERED:
                self._label_sets.clear()
            labels = self._label_sets[raw] = _labels.decode(raw)
        if len(self._field_sets) >= REMEMBERED:
            self._field_sets.clear()
        return Attributes(revision, labels, self._field_sets.setdefault(fields, fields))


def _values_of(storage: Storage, row: Resource, fields: tuple[str, ...]) -> Callable[[bytes], tuple[bytes, tuple[str, ...]]]:
    """Return what reads the labels, still as JSON, and the fields."""
    if not fields:
        return lambda value: (bytes(_labelled.decode(value).metadata.labels), ())
    if row.module is not None and versions.is_stored(row):
        kind = row.type
        reading = msgspec.json.Decoder(narrow(kind, ["metadata.labels", *read_fields(kind.__name__, fields)], raw=("metadata.labels",)))
        readers = [field_reader(kind.__name__, field) for field in fields]

        def read_typed(value: bytes) -> tuple[bytes, tuple[str, ...]]:
            obj: Any = reading.decode(value)
            return bytes(obj.metadata.labels), tuple([read(obj) for read in readers])

        return read_typed

    def read_served(value: bytes) -> tuple[bytes, tuple[str, ...]]:
        obj = _plain.decode(value) if row.module is None else storage.decode_served(row, value, 0)
        return bytes(_labelled.decode(value).metadata.labels), tuple(field_value(obj, field) for field in fields)

    return read_served
