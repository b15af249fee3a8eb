"""What is wrong with an applied configuration, in structured-merge-diff's words, which kubectl shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sagong.api.fields.field_set import element_text
from sagong.api.fields.walk import ItemError, item_element, resolve
from sagong.api.patch.strategic import go_text
from sagong.api.schema import Shape

_NUMERIC = frozenset({"int32", "int64", "uint32", "float"})
_LOOSE = frozenset({"any", "raw", "union", "quantity", "int-or-string"})


def problems(value: Any, shape: Shape) -> str:
    """Return all problems as one text, "" when there are none."""
    found = list(_check(value, shape, ""))
    return found[0] if len(found) == 1 else "\n  ".join(["errors:", *found]) if found else ""


def _check(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if value is None:
        return
    shape = resolve(shape, value)
    if shape.kind in ("object", "map"):
        yield from _check_map(value, shape, path)
    elif shape.kind == "list":
        yield from _check_list(value, shape, path)
    elif wrong := _scalar_problem(value, shape.kind):
        yield f"{path}: {wrong}"


def _check_map(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: expected map, got &{{{go_text(value)}}}"
        return
    for name, item in value.items():
        field = shape.fields.get(name)
        if field is None and shape.kind == "object" and not shape.preserve:
            yield f"{path}.{name}: field not declared in schema"
            return
        yield from _check(item, field.shape if field else shape.element or Shape.ANY, f"{path}.{name}")


def _check_list(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: expected list, got &{{{go_text(value)}}}"
        return
    seen = set()
    for index, item in enumerate(value):
        element = f"i:{index}"
        if not shape.leaf:
            try:
                element = item_element(shape, item)
            except ItemError as error:
                yield f"{path}: element {index}: {error}"
                return
            if element in seen:
                yield f"{path}: duplicate entries for key {element_text(element)}"
            seen.add(element)
        yield from _check(item, shape.element or Shape.ANY, f"{path}{element_text(element)}")


def _scalar_problem(value: Any, kind: str) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in _NUMERIC:
        return "" if number else f"expected numeric (int or float), got {_go_type(value)}"
    if kind == "bool":
        return "" if isinstance(value, bool) else f"expected boolean, got &{{{go_text(value)}}}"
    if kind in _LOOSE:
        scalar = kind in ("any", "raw", "union") or isinstance(value, int | float | str)
        return "" if scalar else f"expected any scalar, got &{{{go_text(value)}}}"
    return "" if isinstance(value, str) else f"expected string, got &value.valueUnstructured{{Value:{go_text(value)}}}"


def _go_type(value: Any) -> str:
    kinds = {str: "string", bool: "bool", dict: "map[string]interface {}", list: "[]interface {}"}
    return kinds.get(type(value), type(value).__name__)
