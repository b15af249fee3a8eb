"""Defaults of pods and pod templates: spec, containers, probes, volumes. A template gets all but what `pod` does on top."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from sagong.api import pods, quantity
from sagong.api.defaults.fill import fill
from sagong.api.defaults.twins import sync_pod_spec, sync_pod_status
from sagong.api.types.core import (
    Container,
    DownwardAPIVolumeFile,
    EmptyDirVolumeSource,
    EphemeralContainer,
    HTTPGetAction,
    Pod,
    PodSecurityContext,
    PodSpec,
    PodTemplateSpec,
    Probe,
    Volume,
)

_SPEC = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "securityContext": PodSecurityContext,
    "terminationGracePeriodSeconds": 30,
    "schedulerName": "default-scheduler",
}
_CONTAINER = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
_PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_HTTP_GET = {"path": "/", "scheme": "HTTP"}
_AZURE_DISK = {"cachingMode": "ReadWrite", "fsType": "ext4", "readOnly": False, "kind": "Shared"}
_FILE_MODE = {"defaultMode": 0o644}
# What the fields of a volume (of a pod or persistent) default to, by the name of the source.
VOLUME_SOURCES: dict[str, Mapping[str, Any]] = {
    "hostPath": {"type": ""},
    "secret": _FILE_MODE,
    "configMap": _FILE_MODE,
    "downwardAPI": _FILE_MODE,
    "projected": _FILE_MODE,
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "azureDisk": _AZURE_DISK,
    "scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
}
_SOURCES = tuple(name for name in Volume.__struct_fields__ if name != "name")


def pod(obj: Pod) -> None:
    """Default a pod: requests from limits, pod-level resources, service links, host ports; no negative grace period."""
    sync_pod_status(obj.status)
    spec = obj.spec
    for container in (*spec.containers, *spec.initContainers):
        for name, amount in container.resources.limits.items():
            container.resources.requests.setdefault(name, amount)
    if spec.resources is not None:
        _pod_level_resources(obj)
    if spec.enableServiceLinks is None:
        spec.enableServiceLinks = True
    if spec.hostNetwork:
        for container in (*spec.containers, *spec.initContainers):
            for port in container.ports:
                port.hostPort = port.hostPort or port.containerPort
    if spec.terminationGracePeriodSeconds is not None and spec.terminationGracePeriodSeconds < 0:
        spec.terminationGracePeriodSeconds = 1
    pod_spec(spec)


def template(obj: PodTemplateSpec) -> None:
    """Default the pods of a workload's template."""
    pod_spec(obj.spec)


def pod_spec(spec: PodSpec) -> None:
    """Default everything that pods and templates share."""
    sync_pod_spec(spec)
    fill(spec, _SPEC)
    for volume in spec.volumes:
        _volume(volume)
    for container in (*spec.initContainers, *spec.containers):
        _container(container)
    for ephemeral in spec.ephemeralContainers:
        _container(ephemeral)


def _container(container: Container | EphemeralContainer) -> None:
    if not container.imagePullPolicy:
        container.imagePullPolicy = _pull_policy(container.image)
    fill(container, _CONTAINER)
    for port in container.ports:
        port.protocol = port.protocol or "TCP"
    for variable in container.env:
        source = variable.valueFrom
        if source and source.fieldRef:
            source.fieldRef.apiVersion = source.fieldRef.apiVersion or "v1"
        if source and source.fileKeyRef and source.fileKeyRef.optional is None:
            source.fileKeyRef.optional = False
    for probe in (container.livenessProbe, container.readinessProbe, container.startupProbe):
        if probe:
            _probe(probe)
    if container.lifecycle:
        for hook in (container.lifecycle.postStart, container.lifecycle.preStop):
            _http_get(hook.httpGet if hook else None)


def _probe(probe: Probe) -> None:
    fill(probe, _PROBE)
    _http_get(probe.httpGet)
    if probe.grpc and probe.grpc.service is None:
        probe.grpc.service = ""


def _http_get(action: HTTPGetAction | None) -> None:
    if action:
        fill(action, _HTTP_GET)


def _volume(volume: Volume) -> None:
    kind = next((name for name in _SOURCES if getattr(volume, name) is not None), None)
    if kind is None:
        volume.emptyDir = EmptyDirVolumeSource()
        return
    if kind in VOLUME_SOURCES:
        fill(getattr(volume, kind), VOLUME_SOURCES[kind])
    if volume.image and not volume.image.pullPolicy:
        volume.image.pullPolicy = _pull_policy(volume.image.reference)
    if volume.downwardAPI:
        _field_refs(volume.downwardAPI.items)
    if volume.ephemeral and (claim := volume.ephemeral.volumeClaimTemplate):
        claim.spec.volumeMode = "Filesystem" if claim.spec.volumeMode is None else claim.spec.volumeMode
    for source in volume.projected.sources or () if volume.projected else ():
        if source.downwardAPI:
            _field_refs(source.downwardAPI.items)
        if source.serviceAccountToken and source.serviceAccountToken.expirationSeconds is None:
            source.serviceAccountToken.expirationSeconds = 3600


def _field_refs(files: list[DownwardAPIVolumeFile]) -> None:
    for file in files:
        if file.fieldRef:
            file.fieldRef.apiVersion = file.fieldRef.apiVersion or "v1"


_REFERENCE = re.compile(
    r"(?:(?:[a-zA-Z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?P<digest>@[A-Za-z][A-Za-z0-9]*(?:[+._-][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
)


@functools.lru_cache(1024)
def _pull_policy(image: str) -> str:
    """Return Always for the tag latest, written or implied; what is not an image reference is left to validation and the runtime."""
    match = _REFERENCE.fullmatch(image)
    latest = match is not None and (match["tag"] or ("" if match["digest"] else "latest")) == "latest"
    return "Always" if latest else "IfNotPresent"


def _pod_level_resources(obj: Pod) -> None:
    """KEP-2837: the pod's huge page limits come from its containers, its requests from theirs or from its own limits."""
    resources = obj.spec.resources
    if resources is None or not (resources.limits or resources.requests):
        return
    containers = obj.copy()
    containers.spec.resources, containers.spec.overhead = None, {}
    for name, amount in pods.limits(containers).items():
        if name.startswith("hugepages-") and name not in resources.requests:
            resources.limits.setdefault(name, str(amount))
    if not resources.limits:
        return
    for name, amount in pods.requests(containers).items():
        if name in ("cpu", "memory"):
            resources.requests.setdefault(name, str(amount))
    for name, text in resources.limits.items():
        if name in ("cpu", "memory") or name.startswith("hugepages-"):
            resources.requests.setdefault(name, quantity.canonical(text))
