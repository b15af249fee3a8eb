from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from sagong.store.base import (
    CompactedError,
    Event,
    FutureRevisionError,
    RevisionMismatchError,
    SlowWatcherError,
    StoreClosedError,
    StoreWriteError,
    Watch,
    Write,
)
from sagong.store.sqlite import SqliteStore

A, B, C = "/registry/pods/default/a", "/registry/pods/default/b", "/registry/pods/kube-system/c"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store"


async def take(watch: Watch, count: int) -> Sequence[Event]:
    events: list[Event] = []
    async with asyncio.timeout(20):
        async for batch in watch:
            events += batch
            if len(events) >= count:
                break
    return events


async def test_a_write_is_visible_once_it_is_acknowledged(path: Path) -> None:
    store = await SqliteStore.open(path)
    task = asyncio.create_task(store.write(A, b"1", 0))
    await asyncio.sleep(0)
    assert store.get(A) is None
    assert await task == 1
    entry = store.get(A)
    assert entry is not None
    assert (entry.value, entry.revision, entry.created) == (b"1", 1, 1)
    assert await store.write(A, b"2", 1) == 2
    entry = store.get(A)
    assert entry is not None
    assert (entry.value, entry.revision, entry.created) == (b"2", 2, 1)
    await store.close()


async def test_a_mismatch_names_the_live_entry(path: Path) -> None:
    store = await SqliteStore.open(path)
    await store.write(A, b"1", 0)
    with pytest.raises(RevisionMismatchError) as absent:
        await store.write(B, b"1", 7)
    assert absent.value.current is None
    with pytest.raises(RevisionMismatchError) as other:
        await store.write(A, None, 0)
    assert other.value.current == store.get(A)
    with pytest.raises(ValueError, match="nothing to delete"):
        await store.write(B, None, 0)
    await store.close()


async def test_writes_to_one_key_follow_each_other_into_one_sync(path: Path) -> None:
    store = await SqliteStore.open(path)
    first = asyncio.create_task(store.write(A, b"1", 0))
    await asyncio.sleep(0)
    with pytest.raises(RevisionMismatchError) as mismatch:
        await store.write(A, b"x", 0)
    assert mismatch.value.current is not None
    assert mismatch.value.current.revision == 1
    assert not first.done()
    second = asyncio.create_task(store.write(A, b"2", 1))
    third = asyncio.create_task(store.write(A, None, 2))
    assert [await first, await second, await third] == [1, 2, 3]
    assert store.get(A) is None
    await store.close()


async def test_lists_are_in_key_order_from_a_start_up_to_a_limit(path: Path) -> None:
    store = await SqliteStore.open(path)
    for key in (C, B, A):
        await store.write(key, b"", 0)
    keys = [entry.key for entry in store.list("/registry/pods/")]
    assert keys == [A, B, C]
    assert [entry.key for entry in store.list("/registry/pods/default/", start=B)] == [B]
    assert [entry.key for entry in store.list("/registry/pods/", limit=2)] == [A, B]
    assert [entry.key for entry in store.list("/registry/pods/", start=A + "\0", limit=1)] == [B]
    assert (store.count("/registry/pods/"), store.count("/registry/pods/default/"), store.count("/registry/nodes/")) == (3, 2, 0)
    await store.close()


async def test_an_earlier_revision_can_be_listed_until_it_is_compacted(path: Path) -> None:
    store = await SqliteStore.open(path)
    await store.write_all([Write(A, b"1", 0), Write(B, b"2", 0)])
    await store.write(A, b"3", 1)
    await store.write(B, None, 2)
    await store.write(C, b"5", 0)
    assert [(e.key, e.value, e.revision) for e in store.list_at("/registry/pods/", 2)] == [(A, b"1", 1), (B, b"2", 2)]
    assert [(e.key, e.value) for e in store.list_at("/registry/pods/", 3, start=A + "\0", limit=1)] == [(B, b"2")]
    assert store.list_at("/registry/pods/", 5) == store.list("/registry/pods/")
    with pytest.raises(FutureRevisionError):
        store.list_at("/registry/pods/", 6)
    await store.compact(3)
    with pytest.raises(CompactedError) as compacted:
        store.list_at("/registry/pods/", 2)
    assert compacted.value.oldest == store.oldest == 3
    assert [e.key for e in store.list_at("/registry/pods/", 3)] == [A, B]
    await store.close()


async def test_a_watch_gives_the_kept_log_first_then_what_comes(path: Path) -> None:
    store = await SqliteStore.open(path)
    await store.write(A, b"1", 0)
    await store.write(A, b"2", 1)
    watch = store.watch("/registry/pods/default/", 1)
    await store.write(C, b"3", 0)
    await store.write(A, None, 2)
    assert await take(watch, 2) == [Event(A, b"2", 2, b"1", 1), Event(A, None, 4, b"2", 2)]
    one = store.watch(B, 4)
    await store.write(B + "b", b"", 0)
    await store.write(B, b"", 0)
    assert [event.revision for event in await take(one, 2)] == [5, 6]
    with pytest.raises(FutureRevisionError):
        store.watch("/registry/", 7)
    await store.compact(2)
    with pytest.raises(CompactedError):
        store.watch("/registry/", 1)
    await store.close()
    with pytest.raises(StopAsyncIteration):
        await anext(aiter(watch))


