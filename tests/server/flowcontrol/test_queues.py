"""Fair queuing: what runs, what waits, what is turned away, and that nobody starves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagong.server.flowcontrol.queues import Outcome, QueueSet, Shape, Ticket

QUEUES = Shape(queues=8, hand_size=2, length_limit=3)


def test_what_fits_runs_at_once() -> None:
    level = QueueSet(QUEUES, 2, 0.0)
    assert [level.arrive(Ticket(1, (0, 1)), 0.0) for _ in range(2)] == [Outcome.RUNS] * 2
    assert level.arrive(Ticket(1, (0, 1)), 0.0) is Outcome.WAITS
    assert (level.seats, level.waiting) == (2, 1)


def test_without_queues_what_does_not_fit_is_turned_away() -> None:
    level = QueueSet(Shape(), 1, 0.0)
    first = Ticket(1)
    assert level.arrive(first, 0.0) is Outcome.RUNS
    assert level.arrive(Ticket(1), 0.1) is Outcome.NO_SEAT
    assert level.finish(first, 0.2) == ()
    assert level.arrive(Ticket(1), 0.3) is Outcome.RUNS
    assert (level.tally.dispatched, level.tally.rejected) == (2, 1)


def test_an_exempt_level_never_fills() -> None:
    level = QueueSet(Shape(unlimited=True), 0, 0.0)
    assert {level.arrive(Ticket(5), 0.0) for _ in range(1000)} == {Outcome.RUNS}


def test_a_full_queue_turns_away() -> None:
    level = QueueSet(Shape(queues=1, hand_size=1, length_limit=3), 1, 0.0)
    assert [level.arrive(Ticket(1, (0,)), 0.0) for _ in range(5)] == [Outcome.RUNS, *[Outcome.WAITS] * 3, Outcome.FULL]


def test_a_request_wider_than_the_level_runs_alone() -> None:
    level = QueueSet(QUEUES, 4, 0.0)
    small, wide = Ticket(1, (0, 1)), Ticket(9, (2, 3))
    assert level.arrive(small, 0.0) is Outcome.RUNS
    assert level.arrive(wide, 0.0) is Outcome.WAITS
    assert level.arrive(Ticket(1, (4, 5)), 0.0) is Outcome.WAITS  # what is next is waited for, others do not overtake
    started = level.finish(small, 1.0)
    assert wide in started or len(started) == 1


def test_flows_take_turns_however_much_one_of_them_asks() -> None:
    level = QueueSet(Shape(queues=2, hand_size=1, length_limit=1000), 1, 0.0)
    running = Ticket(1, (0,))
    level.arrive(running, 0.0)
    loud, quiet = [Ticket(1, (0,)) for _ in range(100)], [Ticket(1, (1,)) for _ in range(10)]
    for ticket in (*loud, *quiet):
        assert level.arrive(ticket, 0.0) is Outcome.WAITS
    order: list[str] = []
    now = 0.0
    while len(order) < 20:
        now += 0.01
        (running,) = level.finish(running, now)
        order.append("quiet" if running in quiet else "loud")
    assert 9 <= order.count("quiet") <= 10


def test_a_flow_of_slow_requests_gets_fewer_turns() -> None:
    level = QueueSet(Shape(queues=2, hand_size=1, length_limit=1000), 1, 0.0)
    running = Ticket(1, (0,))
    level.arrive(running, 0.0)
    for _ in range(200):
        level.arrive(Ticket(1, (0,)), 0.0)
        level.arrive(Ticket(1, (1,)), 0.0)
    seconds, now = Counter[int](), 0.0
    for _ in range(120):
        queue = running.queue
        assert queue is not None
        took = 0.09 if queue.index == 0 else 0.01
        seconds[queue.index] += round(took * 100)
        now += took
        (running,) = level.finish(running, now)
    assert seconds[0] / seconds[1] == pytest.approx(1, abs=0.2)


def test_who_gives_up_makes_room_for_the_next() -> None:
    level = QueueSet(QUEUES, 2, 0.0)
    level.arrive(Ticket(1, (0, 1)), 0.0)
    wide, small = Ticket(2, (2, 3)), Ticket(1, (4, 5))
    assert level.arrive(wide, 0.0) is Outcome.WAITS
    assert level.arrive(small, 0.0) is Outcome.WAITS
    assert level.dispatch(0.0) == [small] or not level.dispatch(0.0)
    if small.started < 0:
        assert level.give_up(wide, 1.0, timed_out=True) == [small]
        assert level.tally.timed_out == 1


def test_more_seats_start_what_waits() -> None:
    level = QueueSet(QUEUES, 1, 0.0)
    tickets = [Ticket(1, (index, index + 1)) for index in range(4)]
    for ticket in tickets:
        level.arrive(ticket, 0.0)
    assert len(level.reshape(QUEUES, 3, 0.5)) == 2
    assert level.reshape(Shape(queues=12, hand_size=2, length_limit=3), 3, 0.6) == []
    assert len(level.queues) == 12


def test_demand_is_what_could_be_used() -> None:
    level = QueueSet(QUEUES, 1, 0.0)
    first = Ticket(1, (0, 1))
    level.arrive(first, 0.0)
    level.arrive(Ticket(1, (0, 1)), 0.0)
    demand = level.take_demand(10.0)
    assert (demand.average, demand.peak) == (2.0, 2)
    assert demand.deviation == pytest.approx(0)
    level.finish(first, 15.0)
    demand = level.take_demand(20.0)
    assert (demand.average, demand.peak, demand.deviation) == (1.5, 2, 0.5)


STEPS = st.lists(st.tuples(st.sampled_from(["arrive", "finish", "give up"]), st.integers(0, 7), st.integers(1, 4)), max_size=120)


class Machine:
    """A level, and what should be true of it."""

    def __init__(self, limit: int) -> None:
        self.limit, self.level, self.now = limit, QueueSet(Shape(queues=8, hand_size=2, length_limit=5), limit, 0.0), 0.0
        self.running: list[Ticket] = []
        self.waiting: list[Ticket] = []

    def step(self, what: str, index: int, seats: int) -> None:
        self.now += 0.01
        if what == "arrive":
            self.arrive(Ticket(seats, (index, (index + 3) % 8)))
        elif what == "finish" and self.running:
            self.started(self.level.finish(self.running.pop(index % len(self.running)), self.now))
        elif what == "give up" and self.waiting:
            self.started(self.level.give_up(self.waiting.pop(index % len(self.waiting)), self.now, timed_out=True))
        self.check()

    def arrive(self, ticket: Ticket) -> None:
        outcome = self.level.arrive(ticket, self.now)
        if outcome is Outcome.RUNS:
            self.running.append(ticket)
        elif outcome is Outcome.WAITS:
            self.waiting.append(ticket)
            self.started(self.level.dispatch(self.now))

    def started(self, tickets: Sequence[Ticket]) -> None:
        for ticket in tickets:
            self.waiting.remove(ticket)
            self.running.append(ticket)

    def check(self) -> None:
        level = self.level
        assert level.running == set(self.running)
        assert level.seats == sum(ticket.seats for ticket in self.running)
        assert level.seats <= self.limit or len(self.running) == 1
        assert level.waiting == len(self.waiting)
        assert level.waiting_seats == sum(ticket.seats for ticket in self.waiting)
        assert level._busy == sum(1 for queue in level.queues if queue.waiting or queue.running)
        assert self.running or not self.waiting


@settings(max_examples=200, deadline=None)
@given(STEPS, st.integers(1, 6))
def test_seats_are_never_oversold_and_everybody_is_served(steps: list[tuple[str, int, int]], limit: int) -> None:
    machine = Machine(limit)
    for step in steps:
        machine.step(*step)
    while machine.running:
        machine.step("finish", 0, 1)
    assert machine.level.idle
