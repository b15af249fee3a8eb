"""fsGroup: a volume's files belong to the pod's group, which may read and, unless the volume is read-only, write them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

_READ_WRITE = 0o660
_READ_ONLY = 0o440
_FOLDER = stat.S_ISGID | 0o110


def give_to_group(root: Path, group: int, *, read_only: bool, only_on_mismatch: bool = False) -> None:
    """Set group and group permissions of everything below `root`; skip it when the root already fits and that is asked for."""
    if only_on_mismatch and _fits(root, group, read_only=read_only):
        return
    for path in _walk(root):
        mode = path.lstat().st_mode
        os.lchown(path, -1, group)
        if not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) | _bits(mode, read_only=read_only))


def _bits(mode: int, *, read_only: bool) -> int:
    return (_READ_ONLY if read_only else _READ_WRITE) | (_FOLDER if stat.S_ISDIR(mode) else 0)


def _fits(root: Path, group: int, *, read_only: bool) -> bool:
    found = root.stat()
    wanted = _bits(found.st_mode, read_only=read_only)
    return stat.S_ISDIR(found.st_mode) and found.st_gid == group and found.st_mode & wanted == wanted


def _walk(root: Path) -> Iterator[Path]:
    yield root
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            yield Path(folder, name)
