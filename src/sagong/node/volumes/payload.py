"""What is in a configMap, secret, downwardAPI or projected volume: the files by relative path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sagong.api.errors import ApiError, NotFoundError
from sagong.api.pods import all_containers
from sagong.api.types.core import (
    ConfigMap,
    DownwardAPIVolumeFile,
    KeyToPath,
    Pod,
    Secret,
    ServiceAccountTokenProjection,
    Volume,
    VolumeProjection,
)
from sagong.node.downward import DownwardError, Facts, field_value, resource_value
from sagong.node.volumes.atomic import File
from sagong.node.volumes.errors import VolumeError
from sagong.node.volumes.sources import ObjectCache
from sagong.node.volumes.tokens import TokenCache

T = TypeVar("T")

DEFAULT_MODE = 0o644
_PRIVATE = 0o600
_DEFAULT_TOKEN_SECONDS = 3600

Files = dict[str, File]


class TrustBundles(Protocol):
    """Where clusterTrustBundle projections find their certificates."""

    async def trust_anchors(self, projection: VolumeProjection) -> bytes:
        """Return PEM. Raises VolumeError."""
        ...


@dataclass(frozen=True)
class Contents:
    """Builds the files of API-backed volumes."""

    objects: ObjectCache
    tokens: TokenCache
    trust: TrustBundles | None = None

    async def files(self, pod: Pod, volume: Volume, facts: Facts) -> Files:
        """Return the volume's files. Raises VolumeError, ApiError."""
        if volume.configMap:
            source = volume.configMap
            mode = _mode(source.defaultMode)
            return await self._config_map(pod, source.name, source.items, mode, optional=bool(source.optional))
        if volume.secret:
            secret = volume.secret
            mode = _mode(secret.defaultMode)
            return await self._secret(pod, secret.secretName, secret.items, mode, optional=bool(secret.optional))
        if volume.downwardAPI:
            return _downward(pod, volume.downwardAPI.items, _mode(volume.downwardAPI.defaultMode), facts)
        if volume.projected:
            return await self._projected(pod, volume.projected.sources or (), _mode(volume.projected.defaultMode), facts)
        raise VolumeError(f'no volume plugin matched name: volume "{volume.name}"')

    async def _projected(self, pod: Pod, sources: Sequence[VolumeProjection], mode: int, facts: Facts) -> Files:
        files: Files = {}
        problems: list[str] = []
        for source in sources:
            try:
                files.update(await self._projection(pod, source, mode, facts))
            except (VolumeError, ApiError) as error:
                problems.append(str(error))
        if problems:
            raise VolumeError(_aggregate(problems))
        return files

    async def _projection(self, pod: Pod, source: VolumeProjection, mode: int, facts: Facts) -> Files:
        if source.configMap:
            return await self._config_map(
                pod, source.configMap.name, source.configMap.items, mode, optional=bool(source.configMap.optional)
            )
        if source.secret:
            return await self._secret(pod, source.secret.name, source.secret.items, mode, optional=bool(source.secret.optional))
        if source.downwardAPI:
            return _downward(pod, source.downwardAPI.items, mode, facts)
        if source.serviceAccountToken:
            return await self._token(pod, source.serviceAccountToken, mode)
        if source.clusterTrustBundle and self.trust:
            private, owner = _private_mode(pod, mode)
            return {source.clusterTrustBundle.path: File(await self.trust.trust_anchors(source), private, owner)}
        raise VolumeError("unsupported projected volume source")

    async def _config_map(self, pod: Pod, name: str, items: Sequence[KeyToPath], mode: int, *, optional: bool) -> Files:
        found = await _optional(lambda: self.objects.config_map(pod.metadata.namespace, name), ConfigMap(), optional=optional)
        data = {**{key: text.encode() for key, text in found.data.items()}, **found.binaryData}
        return _select(data, items, mode, "configmap references non-existent config key", optional=optional)

    async def _secret(self, pod: Pod, name: str, items: Sequence[KeyToPath], mode: int, *, optional: bool) -> Files:
        found = await _optional(lambda: self.objects.secret(pod.metadata.namespace, name), Secret(), optional=optional)
        return _select(found.data, items, mode, "references non-existent secret key", optional=optional)

    async def _token(self, pod: Pod, projection: ServiceAccountTokenProjection, mode: int) -> Files:
        seconds = projection.expirationSeconds or _DEFAULT_TOKEN_SECONDS
        token = await self.tokens.token(pod, projection.audience, seconds)
        private, owner = _private_mode(pod, mode)
        return {projection.path: File(token.encode(), private, owner)}


async def _optional(read: Callable[[], Awaitable[T]], absent: T, *, optional: bool) -> T:
    try:
        return await read()
    except NotFoundError:
        if optional:
            return absent
        raise


def _select(data: Mapping[str, bytes], items: Sequence[KeyToPath], mode: int, missing: str, *, optional: bool) -> Files:
    if not items:
        return {key: File(value, mode) for key, value in data.items()}
    files: Files = {}
    for item in items:
        if item.key in data:
            files[item.path] = File(data[item.key], mode if item.mode is None else item.mode)
        elif not optional:
            raise VolumeError(f"{missing}: {item.key}")
    return files


def _downward(pod: Pod, items: Sequence[DownwardAPIVolumeFile], mode: int, facts: Facts) -> Files:
    files: Files = {}
    problems: list[str] = []
    for item in items:
        try:
            if item.fieldRef:
                value = field_value(pod, item.fieldRef.fieldPath, facts)
            elif item.resourceFieldRef:
                value = resource_value(item.resourceFieldRef, pod, None, facts)
            else:
                continue
        except DownwardError as error:
            problems.append(str(error))
            continue
        files[item.path] = File(value.encode(), mode if item.mode is None else item.mode)
    if problems:
        raise VolumeError(_aggregate(problems))
    return files


def _private_mode(pod: Pod, mode: int) -> tuple[int, int | None]:
    """Return mode and owner of a credential: closed when one user or one group can be named as its reader."""
    owner = sole_user(pod)
    grouped = pod.spec.securityContext is not None and pod.spec.securityContext.fsGroup is not None
    return (_PRIVATE if owner is not None or grouped else mode), owner


def sole_user(pod: Pod) -> int | None:
    """Return the one uid that all containers run as, when the spec says so for each; None otherwise (KEP-2451)."""
    shared = pod.spec.securityContext.runAsUser if pod.spec.securityContext else None
    users = set[int | None]()
    for container in all_containers(pod):
        own = container.securityContext.runAsUser if container.securityContext else None
        users.add(shared if own is None else own)
    return users.pop() if len(users) == 1 else None


def _mode(mode: int | None) -> int:
    return DEFAULT_MODE if mode is None else mode


def _aggregate(problems: Sequence[str]) -> str:
    unique = list(dict.fromkeys(problems))
    return unique[0] if len(unique) == 1 else "[" + ", ".join(unique) + "]"
