"""ImageLocality: prefer nodes that have the pod's images already."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.api.types.core import Pod
from sagong.scheduler.events import on
from sagong.scheduler.framework import MAX_SCORE, State
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.snapshot import NodeInfo, Snapshot

_MB = 2**20
LEAST, MOST_PER_CONTAINER = 23 * _MB, 1000 * _MB


class ImageLocality:
    """Score."""

    name = "ImageLocality"
    events = on()

    def score(self, state: State, pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot) -> Sequence[int] | None:
        """Rate by the size of the images that are there, weighed by their spread: an image that is rare should not draw all to it."""
        del state
        spread = {name: count / len(snapshot) for name in set(_images(pod.pod)) if (count := snapshot.around.image_nodes.get(name))}
        if not spread:
            return None
        images = [name for name in _images(pod.pod) if name in spread]
        most = MOST_PER_CONTAINER * len((*pod.pod.spec.initContainers, *pod.pod.spec.containers))
        found = []
        for node in nodes:
            total = sum(int(node.images[name] * spread[name]) for name in images if name in node.images)
            found.append(MAX_SCORE * (min(max(total, LEAST), most) - LEAST) // (most - LEAST))
        return found


def _images(pod: Pod) -> list[str]:
    spec = pod.spec
    names = [container.image for container in (*spec.initContainers, *spec.containers)]
    names += [volume.image.reference for volume in spec.volumes if volume.image is not None]
    return [_normalized(name) for name in names]


def _normalized(image: str) -> str:
    """Add the tag that an image name without one means."""
    return image if ":" in image.rsplit("/", 1)[-1] else f"{image}:latest"
