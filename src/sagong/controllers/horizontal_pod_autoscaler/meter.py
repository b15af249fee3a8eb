"""What the autoscaler counts: looks, and metrics that were computed, by what they led to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sagong.api.exposition import Counts, Family, Histogram, Metric, exponential
from sagong.api.types.autoscaling import HorizontalPodAutoscaler
from sagong.api.types.autoscaling_v1 import Scale
from sagong.client.plan import Action, Emit, Update
from sagong.controllers.declaration import Key
from sagong.controllers.meter import Attempt, Meter
from sagong.controllers.view import View

_PREFIX = "horizontal_pod_autoscaler_controller_"
_BOUNDS = exponential(0.001, 2, 15)
_FAILURES = frozenset({"FailedGetScale", "FailedComputeMetricsReplicas", "FailedRescale"})
_HOW = "'action' is scale_up, scale_down or none, 'error' is spec, internal or none."


@dataclass(frozen=True, slots=True)
class Computed:
    """One metric that a look computed: its type, the replicas it asks for (None: it failed), and the seconds it took to read."""

    type: str
    replicas: int | None
    seconds: float


class AutoscalerMeter(Meter):
    """Counts under upstream's names."""

    def __init__(self) -> None:
        self._looks = Counts(f"{_PREFIX}reconciliations_total", f"Number of reconciliations of HPA controller. {_HOW}", ("action", "error"))
        self._look_seconds = Histogram(
            f"{_PREFIX}reconciliation_duration_seconds", f"The seconds that one reconciliation takes. {_HOW}", ("action", "error"), _BOUNDS
        )
        labels = ("action", "error", "metric_type")
        self._metrics = Counts(f"{_PREFIX}metric_computation_total", f"Number of metric computations. {_HOW}", labels)
        self._metric_seconds = Histogram(
            f"{_PREFIX}metric_computation_duration_seconds", f"The seconds that one metric takes. {_HOW}", labels, _BOUNDS
        )

    def before(self, view: View, key: Key) -> HorizontalPodAutoscaler | None:
        """Return the autoscaler."""
        return view.get(HorizontalPodAutoscaler, *key)

    def after(self, attempt: Attempt) -> None:
        """Count a look."""
        hpa: HorizontalPodAutoscaler | None = attempt.before
        if hpa is None:
            return
        current, actions = hpa.status.currentReplicas, attempt.plan.actions
        written = [scale for write in attempt.outcome.written if (scale := _scale(write.action)) is not None]
        said = any(isinstance(action, Emit) and action.reason in _FAILURES for action in actions)
        failed = attempt.outcome.failure is not None or said or len(written) < sum(_scale(action) is not None for action in actions)
        labels = (_action(written[0].spec.replicas if written else current, current), "internal" if failed else "none")
        self._looks.add(labels)
        self._look_seconds.observe(attempt.seconds, labels)
        for note in attempt.plan.notes:
            if isinstance(note, Computed):
                self._computed(note, current)

    def families(self, view: View) -> Iterable[Family]:
        """Return them all, with how many autoscalers there are and what they want."""
        total = Metric(f"{_PREFIX}num_horizontal_pod_autoscalers", "gauge", "Current number of controlled HPA objects.")
        wanted = Metric(f"{_PREFIX}desired_replicas", "gauge", "Current desired replica count for HPA objects.")
        autoscalers = view.list(HorizontalPodAutoscaler)
        total.add(len(autoscalers))
        for hpa in autoscalers:
            wanted.add(hpa.status.desiredReplicas, namespace=hpa.metadata.namespace, hpa_name=hpa.metadata.name)
        return self._looks, self._look_seconds, self._metrics, self._metric_seconds, total, wanted

    def _computed(self, computed: Computed, current: int) -> None:
        action = "none" if computed.replicas is None else _action(computed.replicas, current)
        labels = (action, "internal" if computed.replicas is None else "none", computed.type)
        self._metrics.add(labels)
        self._metric_seconds.observe(computed.seconds, labels)


def _action(wanted: int, current: int) -> str:
    return "scale_up" if wanted > current else "scale_down" if wanted < current else "none"


def _scale(action: Action) -> Scale | None:
    return action.obj if isinstance(action, Update) and action.subresource == "scale" else None
