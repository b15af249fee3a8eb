"""LimitRanger: a namespace's LimitRanges give containers default resources, and bound what pods and claims may ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sagong.api import pods, quantity
from sagong.api.quantity import Quantity
from sagong.api.resources import Resource
from sagong.api.types.core import Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod
from sagong.server.admission.plugin import CLAIMS, PODS, Operation, Plugin, Review
from sagong.server.contract import Objects

ANNOTATION = "kubernetes.io/limit-ranger"
Amounts = Mapping[str, Quantity]


class LimitRanger(Plugin):
    """Asked about new pods and their resizing, and about claims."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def handles(self, operation: Operation, row: Resource, subresource: str) -> bool:
        """Say so."""
        if (row.group, row.plural) == PODS:
            return (operation, subresource) in (("CREATE", ""), ("UPDATE", "resize"))
        return (row.group, row.plural) == CLAIMS and operation in ("CREATE", "UPDATE") and not subresource

    async def mutate(self, review: Review) -> None:
        """Give containers the default requests and limits."""
        if isinstance(review.obj, Pod):
            for limits in self._ranges(review):
                _set_defaults(review.obj, limits)

    async def validate(self, review: Review) -> None:
        """Refuse what is out of bounds."""
        for limits in self._ranges(review):
            complaints = [complaint for item in limits.spec.limits or () for complaint in _complaints(item, review.obj)]
            if complaints:
                raise review.forbidden(complaints[0] if len(complaints) == 1 else f"[{', '.join(dict.fromkeys(complaints))}]")

    def _ranges(self, review: Review) -> list[LimitRange]:
        if review.old is not None and review.old.metadata.deletionTimestamp:
            return []
        return list(self._objects.list(LimitRange, review.namespace))


def _set_defaults(pod: Pod, limits: LimitRange) -> None:
    requests: dict[str, str] = {}
    maxima: dict[str, str] = {}
    for item in limits.spec.limits or ():
        if item.type == "Container":
            requests |= item.defaultRequest
            maxima |= item.default
    notes = []
    for kind, containers in (("container", pod.spec.containers), ("init container", pod.spec.initContainers)):
        for container in containers:
            for what, defaults, given in (
                ("request", requests, container.resources.requests),
                ("limit", maxima, container.resources.limits),
            ):
                added = sorted(defaults.keys() - given.keys())
                given |= {name: defaults[name] for name in added}
                if added:
                    notes.append(f"{', '.join(added)} {what} for {kind} {container.name}")
    if notes:
        pod.metadata.annotations[ANNOTATION] = f"LimitRanger plugin set: {'; '.join(notes)}"


def _complaints(item: LimitRangeItem, obj: Pod | PersistentVolumeClaim) -> Iterator[str]:
    if isinstance(obj, PersistentVolumeClaim):
        if item.type == "PersistentVolumeClaim":
            yield from _claim_complaints(item, _amounts(obj.spec.resources.requests))
    elif item.type == "Container":
        container: Container
        for container in obj.spec.containers + obj.spec.initContainers:
            yield from _bounds(item, _amounts(container.resources.requests), _amounts(container.resources.limits))
    elif item.type == "Pod":
        yield from _bounds(item, pods.requests(obj), pods.limits(obj))


def _amounts(resources: Mapping[str, str]) -> Amounts:
    return {name: quantity.parse(text) for name, text in resources.items()}


def _claim_complaints(item: LimitRangeItem, requests: Amounts) -> Iterator[str]:
    for name, text in item.min.items():
        yield from _minimum(item.type, name, text, requests, {})
    for name, text in item.max.items():
        where = f"maximum {name} usage per {item.type} is {text}"
        if name not in requests:
            yield f"{where}.  No request is specified"
        elif requests[name].nanos > quantity.parse(text).nanos:
            yield f"{where}, but request is {requests[name]}"


def _bounds(item: LimitRangeItem, requests: Amounts, limits: Amounts) -> Iterator[str]:
    for name, text in item.min.items():
        yield from _minimum(item.type, name, text, requests, limits)
    for name, text in item.max.items():
        yield from _maximum(item.type, name, text, requests, limits)
    for name, text in item.maxLimitRequestRatio.items():
        yield from _ratio(item.type, name, text, requests, limits)


def _minimum(kind: str, name: str, text: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    where, bound = f"minimum {name} usage per {kind} is {text}", quantity.parse(text).nanos
    if name not in requests:
        yield f"{where}.  No request is specified"
    elif requests[name].nanos < bound:
        yield f"{where}, but request is {requests[name]}"
    elif name in limits and limits[name].nanos < bound:
        yield f"{where}, but limit is {limits[name]}"


def _maximum(kind: str, name: str, text: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    where, bound = f"maximum {name} usage per {kind} is {text}", quantity.parse(text).nanos
    if name not in limits:
        yield f"{where}.  No limit is specified"
    elif limits[name].nanos > bound:
        yield f"{where}, but limit is {limits[name]}"
    elif name in requests and requests[name].nanos > bound:
        yield f"{where}, but request is {requests[name]}"


def _ratio(kind: str, name: str, text: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    where = f"{name} max limit to request ratio per {kind} is {text}"
    request, limit = requests.get(name), limits.get(name)
    if request is None or not request.nanos:
        yield f"{where}, but no request is specified or request is 0"
    elif limit is None or not limit.nanos:
        yield f"{where}, but no limit is specified or limit is 0"
    elif (ratio := limit.nanos / request.nanos) > quantity.parse(text).nanos / quantity.NANO:
        yield f"{where}, but provided ratio is {ratio:f}"
