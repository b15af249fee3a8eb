"""What became of the questions to webhooks, under upstream's names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sagong.api.exposition import Histogram, Metric
from sagong.server.admission.plugin import Review
from sagong.server.admission.webhooks.hooks import Hook

_PREFIX = "apiserver_admission_webhook"
_BOUNDS = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10, 25)
_HIGHEST_CODE = 600
_OPERATION = ("name", "type", "operation")
_FAMILIES = {
    "request_total": ((*_OPERATION, "code", "rejected"), "Admission webhook request total, by webhook, admission type and operation."),
    "rejection_count": ((*_OPERATION, "error_type", "rejection_code"), "Admission webhook rejection count, by the kind of error."),
    "fail_open_count": (("name", "type"), "Admission webhook fail open count, by webhook and admission type."),
}


class WebhookMetrics:
    """Counts. `kind` is admit or validating."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[tuple[str, ...]]] = {name: Counter() for name in _FAMILIES}
        self._durations = Histogram(
            f"{_PREFIX}_admission_duration_seconds", "Admission webhook latency histogram in seconds.", (*_OPERATION, "rejected"), _BOUNDS
        )

    def asked(self, hook: Hook, kind: str, review: Review, seconds: float, code: int, *, error: str = "") -> None:
        """Count a question. `code` 200: allowed; `error` is the type of what rejected the write, "" when nothing did."""
        who = (hook.spec.name, kind, review.operation)
        rejected, shown = "true" if error else "false", str(min(code, _HIGHEST_CODE))
        self._durations.observe(seconds, (*who, rejected))
        self._counts["request_total"][(*who, shown, rejected)] += 1
        if error:
            self._counts["rejection_count"][(*who, error, shown)] += 1

    def failed_open(self, hook: Hook, kind: str) -> None:
        """Count a write that goes on although the webhook could not be asked."""
        self._counts["fail_open_count"][hook.spec.name, kind] += 1

    def families(self) -> Iterable[Metric | Histogram]:
        """Return what /metrics shows."""
        yield self._durations
        for name, (labels, text) in _FAMILIES.items():
            family = Metric(f"{_PREFIX}_{name}", "counter", text)
            for values, count in self._counts[name].items():
                family.add(count, **dict(zip(labels, values, strict=True)))
            yield family
