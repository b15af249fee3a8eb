"""Where a pod's files lie on the node: upstream's directory layout under a configurable root.

<root>/pods/<uid>/volumes/kubernetes.io~<plugin>/<volume>    contents
<root>/pods/<uid>/plugins/kubernetes.io~<plugin>/<volume>    bookkeeping of a plugin
<root>/pods/<uid>/containers/<container>/<id>                termination-log files
<root>/pods/<uid>/volume-subpaths/<volume>/<container>/<n>   bind mounts that pin a subPath
<root>/pods/<uid>/etc-hosts
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sagong.node.cri import api_pb2 as cri

PLUGIN_PREFIX = "kubernetes.io~"


@dataclass(frozen=True, slots=True)
class PodFiles:
    """The paths of one pod."""

    directory: Path

    @property
    def uid(self) -> str:
        """Return the pod's uid, which names the directory."""
        return self.directory.name

    @property
    def volumes(self) -> Path:
        """Return the folder of all volumes, one level per plugin."""
        return self.directory / "volumes"

    @property
    def subpaths(self) -> Path:
        """Return the folder of the mounts that pin subPaths."""
        return self.directory / "volume-subpaths"

    @property
    def etc_hosts(self) -> Path:
        """Return the managed hosts file."""
        return self.directory / "etc-hosts"

    def volume(self, plugin: str, name: str) -> Path:
        """Return the contents of the volume `name` of `plugin`, such as `empty-dir`."""
        return self.volumes / f"{PLUGIN_PREFIX}{plugin}" / name

    def container(self, name: str) -> Path:
        """Return the folder of a container's termination-log files."""
        return self.directory / "containers" / name

    def subpath(self, volume: str, container: str, index: int) -> Path:
        """Return the mount point that pins the subPath of the container's volume mount number `index`."""
        return self.subpaths / volume / container / str(index)

    def create(self) -> None:
        """Make the pod's own folders, closed to others as upstream's are."""
        for folder in (self.directory, self.volumes, self.directory / "plugins"):
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """The kubelet's root directory."""

    root: Path

    @property
    def pods(self) -> Path:
        """Return the folder that holds one folder a pod."""
        return self.root / "pods"

    def pod(self, uid: str) -> PodFiles:
        """Return the paths of the pod."""
        return PodFiles(self.pods / uid)

    def pod_uids(self) -> Sequence[str]:
        """List the pods that have files here."""
        return sorted(entry.name for entry in self.pods.iterdir() if entry.is_dir()) if self.pods.is_dir() else []


@dataclass(frozen=True, slots=True)
class Mounted:
    """A volume that containers can mount: its path on the node, and whether all mounts of it must be read-only."""

    path: Path
    read_only: bool = False
    image: cri.ImageSpec | None = None
    """what the runtime itself is to mount, instead of a path"""
    block: bool = False
    """the path is a block device, for volumeDevices"""
    plugin: str = field(default="", compare=False)
    """upstream's name of the plugin that it is from"""
