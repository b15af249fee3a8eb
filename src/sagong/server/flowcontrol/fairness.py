"""Priority and fairness at its place in the request chain: takes a seat for a request, or lets it wait for one, or turns it away."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence

from sagong.api import field_selectors
from sagong.api.clock import Clock
from sagong.api.resources import ResourceTable
from sagong.api.selectors import SelectorError
from sagong.api.types.flowcontrol import FlowSchema, PriorityLevelConfiguration
from sagong.server.exchange import Exchange
from sagong.server.flowcontrol import widths
from sagong.server.flowcontrol.levels import Flow, Levels
from sagong.server.flowcontrol.queues import Outcome, Ticket
from sagong.server.flowcontrol.widths import Width
from sagong.server.messages import TEXT, Answer, Response
from sagong.server.request_info import RequestInfo
from sagong.store.base import Store

WAIT_PART = 4  # of its time, a request may wait a quarter
MOST_WAIT_SECONDS = 60.0
SAMPLES = 8
_LIMIT_DIGITS = 19
_WRITES = ("create", "update", "patch", "delete")


def too_many(seconds: int) -> Response:
    """Return upstream's answer to a request that is one too many."""
    return Response(b"Too many requests, please try again later.\n", 429, TEXT, (("Retry-After", str(seconds)),))


class Seat(Ticket):
    """A request in its level, from its arrival until it lets go."""

    __slots__ = ("exchange", "fairness", "flow", "future", "released", "width")

    def __init__(self, flow: Flow, width: Width, exchange: Exchange, fairness: Fairness) -> None:
        super().__init__(width.most, flow.hand)
        self.flow, self.width, self.exchange = flow, width, exchange
        self.fairness, self.released = fairness, False
        self.future: asyncio.Future[None] | None = None

    def release(self) -> None:
        """Let go, once; work that the request leaves behind keeps its seats for as long as that takes."""
        if self.released:
            return
        self.released = True
        if self.width.final:
            asyncio.get_running_loop().call_later(self.width.extra, self.fairness.end, self)
        else:
            self.fairness.end(self)

    def leave(self) -> None:
        """Let go, and watch no more."""
        if self.exchange.info.verb == "watch":
            self.fairness.watching(self.exchange, -1)
        self.release()


