"""The environment of a container, from every source that the API has.

Order of precedence: a later `env` entry, an earlier one, `envFrom`, Services. A value's `$(NAME)` sees what stands before it
and the Services' variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from sagong.api.errors import ApiError, NotFoundError
from sagong.api.types.core import ConfigMap, EnvFromSource, EnvVarSource, FileKeySelector, Pod, Secret, Service
from sagong.node.downward import AnyContainer, DownwardError, Facts, field_value, resource_value
from sagong.node.env_file import LIMIT, EnvFileError, value_of
from sagong.node.expansion import expand
from sagong.node.ports import ContainerConfigError
from sagong.node.service_env import service_variables
from sagong.node.volumes.errors import VolumeError
from sagong.node.volumes.untrusted import read_below

T = TypeVar("T")


class Objects(Protocol):
    """Where ConfigMaps and Secrets are read. Both raise ApiError."""

    async def config_map(self, namespace: str, name: str) -> ConfigMap:
        """Return a ConfigMap."""
        ...

    async def secret(self, namespace: str, name: str) -> Secret:
        """Return a Secret."""
        ...


class _Absent(Exception):  # noqa: N818 - a signal within this file: an optional source is not there
    """An optional source is not there: the variable is left out."""


@dataclass(frozen=True)
class EnvBuilder:
    """Builds environments for the containers of one node."""

    objects: Objects

    async def environment(
        self, pod: Pod, container: AnyContainer, facts: Facts, services: Iterable[Service], volumes: Mapping[str, Path]
    ) -> dict[str, str]:
        """Return the variables; `volumes` are the pod's mounted volumes on the node. Raises ContainerConfigError."""
        linked = service_variables(services, pod.metadata.namespace, links=pod.spec.enableServiceLinks is not False)
        try:
            values = await self._from_objects(pod, container)
            for variable in container.env:
                try:
                    if variable.value or variable.valueFrom is None:
                        values[variable.name] = expand(variable.value, values, linked)
                    else:
                        values[variable.name] = await self._value(pod, container, variable.valueFrom, facts, volumes)
                except _Absent:
                    continue
        except (ApiError, DownwardError) as error:
            raise ContainerConfigError(str(error)) from error
        return {**linked, **values}

    async def _from_objects(self, pod: Pod, container: AnyContainer) -> dict[str, str]:
        values: dict[str, str] = {}
        for source in container.envFrom:
            try:
                found = await self._whole(pod.metadata.namespace, source)
            except _Absent:
                continue
            values.update({source.prefix + key: value for key, value in found.items()})
        return values

    async def _whole(self, namespace: str, source: EnvFromSource) -> Mapping[str, str]:
        if source.configMapRef:
            return (await self._config_map(namespace, source.configMapRef.name, optional=source.configMapRef.optional)).data
        if source.secretRef:
            secret = await self._secret(namespace, source.secretRef.name, optional=source.secretRef.optional)
            return {key: _text(value) for key, value in secret.data.items()}
        return {}

    async def _value(self, pod: Pod, container: AnyContainer, source: EnvVarSource, facts: Facts, volumes: Mapping[str, Path]) -> str:
        namespace = pod.metadata.namespace
        if source.fieldRef:
            return field_value(pod, source.fieldRef.fieldPath, facts)
        if source.resourceFieldRef:
            return resource_value(source.resourceFieldRef, pod, container, facts)
        if source.configMapKeyRef:
            at = source.configMapKeyRef
            config_map = await self._config_map(namespace, at.name, optional=at.optional)
            return _key(config_map.data, at.key, f"ConfigMap {namespace}/{at.name}", optional=at.optional)
        if source.secretKeyRef:
            ref = source.secretKeyRef
            secret = await self._secret(namespace, ref.name, optional=ref.optional)
            return _text(_key(secret.data, ref.key, f"Secret {namespace}/{ref.name}", optional=ref.optional))
        if source.fileKeyRef:
            return _from_file(source.fileKeyRef, volumes)
        return ""

    async def _config_map(self, namespace: str, name: str, *, optional: bool | None) -> ConfigMap:
        try:
            return await self.objects.config_map(namespace, name)
        except NotFoundError as error:
            raise (_Absent if optional else error) from error

    async def _secret(self, namespace: str, name: str, *, optional: bool | None) -> Secret:
        try:
            return await self.objects.secret(namespace, name)
        except NotFoundError as error:
            raise (_Absent if optional else error) from error


def _key(data: Mapping[str, T], key: str, where: str, *, optional: bool | None) -> T:
    if key in data:
        return data[key]
    if optional:
        raise _Absent
    raise ContainerConfigError(f"couldn't find key {key} in {where}")


def _text(value: bytes) -> str:
    return value.decode(errors="surrogateescape")


def _from_file(selector: FileKeySelector, volumes: Mapping[str, Path]) -> str:
    if selector.volumeName not in volumes:
        raise ContainerConfigError(f'cannot find the volume "{selector.volumeName}" referenced by FileKeyRef')
    root = volumes[selector.volumeName]
    try:
        found = value_of(read_below(root, selector.path, LIMIT).decode(), selector.key)
    except (OSError, VolumeError, UnicodeDecodeError, EnvFileError) as error:
        raise ContainerConfigError("couldn't parse env file") from error
    if found:
        return found
    if selector.optional:
        raise _Absent
    raise ContainerConfigError(f'environment variable key "{selector.key}" not found in file "{root / selector.path.lstrip("/")}"')
