"""The life of a pod on its node, as a table.

    SYNC ----------> TERMINATING ----------> TERMINATED ----------> FINISHED
         end                      ended                  cleaned
    what runs is      everything is          volumes and cgroup     the API may forget the pod
    made to match     ended, gracefully      are taken down

A pod enters SYNC when a source shows it, and never goes back. `end` has many causes (deleted, its containers are done, evicted,
past its deadline, rejected, gone from its source) and may be said again: a shorter grace period ends a pod sooner.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal

Event = Literal["end", "ended", "cleaned"]


class State(Enum):
    """Where a pod is in its life."""

    SYNC = "sync"
    TERMINATING = "terminating"
    TERMINATED = "terminated"
    FINISHED = "finished"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.SYNC, "end"): State.TERMINATING,
    (State.TERMINATING, "end"): State.TERMINATING,
    (State.TERMINATING, "ended"): State.TERMINATED,
    (State.TERMINATED, "end"): State.TERMINATED,
    (State.TERMINATED, "cleaned"): State.FINISHED,
    (State.FINISHED, "end"): State.FINISHED,
}


class LifecycleError(Exception):
    """A move that the table does not have: a mistake in the program."""


def move(state: State, event: Event) -> State:
    """Return the state after the event. Raises LifecycleError."""
    try:
        return TRANSITIONS[(state, event)]
    except KeyError:
        raise LifecycleError(f"{event!r} makes no sense in {state.value}") from None
