"""Events in the background: in their order, one after the other, slower while the component has more important work."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sagong.api.types.core import Event, ObjectReference
from sagong.client.client import Client
from sagong.client.events import MAX_WAITING, Recorder
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
        self.wanted, self.enough = 0, asyncio.Event()

    async def create(self, event: Event) -> Event:
        await asyncio.sleep(0)
        self.created.append(event)
        if len(self.created) >= self.wanted:
            self.enough.set()
        return event


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
