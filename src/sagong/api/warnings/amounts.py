"""Amounts of bytes that are not whole: `100m` of memory was hardly meant."""

from __future__ import annotations

from collections.abc import Mapping

from sagong.api import quantity
from sagong.api.field_errors import quote

_MILLI = 1000


def fractional(at: str, amounts: Mapping[str, str], name: str) -> list[str]:
    """Warn when the amount of a resource is not a whole number; `at` is the path of the amounts."""
    text = amounts.get(name)
    if text is None or (amount := quantity.parse(text)).milli_value() % _MILLI == 0:
        return []
    return [f"{at}[{name}]: fractional byte value {quote(str(amount))} is invalid, must be an integer"]
