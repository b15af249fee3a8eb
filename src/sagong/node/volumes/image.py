"""Image volumes: what an image holds, as a read-only folder of a pod (KEP-4639).

Runtimes that know how are told to mount the image when a container is made. Older ones are helped: containerd has unpacked the
image's layers for containers anyway, and gives a read-only view of them, which is mounted in the pod's directory.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import CriError, Runtime
from sagong.node.volumes import mounting
from sagong.node.volumes.errors import VolumeError
from sagong.node.volumes.layout import Mounted, NodeFiles

# the first versions whose CRI mounts images
_ABLE = {"containerd": (2, 1), "cri-o": (1, 31)}
_PLUGIN = "image"


class ImageVolumes(Protocol):
    """Gives pods their image volumes."""

    async def provide(self, pod_uid: str, volume: str, image: cri.Image, wanted: str) -> Mounted:
        """Return the volume for containers to mount; `wanted` is the image's name in the pod's spec. Raises VolumeError."""
        ...

    async def release(self, pod_uid: str) -> None:
        """Take down what the pod has, before its directory is removed. Idempotent. Raises CriError, OSError."""
        ...


def image_volumes(version: cri.VersionResponse, runtime: Runtime, files: NodeFiles) -> ImageVolumes:
    """Return the way that suits the runtime."""
    able = _ABLE.get(version.runtime_name)
    found = tuple(int(part) for part in re.findall(r"\d+", version.runtime_version)[:2])
    if version.runtime_name == "containerd" and able is not None and found < able:
        return Views(runtime, files)
    return ByRuntime()


@dataclass(frozen=True)
class ByRuntime:
    """The runtime mounts the image itself."""

    async def provide(self, pod_uid: str, volume: str, image: cri.Image, wanted: str) -> Mounted:
        """Return what CRI is to be told."""
        del pod_uid, volume
        return Mounted(Path(), read_only=True, image=cri.ImageSpec(image=image.id, user_specified_image=wanted))

    async def release(self, pod_uid: str) -> None:
        """Do nothing: the mount goes with the container."""


@dataclass
class Views:
    """Views of containerd's snapshots, one a volume. The name of a view is found again from the pod's directory."""

    runtime: Runtime
    files: NodeFiles
    _snapshotter: str = field(default="", init=False)

    async def provide(self, pod_uid: str, volume: str, image: cri.Image, wanted: str) -> Mounted:
        """Mount the image's content unless it is mounted; what a pod has got stays, also when the image's name moves on."""
        path = self.files.pod(pod_uid).volume(_PLUGIN, volume)
        if not mounting.is_mount_point(path):
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
            try:
                for found in await self._view(_key(pod_uid, volume), image):
                    await asyncio.to_thread(mounting.mount_as, found.type, found.source, found.options, path)
            except (CriError, OSError) as error:
                raise VolumeError(f'failed to mount image volume "{volume}" ({wanted}): {error}') from error
        return Mounted(path, read_only=True)

    async def release(self, pod_uid: str) -> None:
        """Unmount the pod's image volumes and remove their views."""
        folder = self.files.pod(pod_uid).volume(_PLUGIN, "x").parent
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            for point in mounting.mount_points(path):
                mounting.unmount(point)
            try:
                await self.runtime.remove_snapshot(await self._name(), _key(pod_uid, path.name))
            except CriError as error:
                if not error.missing:
                    raise
            path.rmdir()

    async def _view(self, key: str, image: cri.Image) -> list[cri.SnapshotMount]:
        chain = await self.runtime.chain_id(image.id)
        snapshotter = await self._name()
        try:
            # without the label containerd's collector would take the view away
            return list(await self.runtime.view_snapshot(snapshotter, key, chain, {"containerd.io/gc.root": "image-volume"}))
        except CriError as error:
            if error.code != "ALREADY_EXISTS":
                raise
        return list(await self.runtime.snapshot_mounts(snapshotter, key))

    async def _name(self) -> str:
        self._snapshotter = self._snapshotter or await self.runtime.snapshotter()
        return self._snapshotter


def _key(pod_uid: str, volume: str) -> str:
    return f"image-volume/{pod_uid}/{volume}"
