"""What the server needs to know of the kubelet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from sagong.api.types.core import Pod


class Host(Protocol):
    """The node's pods as the kubelet sees them."""

    @property
    def node_name(self) -> str:
        """Return the node's name."""
        ...

    def pods(self) -> Sequence[Pod]:
        """Return all pods of the node with their current statuses."""
        ...

    def find(self, namespace: str, name: str) -> Pod | None:
        """Return a pod with its current status; for a static pod, the uid is its own and not its mirror's."""
        ...

    def settings(self) -> dict[str, Any]:
        """Return the kubelet's configuration, as JSON takes it, for /configz."""
        ...
