"""The admission chain: plugins in upstream's order, first those that may change the object, then those that only judge."""

from __future__ import annotations

import functools
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from sagong.api.clock import Clock
from sagong.server.admission.metrics import BOUNDS, FIRST, AdmissionMetrics, Step
from sagong.server.admission.plugin import Plugin, Review


class _Concerned(Struct, frozen=True):
    """The plugins that have a say on a kind of write: what to call, where its time is counted, its name."""

    plugins: Sequence[tuple[Callable[[Review], Awaitable[None]], list[float], str]]
    whole: list[float]


class Chain:
    """Plugins in order, made with the first write. Which of them a kind of write concerns is worked out once."""

    def __init__(self, make: Callable[[], Sequence[Plugin]], clock: Clock) -> None:
        self._make, self._clock = functools.cache(make), clock
        self._mutating: dict[tuple[str | bool, ...], _Concerned] = {}
        self._validating: dict[tuple[str | bool, ...], _Concerned] = {}
        self.metrics = AdmissionMetrics()

    async def mutate(self, review: Review) -> None:
        """Let the plugins change the object, and once more when one of them asks for it. Raises ForbiddenError."""
        concerned = self._concerned(self._mutating, "mutate", review)
        begun = self._clock.monotonic()
        await self._ask(concerned, "admit", review, begun)
        if review.again:
            review.round = 1
            await self._ask(concerned, "admit", review, begun)
        _add(concerned.whole, self._clock.monotonic() - begun)

    async def validate(self, review: Review) -> None:
        """Let the plugins judge it. Raises ForbiddenError."""
        concerned = self._concerned(self._validating, "validate", review)
        begun = self._clock.monotonic()
        await self._ask(concerned, "validate", review, begun)
        _add(concerned.whole, self._clock.monotonic() - begun)

    async def _ask(self, concerned: _Concerned, step: Step, review: Review, begun: float) -> None:
        now = self._clock.monotonic
        at = now()
        for ask, cell, name in concerned.plugins:
            try:
                await ask(review)
            except Exception:
                end = now()
                self.metrics.rejected(name, step, review.operation, seconds=end - at, whole=end - begun)
                raise
            end = now()
            seconds = end - at  # what `_add` does, without a call for each of some twenty plugins
            cell[0 if seconds <= FIRST else bisect_left(BOUNDS, seconds)] += 1
            cell[-1] += seconds
            at = end

    def _concerned(self, known: dict[tuple[str | bool, ...], _Concerned], method: str, review: Review) -> _Concerned:
        row, subresource = review.row, review.call.subresource
        key = (review.operation, row.group, row.plural, row.namespaced, subresource)
        found = known.get(key)
        if found is None:
            step: Step = "admit" if method == "mutate" else "validate"
            able = [plugin for plugin in self._make() if getattr(type(plugin), method) is not getattr(Plugin, method)]
            plugins = [plugin for plugin in able if plugin.handles(review.operation, row, subresource)]
            cells = [self.metrics.plugin(plugin.name, step, review.operation) for plugin in plugins]
            calls = [(getattr(plugin, method), cell, plugin.name) for plugin, cell in zip(plugins, cells, strict=True)]
            found = known[key] = _Concerned(calls, self.metrics.whole(step, review.operation))
        return found


def _add(cell: list[float], seconds: float) -> None:
    cell[0 if seconds <= FIRST else bisect_left(BOUNDS, seconds)] += 1
    cell[-1] += seconds
