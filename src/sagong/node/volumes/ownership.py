"""fsGroup: a volume's files belong to the pod's group, which may read and, unless the volume is read-only, write them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sagong.node.volumes.untrusted import every_entry

_READ_WRITE = 0o660
_READ_ONLY = 0o440
_FOLDER = stat.S_ISGID | 0o110


def give_to_group(root: Path, group: int, *, read_only: bool, only_on_mismatch: bool = False) -> None:
    """Set group and group permissions of everything below `root`; skip it when the root already fits and that is asked for."""
    if only_on_mismatch and _fits(root, group, read_only=read_only):
        return
    # the top last: a run that broke off is not taken for a finished one
    for folder, name, _ in every_entry(root):
        _give(folder, name, group, read_only=read_only)
    mode = root.lstat().st_mode
    os.lchown(root, -1, group)
    root.chmod(stat.S_IMODE(mode) | _bits(mode, read_only=read_only))


def _give(folder: int, name: str, group: int, *, read_only: bool) -> None:
    """Set one entry by an open file: the name may come to mean a link at any moment, and must not lead anywhere else."""
    try:
        handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISLNK(mode):
            os.chown(name, -1, group, dir_fd=folder, follow_symlinks=False)
            return
        opened = Path(f"/proc/self/fd/{handle}")
        os.chown(opened, -1, group)
        opened.chmod(stat.S_IMODE(mode) | _bits(mode, read_only=read_only))
    finally:
        os.close(handle)


def _bits(mode: int, *, read_only: bool) -> int:
    return (_READ_ONLY if read_only else _READ_WRITE) | (_FOLDER if stat.S_ISDIR(mode) else 0)


def _fits(root: Path, group: int, *, read_only: bool) -> bool:
    found = root.stat()
    wanted = _bits(found.st_mode, read_only=read_only)
    return stat.S_ISDIR(found.st_mode) and found.st_gid == group and found.st_mode & wanted == wanted
