"""Typed merging for server-side apply: lay a configuration over the live object, take items out of an object by their paths."""

from __future__ import annotations

from typing import Any

from sagong.api.fields.field_set import LEAF, SELF, Fields, Node, is_member
from sagong.api.fields.walk import ABSENT, child_shape, item_element, resolve
from sagong.api.schema import Shape


def merge(live: Any, config: Any, shape: Shape) -> Any:
    """Return the live value with the applied one laid over it; ABSENT when nothing is left. Neither is changed."""
    if config is ABSENT:
        return live
    over = resolve(shape, config)
    if live is ABSENT or (live is not None and resolve(shape, live).kind != over.kind):
        live = None
    if over.leaf or (not live and not config):
        return config
    if over.kind == "list":
        return _merge_lists(live or [], config or [], over)
    if config is not None and not isinstance(config, dict):
        return config
    merged = _merge_maps(live or {}, config or {}, over)
    return merged or ABSENT


def _merge_maps(live: dict[str, Any], config: dict[str, Any], shape: Shape) -> dict[str, Any]:
    merged = dict(live)
    for name, value in config.items():
        result = merge(live.get(name, ABSENT), value, child_shape(shape, name))
        if result is ABSENT:
            merged.pop(name, None)
        else:
            merged[name] = result
    return merged


def _merge_lists(live: list[Any], config: list[Any], shape: Shape) -> Any:
    """Merge associative lists: items of both, in the configuration's order; the live object's own stay before what they preceded."""
    below = shape.element or Shape.ANY
    ours = {item_element(shape, item): item for item in config}
    theirs: dict[str, Any] = {}
    for item in live:
        element = item_element(shape, item)
        theirs[element] = None if element in theirs else item  # duplicates of the live object count as empty
    placed = _Placing([item_element(shape, item) for item in live], list(ours), ours.keys() & theirs.keys())
    merged = []
    for element, index in placed.order():
        if element in ours:
            merged.append(merge(theirs.get(element, ABSENT), ours[element], below))
        else:
            merged.append(live[index])
    kept = [item for item in merged if item is not ABSENT]
    return kept or ABSENT


class _Placing:
    """Interleaves two lists of path elements: [a, b, c, d] and [d, x, b] give [a, c, d, x, b]."""

    def __init__(self, live: list[str], config: list[str], shared: set[str]) -> None:
        self._live, self._config = live, config
        self._waiting = [element for element in config if element in shared]

    def order(self) -> list[tuple[str, int]]:
        """Return the elements in the merged order, with the place in the live list for those that are only there."""
        result: list[tuple[str, int]] = []
        config, waiting, done = self._config, self._waiting, set[str]()
        left = right = 0
        while left < len(self._live) or right < len(config):
            element = self._live[left] if left < len(self._live) else None
            if element is not None and right < len(config):
                if element == config[right]:
                    result.append((element, left))
                    done.add(element)
                    left, right = left + 1, right + 1
                    waiting = waiting[1:]
                    continue
                if element in config and waiting and waiting[0] != element:
                    left += 1
                    continue
            if element is not None and element not in config:
                result.append((element, left))
                left += 1
                continue
            if element in done:
                left += 1
            if right < len(config):
                result.append((config[right], -1))
                done.add(config[right])
                if waiting and waiting[0] == config[right]:
                    waiting = waiting[1:]
                right += 1
        return result


def remove_items(value: Any, paths: Node, shape: Shape) -> Any:
    """Return the value without the paths; maps and lists that become empty stay, empty. The value is not changed."""
    shape = resolve(shape, value)
    if not paths or shape.leaf or not value:
        return value
    if shape.kind == "list":
        return _remove_from_list(value, paths, shape)
    kept: dict[str, Any] = {}
    for name, item in value.items():
        node = paths.get(f"f:{name}")
        if node is None:
            kept[name] = item
        elif not is_member(node):
            kept[name] = remove_items(item, node, child_shape(shape, name))
    return kept


def _remove_from_list(values: list[Any], paths: Node, shape: Shape) -> list[Any]:
    kept = []
    for item in values:
        node = paths.get(item_element(shape, item))
        if node is None:
            kept.append(item)
        elif not is_member(node):
            kept.append(remove_items(item, node, shape.element or Shape.ANY))
    return kept


def with_named_fields(fields: Fields, shape: Shape) -> Fields:
    """Return the set with every named field above a path in it: a field that holds something is there too."""
    return {key: child if key == SELF else _with_named(key, child, shape) for key, child in fields.items()}


def _with_named(key: str, child: Node, shape: Shape) -> Node:
    named = key.startswith("f:") and key[2:] in shape.fields
    below = child_shape(shape, key[2:]) if key.startswith("f:") else shape.element or Shape.ANY
    node = with_named_fields(child, below)
    return {SELF: LEAF, **node} if named and node and SELF not in node else node


def reconcile(fields: Node, shape: Shape) -> Node:
    """Return a set that fits the shape: what is owned below a list or map that is atomic now becomes the whole of it.

    Returns the very argument when it fits already.
    """
    if not fields or shape.kind not in ("list", "map", "object"):
        return fields
    if shape.leaf:
        return LEAF if any(key != SELF for key in fields) else fields
    changed: Node = {}
    for key, child in fields.items():
        below = child_shape(shape, key[2:]) if key.startswith("f:") else shape.element or Shape.ANY
        fitted = reconcile(child, below) if child else child
        if fitted is not child:
            changed[key] = fitted
    return {**fields, **changed} if changed else fields
