"""nfs: a directory of an NFS server, mounted by the host's own mount(8), which knows how to find the server and what it speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from sagong.api.types.core import NFSVolumeSource
from sagong.node.volumes import mounting
from sagong.node.volumes.errors import VolumeError

_SECONDS = 110.0


async def set_up(path: Path, source: NFSVolumeSource, options: Sequence[str] = ()) -> None:
    """Mount the source at `path` unless it is mounted there. Raises VolumeError with upstream's text, OSError."""
    if mounting.is_mount_point(path):
        return
    await asyncio.to_thread(path.mkdir, mode=0o750, parents=True, exist_ok=True)
    wanted = [*options, *(["ro"] if source.readOnly and "ro" not in options else [])]
    arguments = ["-t", "nfs", *(["-o", ",".join(wanted)] if wanted else []), f"{source.server}:{source.path}", str(path)]
    process = await asyncio.create_subprocess_exec(
        "mount", *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise VolumeError(f"mount failed: signal: killed\nMounting command: mount\nMounting arguments: {' '.join(arguments)}") from error
    if process.returncode:
        text = f"mount failed: exit status {process.returncode}\nMounting command: mount\nMounting arguments: {' '.join(arguments)}"
        raise VolumeError(f"{text}\nOutput: {output.decode(errors='replace')}")
