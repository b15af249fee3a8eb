"""The compiled form of Sagong's modules, kept up to date by whoever may write it.

The containers of kube-system see the source read-only: after an update each of their processes would compile what it imports, each time.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

_HEADER = 16


def refresh(root: Path) -> subprocess.Popen[bytes] | None:
    """Compile what is stale below `root` in a process that takes what the others leave; None when nothing is."""
    if all(is_current(path) for path in root.rglob("*.py")):
        return None
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        ["nice", "-n", "19", sys.executable, "-P", "-m", "compileall", "-q", str(root)],  # noqa: S607 - any nice will do
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )


def is_current(source: Path) -> bool:
    """Tell whether a module's compiled form is of this source, by time and size as the interpreter does (PEP 552: or by hash)."""
    try:
        with Path(importlib.util.cache_from_source(str(source))).open("rb") as file:
            header = file.read(_HEADER)
        found = source.stat()
    except OSError:
        return False
    if len(header) < _HEADER or header[:4] != importlib.util.MAGIC_NUMBER:
        return False
    hashed, time, size = (int.from_bytes(header[at : at + 4], "little") for at in (4, 8, 12))
    return bool(hashed) or (time, size) == (int(found.st_mtime) & 0xFFFFFFFF, found.st_size & 0xFFFFFFFF)
