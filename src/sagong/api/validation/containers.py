"""Validation of containers: ordinary, init and ephemeral ones share most rules."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.pods import is_sidecar
from sagong.api.types import core
from sagong.api.validation import downward, probes, resources, security
from sagong.api.validation.paths import descending, no_backsteps
from sagong.api.validation.rules import PROTOCOLS, each, named, one_of, required
from sagong.api.validation.volumes import PULL_POLICIES

_MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
_PROPAGATION = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE = ("Disabled", "Enabled", "IfPossible")
_RESTART = ("Always", "Never", "OnFailure")
_RESTART_ACTIONS = ("Restart", "RestartAllContainers")
_ENV_SOURCES = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
_MAX_RULES, _MAX_EXIT_CODES = 20, 255
_NOT_IN_INIT = "may not be set for init containers without restartPolicy=Always"
_NOT_EPHEMERAL = "cannot be set for an Ephemeral Container"
_NOT_IN_EPHEMERAL = ("ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "restartPolicyRules", "restartPolicy")


@dataclass(frozen=True)
class Pod:
    """What containers refer to in their pod."""

    spec: core.PodSpec
    volumes: Mapping[str, core.Volume]
    claims: Collection[str]
    host_users: bool


def containers(errors: Errors, path: str, pod: Pod) -> None:
    """Check the ordinary containers."""
    if not pod.spec.containers:
        errors.required(path)
    seen: set[str] = set()
    for i, container in enumerate(pod.spec.containers):
        at = f"{path}[{i}]"
        _common(errors, at, container, pod)
        if container.name in seen:
            errors.duplicate(f"{at}.name", container.name)
        seen.add(container.name)
        probes.lifecycle(errors, f"{at}.lifecycle", container.lifecycle, pod.spec)
        probes.probes(errors, at, container)
        _restart_policy(errors, at, container)
    host_ports(errors, path, pod.spec.containers)


def init_containers(errors: Errors, path: str, pod: Pod) -> None:
    """Check the init containers, sidecars among them."""
    seen = {container.name for container in pod.spec.containers}
    for i, container in enumerate(pod.spec.initContainers):
        at = f"{path}[{i}]"
        _common(errors, at, container, pod)
        _restart_policy(errors, at, container)
        if container.name in seen:
            errors.duplicate(f"{at}.name", container.name)
        elif container.name:
            seen.add(container.name)
        host_ports(errors, path, [container])
        if is_sidecar(container):
            probes.lifecycle(errors, f"{at}.lifecycle", container.lifecycle, pod.spec)
            probes.probes(errors, at, container)
            continue
        for name in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
            if getattr(container, name) is not None:
                errors.forbidden(f"{at}.{name}", _NOT_IN_INIT)
        for j, policy in enumerate(container.resizePolicy):
            if policy.restartPolicy == "RestartContainer":
                text = "must not be set to 'RestartContainer' for non-sidecar initContainers"
                errors.invalid(f"{at}.resizePolicy[{j}].restartPolicy", policy.restartPolicy, text)


def ephemeral_containers(errors: Errors, path: str, pod: Pod) -> None:
    """Check the ephemeral containers, which lack much that others have."""
    others = {container.name for container in (*pod.spec.containers, *pod.spec.initContainers)}
    seen = set(others)
    for i, container in enumerate(pod.spec.ephemeralContainers):
        at = f"{path}[{i}]"
        _common(errors, at, cast(core.Container, container), pod)
        image_is_trimmed(errors, at, container.image)
        if container.name in seen:
            errors.duplicate(f"{at}.name", container.name)
        seen.add(container.name)
        if container.targetContainerName and container.targetContainerName not in others:
            errors.not_found(f"{at}.targetContainerName", container.targetContainerName)
        for name in _NOT_IN_EPHEMERAL:
            if getattr(container, name):
                errors.forbidden(f"{at}.{name}", _NOT_EPHEMERAL)
        if container.resources != core.ResourceRequirements():
            errors.forbidden(f"{at}.resources", _NOT_EPHEMERAL)
        for j, mount in enumerate(container.volumeMounts):
            for name in ("subPath", "subPathExpr"):
                if getattr(mount, name):
                    errors.forbidden(f"{at}.volumeMounts[{j}].{name}", _NOT_EPHEMERAL)


def image_is_trimmed(errors: Errors, path: str, image: str) -> None:
    """Refuse white space around an image's name."""
    if image.strip() != image:
        errors.invalid(f"{path}.image", image, "must not have leading or trailing whitespace")


