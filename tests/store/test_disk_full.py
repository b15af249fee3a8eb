"""A disk that is really full: a small tmpfs in a mount namespace of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import asyncio, os, sys
from sagong.store.base import StoreWriteError
from sagong.store.sqlite import SqliteStore

async def main(directory):
    store = await SqliteStore.open(f"{directory}/store")
    kept = []
    ballast = os.open(f"{directory}/ballast", os.O_CREAT | os.O_WRONLY)
    os.posix_fallocate(ballast, 0, 1 << 20)
    try:
        while True:
            kept.append(await store.write(f"/registry/x/{len(kept)}", os.urandom(4096), 0))
    except StoreWriteError as error:
        print(error)
    assert len(kept) == store.revision == len(store.list("/registry/")) > 100
    try:
        await store.write("/registry/y", os.urandom(4096), 0)
    except StoreWriteError:
        pass
    os.close(ballast)
    os.unlink(f"{directory}/ballast")
    more = [await store.write(f"/registry/y/{n}", os.urandom(4096), 0) for n in range(20)]
    assert more[0] > kept[-1]
    await store.close()
    store = await SqliteStore.open(f"{directory}/store")
    assert [entry.revision for entry in sorted(store.list("/registry/"), key=lambda entry: entry.revision)] == kept + more
    await store.close()
    print("recovered")

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a tmpfs")
def test_writes_fail_while_the_disk_is_full_and_nothing_is_lost(tmp_path: Path) -> None:
    mount = f"mount -t tmpfs -o size=8m none {tmp_path} && exec {sys.executable} -c '{SCRIPT}' {tmp_path}"
    result = subprocess.run(["unshare", "--mount", "sh", "-c", mount], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    refused, recovered = result.stdout.splitlines()
    assert "refuses writes (database or disk is full): free some space" in refused
    assert recovered == "recovered"
