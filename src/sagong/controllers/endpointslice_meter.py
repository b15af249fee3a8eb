"""What the loops of endpoint slices count: slices and endpoints as they are, how full slices could be, and what changes at each sync."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from sagong.api.exposition import DEFAULT_BOUNDS, Counts, Family, Histogram, Metric, exponential
from sagong.api.types.core import Service
from sagong.api.types.discovery import EndpointSlice
from sagong.client.plan import Create, Delete, Update
from sagong.controllers.declaration import Key
from sagong.controllers.meter import Attempt, Handler, Meter
from sagong.controllers.view import View

_NAME, _MANAGED_BY = "kubernetes.io/service-name", "endpointslice.kubernetes.io/managed-by"
_TOPOLOGY = ("service.kubernetes.io/topology-mode", "service.kubernetes.io/topology-aware-hints")
_FULL = 100
_WORDS: dict[type, str] = {Create: "create", Update: "update", Delete: "delete"}


@dataclass(slots=True)
class _Changed:
    """Endpoints that came and went since the service's last sync."""

    added: int = 0
    removed: int = 0


@dataclass(slots=True)
class _Slices:
    """A service's slices, each with how many endpoints and which ports it has."""

    known: dict[str, tuple[int, object]] = field(default_factory=dict)

    @property
    def fewest(self) -> int:
        """How many slices would do: full ones for each set of ports, and one that says that there is none."""
        sums: dict[object, int] = defaultdict(int)
        for count, ports in self.known.values():
            sums[ports] += count
        return max(sum(-(-count // _FULL) for count in sums.values()), 1)


class _Meter(Meter):
    """Counts the slices of one manager. What a sync changed is taken from what informers show of its writes, before `after` is asked."""

    def __init__(self, prefix: str, manager: str) -> None:
        self._prefix, self._manager = prefix, manager
        bounds = exponential(2, 2, 15)
        self._added = Histogram(f"{prefix}endpoints_added_per_sync", "Number of endpoints added on each sync", (), bounds)
        self._removed = Histogram(f"{prefix}endpoints_removed_per_sync", "Number of endpoints removed on each sync", (), bounds)
        self._changes = Counts(f"{prefix}changes", "Number of EndpointSlice changes", ("operation",))
        self._services: dict[tuple[str, str], _Slices] = defaultdict(_Slices)
        self._changed: dict[tuple[str, str], _Changed] = {}

    def handlers(self) -> Iterable[tuple[type, Handler]]:
        """Follow the slices."""
        return ((EndpointSlice, self._slice_changed),)

    def after(self, attempt: Attempt) -> None:
        """Count a sync."""
        for write in attempt.outcome.written:
            self._changes.add((_WORDS[type(write.action)],))
        changed = self._changed.pop(attempt.key, _Changed())
        self._added.observe(changed.added)
        self._removed.observe(changed.removed)

    def families(self, view: View) -> Iterable[Family]:  # noqa: ARG002 - a meter's signature
        """Return them, with what there is now."""
        found = self._services.values()
        now = (
            ("num_endpoint_slices", "Number of EndpointSlices", sum(len(slices.known) for slices in found)),
            (
                "desired_endpoint_slices",
                "Number of EndpointSlices that would exist with perfect endpoint allocation",
                sum(slices.fewest for slices in found),
            ),
            ("endpoints_desired", "Number of endpoints desired", sum(count for slices in found for count, _ in slices.known.values())),
        )
        gauges = [Metric(self._prefix + name, "gauge", text) for name, text, _ in now]
        for gauge, (_, _, value) in zip(gauges, now, strict=True):
            gauge.add(value)
        return *gauges, self._added, self._removed, self._changes

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        shown = new or old
        if shown is None or shown.metadata.labels.get(_MANAGED_BY) != self._manager:
            return
        key = Key(shown.metadata.namespace, shown.metadata.labels.get(_NAME, ""))
        slices = self._services[key]
        if new is not None:
            ports = (new.addressType, tuple((port.name, port.protocol, port.port) for port in new.ports or ()))
            slices.known[new.metadata.name] = (len(new.endpoints or ()), ports)
        else:
            slices.known.pop(shown.metadata.name, None)
            if not slices.known:
                del self._services[key]
        before, after = _addresses(old), _addresses(new)
        changed = self._changed.setdefault(key, _Changed())
        changed.added += len(after - before)
        changed.removed += len(before - after)


class SliceMeter(_Meter):
    """Counts for services, under upstream's names."""

    def __init__(self) -> None:
        super().__init__("endpoint_slice_controller_", "endpointslice-controller.k8s.io")
        self._syncs = Counts(f"{self._prefix}syncs", "Number of EndpointSlice syncs", ("result",))
        self._changed_slices = Histogram(
            f"{self._prefix}endpointslices_changed_per_sync",
            "Number of EndpointSlices changed on each sync of a service",
            ("topology", "traffic_distribution"),
            DEFAULT_BOUNDS,
        )

    def before(self, view: View, key: Key) -> tuple[str, str]:
        """Return how the service wants its traffic."""
        service = view.get(Service, *key)
        if service is None:
            return "Disabled", ""
        auto = any(service.metadata.annotations.get(name, "").lower() == "auto" for name in _TOPOLOGY)
        return ("Auto", "") if auto else ("Disabled", service.spec.trafficDistribution or "")

    def after(self, attempt: Attempt) -> None:
        """Count a sync."""
        super().after(attempt)
        self._syncs.add(("success" if attempt.outcome.failure is None else "error",))
        self._changed_slices.observe(len(attempt.outcome.written), attempt.before)

    def families(self, view: View) -> Iterable[Family]:
        """Return them, with what there is now."""
        distributed: dict[str, int] = defaultdict(int)
        for service in view.list(Service):
            if service.spec.trafficDistribution:
                distributed[service.spec.trafficDistribution] += 1
        traffic = Metric(
            f"{self._prefix}services_count_by_traffic_distribution", "gauge", "Number of Services using some specific trafficDistribution"
        )
        for name, count in distributed.items():
            traffic.add(count, traffic_distribution=name)
        return *super().families(view), self._syncs, self._changed_slices, traffic


class MirrorMeter(_Meter):
    """Counts for Endpoints that are mirrored, under upstream's names."""

    def __init__(self) -> None:
        super().__init__("endpoint_slice_mirroring_controller_", "endpointslicemirroring-controller.k8s.io")
        self._seconds = Histogram(f"{self._prefix}endpoints_sync_duration", "How many seconds a sync takes.", (), exponential(0.001, 2, 15))

    def after(self, attempt: Attempt) -> None:
        """Count a sync."""
        super().after(attempt)
        self._seconds.observe(attempt.seconds)

    def families(self, view: View) -> Iterable[Family]:
        """Return them, with what there is now."""
        return *super().families(view), self._seconds


def _addresses(found: EndpointSlice | None) -> set[tuple[str, ...]]:
    return {tuple(endpoint.addresses) for endpoint in found.endpoints or ()} if found is not None else set()
