"""ImageLocality: prefer nodes that have the pod's images already."""

from __future__ import annotations

from sagong.api.types.core import Pod
from sagong.scheduler.framework import MAX_SCORE, State
from sagong.scheduler.snapshot import NodeInfo, Snapshot

_MB = 2**20
LEAST, MOST_PER_CONTAINER = 23 * _MB, 1000 * _MB


class ImageLocality:
    """Score."""

    name = "ImageLocality"
    events: frozenset[str] = frozenset()

    def pre_filter(self, state: State, pod: Pod, snapshot: Snapshot) -> None:
        """Count on how many nodes each image is, since an image that is everywhere tells nothing."""
        names = {_normalized(c.image) for c in (*pod.spec.initContainers, *pod.spec.containers)}
        spread = {name: sum(name in node.images for node in snapshot.nodes.values()) / len(snapshot) for name in names}
        state[self.name] = spread

    def score(self, state: State, pod: Pod, node: NodeInfo) -> int:
        """Rate by the size of the images that are there, weighed by their spread."""
        spread: dict[str, float] = state[self.name]
        containers = (*pod.spec.initContainers, *pod.spec.containers)
        images = [_normalized(container.image) for container in containers]
        total = sum(int(node.images[image] * spread[image]) for image in images if image in node.images)
        most = MOST_PER_CONTAINER * len(containers)
        return MAX_SCORE * (min(max(total, LEAST), most) - LEAST) // (most - LEAST)


def _normalized(image: str) -> str:
    """Add the tag that an image name without one means."""
    return image if ":" in image.rsplit("/", 1)[-1] else f"{image}:latest"
