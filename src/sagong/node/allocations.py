"""What the node has granted its pods, kept on disk: CPU and memory of a running pod may be asked for anew at any time (KEP-1287).

    wanted                     allocated                        actuated
    the API's spec   ------>   granted by this node   ------>   set in the runtime and in cgroups
               resizing.py                            resize.py

Everything on the node works with the allocated pod. A kubelet that starts anew finds here what it had granted and carried out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from sagong.api import quantity
from sagong.api.types.core import Container, Pod, PodSpec, ResourceRequirements
from sagong.node.volumes.layout import NodeFiles

log = logging.getLogger(__name__)
RESIZABLE = ("cpu", "memory")


class Granted(msgspec.Struct):
    """Resources of a pod as a whole, where the spec has them, and of its containers by name."""

    pod: ResourceRequirements | None = None
    containers: dict[str, ResourceRequirements] = msgspec.field(default_factory=dict)


class _Record(msgspec.Struct):
    allocated: Granted
    actuated: Granted = msgspec.field(default_factory=Granted)


_decoder = msgspec.json.Decoder(_Record)


class Allocations:
    """The grants of one node, one file a pod beside its other files: it goes when they go."""

    def __init__(self, files: NodeFiles | None) -> None:
        """Without files nothing is kept on disk."""
        self._files = files
        self._records: dict[str, _Record | None] = {}

    def apply(self, pod: Pod) -> Pod:
        """Return the pod with the resources it has been granted; the pod itself when that is what it asks for."""
        record = self._record(pod.metadata.uid)
        return pod if record is None else _with(pod, record.allocated)

    def allot(self, pod: Pod) -> None:
        """Grant the pod what it asks for."""
        spec, uid = pod.spec, pod.metadata.uid
        record = self._record(uid)
        granted = Granted(spec.resources, {container.name: container.resources for container in _containers(spec)})
        if record is None or record.allocated != granted:
            self._save(uid, _Record(granted, record.actuated if record else Granted()))

    def actuated(self, uid: str) -> Granted:
        """Return what has been carried out for the pod's containers that were started, and for itself."""
        record = self._record(uid)
        return record.actuated if record else Granted()

    def actuate(self, uid: str, container: str, resources: ResourceRequirements, names: Iterable[str] = RESIZABLE) -> None:
        """Note that a container has these amounts of CPU, memory or both; "" is the pod itself."""
        record = self._record(uid)
        if record is None:
            return
        known = record.actuated
        before = known.containers.get(container) if container else known.pod
        after = _merged(before or ResourceRequirements(), resources, names)
        if after == before:
            return
        actuated = Granted(known.pod, {**known.containers, container: after}) if container else Granted(after, known.containers)
        self._save(uid, _Record(record.allocated, actuated))

    def forget(self, uid: str) -> None:
        """Drop a pod that is gone; its file goes with its folder."""
        self._records.pop(uid, None)

    def _record(self, uid: str) -> _Record | None:
        if uid not in self._records:
            self._records[uid] = _read(_path(self._files, uid)) if self._files else None
        return self._records[uid]

    def _save(self, uid: str, record: _Record) -> None:
        self._records[uid] = record
        if self._files is None:
            return
        path = _path(self._files, uid)
        fresh = path.with_suffix(".new")
        try:
            self._files.pod(uid).create()
            fresh.write_bytes(msgspec.json.encode(record))
            fresh.rename(path)
        except OSError as error:  # it still counts while this kubelet runs
            log.warning("grants of pod %s not kept: %s", uid, error)


def _path(files: NodeFiles, uid: str) -> Path:
    return files.pod(uid).directory / "resources.json"


def same_amounts(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Tell whether two lists of quantities mean the same, however they are spelled."""
    return one == other or (
        one.keys() == other.keys() and all(quantity.parse(text) == quantity.parse(other[name]) for name, text in one.items())
    )


def with_actuated(granted: ResourceRequirements, actuated: ResourceRequirements) -> ResourceRequirements:
    """Return the granted resources, CPU and memory as they are set."""
    merged = _merged(granted, actuated, RESIZABLE)
    merged.claims = granted.claims
    return merged


def actuated_pod(pod: Pod, actuated: Granted) -> Pod:
    """Return the pod with the resources that are set; what was not started yet counts as granted."""
    return _with(pod, Granted(actuated.pod or pod.spec.resources, actuated.containers))


def _same(one: ResourceRequirements | None, other: ResourceRequirements | None) -> bool:
    if one is None or other is None:
        return one is other
    return same_amounts(one.requests, other.requests) and same_amounts(one.limits, other.limits)


def _with(pod: Pod, granted: Granted) -> Pod:
    spec = pod.spec
    same = all(_same(c.resources, granted.containers.get(c.name, c.resources)) for c in _containers(spec))
    if same and _same(spec.resources, granted.pod):
        return pod

    def given(containers: list[Container]) -> list[Container]:
        return [msgspec.structs.replace(c, resources=granted.containers.get(c.name, c.resources)) for c in containers]

    allocated = msgspec.structs.replace(
        spec, resources=granted.pod, containers=given(spec.containers), initContainers=given(spec.initContainers)
    )
    return msgspec.structs.replace(pod, spec=allocated)


def _merged(before: ResourceRequirements, now: ResourceRequirements, names: Iterable[str]) -> ResourceRequirements:
    chosen = set(names)

    def merge(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
        kept = {name: text for name, text in old.items() if name not in chosen}
        return {**kept, **{name: text for name, text in new.items() if name in chosen}}

    return ResourceRequirements(limits=merge(before.limits, now.limits), requests=merge(before.requests, now.requests))


def _containers(spec: PodSpec) -> Iterable[Container]:
    return (*spec.initContainers, *spec.containers)


def _read(path: Path) -> _Record | None:
    try:
        return _decoder.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError):
        return None
