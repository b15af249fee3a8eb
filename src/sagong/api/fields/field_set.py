"""Sets of field paths, in the very form of FieldsV1: nested dicts keyed by path elements.

    {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:spec": {"f:ports": {'k:{"port":80}': {}}}}

holds .metadata.labels, .metadata.labels.app and .spec.ports[port=80], and not .metadata: a node is in the set when it is
empty or has the member ".". Path elements: `f:` field name, `k:` key of a list item, `v:` value of a set's item, `i:` index.

A Node is never changed once made; results share parts of their arguments. None stands for a set with nothing in it.
The root, a `Fields`, is a node that is never in the set itself.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

Node = dict[str, "Node"]
Fields = Node

LEAF: Node = {}
SELF = "."

_decoder = msgspec.json.Decoder(dict[str, Any])
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode
_NUMBER_IN_KEY = re.compile(rb'\\":[-0-9]|"[vi]:[-0-9]')
_KINDS = ("f:", "k:", "v:", "i:")


class FieldsError(ValueError):
    """The text is not FieldsV1."""


def is_member(node: Node) -> bool:
    """Say whether a node stands for a path in the set."""
    return not node or SELF in node


def union(left: Node, right: Node) -> Node:
    """Return the paths of either node."""
    if not right:
        return left if is_member(left) else {SELF: LEAF, **left}
    if not left:
        return right if is_member(right) else {SELF: LEAF, **right}
    merged = {**left, **right}
    for key in left.keys() & right.keys():
        if key != SELF:
            merged[key] = union(left[key], right[key])
    return merged


def difference(left: Node, right: Node) -> Node | None:
    """Return the paths of `left` that are not in `right`."""
    kept: Node = {}
    for key, child in left.items():
        other = right.get(key)
        if key == SELF:
            continue
        rest = child if other is None else difference(child, other)
        if rest is not None:
            kept[key] = rest
    return _node(kept, member=is_member(left) and not is_member(right))


def without(left: Node, right: Node) -> Node | None:
    """Return the paths of `left` that are not in `right`, nor below a path that is (recursive difference)."""
    if is_member(right):
        return None
    kept: Node = {}
    for key, child in left.items():
        other = right.get(key)
        rest = child if other is None or key == SELF else without(child, other)
        if rest is not None:
            kept[key] = rest
    return _node(kept, member=False) if left else left


def intersection(left: Node, right: Node) -> Node | None:
    """Return the paths in both nodes."""
    kept: Node = {}
    for key in left.keys() & right.keys():
        if key != SELF:
            both = intersection(left[key], right[key])
            if both is not None:
                kept[key] = both
    return _node(kept, member=is_member(left) and is_member(right))


def _node(children: Node, *, member: bool) -> Node | None:
    if not children:
        return LEAF if member else None
    return {SELF: LEAF, **children} if member else children


def union_of(left: Fields, right: Fields) -> Fields:
    """Return the union of two roots, which may be empty."""
    return union(left, right) if left and right else left or right


def minus(left: Fields, right: Fields) -> Fields:
    """Return the difference of two roots."""
    return (difference(left, right) or {}) if left and right else left


def common(left: Fields, right: Fields) -> Fields:
    """Return the intersection of two roots."""
    return (intersection(left, right) or {}) if left and right else {}


def excluding(left: Fields, right: Fields) -> Fields:
    """Return `left` without the paths of `right` and all below them."""
    return (without(left, right) or {}) if left and right else left


def has(fields: Fields, path: tuple[str, ...]) -> bool:
    """Say whether a path (of path elements) is in the set."""
    node: Node | None = fields
    for element in path:
        node = None if node is None else node.get(element)
    return node is not None and is_member(node)


def fields_of(*paths: str) -> Fields:
    """Return the set of some dotted paths of field names: `fields_of("spec", "metadata.labels")`."""
    result: Fields = {}
    for path in paths:
        node = LEAF
        for name in reversed(path.split(".")):
            node = {f"f:{name}": node}
        result = union_of(result, node)
    return result


def paths(fields: Node, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Iterate the paths: those that end at a level before those that go on below it, each in order."""
    keys = [key for key in _sorted(fields) if key != SELF]
    for key in keys:
        if is_member(fields[key]):
            yield (*prefix, key)
    for key in keys:
        yield from paths(fields[key], (*prefix, key))


