"""From values to field sets: what a value has, and what differs between two, by shape (structured-merge-diff's rules)."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import msgspec

from sagong.api.fields.field_set import LEAF, SELF, Fields, Node, union_of
from sagong.api.schema import Shape

ABSENT: Any = object()
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode

_ATOMIC = Shape("any", atomic=True)
_MAP_OF_ANY = Shape("map", element=Shape.ANY)
_LIST_OF_ANY = Shape("list", element=_ATOMIC)
_SCALAR = Shape("int-or-string")  # any scalar


class ItemError(ValueError):
    """A list item that has no key, or a value that cannot be one."""


class Comparison(NamedTuple):
    """The paths that are only in the old value, that differ, that are only in the new value."""

    removed: Fields
    modified: Fields
    added: Fields


def resolve(shape: Shape, value: Any) -> Shape:
    """Return the shape of this value where the schema leaves it open."""
    if shape.kind in ("any", "raw"):
        if shape.atomic:
            return shape
        return _MAP_OF_ANY if isinstance(value, dict) else _LIST_OF_ANY if isinstance(value, list) else _SCALAR
    if shape.kind == "union" and not shape.atomic:
        for option in shape.options:
            if isinstance(value, list) == (option.kind == "list") and isinstance(value, dict) == (option.kind in ("map", "object", "any")):
                return option
        return _SCALAR
    return shape


def child_shape(shape: Shape, name: str) -> Shape:
    """Return the shape of a member of a map or object; unknown members of an object are of any shape."""
    if shape.kind == "object":
        field = shape.fields.get(name)
        return field.shape if field is not None else Shape.ANY
    return shape.element or Shape.ANY


def item_element(shape: Shape, item: Any) -> str:
    """Return the path element of an item of an associative list. Raises ItemError."""
    if shape.list_type == "map":
        return _key_element(shape, item)
    if isinstance(item, str):
        return _value_element(item)
    if isinstance(item, dict):
        raise ItemError("associative list without keys has an element that's a map type")
    if isinstance(item, list):
        raise ItemError("not supported: associative list with lists as elements")
    if item is None:
        raise ItemError("associative list without keys has an element that's an explicit null")
    return f"v:{_encode(item).decode()}"


@functools.lru_cache(maxsize=4096)
def _value_element(item: str) -> str:
    return f"v:{_encode(item).decode()}"


@functools.lru_cache(maxsize=16384)
def _one_key_element(name: str, value: str) -> str:
    return f"k:{_encode({name: value}).decode()}"


def _key_element(shape: Shape, item: Any) -> str:
    if item is None:
        raise ItemError("associative list with keys may not have a null element")
    if not isinstance(item, dict):
        raise ItemError("associative list with keys may not have non-map elements")
    keys = shape.keys
    if len(keys) == 1 and isinstance(value := item.get(keys[0]), str):
        return _one_key_element(keys[0], value)
    found = {}
    for name in sorted(keys):
        value = item.get(name, ABSENT)
        if value is ABSENT:
            field = shape.element.fields.get(name) if shape.element else None
            if field is None or field.default is None:
                continue
            value = field.default
        found[name] = int(value) if isinstance(value, float) and value.is_integer() else value
    if not found:
        names = "[" + " ".join(f'"{name}"' for name in keys) + "]"
        missing = f"omits all key fields {names} (and doesn't have default values for any key fields)"
        raise ItemError(f"associative list with keys has an element that {missing}")
    return f"k:{_encode(found).decode()}"


def whole(value: Any, shape: Shape) -> Node:
    """Return the node of a value that is new or gone as a whole: itself and every path below it."""
    if shape.leaf or not value:
        return LEAF
    if shape.kind in ("any", "raw", "union"):
        return whole(value, resolve(shape, value))
    if isinstance(value, list):
        return {SELF: LEAF, **_items(value, shape)}
    if not isinstance(value, dict):
        return LEAF
    node: Node = {SELF: LEAF}
    if shape.kind == "object":
        fields = shape.fields
        for name in sorted(value):
            field = fields.get(name)
            below = field.shape if field is not None else Shape.ANY
            node[f"f:{name}"] = LEAF if below.leaf else whole(value[name], below)
        return node
    below = shape.element or Shape.ANY
    for name in sorted(value):
        node[f"f:{name}"] = LEAF if below.leaf else whole(value[name], below)
    return node


def _items(values: list[Any], shape: Shape) -> Node:
    below = shape.element or Shape.ANY
    node: Node = {}
    for item in values:
        element = item_element(shape, item)
        node[element] = LEAF if element in node else whole(item, below)
    return node


def field_set(value: Any, shape: Shape) -> Node | None:
    """Return the paths that an applied value sets: leaves, list items, members of maps, empty maps."""
    shape = resolve(shape, value)
    if shape.leaf:
        return LEAF
    if value is None:
        return None
    node: Node = {}
    if shape.kind == "list":
        below = shape.element or Shape.ANY
        for item in value:
            element = item_element(shape, item)
            child = None if element in node else field_set(item, below)
            node[element] = {SELF: LEAF, **child} if child else LEAF
        return node or None
    named = shape.fields
    for name, item in value.items():
        child = field_set(item, child_shape(shape, name))
        if item is None or item == {} or name not in named:
            child = {SELF: LEAF, **child} if child else LEAF
        if child is not None:
            node[f"f:{name}"] = child
    return node or None


def compare(old: Any, new: Any, shape: Shape) -> Comparison:
    """Compare two objects of a shape."""
    removed, modified, added = _compare(old, new, shape)
    return Comparison(removed or {}, modified or {}, added or {})


_Nodes = tuple[Node | None, Node | None, Node | None]
_SAME: _Nodes = (None, None, None)


def _compare(old: Any, new: Any, shape: Shape) -> _Nodes:
    if old is ABSENT:
        return None, None, whole(new, shape)
    if new is ABSENT:
        return whole(old, shape), None, None
    return _SAME if equal(old, new, shape) else _differing(old, new, shape)


def equal(old: Any, new: Any, shape: Shape) -> bool:
    """Say whether two values are the same; to Python alone 1 and true are."""
    return bool(old == new) and (not shape.loose or _encode_sorted(old) == _encode_sorted(new))


def _differing(old: Any, new: Any, shape: Shape) -> _Nodes:
    before, after = resolve(shape, old), resolve(shape, new)
    if before.kind != after.kind and old is not None and new is not None:
        return _compare_kinds(old, before, new, after)
    shape = before if new is None else after
    if shape.leaf or (not old and not new):
        return None, LEAF, None
    if shape.kind == "list":
        return _compare_lists(old or [], new or [], shape)
    return _compare_maps(old or {}, new or {}, shape)


def _compare_kinds(old: Any, before: Shape, new: Any, after: Shape) -> _Nodes:
    """Compare a scalar, a list and a map with each other: what one has below it is gone, what the other has is new."""
    removed = None if before.leaf else {k: v for k, v in whole(old, before).items() if k != SELF} or None
    added = None if after.leaf else {k: v for k, v in whole(new, after).items() if k != SELF} or None
    return removed, LEAF if before.leaf or after.leaf else None, added


def _compare_maps(old: dict[str, Any], new: dict[str, Any], shape: Shape) -> _Nodes:
    removed: Node = {}
    modified: Node = {}
    added: Node = {}
    fields = shape.fields
    for name in old.keys() | new.keys():
        before, after = old.get(name, ABSENT), new.get(name, ABSENT)
        field = fields.get(name)
        below = field.shape if field is not None else shape.element or Shape.ANY
        if before is not ABSENT and after is not ABSENT:
            if equal(before, after, below):
                continue
            gone, changed, came = _differing(before, after, below)
        else:
            if field is not None and field.nulled:
                before, after = (None if value is ABSENT else value for value in (before, after))
            gone, changed, came = _compare(before, after, below)
        if gone is not None:
            removed[f"f:{name}"] = gone
        if changed is not None:
            modified[f"f:{name}"] = changed
        if came is not None:
            added[f"f:{name}"] = came
    return removed or None, modified or None, added or None


def _compare_lists(old: list[Any], new: list[Any], shape: Shape) -> _Nodes:
    before, after = _grouped(old, shape), _grouped(new, shape)
    below = shape.element or Shape.ANY
    removed: Node = {}
    modified: Node = {}
    added: Node = {}
    for element in before.keys() | after.keys():
        gone, changed, came = _compare_items(before.get(element, []), after.get(element, []), below)
        if gone is not None:
            removed[element] = gone
        if changed is not None:
            modified[element] = changed
        if came is not None:
            added[element] = came
    return removed or None, modified or None, added or None


def _grouped(values: list[Any], shape: Shape) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for item in values:
        groups.setdefault(item_element(shape, item), []).append(item)
    return groups


def _compare_items(old: list[Any], new: list[Any], below: Shape) -> _Nodes:
    """Compare the items of one key, of which there is one, unless the list has duplicates."""
    if len(old) <= 1 and len(new) <= 1:
        return _compare(old[0] if old else ABSENT, new[0] if new else ABSENT, below)
    if len(old) > 1 and len(new) > 1:
        return _SAME if old == new else (None, LEAF, None)
    if len(old) > 1:
        return LEAF, None, whole(new[0], below) if new else None
    return whole(old[0], below) if old else None, None, LEAF


def changed(comparison: Comparison) -> Fields:
    """Return the paths that the new value has and the old one has not, or not so."""
    return union_of(comparison.modified, comparison.added)
