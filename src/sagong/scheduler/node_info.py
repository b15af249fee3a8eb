"""A node as an object, beside its row of numbers: its labels, images and pods."""

from __future__ import annotations

from sagong.api.types.core import Node
from sagong.scheduler.pod_info import NO_LABELS, Labels, PodInfo

_NOBODY = Node()


class NodeInfo:
    """A node and its pods. `row`: its place in the table."""

    __slots__ = ("exists", "images", "labels", "name", "node", "pods", "row")

    def __init__(self, name: str, row: int) -> None:
        self.name, self.row = name, row
        self.node: Node = _NOBODY
        self.exists = False
        """False while only pods of the node are known."""
        self.labels: Labels = NO_LABELS
        self.images: dict[str, int] = {}
        self.pods: dict[str, PodInfo] = {}

    def set_node(self, node: Node | None) -> None:
        """Take a new version of the node, or that it is gone."""
        old, self.node, self.exists = self.node, node or _NOBODY, node is not None
        self.labels = self.node.metadata.labels
        if old.status.images != self.node.status.images:
            self.images = {name: image.sizeBytes for image in self.node.status.images for name in image.names or ()}

    def copy(self) -> NodeInfo:
        """Return a copy that can lose and gain pods by itself."""
        copied = NodeInfo(self.name, self.row)
        copied.node, copied.exists, copied.labels, copied.images = self.node, self.exists, self.labels, self.images
        copied.pods = dict(self.pods)
        return copied
