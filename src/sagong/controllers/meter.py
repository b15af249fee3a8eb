"""What a loop counts for /metrics besides keys and times: from what its plans say and what came of them. Plans stay pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sagong.api.exposition import Family
from sagong.client.plan import Outcome, Plan
from sagong.controllers.view import View

if TYPE_CHECKING:
    from sagong.controllers.declaration import Key, Kind

Handler = Callable[[Any, Any], None]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One reconcile: what `before` returned, the plan, what came of it and in how many seconds; `now` its writes are seen."""

    key: Key
    before: Any
    plan: Plan
    outcome: Outcome
    seconds: float
    now: datetime


class Meter:
    """Counts nothing. One that does overrides what it needs."""

    def handlers(self) -> Iterable[tuple[Kind, Handler]]:
        """Return what is to be told of changes, as an informer tells it."""
        return ()

    def before(self, view: View, key: Key) -> Any:
        """Return what is to be known of things as they were; asked at the start of each reconcile, so it must be cheap."""

    def after(self, attempt: Attempt) -> None:
        """Count a reconcile."""

    def families(self, view: View) -> Iterable[Family]:  # noqa: ARG002 - for those that override it
        """Return what was counted."""
        return ()
