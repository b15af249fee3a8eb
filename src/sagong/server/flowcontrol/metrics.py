"""Priority and fairness under /metrics, with upstream's names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from sagong.api.exposition import Histogram, Metric
from sagong.server.flowcontrol.fairness import Fairness
from sagong.server.flowcontrol.levels import BOUNDS, Level, Stats

_PREFIX = "apiserver_flowcontrol_"

Of = Callable[[Stats], float]
_STATS: tuple[tuple[str, Literal["counter", "gauge"], str, Of], ...] = (
    ("dispatched_requests_total", "counter", "Number of requests executed by API Priority and Fairness subsystem", lambda s: s.dispatched),
    (
        "current_inqueue_requests",
        "gauge",
        "Number of requests currently pending in queues of API Priority and Fairness.",
        lambda s: s.waiting,
    ),
    (
        "current_inqueue_seats",
        "gauge",
        "Number of seats currently pending in queues of API Priority and Fairness.",
        lambda s: s.waiting_seats,
    ),
    ("current_executing_requests", "gauge", "Number of requests in execution; of a watch, its initial stage.", lambda s: s.executing),
    ("current_executing_seats", "gauge", "Number of seats occupied by requests in execution.", lambda s: s.executing_seats),
    ("request_concurrency_in_use", "gauge", "Number of seats occupied by requests in execution.", lambda s: s.executing_seats),
)
_LEVELS: tuple[tuple[str, str, Callable[[Level], float]], ...] = (
    ("nominal_limit_seats", "Nominal number of execution seats configured for each priority level", lambda x: x.standing.bounds.nominal),
    ("request_concurrency_limit", "Nominal number of execution seats of each priority level", lambda x: x.standing.bounds.nominal),
    ("lower_limit_seats", "Configured lower bound on number of execution seats of each level", lambda x: x.standing.bounds.least),
    ("upper_limit_seats", "Configured upper bound on number of execution seats of each level", lambda x: x.standing.bounds.most),
    ("current_limit_seats", "current derived number of execution seats available to each level", lambda x: x.standing.current),
    ("demand_seats_high_watermark", "High watermark, over last adjustment period, of demand_seats", lambda x: x.standing.demand.peak),
    ("demand_seats_average", "Time-weighted average, over last adjustment period, of demand_seats", lambda x: x.standing.demand.average),
    ("demand_seats_stdev", "Time-weighted standard deviation of demand_seats", lambda x: x.standing.demand.deviation),
    ("demand_seats_smoothed", "Smoothed seat demands", lambda x: x.standing.smoothed),
    ("target_seats", "Seat allocation targets", lambda x: x.standing.target),
    ("current_r", "R(time of last change)", lambda x: x.queues.progress),
)


def families(fairness: Fairness) -> Iterator[Metric | Histogram]:
    """Yield all of them."""
    levels = fairness.levels.levels
    labelled = [(name, schema, stats) for name, level in levels.items() for schema, stats in level.stats.items()]
    for name, kind, text, of in _STATS:
        metric = Metric(_PREFIX + name, kind, text)
        for level_name, schema, stats in labelled:
            metric.add(of(stats), priority_level=level_name, flow_schema=schema)
        yield metric
    rejected = Metric(f"{_PREFIX}rejected_requests_total", "counter", "Number of requests rejected by API Priority and Fairness subsystem")
    for level_name, schema, stats in labelled:
        for reason, count in stats.rejected.items():
            rejected.add(count, priority_level=level_name, flow_schema=schema, reason=reason)
    yield rejected
    for name, text, value in _LEVELS:
        metric = Metric(_PREFIX + name, "gauge", text)
        for level_name, level in levels.items():
            metric.add(value(level), priority_level=level_name)
        yield metric
    fraction = Metric(f"{_PREFIX}seat_fair_frac", "gauge", "Fair fraction of server's concurrency to allocate to each priority level")
    fraction.add(fairness.levels.fair_fraction)
    yield fraction
    yield _Seconds("request_execution_seconds", "Duration of request execution", labelled, lambda s: (s.execution, s.seconds))
    waited = Histogram(
        f"{_PREFIX}request_wait_duration_seconds",
        "How long requests waited in their queues.",
        ("priority_level", "flow_schema", "execute"),
        BOUNDS,
    )
    for level_name, schema, stats in labelled:
        for served, ended in ((True, stats.dispatched), (False, sum(stats.rejected.values()))):
            if ended:
                counts = stats.waits[served]
                cell = waited.cell((level_name, schema, str(served).lower()))
                cell[:] = [*map(float, counts), stats.waited[served]]
                cell[0] += max(ended - sum(counts), 0)  # those who did not wait
    yield waited


class _Seconds(Histogram):
    """A histogram of what the stats counted."""

    def __init__(self, name: str, text: str, rows: list[tuple[str, str, Stats]], of: Callable[[Stats], tuple[list[int], float]]) -> None:
        super().__init__(_PREFIX + name, text, ("priority_level", "flow_schema"), BOUNDS)
        for level, schema, stats in rows:
            counts, total = of(stats)
            self._counts[level, schema] = [*map(float, counts), total]
