"""What came of the checks of validating policies, under upstream's names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sagong.api.exposition import Histogram, Metric
from sagong.api.policies.evaluation import OUT_OF_BUDGET

_PREFIX = "apiserver_validating_admission_policy_check"
_LABELS = ("policy", "policy_binding", "error_type", "enforcement_action")
_BOUNDS = (0.0000005, 0.001, 0.01, 0.1, 1.0)


class PolicyMetrics:
    """Counts checks that failed, by what was done about it: deny, warn, audit, or allow where a policy may fail."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._durations = Histogram(f"{_PREFIX}_duration_seconds", "How long policies took that found fault, in seconds.", _LABELS, _BOUNDS)

    def checked(self, policy: str, binding: str, action: str, seconds: float, *, error: str = "") -> None:
        """Count a check; `error` is why it could not be made."""
        labels = (policy, binding, _error_type(error), action)
        self._counts[labels] += 1
        self._durations.observe(seconds, labels)

    def families(self) -> Iterable[Metric | Histogram]:
        """Return what /metrics shows."""
        total = Metric(f"{_PREFIX}_total", "counter", "How many checks of policies found fault, by what was done about it.")
        for labels, count in self._counts.items():
            total.add(count, **dict(zip(_LABELS, labels, strict=True)))
        return total, self._durations


def _error_type(error: str) -> str:
    if not error:
        return "no_error"
    if error.startswith("compilation"):
        return "compile_error"
    return "out_of_budget" if OUT_OF_BUDGET in error else "invalid_error"
