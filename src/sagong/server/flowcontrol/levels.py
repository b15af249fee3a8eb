"""The configuration at work: priority levels with their queues, flow schemas in order, and which flow a request belongs to."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from sagong.api.types.flowcontrol import FlowSchema, PriorityLevelConfiguration
from sagong.server.bootstrap import flow_control
from sagong.server.contract import User
from sagong.server.flowcontrol import limits, matching
from sagong.server.flowcontrol.limits import Standing
from sagong.server.flowcontrol.queues import QueueSet, Shape, Ticket
from sagong.server.flowcontrol.retry_after import RetryAfter
from sagong.server.request_info import RequestInfo

T = TypeVar("T", FlowSchema, PriorityLevelConfiguration)
MANDATORY = ("exempt", "catch-all")
MOST_FLOWS, LONGEST_PATH = 10_000, 1000
BOUNDS = (0.0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0)


class Stats:
    """What is counted for one schema in one level."""

    __slots__ = (
        "dispatched",
        "executing",
        "executing_seats",
        "execution",
        "rejected",
        "seconds",
        "waited",
        "waiting",
        "waiting_seats",
        "waits",
    )

    def __init__(self) -> None:
        self.dispatched = self.executing = self.executing_seats = self.waiting = self.waiting_seats = 0
        self.rejected: Counter[str] = Counter()
        self.execution = [0] * (len(BOUNDS) + 1)
        self.waits = {served: [0] * (len(BOUNDS) + 1) for served in (True, False)}
        self.waited = {True: 0.0, False: 0.0}
        self.seconds = 0.0

    def finished(self, seats: int, seconds: float) -> None:
        """Count the end of a request."""
        self.executing -= 1
        self.executing_seats -= seats
        self.execution[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    def has_waited(self, seconds: float, *, served: bool) -> None:
        """Count a wait, by how it ended."""
        self.waits[served][bisect_left(BOUNDS, seconds)] += 1
        self.waited[served] += seconds


class Level:
    """A priority level at work."""

    def __init__(self, config: PriorityLevelConfiguration, standing: Standing, now: float) -> None:
        self.config, self.standing = config, standing
        self.name = config.metadata.name
        self.queues = QueueSet(_shape(config), standing.current, now)
        self.retry_after = RetryAfter()
        self.stats: dict[str, Stats] = {}
        self.quiescing = False

    @property
    def widest(self) -> int:
        """How many seats one request may take; 0: no bound of the level's own."""
        return limits.widest(self.config, self.standing.bounds.nominal)

    def reconfigure(self, config: PriorityLevelConfiguration, standing: Standing, now: float) -> Sequence[Ticket]:
        """Take another configuration, or other seats; return what starts because of it."""
        self.config, self.standing = config, standing
        return self.queues.reshape(_shape(config), standing.current, now)


class Flow:
    """Where a request goes: its schema, its level, its hand of queues there, and the headers that say so.

    `at_once`: whether such requests are answered without waiting, None when nobody has found out.
    """

    __slots__ = ("at_once", "distinguisher", "hand", "headers", "level", "schema", "stats")

    def __init__(self, schema: FlowSchema, level: Level, distinguisher: str) -> None:
        self.schema, self.level, self.distinguisher = schema.metadata.name, level, distinguisher
        shape = level.queues.shape
        value = matching.flow_hash(self.schema, distinguisher) if shape.queues else 0
        self.hand = matching.deal(value, shape.queues, min(shape.hand_size, shape.queues))
        self.headers = (
            ("X-Kubernetes-PF-FlowSchema-UID", schema.metadata.uid),
            ("X-Kubernetes-PF-PriorityLevel-UID", level.config.metadata.uid),
        )
        self.stats = level.stats.setdefault(self.schema, Stats())
        self.at_once: bool | None = None


