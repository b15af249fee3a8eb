"""Fencing: a write may say on which lease it stands, and is not kept once another holds it.

A holder knows by its clock when its lease has run out, but between that look and the server lie its own buffers: one that is
frozen there and wakes up later would send what it had begun. The server, which knows the lease, refuses that. Servers that do
not know the header ignore it.
"""

from __future__ import annotations

from typing import NamedTuple, Self

HEADER = "Sagong-Lease"


class Fence(NamedTuple):
    """The lease that must be held, and by whom."""

    namespace: str
    name: str
    holder: str

    @classmethod
    def parse(cls, said: str) -> Self:
        """Read the header. Raises ValueError."""
        lease, _, holder = said.partition(" ")
        namespace, _, name = lease.partition("/")
        if not (namespace and name and holder):
            raise ValueError(f"{HEADER}: {said!r} is not NAMESPACE/NAME HOLDER")
        return cls(namespace, name, holder)

    def __str__(self) -> str:
        """Return the header's value."""
        return f"{self.namespace}/{self.name} {self.holder}"
