"""How long a node takes to come up, from a reporter that registers it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.node.builders import HandClock
from tests.node.meters.page import read
from tests.node.test_node_status import SETTINGS, Api, Observer, Recorded

from sagong.api.types.core import Node
from sagong.api.types.meta import ObjectMeta
from sagong.node.meter import KubeletMeter
from sagong.node.node_reporter import NodeReporter
from sagong.node.node_status import NodeFacts

PARTS = ("pre_kubelet", "pre_registration", "registration", "post_registration")
TABLE = {f"node_startup_{part}duration_seconds": ("gauge", set[str]()) for part in (*(f"{part}_" for part in PARTS), "")}


class Stop(Exception):  # noqa: N818 - ends a loop that has no end
    pass


class SlowObserver(Observer):
    """A machine that takes two seconds to look at, and ends the test at its third look."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self.clock, self.looks = clock, 0

    async def observe(self) -> NodeFacts:
        self.looks += 1
        if self.looks > 2:
            raise Stop
        self.clock.move(2)
        return await super().observe()


async def come_up(api: Api, clock: HandClock) -> dict[str, float]:
    meter = KubeletMeter(clock, clock.now() - timedelta(seconds=30))
    clock.move(5)
    reporter = NodeReporter(api, SlowObserver(clock), SETTINGS, Recorded(), clock, meter=meter.startup)  # type: ignore[arg-type] # looks at no machine
    try:
        async with asyncio.timeout(10):
            await reporter.run()
    except Stop:
        pass
    return read(meter, TABLE)


async def test_a_new_node_tells_each_part_of_the_way() -> None:
    clock = HandClock()
    samples = await come_up(Api(clock), clock)
    assert [samples[f"node_startup_{part}_duration_seconds"] for part in PARTS] == [30, 5, 2, 2]
    assert samples["node_startup_duration_seconds"] == 39


async def test_a_node_that_was_registered_before_has_nothing_to_tell() -> None:
    clock = HandClock()
    meter = KubeletMeter(clock)
    api = Api(clock, Node(metadata=ObjectMeta(name="n1")))
    await NodeReporter(api, SlowObserver(clock), SETTINGS, Recorded(), clock, meter=meter.startup).register()  # type: ignore[arg-type] # looks at no machine
    meter.startup.ready()
    samples = read(meter, TABLE)
    assert [samples[name] for name in TABLE] == [0] * 5
