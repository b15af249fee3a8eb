"""Which pods belong together for default spreading: those that a pod's services and its owner select."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from sagong.api.selectors import EVERYTHING, Selector, from_labels
from sagong.api.types.apps import ReplicaSet, StatefulSet
from sagong.api.types.core import ReplicationController, Service
from sagong.api.types.meta import OwnerReference
from sagong.scheduler.framework import Listers
from sagong.scheduler.pod_info import PodInfo, shared_selector

_OWNERS: dict[tuple[str, str], type] = {
    ("v1", "ReplicationController"): ReplicationController,
    ("apps/v1", "ReplicaSet"): ReplicaSet,
    ("apps/v1", "StatefulSet"): StatefulSet,
}


def kinds_read(pod: PodInfo) -> Iterable[type]:
    """Return the kinds that `default_selector` looks up."""
    yield Service
    owner = _controller(pod)
    if owner is not None and (kind := _OWNERS.get((owner.apiVersion, owner.kind))) is not None:
        yield kind


def default_selector(pod: PodInfo, listers: Listers) -> Selector:
    """Return the union of demands; one that demands nothing when nothing selects the pod."""
    labels: dict[str, str] = {}
    for service in listers.list(Service, pod.namespace):
        selector = service.spec.selector
        if selector and selector.items() <= pod.labels.items():
            labels |= selector
    return _union(tuple(sorted(labels.items())), _owner_selector(pod, listers))


@functools.lru_cache(maxsize=1024)
def _union(labels: tuple[tuple[str, str], ...], selector: Selector) -> Selector:
    """Return what demands both; equal ones are one object, which is parsed once for all pods of an owner."""
    found = (*from_labels(dict(labels)).requirements, *selector.requirements)
    return Selector(dict.fromkeys(found)) if found else EVERYTHING


def _owner_selector(pod: PodInfo, listers: Listers) -> Selector:
    owner = _controller(pod)
    kind = _OWNERS.get((owner.apiVersion, owner.kind)) if owner is not None else None
    found = listers.get(kind, pod.namespace, owner.name) if kind is not None and owner is not None else None
    if isinstance(found, ReplicationController):
        return from_labels(found.spec.selector)
    if isinstance(found, ReplicaSet | StatefulSet) and found.spec.selector is not None:
        return shared_selector(found.spec.selector)
    return EVERYTHING


def _controller(pod: PodInfo) -> OwnerReference | None:
    return next((owner for owner in pod.pod.metadata.ownerReferences if owner.controller), None)
