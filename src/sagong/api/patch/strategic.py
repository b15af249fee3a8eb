"""Strategic merge patch: a merge patch that knows the kind's lists (merge keys) and takes directives.

`$patch: replace | delete | merge`, `$retainKeys`, `$setElementOrder/<list>`, `$deleteFromPrimitiveList/<list>`.
Example, on a pod: {"spec": {"containers": [{"name": "a", "image": "x"}]}} changes the image of container a alone.
Neither the original nor the patch is changed.
"""

from __future__ import annotations

from typing import Any

from sagong.api.patch.element_order import Items, arrange, index_of
from sagong.api.schema import Field, Shape

_DIRECTIVE = "$patch"
_RETAIN_KEYS = "$retainKeys"
_DELETE_FROM = "$deleteFromPrimitiveList"
_ORDER = "$setElementOrder"


class StrategicPatchError(ValueError):
    """The patch cannot be applied. `malformed`: it breaks the format of a directive."""

    def __init__(self, message: str, *, malformed: bool = False) -> None:
        super().__init__(message)
        self.malformed = malformed


def merge(original: dict[str, Any], patch: dict[str, Any], shape: Shape) -> dict[str, Any]:
    """Return the original of that shape with the patch merged in. Raises StrategicPatchError."""
    if _DIRECTIVE in patch:
        return _whole(patch)
    result, patch = dict(original), dict(patch)
    _retain_keys(result, patch)
    for key in [key for key in patch if key.startswith(_ORDER)]:
        _merge_ordered(result, patch, key, shape)
    for key, value in patch.items():
        if key.startswith(_DELETE_FROM):
            _delete_from(result, _list_name(key, _DELETE_FROM, "primitive list"), value)
        elif value is None:
            result.pop(key, None)
        else:
            _merge_member(result, key, value, shape)
    return result


def _whole(patch: dict[str, Any]) -> dict[str, Any]:
    directive = patch[_DIRECTIVE]
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != _DIRECTIVE}
    if directive == "delete":
        return {}
    raise StrategicPatchError(f"unknown patch type: {go_text(directive)} in map: {go_text(patch)}")


def _merge_member(result: dict[str, Any], key: str, value: Any, shape: Shape) -> None:
    before = result.get(key)
    if isinstance(value, dict) and isinstance(before, dict):
        field = _field(shape, key)
        replaced = "replace" in field.strategies
        result[key] = value if replaced else merge(before, value, field.shape)
    elif isinstance(value, list) and isinstance(before, list):
        result[key] = _merge_lists(before, value, _field(shape, key))[0]
    else:
        kept = _without_directives(_without_nulls(value))
        if kept is _DROPPED:
            result.pop(key, None)
        else:
            result[key] = kept


def _field(shape: Shape, key: str) -> Field:
    field = shape.fields.get(key)
    if field is None:
        if shape.kind == "map" and shape.element is not None:
            return Field(key, key, shape.element)
        name = shape.struct.__name__ if shape.struct else shape.kind
        raise StrategicPatchError(f'unable to find api field in struct {name} for the json field "{key}"')
    return field


def _merge_lists(before: list[Any], patch: list[Any], field: Field) -> tuple[list[Any], list[Any]]:
    """Return the merged list, and the old order by which the server's own items find their places."""
    if "merge" not in field.strategies:
        return patch, before
    if not before and not patch:
        return before, before
    items = _kind(field, before, patch)
    if not items.is_maps:
        return arrange(list(dict.fromkeys([*before, *patch])), patch, before, items), before
    plain = [item for item in patch if _DIRECTIVE not in item]
    kept, replace = _obey(list(before), [item for item in patch if _DIRECTIVE in item], items)
    if replace:
        return plain, before
    merged = _merge_maps(list(kept), plain, field)
    # Upstream's slices share memory: as many new items as were deleted take places in the old order. Clients see that order.
    return arrange(merged, plain, kept, items), [*kept, *merged[len(kept) :], *before[len(kept) :]][: len(before)]


def _kind(field: Field, *lists: list[Any]) -> Items:
    """Say what the lists hold; all items must be of one type. Raises StrategicPatchError."""
    types = {type(item) for items in lists for item in items}
    if list in types:
        raise StrategicPatchError("lists of lists are not supported")
    if len(types) != 1:
        shown = f"list element types are not identical: {go_text(list(lists))}"
        raise StrategicPatchError(shown if types else "no elements in any of the given slices")
    if dict in types and not field.merge_key:
        raise StrategicPatchError(f"cannot merge lists without merge key for {'struct' if field.shape.element else 'slice'}")
    return Items(field.merge_key if dict in types else "")