def _common(errors: Errors, path: str, container: core.Container, pod: Pod) -> None:
    _identity(errors, path, container)
    if container.ports:
        _ports(errors, f"{path}.ports", container.ports)
    for i, variable in enumerate(container.env):
        _variable(errors, f"{path}.env[{i}]", variable)
    if container.envFrom:
        _env_from(errors, f"{path}.envFrom", container.envFrom)
    for i, mount in enumerate(container.volumeMounts):
        _mount(errors, f"{path}.volumeMounts", i, container, pod)
        _propagation(errors, f"{path}.volumeMounts", mount, container)
    if container.volumeDevices:
        _devices(errors, f"{path}.volumeDevices", container, pod)
    if container.imagePullPolicy not in PULL_POLICIES:
        one_of(errors, f"{path}.imagePullPolicy", container.imagePullPolicy, PULL_POLICIES, missing="")
    resources.requirements(errors, f"{path}.resources", container.resources, pod.claims)
    if container.resizePolicy:
        _resize_policies(errors, f"{path}.resizePolicy", container.resizePolicy, pod.spec.restartPolicy)
    security.container(errors, f"{path}.securityContext", container.securityContext, host_users=pod.host_users)


def _identity(errors: Errors, path: str, container: core.Container) -> None:
    if not container.name:
        errors.required(f"{path}.name")
    elif complaints := names.dns1123_label(container.name):
        errors.each(f"{path}.name", container.name, complaints)
    if not container.image:
        errors.required(f"{path}.image")
    if container.terminationMessagePolicy not in _MESSAGE_POLICIES:
        one_of(errors, f"{path}.terminationMessagePolicy", container.terminationMessagePolicy, _MESSAGE_POLICIES, missing="")


def _ports(errors: Errors, path: str, ports: Sequence[core.ContainerPort]) -> None:
    seen: set[str] = set()
    for i, port in enumerate(ports):
        at = f"{path}[{i}]"
        if port.name:
            if complaints := names.port_name(port.name):
                errors.each(f"{at}.name", port.name, complaints)
            elif port.name in seen:
                errors.duplicate(f"{at}.name", port.name)
            seen.add(port.name)
        if not port.containerPort:
            errors.required(f"{at}.containerPort")
        else:
            errors.each(f"{at}.containerPort", port.containerPort, names.port_number(port.containerPort))
        if port.hostPort:
            errors.each(f"{at}.hostPort", port.hostPort, names.port_number(port.hostPort))
        one_of(errors, f"{at}.protocol", port.protocol, PROTOCOLS, missing="")


def host_ports(errors: Errors, path: str, found: Sequence[core.Container]) -> None:
    """Refuse the same host port twice."""
    seen: set[str] = set()
    for i, container in enumerate(found):
        for j, port in enumerate(container.ports):
            if port.hostPort:
                key = f"{port.protocol}/{port.hostIP}/{port.hostPort}"
                if key in seen:
                    errors.duplicate(f"{path}[{i}].ports[{j}].hostPort", key)
                seen.add(key)


