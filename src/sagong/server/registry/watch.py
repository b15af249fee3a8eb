"""watch: a stream of events, rendered once for everyone who asks for the same representation.

A selector changes what a watcher sees: an object that comes to match is ADDED for it, one that ceases to is DELETED. What a
stream cannot go on with, once it began, is an ERROR event (410 Expired tells client-go to list again).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, NamedTuple

import msgspec

from sagong.api.errors import ApiError, GoneError, NotAcceptableError, ServiceUnavailableError
from sagong.api.resources import Resource
from sagong.server import status
from sagong.server.exchange import Exchange, Seat
from sagong.server.messages import JSON, Answer, Sink, Stream
from sagong.server.negotiation import PROTOBUF, YAML
from sagong.server.registry.groups import Member, View, shutting_down
from sagong.server.registry.options import ListOptions, list_options
from sagong.server.registry.read import list_prefix
from sagong.server.registry.registry import Registry
from sagong.server.registry.render import Renderer
from sagong.server.registry.selection import Selection
from sagong.store.base import CompactedError, Event, SlowWatcherError, StoreWriteError, Watch

log = logging.getLogger(__name__)

MIN_TIMEOUT = 1800
BOOKMARK_SECONDS = 60.0
INITIAL_EVENTS_END = "k8s.io/initial-events-end"
FLUSH = 64 * 1024


async def watch(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Answer with a stream of events."""
    info, request = exchange.info, exchange.request
    renderer = registry.renderer(exchange, row)
    if renderer.representation.media == YAML:
        raise NotAcceptableError(f"only the following media types are accepted: {JSON};stream=watch, {PROTOBUF};stream=watch")
    options = list_options(request, watch=True)
    chosen = registry.selection(exchange, row)
    prefix = list_prefix(row, info.namespace)
    if chosen.name is not None and (info.namespace or not row.namespaced):
        prefix += chosen.name
    scope = "resource" if info.name else "namespace" if info.namespace else "cluster"
    stream = _WatchStream(registry, row, _Asked(options, renderer, prefix, chosen, scope), exchange.seat)
    content_type = f"{PROTOBUF};stream=watch" if renderer.representation.media == PROTOBUF else JSON
    return Stream(stream.lines(), content_type=content_type, attach=stream.attach if stream.shares else None)


class _Asked(NamedTuple):
    options: ListOptions
    renderer: Renderer
    prefix: str
    selection: Selection
    scope: str


