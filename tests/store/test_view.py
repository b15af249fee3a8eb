"""A projection is as new as the store whenever it is asked, and looks at nothing when nothing has happened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sagong.store.sqlite import SqliteStore
from sagong.store.view import View


class Names:
    """The values by key; how often it began anew."""

    def __init__(self, store: SqliteStore, capacity: int) -> None:
        self.found: dict[str, bytes] = {}
        self.resets = 0
        self.view = View(store, {"/registry/a/": self._apply, "/registry/b/": self._apply}, self._reset, capacity=capacity)

    def _apply(self, key: str, value: bytes | None, _revision: int) -> None:
        if value is None:
            del self.found[key]
        else:
            self.found[key] = value

    def _reset(self) -> None:
        self.found.clear()
        self.resets += 1


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(directory / "store", durable=False)
    try:
        yield store
    finally:
        await store.close()


async def test_each_change_is_seen_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        first = await store.write("/registry/a/x", b"1", 0)
        names = Names(store, 10)
        assert names.view.catch_up()
        assert names.found == {"/registry/a/x": b"1"}
        names.view.catch_up()
        assert not names.view.catch_up()
        await store.write("/registry/c/x", b"1", 0)
        assert not names.view.catch_up()
        await store.write("/registry/b/y", b"2", 0)
        await store.write("/registry/a/x", None, first)
        assert names.view.catch_up()
        assert names.found == {"/registry/b/y": b"2"}
        assert not names.view.catch_up()
        assert names.resets == 1


async def test_more_changes_than_are_kept_begin_it_anew(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        names = Names(store, 2)
        names.view.catch_up()
        for number in range(5):
            await store.write(f"/registry/a/{number}", b"1", 0)
        assert names.view.catch_up()
        assert len(names.found) == 5
        assert names.resets == 2
        await store.write("/registry/a/5", b"1", 0)
        assert names.view.catch_up()
        assert len(names.found) == 6
        assert names.resets == 2


async def test_one_that_was_closed_begins_anew_when_it_is_asked(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        names = Names(store, 10)
        names.view.catch_up()
        names.view.close()
        await store.write("/registry/a/x", b"1", 0)
        assert names.view.catch_up()
        assert names.found == {"/registry/a/x": b"1"}
