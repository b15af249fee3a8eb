"""Numbers that may be percentages: maxSurge, maxUnavailable, minAvailable."""

from __future__ import annotations

from sagong.api.types.base import IntOrString


def scaled(value: IntOrString | None, total: int, *, round_up: bool) -> int:
    """Return a number, or that percentage of `total`. Raises ValueError for a text that is no percentage."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value
    if not value.endswith("%"):
        raise ValueError(f"invalid value for IntOrString: invalid type: string is not a percentage: {value!r}")
    hundredfold = int(value[:-1]) * total
    return -(-hundredfold // 100) if round_up else hundredfold // 100


def fenceposts(max_surge: IntOrString | None, max_unavailable: IntOrString | None, desired: int) -> tuple[int, int]:
    """Return how many replicas a rollout may have above and lack below `desired`; never both nothing."""
    surge, unavailable = scaled(max_surge, desired, round_up=True), scaled(max_unavailable, desired, round_up=False)
    return (surge, unavailable) if surge or unavailable else (0, 1)
