"""/debug/api_priority_and_fairness/: what the levels, their queues and their requests are doing, as upstream's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from sagong.api.clock import Clock
from sagong.server.exchange import Exchange
from sagong.server.flowcontrol.fairness import Seat
from sagong.server.flowcontrol.levels import Levels
from sagong.server.flowcontrol.queues import Ticket
from sagong.server.messages import TEXT, Answer, Response, page_not_found

PATH = "/debug/api_priority_and_fairness/"
_LEVELS = (
    "PriorityLevelName",
    "ActiveQueues",
    "IsIdle",
    "IsQuiescing",
    "WaitingRequests",
    "ExecutingRequests",
    "DispatchedRequests",
    "RejectedRequests",
    "TimedoutRequests",
    "CancelledRequests",
)
_QUEUES = (
    "PriorityLevelName",
    "Index",
    "PendingRequests",
    "ExecutingRequests",
    "SeatsInUse",
    "NextDispatchR",
    "InitialSeatsSum",
    "MaxSeatsSum",
    "TotalWorkSum",
)
_REQUESTS = (
    "PriorityLevelName",
    "FlowSchemaName",
    "QueueIndex",
    "RequestIndexInQueue",
    "FlowDistingsher",
    "ArriveTime",
    "InitialSeats",
    "FinalSeats",
    "AdditionalLatency",
    "StartTime",
)
_DETAILS = ("UserName", "Verb", "APIPath", "Namespace", "Name", "APIVersion", "Resource", "SubResource")
_NARROWEST = 8

Row = Sequence[str]


class Dumps:
    """The page of all three tables."""

    def __init__(self, levels: Levels, clock: Clock) -> None:
        self._levels, self._clock = levels, clock

    def __call__(self, exchange: Exchange) -> Answer:
        """Answer with the table that the path names."""
        tables: dict[str, Callable[[Exchange], Iterable[Row]]] = {
            "dump_priority_levels": lambda _: self._level_rows(),
            "dump_queues": lambda _: self._queue_rows(),
            "dump_requests": self._request_rows,
        }
        rows = tables.get(exchange.info.path.removeprefix(PATH))
        return page_not_found() if rows is None else Response(table(list(rows(exchange))).encode(), content_type=TEXT)

    def _level_rows(self) -> Iterator[Row]:
        yield _LEVELS
        for name, level in sorted(self._levels.levels.items()):
            queues, tally = level.queues, level.queues.tally
            active = sum(1 for queue in queues.queues if queue.waiting)
            counts = (queues.waiting, len(queues.running), tally.dispatched, tally.rejected, tally.timed_out, tally.cancelled)
            yield (name, str(active), _go(queues.idle), _go(level.quiescing), *map(str, counts))

    def _queue_rows(self) -> Iterator[Row]:
        yield _QUEUES
        for name, level in sorted(self._levels.levels.items()):
            for queue in level.queues.queues:
                initial = sum(seat.width.seats for seat in _seats(queue.waiting))
                work = sum(seat.width.final * seat.width.extra for seat in _seats(queue.waiting))
                counts = (queue.index, len(queue.waiting), queue.running, queue.seats)
                yield (name, *map(str, counts), f"{queue.due:.8f}ss", str(initial), str(queue.waiting_seats), f"{work:.8f}ss")

    def _request_rows(self, exchange: Exchange) -> Iterator[Row]:
        detailed = bool(exchange.request.param("includeRequestDetails"))
        yield (*_REQUESTS, *_DETAILS) if detailed else _REQUESTS
        for name, level in sorted(self._levels.levels.items()):
            for seat, queue, place in _places(level.queues.running, [queue.waiting for queue in level.queues.queues]):
                row = (
                    name,
                    seat.flow.schema,
                    str(queue),
                    str(place),
                    seat.flow.distinguisher,
                    self._time(seat.arrived),
                    str(seat.width.seats),
                    str(seat.width.final),
                    f"{seat.width.extra * 1000:g}ms" if seat.width.extra else "0s",
                    self._time(seat.started),
                )
                yield (*row, *_details(seat.exchange)) if detailed else row

    def _time(self, moment: float) -> str:
        """Return a moment of the monotonic clock as upstream prints it; what has not come is Go's zero time."""
        if moment < 0:
            return "0001-01-01T00:00:00Z"
        seconds = self._clock.now().timestamp() - self._clock.monotonic() + moment
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def table(rows: Sequence[Row]) -> str:
    """Align cells as Go's tabwriter does: a cell ends in a comma, a column is as wide as its widest, eight at least."""
    columns = max((len(row) for row in rows), default=0)
    widths = [max(_NARROWEST, *(len(row[at]) + 2 for row in rows if at < len(row) - 1), 0) for at in range(columns)]
    return "".join("".join(f"{cell},".ljust(widths[at]) for at, cell in enumerate(row[:-1])) + row[-1] + "\n" for row in rows)


def _places(running: Iterable[Ticket], waiting: Sequence[Iterable[Ticket]]) -> Iterator[tuple[Seat, int, int]]:
    for index, queue in enumerate(waiting):
        for place, seat in enumerate(_seats(queue)):
            yield seat, index, place
    for seat in _seats(running):
        yield seat, seat.queue.index if seat.queue is not None else -1, -1


def _seats(tickets: Iterable[Ticket]) -> Iterator[Seat]:
    return (ticket for ticket in tickets if isinstance(ticket, Seat))


def _details(exchange: Exchange) -> Row:
    info = exchange.info
    version = f"{info.group}/{info.version}" if info.group else info.version
    return (exchange.user.name, info.verb, info.path, info.namespace, info.name, version, info.resource, info.subresource)


def _go(value: bool) -> str:  # noqa: FBT001 - a value to print
    return "true" if value else "false"
