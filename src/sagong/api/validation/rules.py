"""What a kind's validation is made of, and the checks that every module needs. Messages are upstream's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sagong.api import names
from sagong.api.field_errors import Errors

NOT_NEGATIVE = "must be greater than or equal to 0"
POSITIVE = "must be greater than zero"
IMMUTABLE = "field is immutable"
PROTOCOLS = ("SCTP", "TCP", "UDP")

# (errors, object, old object or None): what holds for the object as it is; `old` is there to tolerate what was valid once.
Check = Callable[[Errors, Any, Any], None]
# (errors, new, old): what may change.
Change = Callable[[Errors, Any, Any], None]


def nothing(_: Errors, __: Any, ___: Any) -> None:
    """Check nothing."""


@dataclass(frozen=True)
class Rules:
    """How one kind is validated. `spec` runs on create and update; `change` on update only, after it; subresources by name.

    What is not `stored`, reviews say, has no name.
    """

    name: names.Check = names.dns1123_subdomain
    spec: Check = nothing
    change: Change = nothing
    create: Check = nothing
    subresources: Mapping[str, Change] = field(default_factory=dict)
    stored: bool = True


def status(change: Change) -> dict[str, Change]:
    """Name the checks of a kind whose only checked subresource is its status."""
    return {"status": change}


def immutable(errors: Errors, path: str, new: object, old: object, detail: str = IMMUTABLE) -> None:
    """Refuse a change of one field."""
    if new != old:
        errors.invalid(path, new, detail)


def not_negative(errors: Errors, path: str, value: int | None) -> None:
    """Refuse a number below zero."""
    if value is not None and value < 0:
        errors.invalid(path, value, NOT_NEGATIVE)


def positive(errors: Errors, path: str, value: int | None) -> None:
    """Refuse zero and less."""
    if value is not None and value <= 0:
        errors.invalid(path, value, POSITIVE)


def required(errors: Errors, path: str, obj: Any, *fields: str) -> None:
    """Demand that fields are not empty."""
    for name in fields:
        if not getattr(obj, name):
            errors.required(f"{path}.{name}")


def one_of(errors: Errors, path: str, value: str | None, valid: Sequence[str], *, missing: str | None = None) -> None:
    """Refuse a value outside an enumeration. None is fine; an empty one is `missing` (a Required) where that text is given."""
    if value is None or value in valid:
        return
    if value == "" and missing is not None:
        errors.required(path, missing)
    else:
        errors.not_supported(path, value, valid)


def each(errors: Errors, path: str, value: str, check: names.Check) -> None:
    """Add what a grammar has against a value."""
    if complaints := check(value):
        errors.each(path, value, complaints)


def named(errors: Errors, path: str, value: str, check: names.Check) -> None:
    """Demand a value, and that a grammar has nothing against it."""
    if value:
        each(errors, path, value, check)
    else:
        errors.required(path)


def unique(errors: Errors, items: Iterable[tuple[str, object]]) -> None:
    """Refuse the second of equal values; takes (path, value) pairs."""
    seen: set[object] = set()
    for path, value in items:
        if value in seen:
            errors.duplicate(path, value)
        seen.add(value)


def port_or_name(errors: Errors, path: str, value: int | str) -> None:
    """Check a port that is a number or the name of one."""
    errors.each(path, value, names.port_number(value) if isinstance(value, int) else names.port_name(value))


def in_range(errors: Errors, path: str, value: int | None, low: int, high: int) -> None:
    """Refuse a number outside a closed interval."""
    if value is not None and not low <= value <= high:
        errors.invalid(path, value, names.between(low, high))
