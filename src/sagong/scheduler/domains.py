"""Counts by topology domain: all nodes that have the same value of a label are one domain of that key."""

from __future__ import annotations

from sagong.scheduler.pod_info import Labels


class DomainCounts:
    """Counts by key and value; a domain without any is not kept."""

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: dict[str, dict[str, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._keys)

    def add(self, key: str, labels: Labels, by: int) -> None:
        """Count in the domain that a node of these labels is in; without the label it is in none."""
        value = labels.get(key)
        if value is None:
            return
        values = self._keys.setdefault(key, {})
        count = values.get(value, 0) + by
        if count:
            values[value] = count
        else:
            values.pop(value, None)
            if not values:
                del self._keys[key]

    def get(self, key: str, labels: Labels) -> int:
        """Return the count of a node's domain."""
        values = self._keys.get(key)
        return values.get(labels[key], 0) if values and key in labels else 0

    def any(self, labels: Labels) -> bool:
        """Say whether any of a node's domains has a positive count."""
        return any(values.get(labels[key], 0) > 0 for key, values in self._keys.items() if key in labels)

    def total(self, labels: Labels) -> int:
        """Add up the counts of a node's domains."""
        return sum(values.get(labels[key], 0) for key, values in self._keys.items() if key in labels)

    def fork(self) -> DomainCounts:
        """Return a copy that changes by itself."""
        copied = DomainCounts()
        copied._keys = {key: dict(values) for key, values in self._keys.items()}
        return copied
