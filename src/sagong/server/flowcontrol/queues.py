"""Fair queuing inside one priority level, as a value machine: what comes, ends or gives up goes in, with the time; what starts comes out.

Each flow has a hand of queues and joins the least loaded of them, so that one loud flow fills few of another's. The queues are
served as if every seat were cut into slices and dealt round (fair queuing with virtual time): `progress` counts the
seat-seconds that each busy queue has been due, a queue's `due` is where its next request would start on that scale, and the
request that would end first goes first. How long a request will take is not known: it is taken to be `GUESS_SECONDS`, and the
queue's account is set right when it ends.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Sequence

from msgspec import Struct

GUESS_SECONDS = 0.003


class Shape(Struct, frozen=True):
    """How a level queues. `queues` 0: what does not fit is turned away; `unlimited`: everything fits."""

    queues: int = 0
    hand_size: int = 0
    length_limit: int = 0
    unlimited: bool = False


class Outcome(enum.Enum):
    """What became of a request that came."""

    RUNS = enum.auto()
    WAITS = enum.auto()
    FULL = "queue-full"
    NO_SEAT = "concurrency-limit"


class Queue:
    """One queue of a level."""

    __slots__ = ("due", "index", "running", "seats", "waiting", "waiting_seats")

    def __init__(self, index: int) -> None:
        self.index = index
        self.waiting: deque[Ticket] = deque()
        self.waiting_seats = self.seats = self.running = 0
        self.due = 0.0


class Ticket:
    """One request in a level: how many seats it takes, and its flow's hand of queues. `started` is negative until it runs."""

    __slots__ = ("arrived", "arrived_at_progress", "hand", "queue", "seats", "started")

    def __init__(self, seats: int, hand: Sequence[int] = ()) -> None:
        self.seats, self.hand = seats, hand
        self.queue: Queue | None = None
        self.arrived = self.arrived_at_progress = 0.0
        self.started = -1.0


class Demand(Struct, frozen=True):
    """What a level could have used since somebody asked last, in seats: time-weighted average, deviation, peak."""

    average: float = 0.0
    deviation: float = 0.0
    peak: int = 0


class Tally(Struct):
    """Counts since the beginning, for the dumps."""

    dispatched: int = 0
    rejected: int = 0
    timed_out: int = 0
    cancelled: int = 0


class _Integral(Struct):
    since: float
    area: float = 0.0
    squares: float = 0.0
    peak: int = 0