def _variable(errors: Errors, path: str, variable: core.EnvVar) -> None:
    if not variable.name:
        errors.required(f"{path}.name")
    elif complaints := names.relaxed_env_name(variable.name):
        errors.each(f"{path}.name", variable.name, complaints)
    if variable.valueFrom is None:
        return
    at = f"{path}.valueFrom"
    _value_from(errors, at, variable.valueFrom)
    count = sum(getattr(variable.valueFrom, name) is not None for name in core.EnvVarSource.__struct_fields__)
    if not count:
        errors.invalid(at, "", _ENV_SOURCES)
    elif variable.value:
        errors.invalid(at, "", "may not be specified when `value` is not empty")
    elif count > 1:
        errors.invalid(at, "", "may not have more than one field specified at a time")


def _value_from(errors: Errors, path: str, source: core.EnvVarSource) -> None:
    if source.fieldRef:
        downward.field_ref(errors, f"{path}.fieldRef", source.fieldRef, downward.ENV_FIELDS)
    if source.resourceFieldRef:
        downward.resource_ref(errors, f"{path}.resourceFieldRef", source.resourceFieldRef, in_volume=False)
    for name in ("configMapKeyRef", "secretKeyRef"):
        if ref := getattr(source, name):
            each(errors, f"{path}.{name}.name", ref.name, names.dns1123_subdomain)
            named(errors, f"{path}.{name}.key", ref.key, names.config_key)
    if source.fileKeyRef:
        _file_key(errors, f"{path}.fileKeyRef", source.fileKeyRef)


def _file_key(errors: Errors, path: str, ref: core.FileKeySelector) -> None:
    named(errors, f"{path}.key", ref.key, names.relaxed_env_name)
    named(errors, f"{path}.volumeName", ref.volumeName, names.dns1123_label)
    required(errors, path, ref, "path")
    no_backsteps(errors, f"{path}.path", ref.path)


def _env_from(errors: Errors, path: str, found: Sequence[core.EnvFromSource]) -> None:
    for i, source in enumerate(found):
        at = f"{path}[{i}]"
        if source.prefix:
            errors.each(f"{at}.prefix", source.prefix, names.relaxed_env_name(source.prefix))
        refs = {name: ref for name in ("configMapRef", "secretRef") if (ref := getattr(source, name)) is not None}
        for name, ref in refs.items():
            named(errors, f"{at}.{name}.name", ref.name, names.generated(names.dns1123_subdomain))
        if not refs:
            errors.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
        elif len(refs) > 1:
            errors.invalid(path, "", "may not have more than one field specified at a time")


def _mount(errors: Errors, path: str, i: int, container: core.Container, pod: Pod) -> None:
    mount, at = container.volumeMounts[i], f"{path}[{i}]"
    if not mount.name:
        errors.required(f"{at}.name")
    if mount.name not in pod.volumes:
        errors.not_found(f"{at}.name", mount.name)
    if not mount.mountPath:
        errors.required(f"{at}.mountPath")
    if any(other.mountPath == mount.mountPath for other in container.volumeMounts[:i]):
        errors.invalid(f"{at}.mountPath", mount.mountPath, "must be unique")
    for device in container.volumeDevices:
        if device.name == mount.name:
            errors.invalid(f"{at}.name", mount.name, "must not already exist in volumeDevices")
        if device.devicePath == mount.mountPath:
            errors.invalid(f"{at}.mountPath", mount.mountPath, "must not already exist as a path in volumeDevices")
    if mount.subPath and mount.subPathExpr:
        errors.invalid(f"{at}.subPathExpr", mount.subPathExpr, "subPathExpr and subPath are mutually exclusive")
    for name in ("subPath", "subPathExpr"):
        descending(errors, f"{path}.{name}", getattr(mount, name))


