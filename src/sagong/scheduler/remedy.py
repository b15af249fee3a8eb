"""What would have to change for a node to take a pod, in words a user can act on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from sagong.api import quantity
from sagong.scheduler.framework import Named, State
from sagong.scheduler.nodes import OneNode
from sagong.scheduler.pod_info import PodInfo


class Remedy(NamedTuple):
    """One change. `size`: how great it is beside others of its kind, 0 to 1."""

    text: str
    size: float = 1.0


@runtime_checkable
class Remedies(Named, Protocol):
    """A filter that can say what it would take."""

    def remedies(self, state: State, pod: PodInfo, node: OneNode) -> Sequence[Remedy]:
        """Return the changes that together would let the filter accept a node that it refuses; nothing when none is known."""
        ...


def amount_text(resource: str, amount: int) -> str:
    """Return an amount as it is written in a pod: `500m`, `1536Mi`."""
    if resource == "cpu":
        return str(quantity.of_milli(amount))
    sizes = resource in ("memory", "ephemeral-storage") or resource.startswith("hugepages-")
    return str(quantity.of(amount, "BinarySI" if sizes else "DecimalSI"))
