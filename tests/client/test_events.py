"""Events in the background: in their order, one after the other, slower while the component has more important work."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from sagong.api.errors import NotFoundError
from sagong.api.types.core import Event, ObjectReference
from sagong.client import events
from sagong.client.client import Client
from sagong.client.events import MAX_SIMILAR, MAX_WAITING, SIMILAR_SECONDS, SPAM_BURST, SPAM_RATE, Correlator, Happened, Recorder
from sagong.cluster.clock import RealRandom


class Hand:
    """A clock that passes as it is slept on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.slept.append(seconds)
        await asyncio.sleep(0)


class Sink:
    """The part of a client that events go through."""

    def __init__(self) -> None:
        self.clock, self.random = Hand(), RealRandom()
        self.created: list[Event] = []
        self.patched: list[tuple[str, dict[str, Any]]] = []
        self.expired: set[str] = set()
        self.wanted, self.enough = 0, asyncio.Event()

    async def create(self, event: Event) -> Event:
        await asyncio.sleep(0)
        self.created.append(event)
        if len(self.created) >= self.wanted:
            self.enough.set()
        return event

    async def patch(self, _kind: type[Event], name: str, _namespace: str, patch: dict[str, Any], **_: Any) -> Event:
        if name in self.expired:
            raise NotFoundError(f'events "{name}" not found')
        self.patched.append((name, patch))
        found = next(event for event in self.created if event.metadata.name == name)
        found.count = patch["count"]
        return found


def about(name: str) -> ObjectReference:
    return ObjectReference(kind="Pod", apiVersion="v1", namespace="t", name=name, uid=f"uid-{name}")


async def sent(recorder: Recorder, sink: Sink, count: int) -> None:
    sink.wanted = count
    task = asyncio.create_task(recorder.run())
    await sink.enough.wait()
    task.cancel()


async def test_what_a_burst_leaves_is_sent_later_and_bears_the_time_of_what_happened() -> None:
    sink, left = Sink(), [0.02, 0.02]
    recorder = Recorder(cast("Client", cast("Any", sink)), "it", pause=lambda: left.pop() if left else 0.0)
    for number in range(5):
        recorder.event(about(f"p{number}"), "Normal", "Done", "well")
    await sent(recorder, sink, 5)
    assert [event.involvedObject.name for event in sink.created] == ["p0", "p1", "p2", "p3", "p4"]
    assert sink.clock.slept == [0.02, 0.02]
    assert {event.lastTimestamp for event in sink.created} == {"2026-01-01T00:00:00Z"}
    assert len({event.metadata.name for event in sink.created}) == 5


async def test_thousands_may_wait() -> None:
    sink = Sink()
    recorder = Recorder(cast("Client", cast("Any", sink)), "it")
    for number in range(MAX_WAITING + 1):
        recorder.event(about(f"p{number}"), "Normal", "Done", "well")
    await sent(recorder, sink, 3)
    assert sink.created[0].involvedObject.name == "p1", "beyond that the oldest are dropped"


# What becomes of an event of one source, before it is made.

AT = datetime(2026, 1, 1, tzinfo=UTC)


def happened(message: str = "well", name: str = "p", reason: str = "Done", type: events.EventType = "Normal") -> Happened:  # noqa: A002 - the event's own word
    return Happened(about(name), type, reason, message, AT, 0)


def test_what_is_repeated_is_counted_under_its_first_name_also_while_it_is_dropped() -> None:
    correlator = Correlator("it")
    passed = [correlator.correlate(happened(), f"name-{number}", 0.0) for number in range(30)]
    assert [found.noted.times for found in passed if found is not None] == list(range(1, int(SPAM_BURST) + 1))
    assert {found.noted.name for found in passed if found is not None} == {"name-0"}
    assert passed[int(SPAM_BURST) :] == [None] * 5
    later = correlator.correlate(happened(), "name-30", 1 / SPAM_RATE)
    assert later is not None
    assert (later.noted.name, later.noted.times, later.noted.first) == ("name-0", 31, "2026-01-01T00:00:00Z")
    assert correlator.correlate(happened(), "name-31", 1 / SPAM_RATE) is None, "one each five minutes"


@pytest.mark.parametrize(
    ("other", "passes"),
    [
        (happened("another message"), False),
        (happened(reason="Another"), False),
        (happened(name="q"), True),
        (happened(type="Warning"), True),
    ],
)
def test_a_flood_about_one_object_holds_up_no_other(*, other: Happened, passes: bool) -> None:
    correlator = Correlator("it")
    for _ in range(int(SPAM_BURST)):
        correlator.correlate(happened(), "n", 0.0)
    assert (correlator.correlate(other, "n", 0.0) is not None) == passes


def test_many_messages_of_one_reason_become_one_event() -> None:
    correlator = Correlator("it")
    passed = [correlator.correlate(happened(f"m{number}"), f"name-{number}", 0.0) for number in range(MAX_SIMILAR + 2)]
    combined = [(found.message, found.noted.name, found.noted.times) for found in passed[MAX_SIMILAR - 1 :] if found is not None]
    assert [found.message for found in passed[: MAX_SIMILAR - 1] if found is not None] == [f"m{n}" for n in range(MAX_SIMILAR - 1)]
    first = f"name-{MAX_SIMILAR - 1}"
    assert combined == [(f"(combined from similar events): m{MAX_SIMILAR - 1 + n}", first, n + 1) for n in range(3)]
    later = correlator.correlate(happened("m99"), "name-99", SIMILAR_SECONDS + 1)
    assert later is not None
    assert (later.message, later.noted.name) == ("m99", "name-99"), "after ten minutes they are told apart again"


async def test_a_dropped_event_is_not_even_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make(**fields: Any) -> Event:
        made.append(fields["message"])
        return Event(**fields)

    monkeypatch.setattr(events, "Event", make)
    sink = Sink()
    recorder = Recorder(cast("Client", cast("Any", sink)), "it")
    for _ in range(100):
        recorder.event(about("p"), "Normal", "Done", "well")
    await recorder.flush()
    assert len(made) == SPAM_BURST
    assert (len(sink.created), len(sink.patched)) == (1, SPAM_BURST - 1)
    assert [patch["count"] for _, patch in sink.patched] == list(range(2, int(SPAM_BURST) + 1))


async def test_a_repeated_event_that_has_expired_is_created_again_with_its_count() -> None:
    sink = Sink()
    recorder = Recorder(cast("Client", cast("Any", sink)), "it")
    for _ in range(2):
        recorder.event(about("p"), "Normal", "Done", "well")
        await recorder.flush()
        sink.expired = {sink.created[0].metadata.name}
    assert [(event.metadata.name, event.count) for event in sink.created] == [(sink.created[0].metadata.name, count) for count in (1, 2)]
