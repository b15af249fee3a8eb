"""The kernel's mounts: mount(2), umount2(2) and /proc/self/mountinfo."""

from __future__ import annotations

import contextlib
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

_FLAGS = {"ro": _MS_RDONLY, "rw": 0, "bind": _MS_BIND, "rbind": _MS_BIND | _MS_REC, "nodev": 4, "nosuid": 2, "noexec": 8}
_MAX_OPTIONS = 4000

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


def mount_as(kind: str, source: str, options: Sequence[str], target: Path) -> None:
    """Mount as containerd describes it: a type, a source, and options of fstab, read-only or not. Raises OSError."""
    flags = sum(_FLAGS.get(option, 0) for option in options)
    rest = [option for option in options if option not in _FLAGS]
    with contextlib.ExitStack() as opened:
        text = ",".join(rest)
        if len(text) >= _MAX_OPTIONS:
            text = ",".join(_shortened(option, opened) for option in rest)
        _mount(source, target, "" if flags & _MS_BIND else kind, flags & ~_MS_RDONLY if flags & _MS_BIND else flags, text)
    if flags & _MS_BIND and flags & _MS_RDONLY:  # a bind mount is read-only only in a second step
        _mount("", target, "", flags | _MS_REMOUNT, "")


def _shortened(option: str, opened: contextlib.ExitStack) -> str:
    """Return overlayfs' list of layers with an open file for each: the kernel takes one page of options, and an image has many layers."""
    name, _, layers = option.partition("=")
    if name != "lowerdir":
        return option
    handles = [os.open(layer, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for layer in layers.split(":")]
    for handle in handles:
        opened.callback(os.close, handle)
    return "lowerdir=" + ":".join(f"/proc/self/fd/{handle}" for handle in handles)


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
