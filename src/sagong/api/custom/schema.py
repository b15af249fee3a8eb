"""A structural schema made ready for use: what pruning, defaulting and validation ask of it, read once from its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IMPLICIT = frozenset({"apiVersion", "kind", "metadata"})


class Schema:
    """The schema of a value.

    kind        `object`, `array`, `string`, `integer`, `number`, `boolean`, or "" where any of them may stand
    properties  the fields of an object; `values` is the schema of all its other fields, `open` whether it may have any
    items       the schema of an array's items
    preserve    fields that the schema does not name are kept
    embedded    the object is a whole resource, with apiVersion, kind and metadata
    default     what stands in for an absent value; None: nothing
    list_type   `atomic`, `set` or `map`, with its `keys`
    source      the JSON that the schema was read from
    defaulting, has_embedded, has_lists, has_rules   whether there is a default, a resource, a set or map, a rule here or below
    """

    __slots__ = (
        "default", "defaulting", "embedded", "has_embedded", "has_lists", "has_rules", "int_or_string", "items",
        "keys", "kind", "list_type", "map_type", "nullable", "open", "preserve", "properties",
        "source", "values",
    )  # fmt: skip

    def __init__(self, source: Mapping[str, Any]) -> None:
        self.source = source
        self.kind: str = source.get("type", "")
        self.properties = {name: Schema(below) for name, below in (source.get("properties") or {}).items()}
        others, items = source.get("additionalProperties"), source.get("items")
        self.open = others is not None
        self.values = Schema(others) if isinstance(others, Mapping) else None
        self.items = Schema(items) if isinstance(items, Mapping) else None
        self.preserve = source.get("x-kubernetes-preserve-unknown-fields") is True
        self.embedded = source.get("x-kubernetes-embedded-resource") is True
        self.int_or_string = source.get("x-kubernetes-int-or-string") is True
        self.nullable = source.get("nullable") is True
        self.default = source.get("default")
        self.list_type: str = source.get("x-kubernetes-list-type") or ""
        self.keys: tuple[str, ...] = tuple(source.get("x-kubernetes-list-map-keys") or ())
        self.map_type: str = source.get("x-kubernetes-map-type") or ""
        below = [*self.properties.values(), *(child for child in (self.values, self.items) if child is not None)]
        self.defaulting: bool = self.default is not None or any(child.defaulting for child in below)
        self.has_embedded: bool = self.embedded or any(child.has_embedded for child in below)
        self.has_rules: bool = bool(source.get("x-kubernetes-validations")) or any(child.has_rules for child in below)
        self.has_lists: bool = self.list_type in ("set", "map") or any(child.has_lists for child in below)

    def child(self, name: str) -> Schema | None:
        """Return the schema of an object's field."""
        return self.properties.get(name, self.values)


def has_rules(source: Mapping[str, Any]) -> bool:
    """Say whether there is any rule in the JSON of a schema."""
    others, items = source.get("additionalProperties"), source.get("items")
    below = [*(source.get("properties") or {}).values(), *(part for part in (others, items) if isinstance(part, Mapping))]
    return bool(source.get("x-kubernetes-validations")) or any(map(has_rules, below))


def as_resource(schema: Schema | None) -> Schema:
    """Return the schema of an object at its root: a resource, whose apiVersion, kind and metadata are a matter apart."""
    root = Schema(schema.source if schema is not None else {})
    root.embedded = True
    return root
