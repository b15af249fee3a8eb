"""The columns of a custom resource's table: its name, and what the definition's additionalPrinterColumns say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from sagong.api.clock import parse_time
from sagong.api.custom.json_path import JsonPath, JsonPathError
from sagong.api.custom.values import go_number
from sagong.api.humanduration import since
from sagong.api.openapi.descriptions import COMMON
from sagong.api.types.apiextensions import CustomResourceColumnDefinition
from sagong.api.types.meta import TableColumnDefinition

_NAME = TableColumnDefinition(name="Name", type="string", format="name", description=COMMON["ObjectMeta", "name"])
_AGE = CustomResourceColumnDefinition(
    name="Age", type="date", description=COMMON["ObjectMeta", "creationTimestamp"], jsonPath=".metadata.creationTimestamp"
)
_encode = msgspec.json.Encoder().encode


class Columns:
    """The printer of one version of a definition."""

    def __init__(self, said: Sequence[CustomResourceColumnDefinition]) -> None:
        self.definitions: list[TableColumnDefinition] = [_NAME]
        self._paths: list[tuple[str, JsonPath]] = []
        for column in said or (_AGE,):
            try:
                path = JsonPath(column.jsonPath)
            except JsonPathError:
                break  # what comes before it is shown
            self._paths.append((column.type, path))
            description = column.description or f"Custom resource definition column (in JSONPath format): {column.jsonPath}"
            self.definitions.append(
                TableColumnDefinition(
                    name=column.name, type=column.type, format=column.format, description=description, priority=column.priority
                )
            )

    def cells(self, obj: Mapping[str, Any], now: datetime) -> list[Any]:
        """Return the cells of one object; what cannot be shown as the column's type is null."""
        name = (obj.get("metadata") or {}).get("name", "")
        return [name, *(_cell(kind, path, obj, now) for kind, path in self._paths)]


def _cell(kind: str, path: JsonPath, obj: Mapping[str, Any], now: datetime) -> Any:
    try:
        found = path.find(obj)
    except JsonPathError:
        found = []
    return _shown(kind, found[0], now) if found else None


def _shown(kind: str, value: Any, now: datetime) -> Any:
    if kind == "string":
        return _text(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "integer" and is_number:
        return int(value)
    if kind == "number" and is_number:
        return value
    if kind == "boolean" and isinstance(value, bool):
        return value
    return _date(value, now) if kind == "date" and isinstance(value, str) else None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return go_number(value)
    return _encode(value).decode()


def _date(value: str, now: datetime) -> str:
    if value in ("", "null"):
        return "<unknown>"
    try:
        parse_time(value)
    except ValueError:
        return "<invalid>"
    return since(value, now)
