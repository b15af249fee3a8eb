"""The loop: every fifteen seconds, and when its spec changes, each autoscaler is looked at."""

from __future__ import annotations

from dataclasses import dataclass, field

from sagong.api.errors import ApiError
from sagong.api.selectors import Selector, SelectorError, from_label_selector, parse
from sagong.api.types.autoscaling import HorizontalPodAutoscaler, MetricSpec
from sagong.api.types.core import Pod
from sagong.api.types.meta import LabelSelector
from sagong.client.plan import NOTHING, Plan
from sagong.controllers.declaration import Controller, Key, Watch, updated, writes
from sagong.controllers.horizontal_pod_autoscaler.limits import Memory
from sagong.controllers.horizontal_pod_autoscaler.meter import AutoscalerMeter
from sagong.controllers.horizontal_pod_autoscaler.plan import Observed, plan
from sagong.controllers.horizontal_pod_autoscaler.proposals import Reading
from sagong.controllers.horizontal_pod_autoscaler.readings import Meters, ReadingError, Versions
from sagong.controllers.horizontal_pod_autoscaler.targets import Kinds, scale_of
from sagong.controllers.view import Live


@dataclass(slots=True)
class Autoscalers:
    """What is known from one look to the next."""

    kinds: Kinds = field(default_factory=Kinds)
    versions: Versions = field(default_factory=Versions)
    memories: dict[Key, Memory] = field(default_factory=dict)
    selectors: dict[Key, Selector] = field(default_factory=dict)

    async def reconcile(self, live: Live, key: Key) -> Plan:
        """Read what an autoscaler needs, and plan."""
        hpa = live.get(HorizontalPodAutoscaler, *key)
        if hpa is None:
            self.memories.pop(key, None)
            self.selectors.pop(key, None)
            return NOTHING
        seen = await self._observe(live, hpa, key)
        memory = self.memories.get(key, Memory())
        return plan(hpa, seen, memory, live.now, lambda new: self.memories.__setitem__(key, new))

    async def _observe(self, live: Live, hpa: HorizontalPodAutoscaler, key: Key) -> Observed:
        target = hpa.spec.scaleTargetRef
        try:
            rows = await self.kinds.rows(live.client, target)
            scale, row = await scale_of(live.client, rows, key.namespace, target.name)
        except (ApiError, OSError) as error:
            return Observed(error)
        least = 1 if hpa.spec.minReplicas is None else hpa.spec.minReplicas
        if not max(least, 1) <= scale.spec.replicas <= hpa.spec.maxReplicas:
            return Observed(scale, row)
        self._note(key, scale.status.selector)
        meters = Meters(live.client, lambda described: self.kinds.row(live.client, described), self.versions)
        readings, seconds, clock = [], [], live.client.clock
        for spec in hpa.spec.metrics:
            began = clock.monotonic()
            readings.append(await _read(meters, spec, key.namespace, scale.status.selector))
            seconds.append(clock.monotonic() - began)
        others = {other: found for other, found in self.selectors.items() if other.namespace == key.namespace}
        return Observed(scale, row, live.list(Pod, key.namespace), readings, others, seconds)

    def _note(self, key: Key, selector: str) -> None:
        self.selectors.pop(key, None)
        try:
            if selector:
                self.selectors[key] = parse(selector)
        except SelectorError:
            return


async def _read(meters: Meters, spec: MetricSpec, namespace: str, selector: str) -> Reading:
    """Return what one metric reads, or why not."""
    try:
        return await _reading(meters, spec, namespace, selector)
    except ReadingError as error:
        return error
    except SelectorError as error:
        return ReadingError(str(error))


async def _reading(meters: Meters, spec: MetricSpec, namespace: str, selector: str) -> Reading:
    if spec.resource is not None:
        return await meters.resource(namespace, spec.resource.name, selector)
    if spec.containerResource is not None:
        return await meters.resource(namespace, spec.containerResource.name, selector, spec.containerResource.container)
    if spec.pods is not None:
        return await meters.pods(namespace, spec.pods.metric.name, selector, _text(spec.pods.metric.selector))
    if spec.object is not None:
        metric = spec.object.metric
        return await meters.object(namespace, metric.name, spec.object.describedObject, _text(metric.selector))
    if spec.external is not None:
        return await meters.external(namespace, spec.external.metric.name, _text(spec.external.metric.selector))
    raise ReadingError(f'unknown metric source type "{spec.type}"')


def _text(selector: LabelSelector | None) -> str:
    return str(from_label_selector(selector)) if selector is not None else ""


def controller() -> Controller:
    """Return the loop."""
    return Controller(
        name="horizontal-pod-autoscaler",
        account="horizontal-pod-autoscaler",
        component="horizontal-pod-autoscaler",
        watches=(Watch(HorizontalPodAutoscaler, changed=updated(lambda old, new: old.spec != new.spec)),),
        reads=(Pod,),
        writes={"*": ("update",), **writes(("update", HorizontalPodAutoscaler, "status"))},
        reconcile_live=Autoscalers().reconcile,
        meter=AutoscalerMeter,
    )
