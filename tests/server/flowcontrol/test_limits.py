"""Seats by configuration, and how levels lend and borrow them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagong.api.types.flowcontrol import PriorityLevelConfiguration
from sagong.server.bootstrap import flow_control
from sagong.server.flowcontrol import limits, widths
from sagong.server.flowcontrol.limits import Bounds, Standing
from sagong.server.flowcontrol.queues import Demand
from sagong.server.flowcontrol.retry_after import RetryAfter

LEVELS = [obj for obj in flow_control.objects("") if isinstance(obj, PriorityLevelConfiguration)]
TOTAL = 600


def test_bootstrap_levels_share_six_hundred_seats() -> None:
    found = limits.bounds(LEVELS, TOTAL)
    assert {name: (bound.nominal, bound.least, bound.most) for name, bound in found.items()} == {
        "exempt": (0, 0, 600),
        "catch-all": (13, 13, 613),
        "system": (74, 50, 674),
        "node-high": (98, 74, 698),
        "leader-election": (25, 25, 625),
        "workload-high": (98, 49, 698),
        "workload-low": (245, 25, 845),
        "global-default": (49, 25, 649),
    }
    by_name = {level.metadata.name: level for level in LEVELS}
    assert [limits.widest(by_name[name], found[name].nominal) for name in ("system", "workload-low", "leader-election", "catch-all")] == [
        12,
        37,
        4,
        0,
    ]


def standing(nominal: int, least: int, most: int, *, peak: int = 0, smoothed: float = 0.0, exempt: bool = False) -> Standing:
    return Standing(Bounds(nominal, least, most), exempt, smoothed, Demand(peak=peak))


def test_an_idle_level_lends_and_a_busy_one_borrows() -> None:
    found, _ = limits.adjust({"busy": standing(50, 25, 100, peak=90, smoothed=90), "idle": standing(50, 10, 100)})
    assert (found["busy"].current, found["idle"].current) == (90, 10)


def test_equal_demands_get_equal_parts() -> None:
    found, fraction = limits.adjust({name: standing(50, 10, 100, peak=40, smoothed=80) for name in ("a", "b")})
    assert [one.current for one in found.values()] == [50, 50]
    assert fraction == pytest.approx(50 / 80)


def test_an_exempt_level_takes_what_it_uses_and_leaves_others_the_least() -> None:
    found, _ = limits.adjust(
        {"exempt": standing(0, 0, 100, peak=95, exempt=True), "a": standing(50, 10, 100, peak=50), "b": standing(50, 20, 100)}
    )
    assert [found[name].current for name in ("exempt", "a", "b")] == [95, 10, 20]
    found, _ = limits.adjust(
        {"exempt": standing(0, 0, 100, peak=40, exempt=True), "a": standing(50, 10, 100, peak=50), "b": standing(50, 20, 100)}
    )
    assert [found[name].current for name in ("exempt", "a", "b")] == [40, 40, 20]


WISHES = st.lists(
    st.tuples(st.floats(0, 50), st.floats(0, 50), st.floats(0, 200)).map(lambda t: (t[0], t[0] + t[1], t[2])), min_size=1, max_size=8
)


@given(WISHES, st.floats(0, 1))
def test_an_allocation_sums_up_within_bounds_at_one_fraction(wishes: list[tuple[float, float, float]], where: float) -> None:
    low, high = sum(wish[0] for wish in wishes), sum(wish[1] for wish in wishes)
    total = low + (high - low) * where
    found, fraction = limits.allocate(total, wishes)
    assert sum(found) == pytest.approx(total, abs=1e-3, rel=1e-6)
    for (least, most, target), seats in zip(wishes, found, strict=True):
        assert least - 1e-6 <= seats <= most + 1e-6
        fair = fraction * max(target, least, 0.001)
        assert seats == pytest.approx(min(max(fair, least), most), abs=1e-6)


def test_demand_is_forgotten_slowly_and_learned_at_once() -> None:
    one = standing(10, 0, 20).seen(Demand(10, 2, 15))
    assert one.smoothed == 12
    assert one.seen(Demand()).smoothed == pytest.approx(12 * limits.SMOOTHING)


@pytest.mark.parametrize(
    ("stored", "limit", "single", "widest", "seats"),
    [
        ((0, 0), 0, False, 0, 1),
        ((100, 1000), 0, False, 0, 1),
        ((500, 1000), 0, False, 0, 5),
        ((500, 1000), 100, False, 0, 1),
        ((500, 1000), 0, True, 0, 1),
        ((100_000, 2000), 0, False, 0, 10),
        ((100_000, 2000), 0, False, 4, 4),
    ],
)
def test_a_list_is_as_wide_as_what_it_reads(stored: tuple[int, int], limit: int, *, single: bool, widest: int, seats: int) -> None:
    assert widths.of_list(*stored, limit, single=single, widest=widest).most == seats


@pytest.mark.parametrize(
    ("watchers", "widest", "width"), [(9, 0, (1, 0, 0.0)), (10, 0, (1, 1, 0.005)), (95, 0, (1, 10, 0.005)), (200, 5, (1, 5, 0.02))]
)
def test_a_write_that_many_hear_of_keeps_seats(watchers: int, widest: int, width: tuple[int, int, float]) -> None:
    assert widths.of_write(watchers, widest=widest) == width


def test_retry_after_doubles_under_pressure_and_comes_down() -> None:
    advice = RetryAfter()
    said = [advice.dropped(100 + step / 10) for step in range(100)]
    assert said[0] == 1
    assert said[-1] in (4, 8)
    assert [advice.dropped(now) for now in (200, 210, 220)] == [said[-1] - 1, said[-1] - 2, said[-1] - 3]