class QueueSet:
    """The requests of one level. `limit` seats may be taken at a time; a wider request runs alone."""

    def __init__(self, shape: Shape, limit: int, now: float) -> None:
        self.shape, self.limit = shape, limit
        self.queues = [Queue(index) for index in range(shape.queues)]
        self.running: set[Ticket] = set()
        self.seats = self.waiting = self.waiting_seats = 0
        self.progress = 0.0
        self.tally = Tally()
        self._busy = 0  # queues with anything that waits or runs
        self._filled: dict[int, Queue] = {}  # queues in which something waits
        self._robin = 0
        self._now = now
        self._integral = _Integral(now)

    @property
    def idle(self) -> bool:
        """Whether nothing waits or runs."""
        return not self.running and not self.waiting

    @property
    def has_room(self) -> bool:
        """Whether a request of one seat would run at once."""
        return not self.waiting and (self.seats < self.limit or self.shape.unlimited)

    def arrive(self, ticket: Ticket, now: float) -> Outcome:
        """Take a request."""
        self._advance(now)
        ticket.arrived = now
        if not self.shape.queues:
            if not self.shape.unlimited and not self._fits(ticket.seats):
                self.tally.rejected += 1
                return Outcome.NO_SEAT
            self._start(ticket, None, now)
            return Outcome.RUNS
        queue = self._choose(ticket.hand)
        if not self.waiting and self._fits(ticket.seats):
            if not queue.running:
                queue.due = self.progress
            self._start(ticket, queue, now)
            return Outcome.RUNS
        if len(queue.waiting) >= self.shape.length_limit and self.seats >= self.limit:
            self.tally.rejected += 1
            return Outcome.FULL
        self._enqueue(ticket, queue)
        return Outcome.WAITS

    def finish(self, ticket: Ticket, now: float) -> Sequence[Ticket]:
        """Take the end of a request that ran; return those that start now."""
        self._advance(now)
        self.running.discard(ticket)
        self.seats -= ticket.seats
        queue = ticket.queue
        if queue is not None:
            queue.running -= 1
            queue.seats -= ticket.seats
            queue.due += ticket.seats * (now - ticket.started - GUESS_SECONDS)
            if queue.waiting:
                queue.due = max(queue.due, queue.waiting[0].arrived_at_progress)
            elif not queue.running:
                self._busy -= 1
        return self.dispatch(now) if self.waiting else ()

    def give_up(self, ticket: Ticket, now: float, *, timed_out: bool) -> Sequence[Ticket]:
        """Take a request out that has waited long enough, or whose client has gone; return those that start now."""
        self._advance(now)
        queue = ticket.queue
        assert queue is not None
        if timed_out:
            self.tally.timed_out += 1
        else:
            self.tally.cancelled += 1
        queue.waiting.remove(ticket)
        self._unqueue(ticket, queue)
        if not queue.waiting and not queue.running:
            self._busy -= 1
        return self.dispatch(now)

    def dispatch(self, now: float) -> Sequence[Ticket]:
        """Start what fits, in fair order, and return it. The next in turn is waited for, however wide it is."""
        started: list[Ticket] = []
        while self._filled:
            queue = self._next_queue()
            ticket = queue.waiting[0]
            if not self._fits(ticket.seats):
                break
            queue.waiting.popleft()
            self._unqueue(ticket, queue)
            self._robin = queue.index
            self._start(ticket, queue, now, counted=True)
            started.append(ticket)
        return started

    def reshape(self, shape: Shape, limit: int, now: float) -> Sequence[Ticket]:
        """Change the configuration; return what starts because of it. Queues that are too many drain."""
        self._advance(now)
        self.shape, self.limit = shape, limit
        self.queues += [Queue(index) for index in range(len(self.queues), shape.queues)]
        return self.dispatch(now)

    def take_demand(self, now: float) -> Demand:
        """Return the demand since the last call, and begin anew."""
        self._advance(now)
        old, current = self._integral, self.seats + self.waiting_seats
        self._integral = _Integral(now, peak=current)
        seconds = now - old.since
        if seconds <= 0:
            return Demand(float(current), 0.0, max(old.peak, current))
        average = old.area / seconds
        return Demand(average, max(old.squares / seconds - average * average, 0.0) ** 0.5, old.peak)

    def _advance(self, now: float) -> None:
        elapsed = now - self._now
        if elapsed <= 0:
            return
        self._now = now
        demand = self.seats + self.waiting_seats
        if demand:
            integral = self._integral
            integral.area += elapsed * demand
            integral.squares += elapsed * demand * demand
            if self._busy:
                self.progress += elapsed * min(demand, self.limit) / self._busy

    def _fits(self, seats: int) -> bool:
        return self.seats + seats <= self.limit or not self.seats

    def _choose(self, hand: Sequence[int]) -> Queue:
        """Return the queue of the hand that has least to do, the first of equals."""
        queues = self.queues
        best = queues[hand[0]]
        load = best.seats + best.waiting_seats
        if load:
            for index in hand[1:]:
                other = queues[index]
                other_load = other.seats + other.waiting_seats
                if other_load < load:
                    best, load = other, other_load
        return best

    def _enqueue(self, ticket: Ticket, queue: Queue) -> None:
        if not queue.waiting and not queue.running:
            queue.due = self.progress
            self._busy += 1
        ticket.queue, ticket.arrived_at_progress = queue, self.progress
        queue.waiting.append(ticket)
        queue.waiting_seats += ticket.seats
        self.waiting += 1
        self.waiting_seats += ticket.seats
        self._filled[queue.index] = queue
        self._note_peak()

    def _unqueue(self, ticket: Ticket, queue: Queue) -> None:
        queue.waiting_seats -= ticket.seats
        self.waiting -= 1
        self.waiting_seats -= ticket.seats
        if not queue.waiting:
            del self._filled[queue.index]

    def _start(self, ticket: Ticket, queue: Queue | None, now: float, *, counted: bool = False) -> None:
        """Give a request its seats; `counted`: its queue is among the busy ones already."""
        self.seats += ticket.seats
        self.running.add(ticket)
        self.tally.dispatched += 1
        ticket.started = now
        if queue is not None:
            if not counted and not queue.running:
                self._busy += 1
            ticket.queue = queue
            queue.running += 1
            queue.seats += ticket.seats
            queue.due += ticket.seats * GUESS_SECONDS
        self._note_peak()

    def _note_peak(self) -> None:
        self._integral.peak = max(self._integral.peak, self.seats + self.waiting_seats)

    def _next_queue(self) -> Queue:
        """Return the queue whose head would end first; between equals the turn goes round."""
        count, robin = len(self.queues), self._robin

        def rank(queue: Queue) -> tuple[float, int]:
            return queue.due + queue.waiting[0].seats * GUESS_SECONDS, (queue.index - robin - 1) % count

        return min(self._filled.values(), key=rank)
