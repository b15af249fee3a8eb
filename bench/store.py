"""Measure the embedded store: `python bench/store.py [directory]` prints JSON. Times are milliseconds, rates per second."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from sagong.store.sqlite import SqliteStore

VALUE = b"x" * 1024


async def one_writer(store: SqliteStore, writes: int) -> dict[str, float]:
    times = []
    for number in range(writes):
        start = time.perf_counter()
        await store.write(f"/registry/configmaps/one/{number}", VALUE, 0)
        times.append(1000 * (time.perf_counter() - start))
    times.sort()
    return {"median_ms": statistics.median(times), "p99_ms": times[int(writes * 0.99)], "writes_per_second": 1000 * writes / sum(times)}


async def many_writers(store: SqliteStore, writers: int, each: int) -> dict[str, float]:
    async def write(writer: int) -> None:
        revision = 0
        for _ in range(each):
            revision = await store.write(f"/registry/configmaps/many/{writer}", VALUE, revision)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for writer in range(writers):
            group.create_task(write(writer))
    return {"writers": writers, "writes_per_second": writers * each / (time.perf_counter() - start)}


async def fan_out(store: SqliteStore, watchers: int, writes: int) -> dict[str, float]:
    watches = [store.watch("/registry/leases/", store.revision) for _ in range(watchers)]

    async def read(index: int) -> None:
        seen = 0
        async for batch in watches[index]:
            seen += len(batch)
            if seen == writes:
                return

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for index in range(watchers):
            group.create_task(read(index))
        for number in range(writes):
            group.create_task(store.write(f"/registry/leases/{number}", VALUE, 0))
    return {"watchers": watchers, "events_per_second": watchers * writes / (time.perf_counter() - start)}


async def opening(path: Path, objects: int) -> dict[str, float]:
    store = await SqliteStore.open(path)
    for first in range(0, objects, 500):
        await asyncio.gather(*(store.write(f"/registry/pods/default/pod-{n:06}", VALUE * 2, 0) for n in range(first, first + 500)))
    await store.compact(store.revision)
    await store.close()
    start = time.perf_counter()
    store = await SqliteStore.open(path)
    opened = time.perf_counter()
    listed = len(store.list("/registry/pods/"))
    took = time.perf_counter() - opened
    await store.close()
    return {"objects": listed, "open_ms": 1000 * (opened - start), "list_all_ms": 1000 * took}


async def main(directory: str) -> None:
    store = await SqliteStore.open(Path(directory) / "store")
    result = {
        "one_writer": await one_writer(store, 1000),
        "64_writers": await many_writers(store, 64, 200),
        "fan_out": await fan_out(store, 200, 500),
    }
    await store.close()
    result["open"] = await opening(Path(directory) / "large", 10_000)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as scratch:
        uvloop.run(main(scratch))
