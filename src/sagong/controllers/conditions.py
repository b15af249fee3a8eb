"""Conditions in a status: find, set, remove. A condition keeps its transition time while its status stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

C = TypeVar("C")


def find(conditions: Sequence[C], kind: str) -> C | None:
    """Return the condition of that type."""
    for condition in conditions:  # asked by every loop of every object: a generator takes twice as long
        if condition.type == kind:  # type: ignore[attr-defined]  # all conditions have one
            return condition
    return None


def put(conditions: list[Any], new: Any, *, keep_transition: bool = True) -> bool:
    """Set a condition, last in the list; one of equal status and reason stays as it is. Say whether something changed."""
    old = find(conditions, new.type)
    if old is not None and old.status == new.status and old.reason == new.reason:
        return False
    if keep_transition and old is not None and old.status == new.status:
        new.lastTransitionTime = old.lastTransitionTime
    remove(conditions, new.type)
    conditions.append(new)
    return True


def remove(conditions: list[Any], kind: str) -> None:
    """Remove the condition of that type."""
    conditions[:] = [condition for condition in conditions if condition.type != kind]
