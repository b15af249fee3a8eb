"""The ConfigMaps and Secrets that this node's pods name: read one by one, kept for a while.

A kubelet may read only the objects that its pods reference, so there is no list to watch. Upstream's `Cache` strategy:
an object is read again when it is older than `ttl`, or when a pod that names it has just come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sagong.api.clock import Clock
from sagong.api.errors import NotFoundError, not_found
from sagong.api.pods import all_containers
from sagong.api.types.core import ConfigMap, Pod, Secret

T = TypeVar("T")

_ABSENT_TTL = 1.0
"""What is missing is asked for again soon: a pod waits for it."""


class Reader(Protocol):
    """The part of the API client that reads."""

    async def get(self, kind: type[T], name: str, namespace: str = "") -> T:
        """Read one object. Raises NotFoundError and other ApiErrors."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    found: ConfigMap | Secret | None
    read_at: float


class ObjectCache:
    """ConfigMaps and Secrets by reference, at most `ttl` seconds old; objects that are marked immutable never age."""

    def __init__(self, reader: Reader, clock: Clock, ttl: float = 10.0) -> None:
        self._reader = reader
        self._clock = clock
        self._ttl = ttl
        self._known: dict[tuple[type, str, str], _Known] = {}
        self._users: dict[str, frozenset[tuple[type, str, str]]] = {}

    def register(self, pod: Pod) -> None:
        """Let the pod use its objects; the first use after this reads them afresh."""
        if pod.metadata.uid in self._users:
            return
        keys = frozenset((kind, pod.metadata.namespace, name) for kind, name in references(pod))
        self._users[pod.metadata.uid] = keys
        for key in keys:
            self._known.pop(key, None)

    def forget(self, pod_uid: str) -> None:
        """Drop what only this pod named."""
        gone = self._users.pop(pod_uid, frozenset[tuple[type, str, str]]())
        still = frozenset[tuple[type, str, str]]().union(*self._users.values())
        for key in gone - still:
            self._known.pop(key, None)

    async def config_map(self, namespace: str, name: str) -> ConfigMap:
        """Return the ConfigMap. Raises NotFoundError with the kubelet's `configmap "x" not found`."""
        return await self._get(ConfigMap, namespace, name)

    async def secret(self, namespace: str, name: str) -> Secret:
        """Return the Secret. Raises NotFoundError with the kubelet's `secret "x" not found`."""
        return await self._get(Secret, namespace, name)

    async def _get(self, kind: type[T], namespace: str, name: str) -> T:
        key = (kind, namespace, name)
        known = self._known.get(key)
        if known is None or not self._fresh(known):
            known = _Known(await self._read(kind, namespace, name), self._clock.monotonic())
            self._known[key] = known
        if not isinstance(known.found, kind):
            raise not_found("", kind.__name__.lower(), name)
        return known.found

    def _fresh(self, known: _Known) -> bool:
        immutable = known.found is not None and known.found.immutable is True
        ttl = self._ttl if known.found is not None else min(self._ttl, _ABSENT_TTL)
        return immutable or self._clock.monotonic() - known.read_at < ttl

    async def _read(self, kind: type, namespace: str, name: str) -> ConfigMap | Secret | None:
        try:
            found: ConfigMap | Secret = await self._reader.get(kind, name, namespace)
        except NotFoundError:
            return None
        return found


def references(pod: Pod) -> Iterator[tuple[type, str]]:
    """Yield (kind, name) of every ConfigMap and Secret that the pod's spec names."""
    yield from ((Secret, reference.name) for reference in pod.spec.imagePullSecrets if reference.name)
    for volume in pod.spec.volumes:
        if volume.configMap:
            yield ConfigMap, volume.configMap.name
        if volume.secret:
            yield Secret, volume.secret.secretName
        for source in volume.projected.sources or () if volume.projected else ():
            yield from _named(source.configMap, source.secret)
    for container in all_containers(pod):
        for origin in container.envFrom:
            yield from _named(origin.configMapRef, origin.secretRef)
        for value in (variable.valueFrom for variable in container.env if variable.valueFrom):
            yield from _named(value.configMapKeyRef, value.secretKeyRef)


class _HasName(Protocol):
    name: str


def _named(config_map: _HasName | None, secret: _HasName | None) -> Iterable[tuple[type, str]]:
    pairs = ((ConfigMap, config_map), (Secret, secret))
    return [(kind, reference.name) for kind, reference in pairs if reference is not None]
