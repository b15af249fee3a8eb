"""Sets up the volumes of pods, keeps API-backed contents up to date, and takes everything down again.

Everything is found again on disk and in the kernel's mount table, so a kubelet that starts anew goes on where it was.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sagong.api.clock import Clock
from sagong.api.errors import ApiError
from sagong.api.pods import all_containers
from sagong.api.types.core import HostPathVolumeSource, PersistentVolumeSpec, Pod, Volume
from sagong.node.downward import Facts
from sagong.node.meters.ledger import Ledger
from sagong.node.meters.volumes import UNKNOWN, VolumeMeter
from sagong.node.volumes import atomic, empty_dir, host_path, mounting, nfs, ownership, subpath, untrusted
from sagong.node.volumes.claims import Bound, Reader, bound_volume
from sagong.node.volumes.errors import MountError, VolumeError
from sagong.node.volumes.image import ImageVolumes
from sagong.node.volumes.layout import Mounted, NodeFiles, PodFiles
from sagong.node.volumes.payload import Contents

_API_BACKED = {"configMap": "configmap", "secret": "secret", "downwardAPI": "downward-api", "projected": "projected"}
_PLUGINS = {**_API_BACKED, "emptyDir": "empty-dir", "hostPath": "host-path", "nfs": "nfs", "image": "image", "local": "local-volume"}
_ON_DISK = frozenset({"configmap"})  # the others may hold secrets, and stay in memory


class VolumeManager:
    """The volumes of this node's pods."""

    def __init__(
        self,
        files: NodeFiles,
        contents: Contents,
        reader: Reader,
        clock: Clock,
        allocatable: Callable[[], Mapping[str, str]] = dict,
        *,
        images: ImageVolumes | None = None,
        meter: VolumeMeter | None = None,
    ) -> None:
        """`allocatable` tells what the node has to give, as quantities: it bounds volumes in memory. `images` has image volumes."""
        self.files = files
        self._contents = contents
        self._reader = reader
        self._clock = clock
        self._allocatable = allocatable
        self._images = images
        self._mounted: dict[str, Mapping[str, Mounted]] = {}
        self._meter = meter or VolumeMeter(Ledger(clock))
        self._wanted: dict[str, Mapping[str, str]] = {}
        self._held: dict[str, Mapping[str, str]] = {}

    def desired(self) -> Sequence[str]:
        """Return the plugins of all volumes that pods should have."""
        return [self._held.get(uid, {}).get(name, plugin) for uid, wanted in self._wanted.items() for name, plugin in wanted.items()]

    def actual(self) -> Sequence[str]:
        """Return the plugins of all volumes that are set up."""
        return [plugin for held in self._held.values() for plugin in held.values()]

    def mounted(self, pod_uid: str) -> Mapping[str, Mounted]:
        """Return the pod's volumes by name, as the last `mount` left them."""
        return self._mounted.get(pod_uid, {})

    def pod_uids(self) -> Sequence[str]:
        """List the pods that have files on this node, also those of a kubelet that ran before."""
        return self.files.pod_uids()

    async def mount(self, pod: Pod) -> None:
        """Set up what is missing of the pod's volumes, and bring API-backed contents up to date: ConfigMaps, labels, tokens.

        Raises MountError with one failure a volume; what could be set up stays.
        """
        facts = Facts(allocatable=self._allocatable())
        pod_files = self.files.pod(pod.metadata.uid)
        pod_files.create()
        self._contents.objects.register(pod)
        self._wanted[pod.metadata.uid] = {volume.name: _plugin(volume) for volume in pod.spec.volumes}
        mounted: dict[str, Mounted] = {}
        failures: dict[str, str] = {}
        for volume in pod.spec.volumes:
            if volume.image is not None:  # set up with the containers that mount it, since its image may have to be pulled
                continue
            try:
                mounted[volume.name] = await self._mount_one(pod, volume, pod_files, facts)
            except (VolumeError, ApiError, OSError, ValueError) as error:
                failures[volume.name] = str(error)
        self._mounted[pod.metadata.uid] = mounted
        with_containers = {volume.name: _plugin(volume) for volume in pod.spec.volumes if volume.image is not None}
        self._held[pod.metadata.uid] = {**with_containers, **{name: volume.plugin for name, volume in mounted.items()}}
        if failures:
            raise MountError(failures)

    async def unmount(self, pod_uid: str) -> None:
        """Take down the pod's volumes and remove its folder; does nothing when there is none. Raises OSError, CriError."""
        self._contents.objects.forget(pod_uid)
        self._contents.tokens.forget(pod_uid)
        self._mounted.pop(pod_uid, None)
        self._wanted.pop(pod_uid, None)
        files = self.files.pod(pod_uid)
        with self._meter.operation("volume_unmount", *self._held.get(pod_uid, {}).values()):
            await asyncio.to_thread(subpath.unpin, files.subpaths)
            if self._images is not None:
                await self._images.release(pod_uid)
            await asyncio.to_thread(_remove, files)
        self._held.pop(pod_uid, None)

    async def _mount_one(self, pod: Pod, volume: Volume, files: PodFiles, facts: Facts) -> Mounted:
        name = _plugin(volume)
        if name == UNKNOWN:
            return await self._mount_claim(pod, volume, files)
        with self._meter.operation("volume_mount", name):
            return replace(await self._mount_own(pod, volume, files, facts), plugin=name)

    async def _mount_own(self, pod: Pod, volume: Volume, files: PodFiles, facts: Facts) -> Mounted:
        plugin = _api_backed(volume)
        if plugin:
            path = files.volume(plugin, volume.name)
            await self._write(pod, volume, path, facts, in_memory=plugin not in _ON_DISK)
            return Mounted(path, read_only=True)
        if volume.emptyDir is not None:
            path = files.volume("empty-dir", volume.name)
            if empty_dir.set_up(path, volume.emptyDir, pod, facts.allocatable):
                await self._own(pod, path, read_only=False)
            return Mounted(path)
        if volume.hostPath is not None:
            return Mounted(host_path.set_up(volume.hostPath))
        assert volume.nfs is not None
        path = files.volume("nfs", volume.name)
        await nfs.set_up(path, volume.nfs)
        return Mounted(path, volume.nfs.readOnly)

    async def _mount_claim(self, pod: Pod, volume: Volume, files: PodFiles) -> Mounted:
        bound = await bound_volume(self._reader, pod, volume)
        if bound is None:
            raise VolumeError(f'no volume plugin matched name: volume "{volume.name}"')
        plugin, block = _plugin(bound.volume.spec), bound.volume.spec.volumeMode == "Block"
        with self._meter.operation("map_volume" if block else "volume_mount", plugin):
            return replace(await self._mount_bound(pod, bound, files, block=block), plugin=plugin)

    async def _mount_bound(self, pod: Pod, bound: Bound, files: PodFiles, *, block: bool) -> Mounted:
        spec = bound.volume.spec
        if spec.hostPath is not None:
            return Mounted(host_path.set_up(spec.hostPath), bound.read_only)
        if spec.local is not None:
            path = host_path.set_up(HostPathVolumeSource(path=spec.local.path, type="BlockDevice" if block else "Directory"))
            if not block:
                await self._own(pod, path, read_only=bound.read_only)
            return Mounted(path, bound.read_only, block=block)
        if spec.nfs is not None:
            path = files.volume("nfs", bound.volume.metadata.name)
            await nfs.set_up(path, spec.nfs, spec.mountOptions)
            return Mounted(path, bound.read_only or spec.nfs.readOnly)
        raise VolumeError(f'no volume plugin matched name: PersistentVolume "{bound.volume.metadata.name}"')

    async def _write(self, pod: Pod, volume: Volume, path: Path, facts: Facts, *, in_memory: bool) -> None:
        payload = await self._contents.files(pod, volume, facts)
        size = empty_dir.memory_size(pod, None, facts.allocatable)
        empty_dir.set_up_wrapped(path, size if in_memory else None)
        for folder in _nested_mount_points(pod, volume.name):
            (path / folder).mkdir(parents=True, exist_ok=True)
        atomic.write(path, payload, self._clock.now(), self._owner(pod))

    def _owner(self, pod: Pod) -> Callable[[Path], None] | None:
        group = pod.spec.securityContext.fsGroup if pod.spec.securityContext else None
        if group is None:
            return None
        return lambda path: ownership.give_to_group(path, group, read_only=True)

    async def _own(self, pod: Pod, path: Path, *, read_only: bool) -> None:
        context = pod.spec.securityContext
        if context is None or context.fsGroup is None or read_only:
            return
        lazy = context.fsGroupChangePolicy == "OnRootMismatch"
        await asyncio.to_thread(ownership.give_to_group, path, context.fsGroup, read_only=False, only_on_mismatch=lazy)


