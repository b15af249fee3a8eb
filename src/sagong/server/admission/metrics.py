"""How long admission takes, by plugin and as a whole, under upstream's names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from sagong.api.exposition import Histogram

Step = Literal["admit", "validate"]
BOUNDS = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5)
FIRST = BOUNDS[0]
_OPERATION = ("type", "operation", "rejected")


class AdmissionMetrics:
    """Counts; most plugins take so little time that adding to the first bucket of a known cell is all there is to do."""

    def __init__(self) -> None:
        prefix = "apiserver_admission"
        self._plugins = Histogram(
            f"{prefix}_controller_admission_duration_seconds",
            "How long an admission plugin took, in seconds.",
            ("name", *_OPERATION),
            BOUNDS,
        )
        self._steps = Histogram(
            f"{prefix}_step_admission_duration_seconds", "How long all admission plugins together took, in seconds.", _OPERATION, BOUNDS
        )

    def plugin(self, name: str, step: Step, operation: str) -> list[float]:
        """Return the cell of a plugin for writes that it lets pass."""
        return self._plugins.cell((name, step, operation, "false"))

    def whole(self, step: Step, operation: str) -> list[float]:
        """Return the cell of the whole step for writes that it lets pass."""
        return self._steps.cell((step, operation, "false"))

    def rejected(self, name: str, step: Step, operation: str, *, seconds: float, whole: float) -> None:
        """Count a write that a plugin refused."""
        self._plugins.observe(seconds, (name, step, operation, "true"))
        self._steps.observe(whole, (step, operation, "true"))

    def families(self) -> Iterable[Histogram]:
        """Return what /metrics shows."""
        return self._plugins, self._steps
