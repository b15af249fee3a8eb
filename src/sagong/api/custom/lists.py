"""Lists that are sets, and lists that are maps by some keys of their items: nothing may be in them twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from sagong.api.custom.schema import Schema
from sagong.api.field_errors import Errors

_encode = msgspec.json.Encoder(order="sorted").encode


def check_lists(errors: Errors, path: str, value: Any, schema: Schema | None) -> None:
    """Add a complaint for each second appearance of an item in a set, or of a key in a map."""
    if schema is None or not schema.has_lists:
        return
    if isinstance(value, dict):
        for name, item in value.items():
            below = schema.properties.get(name)
            at = (f"{path}.{name}" if path else name) if below is not None else f"{path}[{name}]"
            check_lists(errors, at, item, below or schema.values)
    elif isinstance(value, list):
        if schema.list_type == "set":
            for index in _repeated(value):
                errors.duplicate(f"{path}[{index}]", value[index])
        elif schema.list_type == "map":
            _map(errors, path, value, schema.keys)
        for index, item in enumerate(value):
            check_lists(errors, f"{path}[{index}]", item, schema.items)


def _map(errors: Errors, path: str, items: list[Any], keys: Iterable[str]) -> None:
    for index, item in enumerate(items):
        if item is not None and not isinstance(item, dict):
            errors.invalid(f"{path}[{index}]", item, "must be an object for an array of list-type map")
            return
    found = [{key: item[key] for key in keys if key in item} if item is not None else {} for item in items]
    for index in _repeated(found):
        errors.duplicate(f"{path}[{index}]", found[index])


def _repeated(values: list[Any]) -> Iterator[int]:
    """Yield the index of the second appearance of each value that appears more than once."""
    times: dict[bytes, int] = {}
    for index, value in enumerate(values):
        key = _encode(value)
        times[key] = times.get(key, 0) + 1
        if times[key] == 2:  # noqa: PLR2004 - only the second one is told
            yield index
