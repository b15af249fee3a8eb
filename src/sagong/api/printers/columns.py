"""What a printer is made of: columns in a short notation, a function that gives the cells, and words that many cells share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sagong.api import selectors
from sagong.api.humanduration import since
from sagong.api.openapi.descriptions import COMMON
from sagong.api.types.base import ApiStruct
from sagong.api.types.core import Container, PodTemplateSpec
from sagong.api.types.meta import LabelSelector, ObjectMeta, TableColumnDefinition

Cells = list[Any]
# Columns that show a field of the metadata are described as it is in the OpenAPI documents.
_SHOWN = {"Name": "name", "Age": "creationTimestamp", "Created At": "creationTimestamp"}
_DESCRIPTIONS = {column: COMMON["ObjectMeta", field] for column, field in _SHOWN.items()}
NONE, UNSET, UNKNOWN = "<none>", "<unset>", "<unknown>"


@dataclass(frozen=True)
class Printer:
    """How objects of one kind look in a table. `cells` takes the object and the time."""

    columns: tuple[TableColumnDefinition, ...]
    cells: Callable[[Any, datetime], Cells]


def printer(*columns: str, cells: Callable[[Any, datetime], Cells]) -> Printer:
    """Make a printer; a column reads `Name`, `Desired:integer`, or `+Node` when only wide output shows it."""
    return Printer(tuple(map(_column, columns)), cells)


def _column(notation: str) -> TableColumnDefinition:
    name, _, kind = notation.removeprefix("+").partition(":")
    return TableColumnDefinition(
        name=name,
        type=kind or "string",
        format="name" if name in ("Name", "Attacher") else "",
        description=_DESCRIPTIONS.get(name, ""),
        priority=1 if notation.startswith("+") else 0,
    )


def meta(obj: Any) -> ObjectMeta:
    """Return an object's metadata."""
    found: ObjectMeta = obj.metadata
    return found


def age(obj: Any, now: datetime) -> str:
    """Return how old an object is."""
    return since(meta(obj).creationTimestamp, now)


def containers(template: PodTemplateSpec | None) -> Cells:
    """Return the two cells that name a template's containers and images."""
    found: Sequence[Container] = template.spec.containers if template else ()
    return [",".join(c.name for c in found), ",".join(c.image for c in found)]


def labels(found: Mapping[str, str]) -> str:
    """Return `a=b,c=d`."""
    return ",".join(f"{key}={value}" for key, value in sorted(found.items())) or NONE


def selector(found: LabelSelector | None) -> str:
    """Return a selector as text."""
    try:
        return str(selectors.from_label_selector(found)) or NONE
    except selectors.SelectorError:
        return "<error>"


def some(items: Iterable[str], limit: int = 3, *, empty: str = "", separator: str = ",") -> str:
    """Join the first few and say how many more there are."""
    every = list(items)
    joined = separator.join(every[:limit])
    return f"{joined} + {len(every) - limit} more..." if len(every) > limit else joined or empty


def flag(value: bool | None) -> str:  # noqa: FBT001 # the value of a field
    """Return True, False or <unset>."""
    return UNSET if value is None else str(value)


def condition(conditions: Iterable[Any], kind: str) -> Any:
    """Return the condition of a type, or None."""
    return next((found for found in conditions if found.type == kind), None)


def name_and_age(obj: ApiStruct, now: datetime) -> Cells:
    """Return the cells of a kind that has nothing else to show."""
    return [meta(obj).name, age(obj, now)]
