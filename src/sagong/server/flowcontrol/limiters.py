"""How many requests are served at a time: priority and fairness, or two plain bounds."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from sagong.api.clock import Clock
from sagong.api.exposition import Histogram, Metric
from sagong.server.config import ServerConfig
from sagong.server.contract import Objects
from sagong.server.dispatch import Page
from sagong.server.exchange import Exchange
from sagong.server.flowcontrol.consumer import Consumer
from sagong.server.flowcontrol.fairness import Fairness, too_many
from sagong.server.messages import Answer
from sagong.server.metrics import Metrics
from sagong.server.registry.registry import Registry

DUMPS = "/debug/api_priority_and_fairness/"


class Stage(Protocol):
    """The stage of the pipeline."""

    async def __call__(self, exchange: Exchange) -> Answer | None:
        """Answer when there are too many."""
        ...


class Limiting(Struct, frozen=True):
    """The stage, and what runs beside it."""

    stage: Stage
    loops: Sequence[Callable[[], Coroutine[None, None, None]]] = ()


def plug(config: ServerConfig, registry: Registry, objects: Objects, pages: dict[str, Page], metrics: Metrics) -> Limiting:
    """Make the limiter that the configuration asks for."""
    if not config.priority_and_fairness:
        return Limiting(InFlight(config.max_requests_inflight, config.max_mutating_requests_inflight))
    total = config.max_requests_inflight + config.max_mutating_requests_inflight
    fairness = Fairness(registry.store, registry.table, registry.clock, total)
    pages[DUMPS] = lambda exchange: _dump(fairness, registry.clock, exchange)
    metrics.more.append(lambda: _families(fairness))
    return Limiting(fairness, (Consumer(fairness, registry.store, objects, registry.clock).run,))


def _dump(fairness: Fairness, clock: Clock, exchange: Exchange) -> Answer:
    from sagong.server.flowcontrol.dumps import Dumps  # noqa: PLC0415 - loaded for those who look

    return Dumps(fairness.levels, clock)(exchange)


def _families(fairness: Fairness) -> Iterator[Metric | Histogram]:
    from sagong.server.flowcontrol.metrics import families  # noqa: PLC0415 - the same

    return families(fairness)


class InFlight:
    """Two bounds, for reads and for writes; 0 sets none. Members of system:masters are always served."""

    def __init__(self, reads: int, writes: int) -> None:
        self._most = {True: reads, False: writes}
        self._now = {True: 0, False: 0}

    async def __call__(self, exchange: Exchange) -> Answer | None:
        """Answer when there are too many."""
        read = exchange.info.verb in ("get", "list", "watch")
        if exchange.info.long_running or not self._most[read]:
            return None
        if self._now[read] >= self._most[read] and "system:masters" not in exchange.user.groups:
            exchange.terminated = True
            return too_many(1)
        self._now[read] += 1
        exchange.seat = _Place(self._now, read)
        return None


class _Place:
    def __init__(self, now: dict[bool, int], read: bool) -> None:  # noqa: FBT001 - a key
        self._now, self._read, self._held = now, read, True

    def release(self) -> None:
        """Keep the place until the request is over."""

    def leave(self) -> None:
        """Let go."""
        if self._held:
            self._held = False
            self._now[self._read] -= 1
