"""ImageLocality: prefer nodes that have the pod's images already."""

from __future__ import annotations

import numpy as np

from sagong.api.types.core import Pod
from sagong.scheduler.columns import Ints
from sagong.scheduler.events import on
from sagong.scheduler.framework import MAX_SCORE, State
from sagong.scheduler.nodes import Nodes
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.snapshot import Snapshot

_MB = 2**20
LEAST, MOST_PER_CONTAINER = 23 * _MB, 1000 * _MB


class ImageLocality:
    """Score."""

    name = "ImageLocality"
    events = on()

    def score(self, state: State, pod: PodInfo, nodes: Nodes, snapshot: Snapshot) -> Ints | None:
        """Rate by the size of the images that are there, weighed by their spread: an image that is rare should not draw all to it."""
        del state
        images = [(name, count / len(snapshot)) for name in _images(pod.pod) if (count := snapshot.around.image_nodes.get(name))]
        if not images:
            return None
        most = MOST_PER_CONTAINER * len((*pod.pod.spec.initContainers, *pod.pod.spec.containers))
        total = np.zeros(len(nodes), np.int64)
        for name, share in images:
            total += (_sizes(name, nodes) * share).astype(np.int64)
        return MAX_SCORE * (np.clip(total, LEAST, most) - LEAST) // (most - LEAST)


def _sizes(image: str, nodes: Nodes) -> Ints:
    return nodes.by_node(("image", image), lambda found: [node.images.get(image, 0) for node in found])


def _images(pod: Pod) -> list[str]:
    spec = pod.spec
    names = [container.image for container in (*spec.initContainers, *spec.containers)]
    names += [volume.image.reference for volume in spec.volumes if volume.image is not None]
    return [_normalized(name) for name in names]


def _normalized(image: str) -> str:
    """Add the tag that an image name without one means."""
    return image if ":" in image.rsplit("/", 1)[-1] else f"{image}:latest"