class Levels:
    """All levels and schemas; `total` is how many seats the server has."""

    def __init__(self, total: int, now: float) -> None:
        self._total = total
        self.levels: dict[str, Level] = {}
        self.schemas: list[FlowSchema] = []
        self.fair_fraction = 0.0
        self._flows: dict[tuple[object, ...], Flow] = {}
        self.configure((), (), now)

    def flow(self, user: User, info: RequestInfo) -> Flow:
        """Return where a request goes."""
        what = (info.group, info.resource, info.subresource, info.namespace) if info.resource_request else (info.path,)
        key = (user.name, user.groups, info.verb, *what)
        flow = self._flows.get(key)
        if flow is None:
            if len(self._flows) >= MOST_FLOWS:
                self._flows.clear()
            schema = matching.first_match(self.schemas, user, info)
            level = self.levels[schema.spec.priorityLevelConfiguration.name]
            flow = Flow(schema, level, matching.distinguisher(schema, user, info))
            if len(info.path) <= LONGEST_PATH:  # clients say what the key is made of
                self._flows[key] = flow
        return flow

    def configure(self, configs: Iterable[PriorityLevelConfiguration], schemas: Iterable[FlowSchema], now: float) -> Sequence[Ticket]:
        """Take the objects as they are now; return what starts because of it. A level that is gone goes on until it is empty."""
        wanted = _with_mandatory([config for config in configs if usable(config)], _MANDATORY_LEVELS)
        lingering = [level.config for name, level in self.levels.items() if name not in wanted and not level.queues.idle]
        shares = limits.bounds([*wanted.values(), *lingering], self._total)
        levels: dict[str, Level] = {}
        started: list[Ticket] = []
        for config in (*wanted.values(), *lingering):
            name, bounds = config.metadata.name, shares[config.metadata.name]
            level = self.levels.get(name)
            if level is None:
                level = Level(config, Standing(bounds, name == "exempt", current=bounds.initial), now)
            else:
                standing = Standing(bounds, name == "exempt", level.standing.smoothed, current=level.standing.current)
                started += level.reconfigure(config, standing, now)
            level.quiescing = name not in wanted
            levels[name] = level
        self.levels = levels
        known = [schema for schema in schemas if schema.spec.priorityLevelConfiguration.name in wanted]
        self.schemas = matching.in_order(_with_mandatory(known, _MANDATORY_SCHEMAS).values())
        self._flows.clear()
        return [*started, *self.adjust(now)]

    def adjust(self, now: float) -> Sequence[Ticket]:
        """Let levels borrow and lend by what they could have used since the last time; return what starts because of it."""
        seen = {name: level.standing.seen(level.queues.take_demand(now)) for name, level in self.levels.items()}
        standings, self.fair_fraction = limits.adjust(seen)
        return [ticket for name, level in self.levels.items() for ticket in level.reconfigure(level.config, standings[name], now)]


def usable(config: PriorityLevelConfiguration) -> bool:
    """Tell whether a level's parts fit its type; one whose parts do not is as good as absent."""
    spec = config.spec
    if (spec.type == "Exempt") != (config.metadata.name == "exempt") or (spec.type == "Limited") != (spec.limited is not None):
        return False
    response = spec.limited.limitResponse if spec.limited is not None else None
    return response is None or (response.type == "Queue") == (response.queuing is not None)


def _shape(config: PriorityLevelConfiguration) -> Shape:
    limited = config.spec.limited
    if limited is None:
        return Shape(unlimited=True)
    queuing = limited.limitResponse.queuing
    return Shape() if queuing is None else Shape(queuing.queues, queuing.handSize, queuing.queueLengthLimit)


def _with_mandatory(objects: Iterable[T], mandatory: Mapping[str, T]) -> dict[str, T]:
    return {**mandatory, **{obj.metadata.name: obj for obj in objects}}


_BOOTSTRAP = [obj for obj in flow_control.objects("") if obj.metadata.name in MANDATORY]
_MANDATORY_LEVELS = {obj.metadata.name: obj for obj in _BOOTSTRAP if isinstance(obj, PriorityLevelConfiguration)}
_MANDATORY_SCHEMAS = {obj.metadata.name: obj for obj in _BOOTSTRAP if isinstance(obj, FlowSchema)}
