"""The results of health checks as metrics, under /metrics/slis (KEP-3466)."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from sagong.api.exposition import Metric, exposition


class Slis:
    """Counts the results of one process's checks."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], bool] = {}
        self._counts: Counter[tuple[str, str, Literal["success", "error"]]] = Counter()

    def observe(self, name: str, kind: str, *, well: bool) -> None:
        """Note the result of a check; `kind` is healthz, livez or readyz."""
        self._last[name, kind] = well
        self._counts[name, kind, "success" if well else "error"] += 1

    def page(self) -> bytes:
        """Return Prometheus' text."""
        last = Metric("kubernetes_healthcheck", "gauge", "[STABLE] This metric records the result of a single healthcheck.")
        for (name, kind), well in self._last.items():
            last.add(float(well), name=name, type=kind)
        total = Metric("kubernetes_healthchecks_total", "counter", "[STABLE] This metric records the results of all healthcheck.")
        for (name, kind, status), count in self._counts.items():
            total.add(count, name=name, type=kind, status=status)
        return exposition([last, total]).encode()
