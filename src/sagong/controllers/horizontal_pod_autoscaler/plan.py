"""One look at an autoscaler: from what was read to a plan. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sagong.api.clock import format_time
from sagong.api.errors import ConflictError
from sagong.api.quantity import parse
from sagong.api.resources import Resource
from sagong.api.selectors import Selector, SelectorError
from sagong.api.selectors import parse as parse_selector
from sagong.api.types.autoscaling import (
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerCondition,
    HorizontalPodAutoscalerStatus,
    MetricSpec,
    MetricStatus,
)
from sagong.api.types.autoscaling_v1 import Scale
from sagong.api.types.core import Pod
from sagong.client.events import EventType
from sagong.client.plan import Action, Emit, Failure, Plan, Update
from sagong.controllers import conditions
from sagong.controllers.declaration import Key
from sagong.controllers.horizontal_pod_autoscaler.limits import Bounds, Dated, Memory, limited
from sagong.controllers.horizontal_pod_autoscaler.meter import Computed
from sagong.controllers.horizontal_pod_autoscaler.proposals import Reading, propose
from sagong.controllers.horizontal_pod_autoscaler.readings import ReadingError
from sagong.controllers.horizontal_pod_autoscaler.replicas import Tolerance, Workload

PERIOD = 15.0
_GET_FAILED = "the HPA controller was unable to get the target's current scale: "


@dataclass(frozen=True, slots=True)
class Observed:
    """What was read: the target's scale (or why not), the namespace's pods, a reading for each metric, other autoscalers.

    `seconds`: how long each reading took.
    """

    scale: Scale | Failure
    row: Resource | None = None
    pods: Sequence[Pod] = ()
    readings: Sequence[Reading] = ()
    others: Mapping[Key, Selector] = field(default_factory=dict)
    seconds: Sequence[float] = ()


Remember = Callable[[Memory], None]


def plan(hpa: HorizontalPodAutoscaler, seen: Observed, memory: Memory, now: datetime, remember: Remember) -> Plan:
    """Plan one look. `remember` is told what is to be known at the next."""
    step = _Step(hpa, memory, now, remember)
    if not isinstance(seen.scale, Scale):
        step.say("Warning", "FailedGetScale", str(seen.scale))
        step.condition("AbleToScale", "False", "FailedGetScale", f"{_GET_FAILED}{seen.scale}")
        return step.plan()
    step.condition("AbleToScale", "True", "SucceededGetScale", "the HPA controller was able to get the target's current scale")
    return step.decide(seen.scale, seen)


class _Step:
    """Collects what one plan does."""

    def __init__(self, hpa: HorizontalPodAutoscaler, memory: Memory, now: datetime, remember: Remember) -> None:
        self.before, self.hpa, self.now, self._remember = hpa, hpa.copy(), now, remember
        self.memory = memory
        self._actions: list[Action] = []
        self._notes: list[Computed] = []

    def say(self, kind: EventType, reason: str, message: str) -> None:
        self._actions.append(Emit(self.before, kind, reason, message))

    def condition(self, kind: str, status: str, reason: str, message: str) -> None:
        known = conditions.find(self.hpa.status.conditions, kind)
        if known is None:
            known = HorizontalPodAutoscalerCondition(type=kind)
            self.hpa.status.conditions.append(known)
        if known.status != status:
            known.lastTransitionTime = format_time(self.now)
        known.status, known.reason, known.message = status, reason, message

    def plan(self, *first: Action) -> Plan:
        """Return the plan: events, then the status if it is another one."""
        self._remember(self.memory)
        update = (Update(self.hpa, "status"),) if self.hpa.status != self.before.status else ()
        return Plan((*first, *self._actions, *update), requeue_after=PERIOD, notes=tuple(self._notes))

    def status(self, current: int, desired: int, metrics: Sequence[MetricStatus], *, rescaled: bool = False) -> None:
        old = self.hpa.status
        scaled_at = format_time(self.now) if rescaled else old.lastScaleTime
        self.hpa.status = HorizontalPodAutoscalerStatus(
            lastScaleTime=scaled_at,
            currentReplicas=current,
            desiredReplicas=desired,
            currentMetrics=list(metrics),
            conditions=old.conditions,
        )

    def decide(self, scale: Scale, seen: Observed) -> Plan:
        spec, current = self.hpa.spec, scale.spec.replicas
        if not self.memory.recommended:
            self.memory = Memory((Dated(current, self.now),), self.memory.added, self.memory.removed)
        bounds = Bounds(current, 1 if spec.minReplicas is None else spec.minReplicas, spec.maxReplicas)
        if current == 0:
            text = "scaling is disabled since the replica count of the target is zero"
            self.condition("ScalingActive", "False", "ScalingDisabled", text)
            self.status(current, current, ())
            return self.plan()
        if current > bounds.most:
            return self._rescale(scale, seen, bounds.most, "Current number of replicas above Spec.MaxReplicas", ())
        if current < bounds.least:
            return self._rescale(scale, seen, bounds.least, "Current number of replicas below Spec.MinReplicas", ())
        found = self._computed(scale, seen)
        if found.failure:
            self.status(current, self.hpa.status.desiredReplicas, found.statuses)
            self.say("Warning", "FailedComputeMetricsReplicas", found.failure)
            return self.plan()
        wanted = found.replicas
        why = f"{found.metric} above target" if wanted > current else "All metrics below target" if wanted < current else ""
        done = limited(wanted, bounds, spec.behavior, self.memory, self.now)
        self.memory = done.memory
        self.condition("AbleToScale", "True", *done.able)
        self.condition("ScalingLimited", "True" if done.is_limited else "False", *done.limit)
        if done.replicas == current:
            self.status(current, current, found.statuses)
            return self.plan()
        return self._rescale(scale, seen, done.replicas, why, found.statuses)

    def _rescale(self, scale: Scale, seen: Observed, desired: int, why: str, metrics: Sequence[MetricStatus]) -> Plan:
        """Change the size, then say how that went; a conflict is looked at again at once."""
        new, current = scale.copy(), scale.spec.replicas
        new.spec.replicas = desired
        self._remember(self.memory)

        def then(failure: Failure | None) -> Plan:
            if isinstance(failure, ConflictError):
                return Plan(requeue_after=0.0)
            if failure is not None:
                self.say("Warning", "FailedRescale", f"New size: {desired}; reason: {why}; error: {failure}")
                text = f"the HPA controller was unable to update the target scale: {failure}"
                self.condition("AbleToScale", "False", "FailedUpdateScale", text)
                self.status(current, self.hpa.status.desiredReplicas, metrics)
                return self.plan()
            text = f"the HPA controller was able to update the target scale to {desired}"
            self.condition("AbleToScale", "True", "SucceededRescale", text)
            self.say("Normal", "SuccessfulRescale", f"New size: {desired}; reason: {why}")
            self.memory = self.memory.scaled(self.hpa.spec.behavior, current, desired, self.now)
            self.status(current, desired, metrics, rescaled=True)
            return self.plan()

        return Plan((Update(new, "scale", resource=seen.row),), then=then, handled=True, notes=tuple(self._notes))

    # --- metrics

    def _computed(self, scale: Scale, seen: Observed) -> _Computed:
        selector = self._selector(scale.status.selector, seen)
        if isinstance(selector, str):
            return _Computed(failure=selector)
        pods = [pod for pod in seen.pods if selector.matches(pod.metadata.labels)]
        workload = Workload(pods, scale.spec.replicas, scale.status.replicas, _tolerance(self.hpa), self.now)
        found, failures = _Computed(), []
        found.statuses = [MetricStatus() for _ in self.hpa.spec.metrics]
        for i, (spec, reading) in enumerate(zip(self.hpa.spec.metrics, seen.readings, strict=True)):
            took = seen.seconds[i] if seen.seconds else 0.0
            try:
                proposal, found.statuses[i], name = propose(spec, reading, workload, self.hpa.metadata.namespace)
            except ReadingError as error:
                self.say("Warning", _FAILED[spec.type], str(error))
                failures.append((spec, str(error)))
                self._notes.append(Computed(spec.type, None, took))
                continue
            self._notes.append(Computed(spec.type, proposal.replicas, took))
            if found.replicas == 0 or proposal.replicas > found.replicas:
                found.replicas, found.metric = proposal.replicas, name
        if not failures:
            self._found(found.metric)
            return found
        spec, text = failures[0]
        if len(failures) < len(self.hpa.spec.metrics) and found.replicas >= scale.spec.replicas:
            self._found(found.metric)
            return found
        self.condition("ScalingActive", "False", _FAILED[spec.type], f"the HPA was unable to compute the replica count: {text}")
        first = f"failed to get {_what(spec)} metric value: {text}"
        found.failure = f"invalid metrics ({len(failures)} invalid out of {len(self.hpa.spec.metrics)}), first error is: {first}"
        return found

    def _found(self, metric: str) -> None:
        text = f"the HPA was able to successfully calculate a replica count from {metric}"
        self.condition("ScalingActive", "True", "ValidMetricFound", text)

    def _selector(self, text: str, seen: Observed) -> Selector | str:
        """Return the selector of the target's pods, or what is wrong with it."""
        if not text:
            return self._refuse(
                "SelectorRequired", "selector is required", "InvalidSelector", "the HPA target's scale is missing a selector"
            )
        try:
            selector = parse_selector(text)
        except SelectorError as error:
            words = f"couldn't convert selector into a corresponding internal selector object: {error}"
            return self._refuse("InvalidSelector", words, "InvalidSelector", words)
        pods = [pod for pod in seen.pods if selector.matches(pod.metadata.labels)]
        own = Key(self.hpa.metadata.namespace, self.hpa.metadata.name)
        rivals = {key for key, other in seen.others.items() if any(other.matches(pod.metadata.labels) for pod in pods)} - {own}
        if rivals and pods:
            names = " ".join(str(key) for key in sorted({own, *rivals}))
            words = f"pods by selector {text} are controlled by multiple HPAs: [{names}]"
            return self._refuse("AmbiguousSelector", words, "AmbiguousSelector", words)
        return selector

    def _refuse(self, event: str, said: str, reason: str, message: str) -> str:
        self.say("Warning", event, said)
        self.condition("ScalingActive", "False", reason, message)
        return said


