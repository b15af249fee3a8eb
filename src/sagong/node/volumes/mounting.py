"""The kernel's mounts: mount(2), umount2(2) and /proc/self/mountinfo."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

_MS_REMOUNT = 32
_MS_BIND = 4096
_MS_REC = 16384
_MS_RDONLY = 1
_MNT_DETACH = 2
_UMOUNT_NOFOLLOW = 8

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: Path, kind: str, options: str = "") -> None:
    """Mount a file system of type `kind`, such as tmpfs. Raises OSError."""
    _mount(source, target, kind, 0, options)


def bind(source: str, target: Path, *, recursive: bool = False, read_only: bool = False) -> None:
    """Show the file or folder `source` at `target` too. Raises OSError."""
    flags = _MS_BIND | (_MS_REC if recursive else 0)
    _mount(source, target, "", flags, "")
    if read_only:
        _mount("", target, "", flags | _MS_REMOUNT | _MS_RDONLY, "")


def unmount(target: Path) -> None:
    """Take the topmost mount off `target`, at once or when its last user is gone. Raises OSError."""
    if _libc.umount2(os.fsencode(target), _UMOUNT_NOFOLLOW) == 0:
        return
    if _libc.umount2(os.fsencode(target), _MNT_DETACH | _UMOUNT_NOFOLLOW) != 0:
        raise _os_error(target)


def mount_points(under: Path) -> Sequence[Path]:
    """List the mount points at or below `under`, the newest first, so that they can be unmounted in this order."""
    prefix = f"{under}/"
    found = [point for line in Path("/proc/self/mountinfo").read_text().splitlines() if (point := _unescape(line.split(" ", 5)[4]))]
    return [Path(point) for point in reversed(found) if f"{point}/".startswith(prefix)]


def is_mount_point(path: Path) -> bool:
    """Say whether something is mounted exactly there; bind mounts of the same file system count."""
    return path in mount_points(path)


def _mount(source: str, target: Path, kind: str, flags: int, options: str) -> None:
    arguments = (source.encode() or None, os.fsencode(target), kind.encode() or None, ctypes.c_ulong(flags), options.encode() or None)
    if _libc.mount(*arguments) != 0:
        raise _os_error(target)


def _os_error(target: Path) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), str(target))


def _unescape(text: str) -> str:
    # mountinfo writes blanks and backslashes of a path as octal escapes
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text