class _Until:
    """The times of a watch: of its bookmarks, and of its end."""

    def __init__(self, options: ListOptions, deadline: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._bookmarks, self._deadline = options.bookmarks, deadline
        self._bookmark_at = self._loop.time() + BOOKMARK_SECONDS

    async def comes(self, over: asyncio.Future[None]) -> bool:
        """Wait until `over` is, or for the time of a bookmark; tell whether the watch ends. Raises what `over` does."""
        try:
            async with asyncio.timeout_at(min(self._bookmark_at, self._deadline) if self._bookmarks else self._deadline):
                await asyncio.shield(over)
        except TimeoutError:
            self._bookmark_at = self._loop.time() + BOOKMARK_SECONDS
        return self._loop.time() >= self._deadline


class _WatchStream:
    """One watch under way."""

    def __init__(self, registry: Registry, row: Resource, asked: _Asked, seat: Seat | None) -> None:
        self._registry, self._row, self._seat = registry, row, seat
        self._options, self._renderer, self._prefix, selection, self._scope = options, renderer, _, _, _ = asked
        self._sent = registry.watches.sent(row)
        self._kind = row.extra.kind if row.module is None else None
        at_once = row.extra.read_events_at_once if self._kind is not None and self._kind.converter.is_plain else None
        self._view = View(selection, renderer, registry.rendered, self._sent, at_once)
        self._source: Watch | Member | None = None
        self._matcher, self._interest = selection.matcher, selection.interest if row.module is not None else None
        self._sink: Sink | None = None
        timeout = options.timeout or int(MIN_TIMEOUT * (1 + registry.random.uniform()))
        self._deadline = asyncio.get_running_loop().time() + timeout
        self._columns_sent = False

    @property
    def shares(self) -> bool:
        """Whether others may see the very same: not where reading an event can fail."""
        return self._kind is None or self._kind.converter.is_plain

    def attach(self, sink: Sink) -> None:
        """Take note of where to write what others see too."""
        self._sink = sink

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """Yield events, several to a chunk when there are several."""
        try:
            since = self._options.revision or 0
            if not await self._comes_up(since):
                return
            if not since or self._options.send_initial_events:
                since, begun = self._registry.store.revision, self._registry.clock.monotonic()
                async for chunk in self._initial(since):
                    yield chunk
                if self._options.send_initial_events:
                    self._registry.watches.listed(self._row, self._scope, self._registry.clock.monotonic() - begun)
            watch = self._registry.store.watch(self._prefix, since, interest=self._interest)
            self._begun()
        except CompactedError as error:
            old = self._options.revision or 0
            yield self._error(GoneError(f"too old resource version: {old} ({error.oldest})"))
            return
        except ApiError as error:
            yield self._error(error)
            return
        follow = self._follow_custom if self._kind is not None else self._follow_any
        try:
            async with aclosing(follow(watch)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except SlowWatcherError:
            log.info("a watcher of %s fell behind and was dropped", self._prefix)
        except ApiError as error:
            yield self._error(error)
        finally:
            watch.close()

    def _begun(self) -> None:
        """Give the seat back: from here on a watch costs little."""
        if self._seat is not None:
            self._seat.release()

    async def _comes_up(self, revision: int) -> bool:
        """Wait for a revision that has not been written yet; tell whether it came before the watch is over. Raises TimeoutApiError."""
        if self._options.send_initial_events:
            await self._registry.wait_fresh(revision)
            return True
        if revision <= self._registry.store.revision:
            return True
        self._begun()
        try:
            async with asyncio.timeout_at(self._deadline):
                await self._registry.store.wait_revision(revision)
        except (TimeoutError, StoreWriteError):
            return False
        return True

    async def _initial(self, revision: int) -> AsyncGenerator[bytes, None]:
        buffer: list[bytes] = []
        size = 0
        entries = self._registry.store.list(self._prefix) if self._wants_initial else ()
        if self._row.module is None:
            entries = await self._row.extra.read(entries)
        for entry in entries:
            if self._matcher is None or self._matcher(entry.key, entry.value, entry.revision):
                buffer.append(self._line(b"ADDED", entry.value, entry.revision))
                self._sent.events += 1
                size += len(buffer[-1])
                if size > FLUSH:
                    yield b"".join(buffer)
                    buffer, size = [], 0
        if self._options.send_initial_events and self._options.bookmarks:
            buffer.append(self._bookmark(revision, {INITIAL_EVENTS_END: "true"}))
        if buffer:
            yield b"".join(buffer)

    @property
    def _wants_initial(self) -> bool:
        asked = self._options.send_initial_events
        return asked if asked is not None else True

    async def _follow_custom(self, watch: Watch) -> AsyncGenerator[bytes, None]:
        """Follow until the definition of the resource changes."""
        kind = self._row.extra.kind
        self._source = watch
        kind.begin_watch(self)
        try:
            async with aclosing(self._follow_any(watch)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except ServiceUnavailableError:
            if not kind.retired:
                raise
        finally:
            kind.end_watch(self)

    def close(self) -> None:
        """End because the definition of the resource has changed."""
        if self._source is not None:
            self._source.close()

    async def _follow_any(self, watch: Watch) -> AsyncGenerator[bytes, None]:
        """Follow alone, or with others as soon as they see the same: not before the first table has been sent."""
        if self._sink is None or (self._renderer.representation.target == "Table" and not self._columns_sent):
            async with aclosing(self._follow(watch)) as chunks:
                async for chunk in chunks:
                    yield chunk
        if self._sink is not None:
            async with aclosing(self._follow_shared(watch, self._sink)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _follow_shared(self, watch: Watch, sink: Sink) -> AsyncGenerator[bytes, None]:
        """Follow alone until all that there is has been sent, then with the others who see the same."""
        store, groups, until = self._registry.store, self._registry.groups, _Until(self._options, self._deadline)
        member: Member | None = None
        try:
            while True:
                while batch := watch.take(FLUSH):
                    if lines := self._view.lines(batch):
                        self._sent.events += len(lines)
                        yield b"".join(lines)
                if watch.ended:
                    raise shutting_down()
                member = self._source = groups.join(self._prefix, self._view, sink)
                watch.close()
                while not member.lags:
                    if await until.comes(member.over):
                        return
                    member.group.flush()
                    if not member.over.done():
                        yield self._bookmark(store.revision)
                try:
                    watch = self._source = store.watch(self._prefix, member.sent, interest=self._interest)
                except CompactedError as error:
                    raise SlowWatcherError(str(error)) from error
                await sink.wait_open()
        finally:
            watch.close()
            if member is not None:
                member.leave()

    async def _follow(self, watch: Watch) -> AsyncGenerator[bytes, None]:
        """Follow alone: to the end, or with a sink, until something has been sent."""
        loop = asyncio.get_running_loop()
        batches = aiter(watch)
        bookmark_at = loop.time() + BOOKMARK_SECONDS if self._options.bookmarks else self._deadline
        while self._sink is None or not self._columns_sent:
            try:
                async with asyncio.timeout_at(min(bookmark_at, self._deadline)):
                    batch = await anext(batches)
            except StopAsyncIteration:
                raise shutting_down() from None
            except TimeoutError:
                if loop.time() >= self._deadline:
                    return
                bookmark_at = loop.time() + BOOKMARK_SECONDS
                if not watch.pending:
                    yield self._bookmark(self._registry.store.revision)
                continue
            if self._row.module is None:
                batch = await self._row.extra.read_events(batch)
            lines = [line for event in batch if (line := self._event(event)) is not None]
            self._sent.events += len(lines)
            while lines:
                some = lines[: max(1, FLUSH // len(lines[0]))]
                del lines[: len(some)]
                yield b"".join(some)

    def _event(self, event: Event) -> bytes | None:
        seen = self._view.change(event)
        return self._line(*seen) if seen is not None else None

    def _line(self, kind: bytes, value: bytes, revision: int) -> bytes:
        if self._renderer.keeps:
            return self._registry.rendered.get(kind, value, revision, self._renderer)
        first, self._columns_sent = not self._columns_sent, True
        return self._renderer.event(kind, value, revision, columns=first)

    def _error(self, error: ApiError) -> bytes:
        """Return an ERROR event."""
        return self._renderer.event_of(b"ERROR", status.encode(error.status()))

    def _bookmark(self, revision: int, annotations: dict[str, str] | None = None) -> bytes:
        self._sent.events += 1
        metadata: dict[str, Any] = {"resourceVersion": str(revision)}
        if annotations:
            metadata["annotations"] = annotations
        target, version = self._renderer.representation.target, self._renderer.representation.target_version
        obj: dict[str, Any] = {"kind": self._row.kind, "apiVersion": self._row.api_version, "metadata": metadata}
        if target == "Table":
            obj = {"kind": "Table", "apiVersion": f"meta.k8s.io/{version}", "metadata": {"resourceVersion": str(revision)}}
            partial = {"kind": "PartialObjectMetadata", "apiVersion": f"meta.k8s.io/{version}", "metadata": metadata}
            obj |= {"columnDefinitions": None, "rows": [{"cells": self._renderer.empty_cells(), "object": partial}]}
        elif target:
            obj |= {"kind": "PartialObjectMetadata", "apiVersion": f"meta.k8s.io/{version}"}
        return self._renderer.event_of(b"BOOKMARK", msgspec.json.encode(obj))
