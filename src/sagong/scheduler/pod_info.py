"""A pod as the scheduler sees it: the object with what its rules and requests come to, computed once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from sagong.api import pods as facts
from sagong.api.quantity import Quantity, parse
from sagong.api.selectors import NOTHING, Selector, SelectorError, from_label_selector
from sagong.api.types.core import Pod, PodAffinityTerm, PodSpec, WeightedPodAffinityTerm
from sagong.api.types.meta import LabelSelector

Amounts = dict[str, int]
"""Resource amounts: cpu in thousandths of a core, everything else in units."""

Labels = Mapping[str, str]
LabelsKey = frozenset[tuple[str, str]]

# What a container without requests is taken to use when nodes are rated (upstream's non-zero requests).
DEFAULT_REQUESTS = {"cpu": "100m", "memory": "200Mi"}
NO_LABELS: Labels = {}
MAX_TEMPLATES = 4096
LARGEST = 2**62


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One inter-pod affinity term: which pods it means, and whose label draws its domains. Equal terms are one object."""

    topology_key: str
    selector: Selector
    namespaces: frozenset[str]
    namespace_selector: Selector

    def matches(self, namespace: str, labels: Labels, namespace_labels: Labels) -> bool:
        """Say whether the term means a pod of these labels in this namespace."""
        return (namespace in self.namespaces or self.namespace_selector.matches(namespace_labels)) and self.selector.matches(labels)


Weighted = tuple[int, Term]


@dataclass(slots=True, eq=False)
class PodInfo:
    """A pod and what follows from it. `rated` is cpu and memory with defaults for containers that ask for none."""

    pod: Pod
    uid: str
    name: str
    namespace: str
    labels: Labels
    labels_key: LabelsKey
    priority: int
    asked: Amounts
    rated: tuple[int, int]
    needs: object
    """One object for all pods that ask for the same."""
    ports: frozenset[facts.HostPort]
    affinity: tuple[Term, ...] = ()
    anti_affinity: tuple[Term, ...] = ()
    preferred: tuple[Weighted, ...] = ()
    """Preferred terms of both kinds: those of anti-affinity weigh less than nothing."""

    @classmethod
    def of(cls, pod: Pod, before: PodInfo | None = None) -> PodInfo:
        """Compute; what cannot have changed is taken from an earlier version."""
        meta = pod.metadata
        if before is not None and before.uid == meta.uid and _needs_the_same(before.pod, pod):
            same = before.labels == meta.labels
            return replace(
                before,
                pod=pod,
                labels=before.labels if same else meta.labels,
                labels_key=before.labels_key if same else frozenset(meta.labels.items()),
            )
        asked, rated, ports = _demands(pod)
        info = cls(
            pod=pod,
            uid=meta.uid,
            name=meta.name,
            namespace=meta.namespace,
            labels=meta.labels,
            labels_key=frozenset(meta.labels.items()),
            priority=facts.priority(pod),
            asked=asked,
            rated=rated,
            needs=_needs(frozenset(asked.items()), rated),
            ports=ports,
        )
        _parse_affinity(info, pod.spec)
        return info

    @property
    def leaving(self) -> bool:
        """Whether the pod is being deleted."""
        return self.pod.metadata.deletionTimestamp is not None


def amounts(quantities: Mapping[str, str]) -> Amounts:
    """Convert a ResourceList."""
    return _counted({name: parse(text) for name, text in quantities.items()})


def _counted(quantities: Mapping[str, Quantity]) -> Amounts:
    return {name: min(amount.milli_value() if name == "cpu" else amount.value(), LARGEST) for name, amount in quantities.items()}


_Demands = tuple[Amounts, tuple[int, int], frozenset[facts.HostPort]]
_known_demands: dict[bytes, _Demands] = {}


def _demands(pod: Pod) -> _Demands:
    """Return what is asked for, what counts for rating, and host ports: computed once for all pods of a template."""
    if any(_resized(pod)):  # what is asked for depends on the pod's status
        return _demands_of(pod)
    spec = pod.spec
    parts = (
        [(c.resources, c.ports, c.restartPolicy) for c in spec.containers],
        [(c.resources, c.ports, c.restartPolicy) for c in spec.initContainers],
    )
    key = msgspec.json.encode((parts, spec.resources, spec.overhead))
    known = _known_demands.get(key)
    if known is None:
        if len(_known_demands) >= MAX_TEMPLATES:
            _known_demands.clear()
        known = _known_demands[key] = _demands_of(pod)
    return known