@dataclass(slots=True)
class _Computed:
    """The most that a metric asks for; `failure`: why none counts."""

    replicas: int = 0
    metric: str = ""
    statuses: list[MetricStatus] = field(default_factory=list)
    failure: str = ""


_FAILED = {
    "Resource": "FailedGetResourceMetric",
    "ContainerResource": "FailedGetContainerResourceMetric",
    "Pods": "FailedGetPodsMetric",
    "Object": "FailedGetObjectMetric",
    "External": "FailedGetExternalMetric",
}


def _what(spec: MetricSpec) -> str:
    if spec.resource is not None:
        return f"{spec.resource.name} resource"
    if spec.containerResource is not None:
        return f"{spec.containerResource.container} container"
    if spec.external is not None:
        return f"{spec.external.metric.name} external"
    return spec.type.lower()


def _tolerance(hpa: HorizontalPodAutoscaler) -> Tolerance:
    found, behavior = Tolerance(), hpa.spec.behavior
    if behavior is None:
        return found
    down = behavior.scaleDown.tolerance if behavior.scaleDown is not None else None
    up = behavior.scaleUp.tolerance if behavior.scaleUp is not None else None
    return Tolerance(
        found.down if down is None else parse(down).nanos / 1e9,
        found.up if up is None else parse(up).nanos / 1e9,
    )
