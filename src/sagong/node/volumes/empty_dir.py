"""emptyDir: scratch space that lives as long as the pod; on the node's disk, in memory (tmpfs) or in huge pages."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from sagong.api import quantity
from sagong.api.types.core import EmptyDirVolumeSource, Pod
from sagong.node import qos
from sagong.node.volumes import mounting
from sagong.node.volumes.errors import VolumeError

_HUGE = "HugePages"
_MODE = 0o777


def set_up(path: Path, source: EmptyDirVolumeSource, pod: Pod, allocatable: Mapping[str, str]) -> bool:
    """Make the volume; say whether it is new, so that ownership is set once only. Raises VolumeError, OSError."""
    if source.medium == "":
        return _folder(path)
    if source.medium == "Memory":
        size = memory_size(pod, source.sizeLimit, allocatable)
        return in_memory(path, size)
    if source.medium.startswith(_HUGE):
        _folder(path)
        return _mounted(path, "hugetlbfs", f"pagesize={_page_size(pod, source.medium)}")
    raise VolumeError(f'unknown storage medium "{source.medium}"')


def in_memory(path: Path, size: int) -> bool:
    """Make a tmpfs of at most `size` bytes (0: the kernel's default, half of the memory)."""
    _folder(path)
    return _mounted(path, "tmpfs", f"size={size}" if size else "")


def set_up_wrapped(path: Path, size: int | None) -> None:
    """Make the empty folder that another kind of volume fills: in memory, or on disk when `size` is None."""
    if size is None:
        _folder(path)
    else:
        in_memory(path, size)


def memory_size(pod: Pod, limit: str | None, allocatable: Mapping[str, str]) -> int:
    """Return the least of the node's memory, what the pod as a whole is held to, and the volume's own limit, in bytes."""
    bounds = [quantity.parse(allocatable["memory"]).value()] if "memory" in allocatable else []
    if (whole := qos.pod_amounts(pod).memory) is not None:
        bounds.append(whole)
    if limit and (own := quantity.parse(limit).value()) > 0:
        bounds.append(own)
    return min(bounds, default=0)


def _folder(path: Path) -> bool:
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        return False
    # mkdir's mode is cut by the umask
    path.chmod(_MODE)
    return True


def _mounted(path: Path, kind: str, options: str) -> bool:
    if mounting.is_mount_point(path):
        return False
    mounting.mount(kind, path, kind, options)
    if stat.S_IMODE(path.stat().st_mode) & _MODE != _MODE:  # a tmpfs keeps its sticky bit, as upstream's: files of others stay
        path.chmod(_MODE)
    return True


def _page_size(pod: Pod, medium: str) -> int:
    name = medium.removeprefix(f"{_HUGE}-") if medium != _HUGE else ""
    containers = (*pod.spec.initContainers, *pod.spec.containers)
    requested = {key for c in containers for key in (*c.resources.requests, *c.resources.limits) if key.startswith("hugepages-")}
    sizes = {quantity.parse(key.removeprefix("hugepages-")).value() for key in requested}
    if name:
        sizes &= {quantity.parse(name).value()}
    if not sizes:
        raise VolumeError(f"medium {medium}: hugePages storage requested, but there is no resource request for huge pages")
    if len(sizes) > 1:
        raise VolumeError(f"medium: {medium} can't be used if container requests multiple huge page sizes")
    return sizes.pop()