def _demands_of(pod: Pod) -> _Demands:
    asked = _counted(facts.requests(pod, use_status=True))
    return asked, _rated(pod, asked), frozenset(facts.host_ports(pod))


def _rated(pod: Pod, asked: Amounts) -> tuple[int, int]:
    """Return cpu and memory for rating nodes. With pod-level resources a default stands in only for what nobody asks for."""
    missing = DEFAULT_REQUESTS
    if pod.spec.resources is not None and pod.spec.resources.requests:
        missing = {name: text for name, text in missing.items() if name not in asked}
    elif all("cpu" in c.resources.requests and "memory" in c.resources.requests for c in (*pod.spec.containers, *pod.spec.initContainers)):
        missing = {}
    if missing:
        asked = _counted(facts.requests(pod, use_status=True, missing=missing))
    return asked.get("cpu", 0), asked.get("memory", 0)


@functools.lru_cache(maxsize=4096)
def _needs(asked: frozenset[tuple[str, int]], rated: tuple[int, int]) -> object:
    del asked, rated
    return object()


def _needs_the_same(before: Pod, now: Pod) -> bool:
    if before.spec is not now.spec and before.spec != now.spec:
        return False
    return _resized(before) == _resized(now)


def _resized(pod: Pod) -> tuple[object, ...]:
    """Return what of the status counts towards requests (KEP-1287); nothing while no container reports resources."""
    containers = [
        (status.name, status.resources, status.allocatedResources)
        for status in (*pod.status.containerStatuses, *pod.status.initContainerStatuses)
        if status.resources is not None
    ]
    pending = facts.condition(pod, "PodResizePending")
    return (containers, pod.status.resources, pod.status.allocatedResources, pending.reason if pending else "")


def _parse_affinity(info: PodInfo, spec: PodSpec) -> None:
    if spec.affinity is None:
        return
    to, away = spec.affinity.podAffinity, spec.affinity.podAntiAffinity
    own = functools.partial(_term, info.namespace)
    if to is not None:
        info.affinity = tuple(map(own, to.requiredDuringSchedulingIgnoredDuringExecution))
        info.preferred = _weighted(own, to.preferredDuringSchedulingIgnoredDuringExecution, 1)
    if away is not None:
        info.anti_affinity = tuple(map(own, away.requiredDuringSchedulingIgnoredDuringExecution))
        info.preferred += _weighted(own, away.preferredDuringSchedulingIgnoredDuringExecution, -1)


def _weighted(own: Callable[[PodAffinityTerm], Term], terms: Sequence[WeightedPodAffinityTerm], sign: int) -> tuple[Weighted, ...]:
    return tuple((sign * weighted.weight, own(weighted.podAffinityTerm)) for weighted in terms)


def _term(namespace: str, term: PodAffinityTerm) -> Term:
    own = not term.namespaces and term.namespaceSelector is None
    return _parsed(msgspec.json.encode(term), namespace if own else "")


def shared_selector(selector: LabelSelector | None) -> Selector:
    """Parse; equal selectors are one object, parsed once. Raises SelectorError."""
    return NOTHING if selector is None else _decoded(msgspec.json.encode(selector))


@functools.lru_cache(maxsize=MAX_TEMPLATES)
def _decoded(encoded: bytes) -> Selector:
    return from_label_selector(msgspec.json.decode(encoded, type=LabelSelector))


@functools.lru_cache(maxsize=4096)
def _parsed(encoded: bytes, namespace: str) -> Term:
    term = msgspec.json.decode(encoded, type=PodAffinityTerm)
    return Term(
        term.topologyKey,
        _selector(term.labelSelector),
        frozenset({namespace} if namespace else term.namespaces),
        _selector(term.namespaceSelector),
    )


def _selector(selector: LabelSelector | None) -> Selector:
    """Parse; a malformed selector, which the API server lets nobody write, means nothing."""
    try:
        return shared_selector(selector)
    except SelectorError:
        return NOTHING
