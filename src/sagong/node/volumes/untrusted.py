"""Files that a pod has made, or may have: read, owned and removed so that no pod can reach the node's own files through them.

A container can turn a folder into a symbolic link at any moment, put a FIFO where a file was, or nest folders deeper than any path
is long. So paths are walked by open folders, links are never followed, nothing is waited for, and reads are bounded.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sagong.node.volumes.errors import VolumeError

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def open_below(root: Path, real: Path) -> Iterator[int]:
    """Open the resolved path `real` from `root` on, following no link. Yields the file descriptor (O_PATH for the last step).

    Raises OSError, and VolumeError when the path leads out of `root` or has become a link.
    """
    if not real.is_relative_to(root):
        raise VolumeError(f"subpath {real} is outside of the volume")
    handle = os.open(root, os.O_DIRECTORY)
    try:
        for name in real.relative_to(root).parts:
            inner = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = inner
            if stat.S_ISLNK(os.fstat(handle).st_mode):
                raise VolumeError(f"unexpected symlink found {real}")
        # a folder is opened anew so that entries can be made in it
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            inner = os.open(f"/proc/self/fd/{handle}", os.O_DIRECTORY)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def read_below(root: Path, relative: str, limit: int) -> bytes:
    """Return a file of the volume `root`, at most `limit` bytes; links in the volume count as long as they stay in it.

    Raises OSError for what is no regular file or is longer, VolumeError for what lies outside.
    """
    top = root.resolve(strict=True)
    real = Path(os.path.realpath(top / relative.lstrip("/")))
    with open_below(top, real) as handle:
        _check_regular(handle, real)
        with os.fdopen(os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(real))
    return data


def read_tail(path: Path, limit: int) -> bytes:
    """Return the last `limit` bytes of a regular file. Raises OSError for anything else, a symbolic link too."""
    with os.fdopen(os.open(path, _READ), "rb") as file:
        _check_regular(file.fileno(), path)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - limit))
        return file.read(limit)


def remove_tree(path: Path) -> None:
    """Remove a folder with everything in it, however deep; does nothing when it is not there. Raises OSError."""
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        if path.exists():
            raise
    except (RecursionError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (errno.ENAMETOOLONG, errno.EMFILE):
            raise
        _flatten(path)
        shutil.rmtree(path)


def every_entry(root: Path, *, one_device: bool = False) -> Iterator[tuple[int, str, os.stat_result]]:
    """Yield every entry below `root`, folders before what is in them, as an open folder, a name in it and its status.

    No link is followed. One folder is open at a time, so neither depth nor breadth matters; it is open until the next entry is
    asked for. What vanishes meanwhile is left out, with `one_device` also what is mounted there. Raises OSError, also when a folder is
    moved away while it is being read.
    """
    folder = os.open(root, _FOLDER)
    device = os.fstat(folder).st_dev
    above: list[tuple[tuple[int, int], list[str]]] = []
    names = _names(folder)
    try:
        while True:
            if names:
                name = names.pop()
                try:
                    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if one_device and found.st_dev != device:
                    continue
                yield folder, name, found
                inner = _opened(folder, name) if stat.S_ISDIR(found.st_mode) else None
                if inner is not None:
                    above.append((_identity(folder), names))
                    os.close(folder)
                    folder, names = inner, _names(inner)
            elif above:
                expected, names = above.pop()
                outer = os.open("..", _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = outer
                if _identity(folder) != expected:
                    raise OSError(errno.ESTALE, "a folder was moved while it was read", str(root))
            else:
                return
    finally:
        os.close(folder)


def _opened(folder: int, name: str) -> int | None:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:  # it has become a link
            return None
        raise


def _identity(handle: int) -> tuple[int, int]:
    found = os.fstat(handle)
    return found.st_dev, found.st_ino


def _check_regular(handle: int, path: Path) -> None:
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def _flatten(path: Path) -> None:
    """Move folders within folders up to the top, one after another, so that nothing is deeper than two."""
    top = os.open(path, _FOLDER)
    try:
        number = 0
        pending = [name for name in _names(top) if _is_folder(top, name)]
        while pending:
            inner = os.open(pending.pop(), _FOLDER, dir_fd=top)
            try:
                for name in [name for name in _names(inner) if _is_folder(inner, name)]:
                    moved = f"..removed-{number}"
                    number += 1
                    os.rename(name, moved, src_dir_fd=inner, dst_dir_fd=top)
                    pending.append(moved)
            finally:
                os.close(inner)
    finally:
        os.close(top)


def _names(handle: int) -> list[str]:
    return os.listdir(handle)


def _is_folder(handle: int, name: str) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode)