async def test_a_slow_watcher_loses_its_own_stream_only(path: Path) -> None:
    store = await SqliteStore.open(path)
    slow, quick = store.watch("/registry/", 0, capacity=2), store.watch("/registry/", 0)
    for number in range(3):
        await store.write(f"{A}{number}", b"", 0)
    with pytest.raises(SlowWatcherError):
        await anext(aiter(slow))
    assert len(await take(quick, 3)) == 3
    slow.close()
    await store.close()


async def test_a_batch_is_done_whole_or_not_at_all(path: Path) -> None:
    store = await SqliteStore.open(path)
    with pytest.raises(RevisionMismatchError):
        await store.write_all([Write(A, b"1", 0), Write(B, b"2", 9)])
    assert store.revision == 0
    assert await store.write_all([Write(f"/registry/x/{n}", b"", 0) for n in range(1000)]) == 1000
    assert store.count("/registry/x/") == 1000
    assert await store.write_all([]) == 1000
    await store.close()


async def test_what_was_there_is_there_after_reopening(path: Path) -> None:
    store = await SqliteStore.open(path)
    await store.write(A, b"1", 0)
    await store.write(B, b"2", 0)
    await store.write(A, b"3", 1)
    await store.write(B, None, 2)
    await store.compact(2)
    await store.close()
    store = await SqliteStore.open(path)
    assert (store.revision, store.oldest) == (4, 2)
    entry = store.get(A)
    assert entry is not None
    assert (entry.value, entry.revision, entry.created) == (b"3", 3, 1)
    assert await take(store.watch("/registry/", 2), 2) == [Event(A, b"3", 3, b"1", 1), Event(B, None, 4, b"2", 2)]
    await store.close()


async def test_compaction_deletes_rows_and_never_gives_a_revision_twice(path: Path) -> None:
    store = await SqliteStore.open(path)
    revision = 0
    for _ in range(5):
        revision = await store.write(A, b"x", revision)
    await store.write(A, None, revision)
    await store.compact(6)
    await store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM log").fetchone() == (0,)
    connection.close()
    store = await SqliteStore.open(path)
    assert await store.write(B, b"", 0) == 7
    await store.close()


async def test_rows_that_an_interrupted_compaction_left_go_at_the_next_opening(path: Path) -> None:
    store = await SqliteStore.open(path)
    await store.write(A, b"1", 0)
    await store.write(A, b"2", 1)
    await store.write(B, b"3", 0)
    await store.write(B, None, 3)
    await store.close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = 4")
    connection.commit()
    connection.close()
    store = await SqliteStore.open(path)
    assert [entry.key for entry in store.list("/registry/")] == [A]
    await store.compact(4)
    await store.close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT revision FROM log").fetchall() == [(2,)]
    connection.close()


async def test_a_revision_can_be_waited_for(path: Path) -> None:
    store = await SqliteStore.open(path)
    waiting = asyncio.create_task(store.wait_revision(2))
    await store.write(A, b"", 0)
    assert not waiting.done()
    await store.write(B, b"", 0)
    await waiting
    forever = asyncio.create_task(store.wait_revision(99))
    await asyncio.sleep(0)
    await store.close()
    with pytest.raises(StoreClosedError):
        await forever
    with pytest.raises(StoreClosedError):
        await store.write(A, b"", 1)


async def test_closing_finishes_the_writes_under_way(path: Path) -> None:
    store = await SqliteStore.open(path)
    writes = [asyncio.create_task(store.write(f"{A}{n}", b"", 0)) for n in range(100)]
    await asyncio.sleep(0)
    await store.close()
    assert [await write for write in writes] == list(range(1, 101))


async def test_history_is_bounded_by_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagong.store.sqlite.HISTORY_EVENTS", 100)
    store = await SqliteStore.open(path)
    for number in range(150):
        await store.write(f"{A}{number}", b"", 0)
    assert 25 <= store.oldest <= 75
    assert store.count("/registry/") == 150
    await store.close()


async def test_a_full_medium_refuses_writes_and_takes_them_again_when_there_is_space(path: Path) -> None:
    store = await SqliteStore.open(path)
    await store.write(A, b"1", 0)
    connection = store._writer._file._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    big = asyncio.create_task(store.write(B, b"x" * 100_000, 0))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(store.wait_revision(2))
    behind = asyncio.create_task(store.write(B, b"y", 2))
    for task in (big, behind, waiting):
        with pytest.raises(StoreWriteError):
            await task
    with pytest.raises(StoreWriteError, match="free some space"):
        await store.write(B, b"x" * 100_000, 0)
    assert [entry.value for entry in store.list("/registry/")] == [b"1"]
    connection.execute("PRAGMA max_page_count = 100000")
    revision = await store.write(B, b"x" * 100_000, 0)
    assert revision > 3
    await store.close()
    store = await SqliteStore.open(path)
    assert [entry.revision for entry in store.list("/registry/")] == [1, revision]
    await store.close()
