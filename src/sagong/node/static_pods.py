"""Static pods: manifests in a directory, run before there is an API, without one, and whatever it says.

A file holds one Pod in YAML or JSON. Its uid is a hash of its content, its path and the node, so a changed file is another pod.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sagong.api.clock import Clock, format_micro_time
from sagong.api.defaults import apply_defaults
from sagong.api.normalize import normalize
from sagong.api.types.core import Pod, Toleration
from sagong.api.validation import validate_create
from sagong.node.inotify import watch_directory
from sagong.node.volumes.sources import references

SOURCE = "kubernetes.io/config.source"
HASH = "kubernetes.io/config.hash"
MIRROR = "kubernetes.io/config.mirror"
SEEN = "kubernetes.io/config.seen"
MANIFEST_LIMIT = 10 * 1024 * 1024
log = logging.getLogger(__name__)


class ManifestError(Exception):
    """A manifest cannot be run; the message says why."""


@dataclass(frozen=True, slots=True)
class _Known:
    stamp: tuple[int, int, int]
    pod: Pod | None


class StaticPods:
    """The manifests of one directory (or one file); `changed` is given all pods, by uid, whenever they are others."""

    def __init__(
        self, path: Path, node_name: str, check_seconds: float, clock: Clock, changed: Callable[[Mapping[str, Pod]], None]
    ) -> None:
        self._path = path
        self._clock = clock
        self._node_name = node_name
        self._check_seconds = check_seconds
        self._changed = changed
        self._known: dict[Path, _Known] = {}
        self._pods: dict[str, Pod] | None = None

    async def run(self) -> None:
        """Read at once, then whenever the directory changes and every `check_seconds`, until cancelled."""
        self.read()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            while True:
                await self._clock.sleep(self._check_seconds)
                self.read()

    async def _follow(self) -> None:
        while True:
            async for _ in watch_directory(self._path):
                self.read()
            await self._clock.sleep(1.0)  # there is no such directory: it may come
            self.read()

    @property
    def ready(self) -> bool:
        """Tell whether the directory has been read."""
        return self._pods is not None

    def read(self) -> None:
        """Read what has changed."""
        found: dict[Path, _Known] = {}
        for file in self._files():
            known = self._load(file)
            if known is not None:
                found[file] = known
        self._known = found
        pods = {known.pod.metadata.uid: known.pod for known in found.values() if known.pod is not None}
        if self._pods is None or pods.keys() != self._pods.keys():
            self._pods = pods
            self._changed(pods)

    def _files(self) -> list[Path]:
        if self._path.is_dir():
            return sorted(file for file in self._path.iterdir() if not file.name.startswith(".") and file.is_file())
        return [self._path] if self._path.is_file() else []

    def _load(self, file: Path) -> _Known | None:
        known = self._known.get(file)
        stamp = (0, 0, 0)
        try:
            stat = file.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if known and known.stamp == stamp:
                return known
            pod = parse(file.read_bytes(), str(file), self._node_name)
            pod.metadata.annotations[SEEN] = format_micro_time(self._clock.now())
            return _Known(stamp, pod)
        except FileNotFoundError:
            return None
        except (ManifestError, OSError) as error:
            log.warning("static pod %s: %s", file, error)
            return _Known(stamp, known.pod if known else None)  # a file that is half written must not end what runs


def parse(data: bytes, source: str, node_name: str) -> Pod:
    """Return the pod of a manifest, named and marked as this node's. Raises ManifestError."""
    if len(data) > MANIFEST_LIMIT:
        raise ManifestError("the manifest is too large")
    try:
        pod = msgspec.yaml.decode(data, type=Pod)
    except msgspec.MsgspecError as error:
        raise ManifestError(f"couldn't parse as pod({error}), please check config file") from error
    if (pod.apiVersion, pod.kind) != ("v1", "Pod"):
        raise ManifestError(f"invalid pod: {pod.apiVersion}, Kind={pod.kind}")
    if not pod.metadata.name:
        raise ManifestError("invalid pod: name is needed for the pod")
    try:
        normalize(pod)
    except ValueError as error:
        raise ManifestError(f"couldn't parse as pod({error}), please check config file") from error
    apply_defaults(pod)
    meta = pod.metadata
    if not meta.uid:
        meta.uid = _uid(pod, source, node_name)
    meta.name = f"{meta.name}-{node_name.lower()}"
    meta.namespace = meta.namespace or "default"
    meta.annotations = {**meta.annotations, HASH: meta.uid, SOURCE: "file"}
    pod.spec.nodeName = node_name
    pod.spec.tolerations = [*pod.spec.tolerations, Toleration(operator="Exists", effect="NoExecute")]
    pod.status.phase = "Pending"
    if causes := validate_create(pod):
        raise ManifestError("invalid pod: " + ", ".join(f"{cause.field}: {cause.message}" for cause in causes))
    if reference := _api_reference(pod):
        raise ManifestError(f"static pods may not reference {reference}")
    return pod


def _uid(pod: Pod, source: str, node_name: str) -> str:
    digest = hashlib.sha256(msgspec.json.encode(pod, order="deterministic"))
    digest.update(f"host:{node_name}file:{source}".encode())
    return digest.hexdigest()[:32]


def _api_reference(pod: Pod) -> str:
    """Return the API objects a static pod wants, which it cannot have: it must run without an API."""
    named = {kind.__name__.lower() + "s" for kind, _ in references(pod)}
    volumes = pod.spec.volumes
    projected = [source for volume in volumes if volume.projected for source in volume.projected.sources or ()]
    table = {
        "serviceaccounts": bool(pod.spec.serviceAccountName),
        "secrets": "secrets" in named,
        "configmaps": "configmaps" in named,
        "resourceclaims": bool(pod.spec.resourceClaims),
        "csidrivers (via CSI volumes)": any(volume.csi for volume in volumes),
        "persistentvolumeclaims": any(volume.persistentVolumeClaim for volume in volumes),
        "persistentvolumeclaims (via ephemeral volumes)": any(volume.ephemeral for volume in volumes),
        "serviceaccounts (via projected volumes)": any(source.serviceAccountToken for source in projected),
        "clustertrustbundles": any(source.clusterTrustBundle for source in projected),
        "podcertificates": any(source.podCertificate for source in projected),
    }
    return next((kind for kind, wanted in table.items() if wanted), "")
