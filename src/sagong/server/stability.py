"""How stable each metric is (KEP-1209): what dashboards may rely on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sagong.api.exposition import Histogram, Metric

STABLE = frozenset(
    {
        *(f"apiserver_admission_{name}_admission_duration_seconds" for name in ("controller", "step", "webhook")),
        *(f"apiserver_{name}" for name in ("current_inflight_requests", "longrunning_requests", "request_duration_seconds")),
        *(f"apiserver_{name}" for name in ("request_total", "requested_deprecated_apis", "response_sizes")),
        *(f"apiserver_storage_{name}" for name in ("objects", "size_bytes")),
    }
)
BETA = frozenset(
    {
        *(
            f"apiserver_{kind}_config_controller_automatic_{name}"
            for kind in ("authentication", "authorization")
            for name in ("reloads_total", "reload_last_timestamp_seconds")
        ),
        *(f"apiserver_cel_{name}_duration_seconds" for name in ("compilation", "evaluation")),
        *(f"apiserver_flowcontrol_current_{name}" for name in ("executing_requests", "executing_seats", "inqueue_requests")),
        *(f"apiserver_flowcontrol_{name}" for name in ("dispatched_requests_total", "nominal_limit_seats", "rejected_requests_total")),
        "apiserver_flowcontrol_request_wait_duration_seconds",
        "apiserver_storage_events_received_total",
        *(f"apiserver_validating_admission_policy_check_{name}" for name in ("duration_seconds", "total")),
        "apiserver_watch_list_duration_seconds",
        *(f"{name}_metrics_total" for name in ("disabled", "hidden", "registered")),
        "kubernetes_build_info",
        "kubernetes_feature_enabled",
    }
)
_DEPRECATED = {"apiserver_storage_objects": "1.34.0"}


def leveled(families: Sequence[Metric | Histogram]) -> list[Metric | Histogram]:
    """Say of each family how stable it is, and add those that count the families."""
    registered = Metric(
        "registered_metrics_total", "counter", "How many metrics there are, by stability and the version that deprecated them."
    )
    whole = [*families, registered, *(_none(name) for name in ("disabled", "hidden"))]
    counts: Counter[tuple[str, str]] = Counter()
    for family in whole:
        family.level = "STABLE" if family.name in STABLE else "BETA" if family.name in BETA else "ALPHA"
        counts[family.level, _DEPRECATED.get(family.name, "")] += 1
    for (level, deprecated), count in sorted(counts.items()):
        registered.add(count, stability_level=level, deprecated_version=deprecated)
    return whole


def _none(name: str) -> Metric:
    family = Metric(f"{name}_metrics_total", "counter", f"How many metrics are {name}: none can be.")
    family.add(0)
    return family
