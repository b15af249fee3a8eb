"""hostPath: a file or folder of the node itself, checked or made as its type says."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from sagong.api.types.core import HostPathVolumeSource
from sagong.node.volumes.errors import VolumeError

_CHECKS: dict[str, tuple[Callable[[int], bool], str]] = {
    "Directory": (stat.S_ISDIR, "directory"),
    "DirectoryOrCreate": (stat.S_ISDIR, "directory"),
    "File": (stat.S_ISREG, "file"),
    "FileOrCreate": (stat.S_ISREG, "file"),
    "Socket": (stat.S_ISSOCK, "socket file"),
    "CharDevice": (stat.S_ISCHR, "character device"),
    "BlockDevice": (stat.S_ISBLK, "block device"),
}


def set_up(source: HostPathVolumeSource) -> Path:
    """Check or make the path and return it. Raises VolumeError with upstream's text, OSError."""
    path = Path(source.path)
    if ".." in path.parts:
        raise VolumeError(f"invalid HostPath `{source.path}`: must not contain '..'")
    if not source.type:
        return path
    if source.type not in _CHECKS:
        raise VolumeError(f"{source.type} is an invalid volume type")
    if source.type == "DirectoryOrCreate" and not path.exists():
        path.mkdir(mode=0o755, parents=True)
    if source.type == "FileOrCreate" and not path.exists():
        path.touch(mode=0o644)
    is_it, what = _CHECKS[source.type]
    if not path.exists() or not is_it(path.stat().st_mode):
        raise VolumeError(f"hostPath type check failed: {source.path} is not a {what}")
    return path
