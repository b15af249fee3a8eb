"""A projection of part of the store, brought up to date when it is asked: no task, and never behind what is visible.

What a component derives (who may do what, which addresses are taken) is a `View` with an `apply` per key prefix. Before each
question it calls `catch_up`, which costs next to nothing when nothing has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sagong.store.base import SlowWatcherError, Store, Watch

# key, value (None: gone), revision
Apply = Callable[[str, bytes | None, int], None]


class View:
    """Feeds the live entries under some prefixes, then each change, to `apply`; `reset` comes before a (re)start."""

    def __init__(self, store: Store, apply: Mapping[str, Apply], reset: Callable[[], None], *, capacity: int = 10_000) -> None:
        self._store, self._apply, self._reset, self._capacity = store, apply, reset, capacity
        self._watches: list[tuple[Watch, Apply]] = []
        self._behind = False
        """whether a watch has something to tell"""

    def catch_up(self) -> bool:
        """Apply what has happened since the last call; say whether there was anything."""
        if not self._watches:
            self._start()
            return True
        if not self._behind:
            return False
        self._behind = changed = False
        try:
            for watch, apply in self._watches:
                for event in watch.take():
                    apply(event.key, event.value, event.revision)
                    changed = True
        except SlowWatcherError:
            self._start()
            return True
        return changed

    def close(self) -> None:
        """Stop following the store."""
        for watch, _ in self._watches:
            watch.close()
        self._watches = []

    def _fall_behind(self) -> None:
        self._behind = True

    def _start(self) -> None:
        self.close()
        self._reset()
        self._behind = True
        revision = self._store.revision
        for prefix, apply in self._apply.items():
            for entry in self._store.list(prefix):
                apply(entry.key, entry.value, entry.revision)
            watch = self._store.watch(prefix, revision, capacity=self._capacity)
            watch.notify(self._fall_behind)
            self._watches.append((watch, apply))
