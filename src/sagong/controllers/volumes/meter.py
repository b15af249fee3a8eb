"""What the loops of volumes count: how many volumes and claims are bound, and which claims are made or corrected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sagong.api.exposition import Counts, Family, Metric
from sagong.api.types.core import PersistentVolume, PersistentVolumeClaim
from sagong.api.volumes import claim_class
from sagong.client.plan import Create, Update
from sagong.controllers.declaration import Key
from sagong.controllers.meter import Attempt, Meter
from sagong.controllers.view import View

_PLUGINS = {"hostPath": "host-path", "local": "local-volume", "nfs": "nfs", "iscsi": "iscsi", "fc": "fc"}
_ByBound = Counter[tuple[bool, tuple[str, ...]]]
_CLASS, _CLAIM = ("storage_class",), ("namespace", "storage_class", "volume_attributes_class")


class BinderMeter(Meter):
    """Counts under upstream's names (pv_collector_*)."""

    def __init__(self) -> None:
        self._retroactive = Counts("retroactive_storageclass_total", "How many claims were given the default class after they were made.")
        self._failed = Counts("retroactive_storageclass_errors_total", "How many claims could not be given it.")

    def before(self, view: View, key: Key) -> PersistentVolumeClaim | None:
        """Return the claim."""
        return view.get(PersistentVolumeClaim, *key) if key.namespace else None

    def after(self, attempt: Attempt) -> None:
        """Count a claim that gets its class."""
        claim: PersistentVolumeClaim | None = attempt.before
        if claim is None or claim_class(claim) or claim.spec.storageClassName is not None:
            return
        updates = [action.obj for action in attempt.plan.actions if isinstance(action, Update)]
        if any(isinstance(found, PersistentVolumeClaim) and found.spec.storageClassName for found in updates):
            (self._retroactive if attempt.outcome.failure is None else self._failed).add()

    def families(self, view: View) -> Iterable[Family]:
        """Return them, with the volumes and claims that there are."""
        volumes, claims = view.list(PersistentVolume), view.list(PersistentVolumeClaim)
        by_class: _ByBound = Counter((volume.status.phase == "Bound", (volume.spec.storageClassName or "",)) for volume in volumes)
        by_claim: _ByBound = Counter((claim.status.phase == "Bound", _labels(claim)) for claim in claims)
        yield _gauge("total_pv", "volumes", ("plugin_name", "volume_mode"), Counter(map(_kind, volumes)))
        for bound, word in ((True, "bound"), (False, "unbound")):
            yield _gauge(f"{word}_pv", f"volumes are {word}", _CLASS, _of(by_class, bound=bound))
            yield _gauge(f"{word}_pvc", f"claims are {word}", _CLAIM, _of(by_claim, bound=bound))
        yield from (self._retroactive, self._failed)


class EphemeralMeter(Meter):
    """Counts the claims of ephemeral volumes."""

    def __init__(self) -> None:
        self._made = Counts("ephemeral_volume_controller_create_total", "How many claims were to be made for ephemeral volumes.")
        self._failed = Counts("ephemeral_volume_controller_create_failures_total", "How many of them could not be made.")

    def after(self, attempt: Attempt) -> None:
        """Count the claims of a pod; the first that fails ends the attempt."""
        made = sum(isinstance(write.action, Create) for write in attempt.outcome.written)
        failed = int(attempt.outcome.failure is not None)
        self._made.add(value=made + failed)
        self._failed.add(value=failed)

    def families(self, view: View) -> Iterable[Family]:  # noqa: ARG002 - a meter's signature
        """Return them."""
        return self._made, self._failed


def _kind(volume: PersistentVolume) -> tuple[str, ...]:
    spec = volume.spec
    if spec.csi is not None:
        plugin = f"kubernetes.io/csi:{spec.csi.driver}"
    else:
        plugin = next((f"kubernetes.io/{name}" for field, name in _PLUGINS.items() if getattr(spec, field) is not None), "N/A")
    return plugin, spec.volumeMode or "Filesystem"


def _labels(claim: PersistentVolumeClaim) -> tuple[str, ...]:
    return claim.metadata.namespace, claim_class(claim), claim.spec.volumeAttributesClassName or ""


def _of(counts: _ByBound, *, bound: bool) -> dict[tuple[str, ...], int]:
    return {labels: count for (is_bound, labels), count in counts.items() if is_bound is bound}


def _gauge(name: str, what: str, labels: tuple[str, ...], values: dict[tuple[str, ...], int]) -> Metric:
    metric = Metric(f"pv_collector_{name}_count", "gauge", f"How many {what}.")
    for found, count in sorted(values.items()):
        metric.add(count, **dict(zip(labels, found, strict=True)))
    return metric
