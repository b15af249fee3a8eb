"""PodResizeValidator: a pod is not resized beyond what its node has."""

from __future__ import annotations

from sagong.api import pods, quantity
from sagong.api.errors import Cause
from sagong.api.types.core import Node, Pod
from sagong.server.admission.plugin import PODS, Plugin, Review
from sagong.server.contract import Objects


class PodResizeValidator(Plugin):
    """Asked about pods/resize."""

    operations = ("UPDATE",)
    resources = (PODS,)
    subresources = ("resize",)

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def validate(self, review: Review) -> None:
        """Judge."""
        pod: Pod = review.obj
        name = pod.spec.nodeName
        if not name or pod.metadata.generation == review.old.metadata.generation:
            return
        node = self._objects.get(Node, name)
        if node is None:
            raise review.forbidden(f'node "{name}" not found')
        system = node.metadata.labels.get("kubernetes.io/os", "linux")
        if system != "linux":
            text = f'pod resize is only supported on linux nodes, node "{name}" is "{system}"'
            raise review.forbidden(text, [Cause("UnsupportedPlatform", "")])
        requests, lacking = pods.requests(pod), []
        for resource, unit in (("cpu", quantity.Quantity.milli_value), ("memory", quantity.Quantity.value)):
            allocatable = quantity.parse(node.status.allocatable.get(resource, "0"))
            wanted = requests.get(resource)
            if wanted is not None and wanted.nanos > allocatable.nanos:
                lacking.append(f"{resource}, requested: {unit(wanted)}, allocatable: {unit(allocatable)}")
        if lacking:
            text = f"node didn't have enough allocatable resources: {'; '.join(lacking)}"
            raise review.forbidden(text, [Cause("NodeCapacity", "")])
