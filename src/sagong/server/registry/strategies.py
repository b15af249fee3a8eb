"""What is particular to a kind when it is written: one row for each kind that differs from the default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sagong.api.resources import Resource
from sagong.api.types.meta import DeleteOptions


def _nothing_on_create(obj: Any) -> None:
    del obj


def _nothing_on_update(new: Any, old: Any, subresource: str) -> None:
    del new, old, subresource


def _always_gone(obj: Any) -> bool:
    del obj
    return True


def _no_warnings(new: Any, old: Any) -> Sequence[str]:
    del new, old
    return ()


@dataclass(frozen=True, slots=True)
class Strategy:
    """How one kind is written. The defaults hold for most.

    prepare_create        sets what the client may not
    prepare_update        keeps what this subresource ("" is the object itself) may not change
    gone                  whether an object that is being deleted and has no finalizer left may go
    grace                 the grace period of a deletion in seconds, None: it goes at once
    default_policy        of the garbage collector: Background, Orphan or Unsupported
    create_on_update      whether a PUT may create
    unconditional_update  whether a PUT needs no resourceVersion
    returns_deleted       a deletion answers with the object instead of a Status
    reserves              takes addresses and ports through the ServiceAllocator
    """

    prepare_create: Callable[[Any], None] = _nothing_on_create
    prepare_update: Callable[[Any, Any, str], None] = _nothing_on_update
    gone: Callable[[Any], bool] = _always_gone
    warnings: Callable[[Any, Any], Sequence[str]] = _no_warnings
    grace: Callable[[Any, DeleteOptions], int | None] | None = None
    default_policy: str = "Background"
    create_on_update: bool = False
    unconditional_update: bool = True
    returns_deleted: bool = False
    reserves: bool = False


_DEFAULT = Strategy()
STRATEGIES: dict[tuple[str, str], Strategy] = {}


def strategy_of(row: Resource) -> Strategy:
    """Return the strategy of a row."""
    return STRATEGIES.get((row.group, row.plural), _DEFAULT)