def _propagation(errors: Errors, path: str, mount: core.VolumeMount, container: core.Container) -> None:
    if mount.mountPropagation is not None:
        one_of(errors, f"{path}.mountPropagation", mount.mountPropagation, _PROPAGATION)
        privileged = container.securityContext is not None and container.securityContext.privileged
        if mount.mountPropagation == "Bidirectional" and not privileged:
            text = "Bidirectional mount propagation is available only to privileged containers"
            errors.forbidden(f"{path}.mountPropagation", text)
    if mount.recursiveReadOnly is None or mount.recursiveReadOnly == "Disabled":
        return
    at = f"{path}.recursiveReadOnly"
    if mount.recursiveReadOnly not in _RECURSIVE:
        errors.not_supported(at, mount.recursiveReadOnly, _RECURSIVE)
        return
    if not mount.readOnly:
        errors.forbidden(at, "may only be specified when readOnly is true")
    if mount.mountPropagation not in (None, "None"):
        errors.forbidden(at, "may only be specified when mountPropagation is None or not specified")


def _devices(errors: Errors, path: str, container: core.Container, pod: Pod) -> None:
    for i, device in enumerate(container.volumeDevices):
        at, volume, others = f"{path}[{i}]", pod.volumes.get(device.name), container.volumeDevices[:i]
        required(errors, at, device, "name", "devicePath")
        if device.name and any(other.name == device.name for other in others):
            errors.invalid(f"{at}.name", device.name, "must be unique")
        if volume is None:
            errors.not_found(f"{at}.name", device.name)
        elif volume.persistentVolumeClaim is None and volume.ephemeral is None:
            text = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            errors.invalid(f"{at}.name", device.name, text)
        if any(other.devicePath == device.devicePath for other in others):
            errors.invalid(f"{at}.devicePath", device.devicePath, "must be unique")
        if ".." in device.devicePath.split("/"):
            errors.invalid(f"{at}.devicePath", device.devicePath, "can not contain backsteps ('..')")
        _not_mounted(errors, at, device, container)


def _not_mounted(errors: Errors, path: str, device: core.VolumeDevice, container: core.Container) -> None:
    for mount in container.volumeMounts:
        if mount.name == device.name:
            errors.invalid(f"{path}.name", device.name, "must not already exist in volumeMounts")
        if mount.mountPath == device.devicePath:
            errors.invalid(f"{path}.devicePath", device.devicePath, "must not already exist as a path in volumeMounts")


def _resize_policies(errors: Errors, path: str, policies: Sequence[core.ContainerResizePolicy], restart_policy: str) -> None:
    seen: set[str] = set()
    for i, policy in enumerate(policies):
        if policy.resourceName in seen:
            errors.duplicate(f"{path}[{i}]", policy.resourceName)
        seen.add(policy.resourceName)
        one_of(errors, path, policy.resourceName, ("cpu", "memory"), missing="")
        one_of(errors, path, policy.restartPolicy, ("NotRequired", "RestartContainer"), missing="")
        if restart_policy == "Never" and policy.restartPolicy != "NotRequired":
            errors.invalid(path, policy.restartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'")


def _restart_policy(errors: Errors, path: str, container: core.Container) -> None:
    if container.restartPolicy is None:
        if container.restartPolicyRules:
            errors.required(f"{path}.restartPolicy", "must specify restartPolicy when restart rules are used")
    elif container.restartPolicy not in _RESTART:
        errors.not_supported(f"{path}.restartPolicy", container.restartPolicy, _RESTART)
    if len(container.restartPolicyRules) > _MAX_RULES:
        errors.too_many(f"{path}.restartPolicyRules", len(container.restartPolicyRules), _MAX_RULES)
    for i, rule in enumerate(container.restartPolicyRules):
        at = f"{path}.restartPolicyRules[{i}]"
        if rule.action not in _RESTART_ACTIONS:
            errors.not_supported(f"{at}.action", rule.action, _RESTART_ACTIONS)
        if rule.exitCodes is None:
            errors.required(f"{at}.exitCodes", "must be specified")
            continue
        if rule.exitCodes.operator not in ("In", "NotIn"):
            errors.not_supported(f"{at}.exitCodes.operator", rule.exitCodes.operator, ("In", "NotIn"))
        if len(rule.exitCodes.values) > _MAX_EXIT_CODES:
            errors.too_many(f"{at}.exitCodes.values", len(rule.exitCodes.values), _MAX_EXIT_CODES)
