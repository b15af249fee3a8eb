"""Which endpoints a service's traffic may go to from this node: readiness, locality, topology, and what is left when none is ready.

Sources: KEP-1669 (terminating endpoints), KEP-2086 and KEP-1138 (traffic policies), KEP-2433, KEP-4444, KEP-3015 (hints).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sagong.api.types.discovery import Endpoint, EndpointSlice


@dataclass(frozen=True, slots=True)
class Backend:
    """One address and port that answers for a service port, as its EndpointSlices say."""

    address: str
    port: int
    local: bool = False
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    zones: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()

    @property
    def draining(self) -> bool:
        """Terminating, yet still serving: the last resort."""
        return self.serving and self.terminating and not self.ready


@dataclass(frozen=True, slots=True)
class NodeView:
    """What service routing needs to know of the node it is for."""

    name: str
    zone: str = ""
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reachable:
    """The outcome: backends under policy Cluster, under policy Local, and whether any node has one."""

    cluster: tuple[Backend, ...] = ()
    local: tuple[Backend, ...] = ()
    anywhere: bool = False


def collect(slices: Iterable[EndpointSlice], node: NodeView) -> dict[tuple[str, str], tuple[Backend, ...]]:
    """Return the backends by (port name, protocol), sorted by address.

    An address may be in two slices: while it moves between them, or when a dying pod's address has been given to a new one.
    The one that is not terminating wins.
    """
    found: dict[tuple[str, str], dict[tuple[str, int], Backend]] = {}
    for piece in sorted(slices, key=lambda piece: piece.metadata.name):
        for port in piece.ports or ():
            if not port.port:
                continue
            chosen = found.setdefault((port.name or "", (port.protocol or "TCP").lower()), {})
            for endpoint in piece.endpoints or ():
                if not endpoint.addresses:
                    continue
                backend = _backend(endpoint, port.port, node)
                if (backend.address, backend.port) not in chosen or not backend.terminating:
                    chosen[backend.address, backend.port] = backend
    return {key: tuple(chosen[name] for name in sorted(chosen)) for key, chosen in found.items()}


def _backend(endpoint: Endpoint, port: int, node: NodeView) -> Backend:
    conditions, hints = endpoint.conditions, endpoint.hints
    return Backend(
        address=endpoint.addresses[0],
        port=port,
        local=endpoint.nodeName == node.name,
        ready=conditions.ready is not False,
        serving=conditions.serving is not False,
        terminating=conditions.terminating is True,
        zones=frozenset(zone.name for zone in hints.forZones) if hints else frozenset(),
        nodes=frozenset(entry.name for entry in hints.forNodes) if hints else frozenset(),
    )


def reachable(backends: Sequence[Backend], node: NodeView, *, uses_cluster: bool, uses_local: bool) -> Reachable:
    """Choose among backends; `uses_*` say which traffic policies the service port has use for."""
    ready = [backend for backend in backends if backend.ready]
    draining = [backend for backend in backends if backend.draining]
    cluster = ([b for b in ready if _preferred(ready, node)(b)] or draining) if uses_cluster else []
    local = ([b for b in ready if b.local] or [b for b in draining if b.local]) if uses_local else []
    return Reachable(tuple(cluster), tuple(local), anywhere=bool(ready or draining))


def _preferred(ready: Sequence[Backend], node: NodeView) -> Callable[[Backend], bool]:
    """Return the filter that hints ask for. Hints count only when all ready backends have them and some name this node or zone."""
    if all(backend.nodes for backend in ready) and any(node.name in backend.nodes for backend in ready):
        return lambda backend: node.name in backend.nodes
    if node.zone and all(backend.zones for backend in ready) and any(node.zone in backend.zones for backend in ready):
        return lambda backend: node.zone in backend.zones
    return lambda _: True