def decode(raw: bytes | Mapping[str, Any]) -> Fields:
    """Read FieldsV1; unknown kinds of path elements are dropped. Raises FieldsError."""
    return _decode_known(raw) if isinstance(raw, bytes) and len(raw) <= _LONGEST_KNOWN else _decode(raw)


_LONGEST_KNOWN = 4096
"""Objects of one template have the same fields: short texts are read once."""


def _decode(raw: bytes | Mapping[str, Any]) -> Fields:
    try:
        found = _decoder.decode(raw) if isinstance(raw, bytes | bytearray | memoryview | msgspec.Raw) else dict(raw)
    except msgspec.MsgspecError as error:
        raise FieldsError(str(error)) from error
    found.pop(SELF, None)
    return _canonical(found) if _needs_care(found) else found


_decode_known = functools.lru_cache(maxsize=128)(_decode)


def encode(fields: Fields) -> bytes:
    """Write FieldsV1, in the order in which upstream writes it: that of the text, but numbers in keys by size."""
    raw = _encode_sorted(fields)
    return _encode(_ordered(fields)) if _has_numbers(raw) else raw


def _has_numbers(raw: bytes) -> bool:
    return _known_to_have(raw) if len(raw) <= _LONGEST_KNOWN else _NUMBER_IN_KEY.search(raw) is not None


@functools.lru_cache(maxsize=128)
def _known_to_have(raw: bytes) -> bool:
    return _NUMBER_IN_KEY.search(raw) is not None


def _needs_care(node: Any) -> bool:
    if not isinstance(node, dict):
        return True
    odd = any(key[:2] not in _KINDS or "\\u" in key or '": ' in key for key in node if key != SELF)
    return odd or any(map(_needs_care, node.values()))


def _canonical(node: Any) -> Fields:
    """Bring keys into the form in which this module writes them."""
    if not isinstance(node, dict):
        return LEAF
    result: Fields = {}
    for key, child in node.items():
        kind, text = key[:2], key[2:]
        if key == SELF:
            result[key] = LEAF
        elif kind in ("k:", "v:"):
            try:
                result[kind + _encode(msgspec.json.decode(text)).decode()] = _canonical(child)
            except msgspec.DecodeError as error:
                raise FieldsError(f"parsing key as path element: {key}") from error
        elif kind in _KINDS:
            result[key] = _canonical(child)
    return result


def _ordered(node: Node) -> Node:
    return {key: _ordered(node[key]) if node[key] else LEAF for key in _sorted(node)}


def _sorted(node: Node) -> list[str]:
    keys = sorted(node)
    return sorted(keys, key=_order) if len(keys) > 1 and keys[-1][0] != "f" else keys


@functools.lru_cache(maxsize=8192)
def _order(key: str) -> tuple[Any, ...]:
    """Return what path elements sort by: `.`, fields by name, keys member by member, values, indices."""
    kind, text = key[:2], key[2:]
    if kind == "k:":
        return 2, [(name, _rank(value)) for name, value in msgspec.json.decode(text).items()]
    if kind in ("v:", "i:"):
        return 3, [("", _rank(msgspec.json.decode(text)))]
    return (0 if key == SELF else 1), [(text, (0, 0))]


def _rank(value: Any) -> tuple[int, Any]:
    if isinstance(value, bool):
        return 2, value
    if isinstance(value, int | float):
        return 0, value
    return (1, value) if isinstance(value, str) else (3, str(value))


@functools.lru_cache(maxsize=8192)
def element_text(key: str) -> str:
    """Show a path element as messages do: `.name`, `[name="a",port=80]`, `[="x"]`, `[3]`."""
    kind, text = key[:2], key[2:]
    if kind == "f:":
        return f".{text}"
    if kind == "k:":
        return "[" + ",".join(f"{name}={_encode(value).decode()}" for name, value in msgspec.json.decode(text).items()) + "]"
    return f"[={text}]" if kind == "v:" else f"[{text}]"


def path_text(path: tuple[str, ...]) -> str:
    """Show a path as messages do: `.spec.containers[name="a"].image`."""
    return "".join(map(element_text, path))
