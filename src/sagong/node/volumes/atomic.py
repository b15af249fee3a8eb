"""A folder whose files change all at once: upstream's atomic writer.

The files of one version lie in a folder `..2026_01_02_03_04_05.123456`; `..data` is a symbolic link to it, and each name
that users see is a link through `..data`. Renaming a new `..data` over the old one swaps every file in one step:

    volume/..2026_01_02_03_04_05.123456/key
    volume/..data -> ..2026_01_02_03_04_05.123456
    volume/key    -> ..data/key
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_DATA = "..data"
_NEW_DATA = "..data_tmp"
_MAX_NAME = 255
_MAX_PATH = 4096


@dataclass(frozen=True, slots=True)
class File:
    """One file to be: its bytes, permission bits, and the owner when it must be one user's."""

    data: bytes
    mode: int
    owner: int | None = None


Payload = Mapping[str, File]


def write(target: Path, payload: Payload, now: datetime, own: Callable[[Path], None] | None = None) -> bool:
    """Make `target` show exactly `payload` (relative path -> file); say whether anything changed.

    `own` is called with the target before the swap, to set ownership. Raises ValueError for a bad path, OSError.
    """
    wanted = {_clean(path): file for path, file in payload.items()}
    link = target / _DATA
    old = target / link.readlink() if link.is_symlink() else None
    if old is not None and old.is_dir() and _same(old, wanted):
        _show(target, wanted)
        return False
    fresh = _fresh_folder(target, now)
    try:
        for path, file in wanted.items():
            _write_file(fresh / path, file)
        if own is not None:
            own(target)
        _swap(target, fresh.name)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    _show(target, wanted)
    _hide(target, wanted)
    if old is not None and old.is_dir():
        shutil.rmtree(old)
    return True


def _clean(path: str) -> str:
    parts = path.split("/")
    if not path:
        raise ValueError('invalid path: must not be empty: ""')
    if path.startswith("/"):
        raise ValueError(f"invalid path: must be relative path: {path}")
    if len(path) > _MAX_PATH:
        raise ValueError(f"invalid path: must be less than or equal to {_MAX_PATH} characters")
    if ".." in parts:
        raise ValueError(f"invalid path: must not contain '..': {path}")
    if any(len(part) > _MAX_NAME for part in parts):
        raise ValueError(f"invalid path: filenames must be less than or equal to {_MAX_NAME} characters")
    if parts[0].startswith(".."):
        raise ValueError(f"invalid path: must not start with '..': {path}")
    return str(PurePosixPath(path))


def _same(folder: Path, wanted: Mapping[str, File]) -> bool:
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    return found == wanted.keys() and all((folder / path).read_bytes() == file.data for path, file in wanted.items())


def _fresh_folder(target: Path, now: datetime) -> Path:
    stamp = now.strftime("..%Y_%m_%d_%H_%M_%S.%f")
    for attempt in range(1000):
        fresh = target / (f"{stamp}{attempt}" if attempt else stamp)
        try:
            fresh.mkdir()
        except FileExistsError:
            continue
        fresh.chmod(0o755)
        return fresh
    raise FileExistsError(str(target / stamp))


def _write_file(path: Path, file: File) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.data)
    path.chmod(file.mode)
    if file.owner is not None:
        os.lchown(path, file.owner, -1)


def _swap(target: Path, name: str) -> None:
    new = target / _NEW_DATA
    new.unlink(missing_ok=True)
    new.symlink_to(name)
    new.rename(target / _DATA)


def _top_names(wanted: Mapping[str, File]) -> set[str]:
    return {path.split("/", 1)[0] for path in wanted}


def _show(target: Path, wanted: Mapping[str, File]) -> None:
    for name in _top_names(wanted):
        link = target / name
        if not link.is_symlink() and not link.exists():
            link.symlink_to(f"{_DATA}/{name}")


def _hide(target: Path, wanted: Mapping[str, File]) -> None:
    keep = _top_names(wanted)
    for entry in target.iterdir():
        if entry.is_symlink() and entry.name not in keep and not entry.name.startswith(".."):
            entry.unlink()
