"""The store against a dict that keeps its whole history; watchers that reconnect at any point rebuild exactly the list."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sagong.store.base import CompactedError, RevisionMismatchError, Write
from sagong.store.sqlite import SqliteStore

State = dict[str, tuple[bytes, int, int]]  # key: value, revision, created
KEYS = [f"/registry/{kind}/{name}" for kind in ("pods/ns1", "pods/ns2", "nodes") for name in ("a", "b", "aa")]
PREFIXES = ["/registry/", "/registry/pods/", "/registry/pods/ns1/", "/registry/nodes/a"]
keys, values, prefixes = st.sampled_from(KEYS), st.binary(max_size=3), st.sampled_from(PREFIXES)


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = tempfile.TemporaryDirectory()
        self.history: dict[int, State] = {0: {}}
        self.oldest = 0
        self.watchers: dict[str, tuple[int, State]] = {}
        self.open()

    def open(self) -> None:
        self.store = self.loop.run_until_complete(SqliteStore.open(Path(self.directory.name) / "store", durable=False))

    def teardown(self) -> None:
        self.loop.run_until_complete(self.store.close())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        self.directory.cleanup()

    @property
    def newest(self) -> int:
        return max(self.history)

    @property
    def live(self) -> State:
        return self.history[self.newest]

    def record(self, key: str, value: bytes | None) -> None:
        revision, state = self.newest + 1, dict(self.live)
        if value is None:
            del state[key]
        else:
            state[key] = (value, revision, state[key][2] if key in state else revision)
        self.history[revision] = state

    def expected(self, key: str) -> int:
        return self.live[key][1] if key in self.live else 0

    @rule(key=keys, value=values)
    def put(self, key: str, value: bytes) -> None:
        assert self.loop.run_until_complete(self.store.write(key, value, self.expected(key))) == self.newest + 1
        self.record(key, value)

    @rule(key=keys)
    def delete(self, key: str) -> None:
        if key in self.live:
            self.loop.run_until_complete(self.store.write(key, None, self.expected(key)))
            self.record(key, None)

    @rule(key=keys, wrong=st.integers(1, 50))
    def mismatch(self, key: str, wrong: int) -> None:
        if wrong != self.expected(key):
            with pytest.raises(RevisionMismatchError) as error:
                self.loop.run_until_complete(self.store.write(key, b"", wrong))
            current = error.value.current
            assert (current.revision if current else 0) == self.expected(key)

    @rule(changes=st.dictionaries(keys, values, min_size=1))
    def put_many(self, changes: dict[str, bytes]) -> None:
        writes = [Write(key, value, self.expected(key)) for key, value in changes.items()]
        assert self.loop.run_until_complete(self.store.write_all(writes)) == self.newest + len(writes)
        for key, value in changes.items():
            self.record(key, value)

    @rule(key=keys, chain=st.lists(values, min_size=1, max_size=5))
    def pipeline(self, key: str, chain: list[bytes]) -> None:
        async def write() -> None:
            expected, first = self.expected(key), self.newest + 1
            expectations = [expected, *range(first, first + len(chain) - 1)]
            tasks = [self.store.write(key, value, at) for value, at in zip(chain, expectations, strict=True)]
            assert await asyncio.gather(*tasks) == list(range(first, first + len(chain)))

        self.loop.run_until_complete(write())
        for value in chain:
            self.record(key, value)

    @rule(back=st.integers(0, 10))
    def compact(self, back: int) -> None:
        self.oldest = max(self.oldest, self.newest - back)
        self.loop.run_until_complete(self.store.compact(self.oldest))

    @rule()
    def reopen(self) -> None:
        self.loop.run_until_complete(self.store.close())
        self.open()

    @rule(prefix=prefixes)
    def reconnect(self, prefix: str) -> None:
        """Resume where the watcher left off; list when the log no longer reaches back."""
        since, state = self.watchers.get(prefix, (0, {}))
        try:
            watch = self.store.watch(prefix, since)
        except CompactedError:
            state = {entry.key: (entry.value, entry.revision, entry.created) for entry in self.store.list(prefix)}
        else:
            for event in watch._queue:  # type: ignore[attr-defined] # the backlog, without waiting for more
                assert event.previous_revision == (state[event.key][1] if event.key in state else 0)
                assert event.previous == (state[event.key][0] if event.key in state else None)
                if event.value is None:
                    del state[event.key]
                else:
                    state[event.key] = (event.value, event.revision, state[event.key][2] if event.key in state else event.revision)
            watch.close()
        self.watchers[prefix] = (self.store.revision, state)
        assert state == {key: entry for key, entry in self.live.items() if key.startswith(prefix)}

    @precondition(lambda self: self.newest > 0)
    @rule(prefix=prefixes, back=st.integers(0, 20), limit=st.integers(0, 4), start=keys)
    def read_at(self, prefix: str, back: int, limit: int, start: str) -> None:
        revision = max(self.newest - back, self.oldest)
        past = [key for key in sorted(self.history[revision]) if key.startswith(prefix) and key >= start]
        listed = self.store.list_at(prefix, revision, start=start, limit=limit)
        assert [(e.key, (e.value, e.revision, e.created)) for e in listed] == [
            (key, self.history[revision][key]) for key in (past[:limit] if limit else past)
        ]
        if revision:  # 0 would be now
            assert self.store.count(prefix, start=start, revision=revision) == len(past)

    @invariant()
    def agrees(self) -> None:
        assert (self.store.revision, self.store.oldest) == (self.newest, self.oldest)
        listed = self.store.list("/registry/")
        assert [(e.key, (e.value, e.revision, e.created)) for e in listed] == sorted(self.live.items())
        assert all(self.store.count(prefix) == sum(key.startswith(prefix) for key in self.live) for prefix in PREFIXES)


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
