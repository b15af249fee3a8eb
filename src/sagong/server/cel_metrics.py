"""How long expressions take to compile and to evaluate, under upstream's names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from sagong.api.clock import Clock
from sagong.api.exposition import Histogram

T = TypeVar("T")
_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class CelMetrics:
    """Measures what is compiled or evaluated together: the expressions of one policy, webhook or object."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._compiling = Histogram("apiserver_cel_compilation_duration_seconds", "How long compiling took, in seconds.", (), _BOUNDS)
        self._evaluating = Histogram("apiserver_cel_evaluation_duration_seconds", "How long evaluating took, in seconds.", (), _BOUNDS)

    def compiled(self, compile_: Callable[[], T]) -> T:
        """Compile, and count how long that took."""
        return self._measured(compile_, self._compiling)

    def evaluated(self, evaluate: Callable[[], T]) -> T:
        """Evaluate, and count how long that took."""
        return self._measured(evaluate, self._evaluating)

    def families(self) -> Iterable[Histogram]:
        """Return what /metrics shows."""
        return self._compiling, self._evaluating

    def _measured(self, work: Callable[[], T], into: Histogram) -> T:
        begun = self._clock.monotonic()
        try:
            return work()
        finally:
            into.observe(self._clock.monotonic() - begun, ())
