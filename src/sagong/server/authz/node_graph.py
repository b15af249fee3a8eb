"""What each node may read: the graph of objects that lead to it, kept from the store.

    node <- pod <- secret, configmap, service account, resource claim, pvc <- pv <- secret
    node <- volume attachment, resource slice

An object in the store declares edges (`references.py`); a question walks from the object that is asked for towards the node.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from sagong.api.types.base import ApiStruct
from sagong.api.types.core import PersistentVolume, Pod
from sagong.api.types.resource import ResourceSlice
from sagong.api.types.storage import VolumeAttachment
from sagong.server.authz.references import Edge, Vertex, attachment_edges, pod_edges, slice_edges, volume_edges
from sagong.store.base import Store
from sagong.store.view import Apply, View

T = TypeVar("T", bound=ApiStruct)


@functools.cache
def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """Return the decoder of a kind, made when the first object is there: a Pod's takes a while to make."""
    return msgspec.json.Decoder(kind)


class NodeGraph:
    """Always as new as the store."""

    def __init__(self, store: Store) -> None:
        self._reset()
        self._view = View(
            store,
            {
                "/registry/pods/": self._declared_by(Pod, pod_edges),
                "/registry/persistentvolumes/": self._declared_by(PersistentVolume, volume_edges),
                "/registry/volumeattachments/": self._declared_by(VolumeAttachment, attachment_edges),
                "/registry/resourceslices/": self._declared_by(ResourceSlice, slice_edges),
            },
            self._reset,
            capacity=50_000,
        )

    def leads_to(self, node: str, start: Vertex) -> bool:
        """Say whether there is a path from an object to a node."""
        self._view.catch_up()
        goal = ("nodes", "", node)
        seen, ahead = {start}, [start]
        while ahead:
            reached = self._targets.get(ahead.pop(), {})
            if goal in reached:
                return True
            fresh = [vertex for vertex in reached if vertex not in seen and vertex[0] != "nodes"]
            seen.update(fresh)
            ahead += fresh
        return False

    def _reset(self) -> None:
        # from -> to -> the keys of the objects that declare this edge
        self._targets: dict[Vertex, dict[Vertex, set[str]]] = {}
        self._edges: dict[str, frozenset[Edge]] = {}

    def _declared_by(self, kind: type[T], edges: Callable[[T], Iterable[Edge]]) -> Apply:
        def apply(key: str, value: bytes | None, _revision: int) -> None:
            self._replace(key, frozenset() if value is None else frozenset(edges(_decoder(kind).decode(value))))

        return apply

    def _replace(self, key: str, edges: frozenset[Edge]) -> None:
        old = self._edges.get(key, frozenset())
        for start, end in old - edges:
            declarers = self._targets[start][end]
            declarers.discard(key)
            if not declarers:
                del self._targets[start][end]
            if not self._targets[start]:
                del self._targets[start]
        for start, end in edges - old:
            self._targets.setdefault(start, {}).setdefault(end, set()).add(key)
        if edges:
            self._edges[key] = edges
        else:
            self._edges.pop(key, None)