def _api_backed(volume: Volume) -> str:
    """Return the plugin's name when the volume's contents come from the API, or ""."""
    return next((plugin for field, plugin in _API_BACKED.items() if getattr(volume, field) is not None), "")


def _plugin(source: Volume | PersistentVolumeSpec) -> str:
    """Return upstream's name of what sets a volume up; that of a claim is known when it is bound."""
    return next((f"kubernetes.io/{name}" for field, name in _PLUGINS.items() if getattr(source, field, None) is not None), UNKNOWN)


def _nested_mount_points(pod: Pod, name: str) -> Collection[str]:
    """Return folders that must be in a read-only volume because a container mounts another volume inside of it."""
    found = set[str]()
    for container in all_containers(pod):
        for outer in (mount for mount in container.volumeMounts if mount.name == name and not (mount.subPath or mount.subPathExpr)):
            base = os.path.normpath(outer.mountPath)
            inner = (os.path.normpath(mount.mountPath) for mount in container.volumeMounts)
            found.update(os.path.relpath(path, base) for path in inner if path.startswith(f"{base.rstrip('/')}/"))
    return found


def _remove(files: PodFiles) -> None:
    for point in mounting.mount_points(files.directory):
        mounting.unmount(point)
    untrusted.remove_tree(files.directory)
