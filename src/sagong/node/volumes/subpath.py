"""subPath: a part of a volume, pinned by a bind mount so that the pod cannot swap it for a link out of the volume.

A container that can write to the volume can replace a folder by a symbolic link at any moment. So the path is resolved
once, checked to lie in the volume, opened step by step without following links, and the open file is what gets bound.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sagong.node.volumes import mounting
from sagong.node.volumes.errors import VolumeError
from sagong.node.volumes.untrusted import open_below


def check(sub_path: str) -> None:
    """Refuse paths that leave the volume by their spelling. Raises VolumeError with upstream's text."""
    if sub_path.startswith("/"):
        raise VolumeError(f"error SubPath `{sub_path}` must not be an absolute path")
    if ".." in sub_path.split("/"):
        raise VolumeError(f"unable to provision SubPath `{sub_path}`: must not contain '..'")


def pin(volume: Path, sub_path: str, target: Path) -> Path:
    """Bind `volume/sub_path` to `target`, a folder made when it is missing, and return `target`.

    Raises OSError, and VolumeError when the path leaves the volume.
    """
    root = volume.resolve(strict=True)
    _make_missing(root, sub_path)
    real = (root / sub_path).resolve(strict=True)
    with open_below(root, real) as handle:
        _bind(handle, target)
    return target


def unpin(subpaths: Path) -> None:
    """Take away every pinned subPath below the folder, and the folder."""
    for point in mounting.mount_points(subpaths):
        mounting.unmount(point)
    for folder, folders, files in os.walk(subpaths, topdown=False):
        for name in files:
            Path(folder, name).unlink()
        for name in folders:
            Path(folder, name).rmdir()
    if subpaths.exists():
        subpaths.rmdir()


def _make_missing(root: Path, sub_path: str) -> None:
    wanted = root / sub_path
    if os.path.lexists(wanted):
        return
    mode = stat.S_IMODE(root.stat().st_mode)
    existing = wanted.parent
    while not os.path.lexists(existing):
        existing = existing.parent
    missing = wanted.relative_to(existing).parts
    with open_below(root, existing.resolve(strict=True)) as start:
        handle = os.dup(start)
        try:
            for name in missing:
                os.mkdir(name, dir_fd=handle)
                inner = os.open(name, os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
                os.close(handle)
                handle = inner
                os.fchmod(handle, mode)
        finally:
            os.close(handle)


def _bind(handle: int, target: Path) -> None:
    wanted = os.fstat(handle)
    if mounting.is_mount_point(target):
        found = target.stat()
        if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
            return
        mounting.unmount(target)
    target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    if stat.S_ISDIR(wanted.st_mode):
        target.mkdir(mode=0o750, exist_ok=True)
    else:
        target.touch(mode=0o640, exist_ok=True)
    mounting.bind(f"/proc/self/fd/{handle}", target)
