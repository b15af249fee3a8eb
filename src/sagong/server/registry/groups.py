"""Watchers who see the same, served together: what they share is read, rendered and framed once, and written to each connection.

A watcher begins alone. When it has seen all that there is, it joins the group of those with the same prefix, selection and representation:

    alone --(has seen all)--> in the group --(its client does not take what is written)--> alone, from where it was

So a group is never behind for one of its members' sake. Many events wait for a write, not a write for each event: a group whose
members are many writes less often when there is much to write, and at once when there has been nothing for a while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from sagong.api.errors import ServiceUnavailableError
from sagong.server.messages import Sink
from sagong.server.registry.render import RenderCache, Renderer
from sagong.server.registry.selection import Selection
from sagong.server.registry.watch_metrics import Sent
from sagong.store.base import Event, Interest, SlowWatcherError, Store, Watch

log = logging.getLogger(__name__)

Read = Callable[[Sequence[Event]], Sequence[Event]]

BATCH = 256 * 1024
WRITE_COST = 0.0001  # seconds between writes of a group for each member: a write takes about a quarter of that
LONGEST_WAIT = 0.05
AT_ONCE = 0.001  # what timers cannot tell from now


def shutting_down() -> ServiceUnavailableError:
    """Return what a watch ends with when the store is closed."""
    return ServiceUnavailableError("the server is shutting down")


class View:
    """What a watcher sees of changes: which, and as what. What was `sent` is counted for all who watch the resource.

    `read` brings changes of custom resources into the watcher's version, where that can be done at once.
    """

    def __init__(self, selection: Selection, renderer: Renderer, rendered: RenderCache, sent: Sent, read: Read | None = None) -> None:
        self.selection, self.renderer, self._rendered, self.sent, self._read = selection, renderer, rendered, sent, read

    @property
    def interest(self) -> Interest | None:
        """What changes must be about to concern the watcher; of custom resources, that is not known before they are read."""
        return self.selection.interest if self._read is None else None

    @property
    def key(self) -> tuple[Any, ...]:
        """What is the same where the same is seen."""
        return (self.selection.key, self.renderer.key)

    def lines(self, events: Sequence[Event]) -> list[bytes]:
        """Return changes as the watcher's events."""
        if self._read is not None:
            events = self._read(events)
        return [self._rendered.get(*seen, self.renderer) for event in events if (seen := self.change(event)) is not None]

    def change(self, event: Event) -> tuple[bytes, bytes, int] | None:
        """Return kind, value and revision of a change; None when it does not concern the watcher."""
        value, previous, matcher = event.value, event.previous, self.selection.matcher
        now = value is not None and (matcher is None or matcher(event.key, value, event.revision))
        before = previous is not None and (matcher is None or matcher(event.key, previous, event.previous_revision))
        if now and value is not None:
            return b"MODIFIED" if before else b"ADDED", value, event.revision
        if before and previous is not None:
            return b"DELETED", previous, event.revision
        return None


class Member:
    """A watcher in a group. `over` is done when it has left: with an error, or because it lags; what it has been `sent` is known then."""

    def __init__(self, group: Group, sink: Sink) -> None:
        self.group, self.sink = group, sink
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lags = False
        self.sent = 0

    def lag(self, sent: int) -> None:
        """Leave because the client has not taken what was written: everything up to the revision `sent`."""
        self.lags, self.sent = True, sent
        self.leave()

    def close(self) -> None:
        """Leave because what was watched is there no more."""
        self.leave(shutting_down())

    def leave(self, error: Exception | None = None) -> None:
        """Leave the group; again does nothing."""
        self.group.drop(self)
        if not self.over.done():
            if error is None:
                self.over.set_result(None)
            else:
                self.over.set_exception(error)
                self.over.exception()  # whoever waited may be gone


class Group:
    """Watchers who see the same."""

    def __init__(self, store: Store, prefix: str, view: View, forget: Callable[[], None]) -> None:
        self._store, self._view, self._forget = store, view, forget
        self._watch: Watch = store.watch(prefix, store.revision, interest=view.interest)
        self._watch.notify(self._wake)
        self._members: dict[Member, None] = {}
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle | None = None
        self._not_before = 0.0
        self._sent = store.revision

    def join(self, sink: Sink) -> Member:
        """Take in a watcher that has seen everything that is visible."""
        self.flush()
        member = Member(self, sink)
        self._members[member] = None
        return member

    def drop(self, member: Member) -> None:
        """Let a member go; without any, the group ends."""
        if self._members.pop(member, self) is None and not self._members:
            self._end()

    def flush(self) -> None:
        """Write what is there to everybody now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            while self._watch.pending and self._members:
                self._write(self._watch.take(BATCH))
            self._sent = self._store.revision
            if self._members and self._watch.ended:
                self._watch.take()  # says so if it is an error
                self._fail(shutting_down())
        except SlowWatcherError as error:
            self._fail(error)
        except Exception as error:  # what goes wrong is told to each member, where it is dealt with
            log.exception("a group of watchers")
            self._fail(error)
        self._not_before = self._loop.time() + min(WRITE_COST * len(self._members), LONGEST_WAIT)

    def _write(self, events: Sequence[Event]) -> None:
        """Write to all members; those whose clients do not take it leave."""
        before, self._sent = self._sent, events[-1].revision if self._watch.pending else self._store.revision
        lines = self._view.lines(events)
        if not lines:
            return
        data = lines[0] if len(lines) == 1 else b"".join(lines)
        framed: dict[Callable[[bytes], bytes], bytes] = {}
        lagging = []
        for member in self._members:
            sink = member.sink
            if sink.closed:
                lagging.append((member, before))
                continue
            chunk = framed.get(sink.framing)
            if chunk is None:
                chunk = framed[sink.framing] = sink.framing(data)
            sink.write(chunk)
            self._view.sent.events += len(lines)
            if sink.closed:
                lagging.append((member, self._sent))
        for member, sent in lagging:
            member.lag(sent)

    def _wake(self) -> None:
        if self._timer is None:
            wait = self._not_before - self._loop.time()
            self._timer = self._loop.call_soon(self.flush) if wait < AT_ONCE else self._loop.call_later(wait, self.flush)

    def _fail(self, error: Exception) -> None:
        for member in tuple(self._members):
            member.leave(error)
        self._end()

    def _end(self) -> None:
        self._forget()
        self._watch.notify(_nothing)
        self._watch.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Groups:
    """The groups that there are."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._groups: dict[tuple[Any, ...], Group] = {}

    def join(self, prefix: str, view: View, sink: Sink) -> Member:
        """Take a watcher that has seen everything that is visible into its group."""
        key = (prefix, *view.key)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(self._store, prefix, view, lambda: self._forget(key, group))
        return group.join(sink)

    def _forget(self, key: tuple[Any, ...], group: Group | None) -> None:
        if self._groups.get(key) is group:
            del self._groups[key]


def _nothing() -> None:
    """Do nothing: the watch has been given up."""