class Fairness:
    """Every level of the server."""

    def __init__(self, store: Store, table: ResourceTable, clock: Clock, total: int) -> None:
        self._store, self._table, self._clock = store, table, clock
        self.levels = Levels(total, clock.monotonic())
        self.watches: Counter[tuple[str, str, str, str]] = Counter()

    async def __call__(self, exchange: Exchange) -> Answer | None:
        """Let the request in, at once or later, or answer that there are too many."""
        info = exchange.info
        if info.long_running and info.verb != "watch":
            return None
        flow = self.levels.flow(exchange.user, info)
        exchange.headers = flow.headers
        if flow.at_once is None:
            flow.at_once = self._at_once(info)
        if flow.at_once and not exchange.request.query_string and flow.level.queues.has_room:
            flow.stats.dispatched += 1
            return None
        seat = Seat(flow, self._width(exchange, flow), exchange, self)
        outcome = flow.level.queues.arrive(seat, self._clock.monotonic())
        if outcome is not Outcome.RUNS and (outcome is not Outcome.WAITS or not await self._wait(seat)):
            reason = "time-out" if outcome is Outcome.WAITS else str(outcome.value)
            flow.stats.rejected[reason] += 1
            exchange.terminated = True
            return too_many(flow.level.retry_after.dropped(self._clock.monotonic()))
        stats = flow.stats
        stats.dispatched += 1
        stats.executing += 1
        stats.executing_seats += seat.seats
        exchange.seat = seat
        if info.verb == "watch":
            self.watching(exchange, 1)
        return None

    def end(self, seat: Seat) -> None:
        """Take a seat back."""
        now = self._clock.monotonic()
        seat.flow.stats.finished(seat.seats, now - seat.started)
        if started := seat.flow.level.queues.finish(seat, now):
            _wake(started)

    def watching(self, exchange: Exchange, delta: int) -> None:
        """Note that a watch begins or ends: writes cost more where many watch."""
        info = exchange.info
        if not (info.resource == "pods" and _one_node(exchange)):
            key = (info.group, info.resource, info.namespace, info.name)
            self.watches[key] += delta
            if not self.watches[key]:
                del self.watches[key]

    def configure(self, configs: Iterable[PriorityLevelConfiguration], schemas: Iterable[FlowSchema]) -> None:
        """Take the configuration as it is now."""
        _wake(self.levels.configure(configs, schemas, self._clock.monotonic()))

    def adjust(self) -> None:
        """Let levels borrow and lend."""
        _wake(self.levels.adjust(self._clock.monotonic()))

    def _at_once(self, info: RequestInfo) -> bool:
        """Tell whether a request is answered without waiting for anything: nobody could see it in its seat, so that it needs none."""
        return info.verb == "get" and not info.subresource and self._table.by_path(info.group, info.version, info.resource) is not None

    async def _wait(self, seat: Seat) -> bool:
        """Wait for the turn; tell whether it came in time."""
        queues, stats = seat.flow.level.queues, seat.flow.stats
        seat.future = asyncio.get_running_loop().create_future()
        _wake(queues.dispatch(seat.arrived))
        stats.waiting += 1
        stats.waiting_seats += seat.seats
        timed_out = False
        try:
            async with asyncio.timeout(min(seat.exchange.seconds / WAIT_PART, MOST_WAIT_SECONDS)):
                await seat.future
        except TimeoutError:
            timed_out = True
        finally:
            stats.waiting -= 1
            stats.waiting_seats -= seat.seats
            now = self._clock.monotonic()
            seat.exchange.wait(now - seat.arrived)
            stats.has_waited(now - seat.arrived, served=seat.started >= 0)
            if seat.started < 0:
                _wake(queues.give_up(seat, now, timed_out=timed_out))
        return seat.started >= 0

    def _width(self, exchange: Exchange, flow: Flow) -> Width:
        info = exchange.info
        verb = info.verb
        if not info.resource_request or verb == "get":
            return widths.ONE
        if verb == "list" or (verb == "watch" and _wants_initial(exchange)):
            return self._width_of_list(exchange, flow)
        if verb in _WRITES and info.subresource != "token" and self.watches:
            return widths.of_write(self._watchers(info), widest=flow.level.widest)
        return widths.ONE

    def _width_of_list(self, exchange: Exchange, flow: Flow) -> Width:
        info = exchange.info
        row = self._table.by_path(info.group, info.version, info.resource)
        if row is None:
            return widths.ONE
        prefix = f"{row.storage_prefix}{info.namespace}/" if row.namespaced and info.namespace else row.storage_prefix
        count = self._store.count(prefix)
        if not count:
            return widths.ONE
        some = self._store.list(prefix, limit=SAMPLES)
        size = sum(len(entry.value) for entry in some) / max(len(some), 1)
        said = exchange.request.param("limit") if exchange.request.query_string else ""
        limit = int(said) if said.isascii() and said.isdecimal() and len(said) <= _LIMIT_DIGITS else 0
        return widths.of_list(count, size, limit, single=bool(info.name), widest=flow.level.widest)

    def _watchers(self, info: RequestInfo) -> int:
        namespaces, names = {"", info.namespace}, {"", info.name}
        return sum(self.watches[info.group, info.resource, namespace, name] for namespace in namespaces for name in names)


def _wake(started: Sequence[Ticket]) -> None:
    for ticket in started:
        assert isinstance(ticket, Seat)
        if ticket.future is not None and not ticket.future.done():
            ticket.future.set_result(None)


def _wants_initial(exchange: Exchange) -> bool:
    request = exchange.request
    return request.flag("sendInitialEvents") or request.param("resourceVersion") in ("", "0")


def _one_node(exchange: Exchange) -> bool:
    """Tell whether a watch of pods is a kubelet's, which the events of one node reach only."""
    if "fieldSelector" not in exchange.request.query_string:
        return False
    try:
        return field_selectors.parse(exchange.request.param("fieldSelector")).exact("spec.nodeName") is not None
    except SelectorError:
        return False
