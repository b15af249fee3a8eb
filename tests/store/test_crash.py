"""kill -9 during writes, on real processes: what was acknowledged is there, no revision is given twice."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from sagong.store.sqlite import SqliteStore

ROUNDS = 10

# Writes without end through 8 writers; prints each acknowledgment as "key revision".
WRITER = """
import asyncio, sys
from sagong.store.sqlite import SqliteStore

async def writer(store, me):
    key = f"/registry/x/{me}"
    entry = store.get(key)
    revision, number = (entry.revision, int(entry.value)) if entry else (0, 0)
    while True:
        number += 1
        revision = await store.write(key, str(number).encode(), revision)
        print(me, number, revision, flush=True)
        if number % 50 == 0:
            await store.compact(revision - 20)

async def main():
    store = await SqliteStore.open(sys.argv[1])
    print("open", 0, store.revision, flush=True)
    async with asyncio.TaskGroup() as group:
        for me in range(8):
            group.create_task(writer(store, me))

asyncio.run(main())
"""


async def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    path, output = tmp_path / "store", tmp_path / "acknowledged"
    last: dict[str, tuple[int, int]] = {}
    given: set[int] = set()
    for round_ in range(ROUNDS):
        with output.open("w") as file:
            process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=file)
        while output.read_text().count("\n") < 20 and process.poll() is None:
            time.sleep(0.002)
        time.sleep(0.003 * round_)
        process.kill()
        process.wait()
        opened, *acknowledged = [line.split() for line in output.read_text().splitlines(keepends=True) if line.endswith("\n")]
        assert int(opened[2]) >= max((revision for _, revision in last.values()), default=0)
        assert acknowledged
        for writer, number, revision in acknowledged:
            assert int(revision) not in given
            given.add(int(revision))
            last[writer] = (int(number), int(revision))
    store = await SqliteStore.open(path)
    for writer, (count, newest) in last.items():
        entry = store.get(f"/registry/x/{writer}")
        assert entry is not None
        assert entry.revision >= newest
        assert 0 <= int(entry.value) - count <= 1
    await store.close()
