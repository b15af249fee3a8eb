"""Tells when something in a directory changes, by inotify(7) through ctypes: no thread, no polling."""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import AsyncIterator
from pathlib import Path

_CLOSE_WRITE, _MOVED, _CREATE, _DELETE, _GONE = 0x8, 0xC0, 0x100, 0x200, 0xC00
_MASK = _CLOSE_WRITE | _MOVED | _CREATE | _DELETE | _GONE
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_BUFFER = 64 * 1024
_SETTLE = 0.05
"""Seconds to wait for a burst of changes to end: an editor writes, renames and deletes."""


async def watch_directory(path: Path) -> AsyncIterator[None]:
    """Yield after each burst of changes; ends when the directory is not there or cannot be watched."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(_FLAGS)
    if descriptor < 0:
        return
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ready.set)
    try:
        if libc.inotify_add_watch(descriptor, os.fsencode(path), _MASK) < 0:
            return
        while True:
            await ready.wait()
            await _settle(descriptor, ready)
            yield
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def _settle(descriptor: int, ready: asyncio.Event) -> None:
    while ready.is_set():
        ready.clear()
        try:
            os.read(descriptor, _BUFFER)
        except BlockingIOError:
            return
        try:
            async with asyncio.timeout(_SETTLE):
                await ready.wait()
        except TimeoutError:
            return
