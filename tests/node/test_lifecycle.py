from __future__ import annotations

import pytest

from sagong.node.lifecycle import TRANSITIONS, LifecycleError, State, move


def test_a_life_goes_one_way() -> None:
    state = State.SYNC
    for event in ("end", "end", "ended", "end", "cleaned", "end"):
        state = move(state, event)
    assert state is State.FINISHED
    order = list(State)
    assert all(order.index(after) - order.index(before) in (0, 1) for (before, _), after in TRANSITIONS.items())


def test_a_senseless_move_is_refused() -> None:
    with pytest.raises(LifecycleError, match="'cleaned' makes no sense in sync"):
        move(State.SYNC, "cleaned")
