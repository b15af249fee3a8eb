"""Removes images that no container uses, those unused for longest first, when the disk that holds them gets full."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sagong.api.clock import Clock
from sagong.node import machine
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import CriError, Runtime

_EVERY = 300.0
_KIB = 1024
_LOCAL = "sagong.local/"
_log = logging.getLogger(__name__)


def is_local(image: cri.Image) -> bool:
    """Say whether the image was built here, so that no registry could give it again; the sandbox's image is one."""
    return any(tag.startswith(_LOCAL) for tag in image.repo_tags)


@dataclass
class ImageCollector:
    """Keeps the disk's use between two marks."""

    runtime: Runtime
    root: Path
    """a path on the file system that holds images"""
    clock: Clock
    keep: Callable[[cri.Image], bool] = is_local
    """images that must stay though nothing uses them"""
    high: float = 0.85
    """collect when more of the disk than this is used"""
    low: float = 0.80
    """until no more than this is"""
    min_age: float = 120.0
    """seconds an image is safe after it was first seen"""
    listed: Callable[[Collection[str]], None] = lambda _: None
    """told the ids of all images that are there"""
    max_age: float = 0.0
    """seconds after which an image goes that nothing has used; 0 is never"""
    removed: Callable[[str], None] = lambda _: None
    """told why an image was removed: space or age"""
    failed: Callable[[str], None] = lambda _: None
    """told in upstream's words when all images that may go do not make the room that is wanted"""
    _seen: dict[str, tuple[float, float]] = field(default_factory=dict)

    async def run(self) -> None:
        """Look every five minutes, for ever."""
        while True:
            await self.clock.sleep(_EVERY)
            try:
                await self.collect()
            except (OSError, CriError) as error:
                _log.warning("images not collected: %s", error)

    async def collect(self) -> None:
        """Look once, and free what is above the low mark if the high one is passed. Raises OSError, CriError."""
        unused = await self._unused()
        if self.max_age:
            since = self.clock.monotonic() - self.max_age
            await self._free([image for image in unused if max(self._seen[image.id]) <= since], None, "age")
        disk = machine.file_system(self.root)
        if disk.used > disk.capacity * self.high:
            wanted = int(disk.used - disk.capacity * self.low)
            freed = await self._free(unused, wanted)
            if freed < wanted:
                self.failed(_insufficient(disk, freed))

    async def free_all(self) -> None:
        """Remove every unused image: the node is short of disk. Raises CriError."""
        await self._free(await self._unused(), None)

    async def _unused(self) -> Sequence[cri.Image]:
        """Return images that may go, the one unused for longest first."""
        now = self.clock.monotonic()
        containers = await self.runtime.list_containers()
        used = {name for known in containers for name in (known.image_ref, known.image_id, known.image.image) if name}
        images = await self.runtime.list_images()
        self.listed({image.id for image in images})
        first_and_last = {}
        for image in images:
            first, last = self._seen.get(image.id, (now, 0.0))
            in_use = not used.isdisjoint((image.id, *image.repo_tags, *image.repo_digests))
            first_and_last[image.id] = (first, now if in_use else last)
        self._seen = first_and_last
        free = [
            image for image in images if self._seen[image.id][1] < now and self._old(image, now) and not (image.pinned or self.keep(image))
        ]
        return sorted(free, key=lambda image: (self._seen[image.id][1], self._seen[image.id][0]))

    def _old(self, image: cri.Image, now: float) -> bool:
        return now - self._seen[image.id][0] >= self.min_age

    async def _free(self, images: Sequence[cri.Image], wanted: int | None, reason: str = "space") -> int:
        """Remove images in their order until so many bytes are freed, all when `wanted` is None; return what was freed."""
        freed = 0
        for image in images:
            if wanted is not None and freed >= wanted:
                break
            _log.info("image %s is removed: nothing uses it", image.id)
            await self.runtime.remove_image(image.id)
            self.removed(reason)
            freed += image.size
        return freed


def _insufficient(disk: machine.FileSystem, freed: int) -> str:
    percent = 100 - disk.available * 100 // disk.capacity
    return (
        f"Insufficient free disk space on the node's image filesystem ({percent}% of {_size(disk.capacity)} used). "
        f"Failed to free sufficient space by deleting unused images (freed {freed} bytes). "
        "Investigate disk usage, as it could be used by active images, logs, volumes, or other data."
    )


def _size(count: float) -> str:
    """Return bytes as upstream writes them here: 512 B, 1.5 GiB."""
    unit = "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if count < _KIB:
            break
        count, unit = count / _KIB, larger
    return f"{count:.1f} {unit}" if unit != "B" else f"{int(count)} B"
