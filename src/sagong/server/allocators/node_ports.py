"""Node ports: taken are those that Services in the store have, and those of Services that are just being written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from sagong.api.clock import Random
from sagong.api.types.core import Service
from sagong.server.allocators.ranges import AllocationError, FullError, ports
from sagong.store.base import Store
from sagong.store.view import View


class NodePorts:
    """Always as new as the store."""

    def __init__(self, store: Store, first: int, last: int, *, random: Random) -> None:
        self._range, self._random = ports(first, last), random
        self._name = f"{first}-{last}"
        self._pending: Counter[int] = Counter()
        self._reset()
        self._view = View(store, {"/registry/services/specs/": self._apply}, self._reset)

    def take(self, port: int) -> None:
        """Take that port. Raises AllocationError."""
        if port not in self._range:
            raise AllocationError(f"provided port is not in the valid range. The range of valid ports is {self._name}")
        if self.taken(port):
            raise AllocationError("provided port is already allocated")
        self._pending[port] += 1

    def take_any(self) -> int:
        """Take a free port. Raises FullError."""
        self._view.catch_up()
        for port in self._range.candidates(self._random):
            if port not in self._stored and port not in self._pending:
                self._pending[port] += 1
                return port
        raise FullError("range is full")

    def taken(self, port: int) -> bool:
        """Say whether a port is taken."""
        self._view.catch_up()
        return port in self._stored or port in self._pending

    def settle(self, port: int) -> None:
        """End a reservation: the Service that holds the port is in the store, or will never be."""
        self._pending -= Counter((port,))

    def _reset(self) -> None:
        self._stored: Counter[int] = Counter()
        self._of: dict[str, list[int]] = {}

    def _apply(self, key: str, value: bytes | None, _revision: int) -> None:
        self._stored -= Counter(self._of.pop(key, ()))
        if value is not None:
            self._of[key] = list(ports_of(msgspec.json.decode(value, type=Service)))
            self._stored += Counter(self._of[key])


def ports_of(service: Service) -> Iterator[int]:
    """Yield the node ports that a Service has, the one for health checks too."""
    yield from {port.nodePort for port in service.spec.ports if port.nodePort}
    if service.spec.healthCheckNodePort:
        yield service.spec.healthCheckNodePort