def _merge_maps(merged: list[Any], plain: list[Any], field: Field) -> list[Any]:
    """Merge items into those with the same key, the rest at the end."""
    items, element = Items(field.merge_key), field.shape.element or Shape.ANY
    for item in plain:
        _need_key(item, field.merge_key)
        found = index_of(merged, item, items)
        if found >= 0:
            merged[found] = merge(merged[found], item, element)
        else:
            merged.append(item)
    for item in merged:
        _need_key(item, field.merge_key)
    return merged


def _obey(merged: list[Any], directives: list[dict[str, Any]], items: Items) -> tuple[list[Any], bool]:
    replace = False
    for item in directives:
        match item[_DIRECTIVE]:
            case "delete":
                _need_key(item, items.merge_key)
                merged = [kept for kept in merged if kept.get(items.merge_key) != item[items.merge_key]]
            case "replace":
                replace = True
            case "merge":
                raise StrategicPatchError("merging lists cannot yet be specified in the patch")
            case other:
                raise StrategicPatchError(f"unknown patch type: {go_text(other)} in map: {go_text(item)}")
    return merged, replace


def _need_key(item: dict[str, Any], key: str) -> None:
    if key not in item:
        raise StrategicPatchError(f"map: {go_text(item)} does not contain declared merge key: {key}")


def _delete_from(result: dict[str, Any], name: str, value: Any) -> None:
    if isinstance(value, list) and isinstance(result.get(name), list):
        result[name] = [item for item in result[name] if item not in value]


def _list_name(key: str, prefix: str, what: str) -> str:
    name = key.removeprefix(f"{prefix}/")
    if name == key:
        raise StrategicPatchError(f"invalid patch format of {what}", malformed=True)
    return name


def _retain_keys(result: dict[str, Any], patch: dict[str, Any]) -> None:
    if _RETAIN_KEYS not in patch:
        return
    kept = patch.pop(_RETAIN_KEYS)
    named = [key for key, value in patch.items() if value is not None and not key.startswith((_DELETE_FROM, _ORDER))]
    if not isinstance(kept, list) or any(key not in kept for key in named):
        raise StrategicPatchError("invalid patch format of retainKeys", malformed=True)
    for key in [key for key in result if key not in kept]:
        del result[key]


def _merge_ordered(result: dict[str, Any], patch: dict[str, Any], directive: str, shape: Shape) -> None:
    """Merge one list under `$setElementOrder`: the named items in that order, the server's own between them where they stood."""
    order = patch.pop(directive)
    if not isinstance(order, list):
        raise StrategicPatchError(f"expected a []interface {{}}, but received a {_go_kind(order)}")
    name = _list_name(directive, _ORDER, "setElementOrder list")
    before, change = result.get(name), patch.pop(name, None)
    for value in (before, change):
        if value is not None and not isinstance(value, list):
            raise StrategicPatchError(f"expected a []interface {{}}, but received a {_go_kind(value)}")
    field = _field(shape, name)
    _check_order(change or [], order, Items(field.merge_key))
    if before is None and change is None:
        return
    old_order = before or []
    if before is None:
        merged = _without_directives(change)
    elif change is None:
        merged = before
    else:
        merged, old_order = _merge_lists(before, change, field)
    items = _kind(field, before or [], change or [])
    if items.is_maps:
        for item in [*merged, *order]:
            _need_key(item, field.merge_key)
    result[name] = arrange(merged, order, old_order, items)


def _check_order(change: list[Any], order: list[Any], items: Items) -> None:
    """Refuse a patch whose items are not all named by the order, or stand in another order."""
    named = iter(order)
    for item in change if order else ():
        if isinstance(item, dict) and _DIRECTIVE in item:
            continue
        for place in named:
            if items.is_maps:
                _need_key(item, items.merge_key)
                _need_key(place, items.merge_key)
            if items.identity(item) == items.identity(place):
                break
        else:
            text = f"The order in patch list:\n{go_text(change)}\n doesn't match {_ORDER} list:\n{go_text(order)}\n"
            raise StrategicPatchError(text)


_DROPPED = object()


def _without_directives(value: Any) -> Any:
    """Return a value that is new to the object without what was meant for an old one."""
    if isinstance(value, dict):
        if _DIRECTIVE in value:
            return _DROPPED
        members = ((key, _without_directives(item)) for key, item in value.items())
        return {key: item for key, item in members if item is not _DROPPED}
    if isinstance(value, list):
        return [item for item in map(_without_directives, value) if item is not _DROPPED]
    return value


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _go_kind(value: Any) -> str:
    kinds = {dict: "map[string]interface {}", str: "string", bool: "bool", int: "int64", float: "float64", list: "[]interface {}"}
    return kinds.get(type(value), "<nil>")


def go_text(value: Any) -> str:
    """Print a value as Go's %v does, which some messages hold."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{go_text(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(go_text, value))}]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)
