"""The row of a kind in the tables of warnings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


def _nothing(*_: Any) -> list[str]:
    return []


class Warner(NamedTuple):
    """`write` takes (new, old or None): about the object itself; `status` takes the new object: about its status."""

    write: Callable[[Any, Any], list[str]] = _nothing
    status: Callable[[Any], list[str]] = _nothing
