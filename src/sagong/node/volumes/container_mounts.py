"""The mounts of one container: its volumeMounts with subPaths pinned, as CRI wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagong.api.types.core import VolumeDevice, VolumeMount
from sagong.node.cri import api_pb2 as cri
from sagong.node.downward import AnyContainer
from sagong.node.expansion import expand, references
from sagong.node.volumes import subpath
from sagong.node.volumes.errors import VolumeError
from sagong.node.volumes.layout import Mounted, PodFiles

_PROPAGATION = {
    None: cri.PROPAGATION_PRIVATE,
    "None": cri.PROPAGATION_PRIVATE,
    "HostToContainer": cri.PROPAGATION_HOST_TO_CONTAINER,
    "Bidirectional": cri.PROPAGATION_BIDIRECTIONAL,
}


@dataclass(frozen=True)
class ContainerMounts:
    """What a container's volume mounts refer to."""

    container: AnyContainer
    volumes: Mapping[str, Mounted]
    env: Mapping[str, str]
    files: PodFiles
    recursive_read_only: bool = False
    """the runtime can make mounts below a read-only one read-only too"""

    def mounts(self) -> Sequence[cri.Mount]:
        """Return CRI's mounts, subPaths made and pinned. Raises VolumeError with upstream's text (CreateContainerConfigError)."""
        return [self._mount(index, mount) for index, mount in enumerate(self.container.volumeMounts)]

    def devices(self) -> Sequence[cri.Device]:
        """Return CRI's devices for the container's volumeDevices. Raises VolumeError."""
        return [self._device(wanted) for wanted in self.container.volumeDevices]

    def _device(self, wanted: VolumeDevice) -> cri.Device:
        volume = self.volumes.get(wanted.name)
        if volume is None:
            raise VolumeError(f'cannot find volume "{wanted.name}" to pass into container "{self.container.name}"')
        if not volume.block:
            raise VolumeError(f"volume {wanted.name} has volumeMode Filesystem, but is specified in volumeDevices")
        permissions = "r" if volume.read_only else "mrw"
        return cri.Device(container_path=wanted.devicePath, host_path=str(volume.path.resolve()), permissions=permissions)

    def _mount(self, index: int, mount: VolumeMount) -> cri.Mount:
        if mount.name not in self.volumes:
            raise VolumeError(f'cannot find volume "{mount.name}" to mount into container "{self.container.name}"')
        if mount.mountPropagation not in _PROPAGATION:
            raise VolumeError(f'invalid MountPropagation mode: "{mount.mountPropagation}"')
        volume = self.volumes[mount.name]
        if volume.block:
            raise VolumeError(f"volume {mount.name} has volumeMode Block, but is specified in volumeMounts")
        path = mount.mountPath if mount.mountPath.startswith("/") else f"/{mount.mountPath}"
        if volume.image is not None:
            wanted = _sub_path(mount, self.env)
            subpath.check(wanted)
            return cri.Mount(container_path=path, readonly=True, image=volume.image, image_sub_path=wanted)
        return cri.Mount(
            container_path=path,
            host_path=str(self._source(index, mount, volume.path)),
            readonly=mount.readOnly or volume.read_only,
            propagation=_PROPAGATION[mount.mountPropagation],
            recursive_read_only=resolve_recursive(mount, able=self.recursive_read_only),
        )

    def _source(self, index: int, mount: VolumeMount, volume: Path) -> Path:
        wanted = _sub_path(mount, self.env)
        if not wanted:
            return volume
        subpath.check(wanted)
        try:
            return subpath.pin(volume, wanted, self.files.subpath(mount.name, self.container.name, index))
        except (OSError, VolumeError) as error:
            # upstream keeps the cause to itself: it could tell the user about the node's files
            text = f'failed to prepare subPath for volumeMount "{mount.name}" of container "{self.container.name}"'
            raise VolumeError(text) from error


def _sub_path(mount: VolumeMount, env: Mapping[str, str]) -> str:
    if not mount.subPathExpr:
        return mount.subPath
    missing = sorted({name for name in references(mount.subPathExpr) if not env.get(name)})
    if missing:
        raise VolumeError(f"missing value for {', '.join(missing)}")
    return expand(mount.subPathExpr, env)


def resolve_recursive(mount: VolumeMount, *, able: bool) -> bool:
    """Return whether mounts below are to be read-only too (KEP-3857); `able`: the runtime can do that. Raises VolumeError."""
    if mount.recursiveReadOnly in (None, "Disabled"):
        return False
    failed = f'failed to resolve recursive read-only mode: volume "{mount.name}" requested recursive read-only mode, but it is not '
    if not mount.readOnly:
        raise VolumeError(failed + "read-only")
    if mount.mountPropagation not in (None, "None"):
        raise VolumeError(f'{failed}compatible with propagation "{mount.mountPropagation}"')
    if mount.recursiveReadOnly == "Enabled" and not able:
        raise VolumeError(failed + "supported by the runtime")
    return able
