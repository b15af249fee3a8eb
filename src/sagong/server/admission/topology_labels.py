"""PodTopologyLabels: a pod carries the zone and region of its node (KEP-4742)."""

from __future__ import annotations

from sagong.api.types.core import Binding, Node
from sagong.server.admission.plugin import PODS, Plugin, Review
from sagong.server.contract import Objects

LABELS = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


class PodTopologyLabels(Plugin):
    """Asked about bindings, and about pods that are created on a node."""

    resources = (PODS,)
    subresources = ("", "binding")

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def mutate(self, review: Review) -> None:
        """Copy the labels; the binding's become the pod's."""
        obj = review.obj
        node = self._node(obj.target.name if isinstance(obj, Binding) else obj.spec.nodeName)
        if node is not None:
            obj.metadata.labels |= {key: node.metadata.labels[key] for key in LABELS if key in node.metadata.labels}

    def _node(self, name: str) -> Node | None:
        return self._objects.get(Node, name) if name else None
