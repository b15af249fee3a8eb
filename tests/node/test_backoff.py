from __future__ import annotations

from tests.node.builders import HandClock

from sagong.node.backoff import Backoff


def test_the_first_failure_costs_nothing_then_delays_double_up_to_the_longest() -> None:
    clock = HandClock()
    backoff = Backoff(clock, 10, 300)
    delays = []
    for _ in range(8):
        failed = clock.now().timestamp()
        delays.append(max(0.0, backoff.until("k", failed) - failed))
        clock.move(delays[-1])
        backoff.fail("k", failed)
    assert delays == [0, 10, 20, 40, 80, 160, 300, 300]


def test_a_long_good_run_is_forgiven() -> None:
    clock = HandClock()
    backoff = Backoff(clock, 10, 300)
    for _ in range(3):
        backoff.fail("k", clock.now().timestamp())
    assert backoff.delay("k") == 40
    clock.move(601)
    failed = clock.now().timestamp()
    assert backoff.until("k", failed) == 0
    backoff.fail("k", failed)
    assert backoff.delay("k") == 10


def test_forgetting_drops_a_pod_s_keys() -> None:
    clock = HandClock()
    backoff = Backoff(clock, 10, 300)
    backoff.fail("u1/a", clock.now().timestamp())
    backoff.fail("u2/a", clock.now().timestamp())
    backoff.forget("u1/")
    assert (backoff.delay("u1/a"), backoff.delay("u2/a")) == (0, 10)
