"""Validation of pods and pod templates as they are; what may change is in pod_changes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sagong.api import names, pods
from sagong.api.field_errors import WHOLE, Errors
from sagong.api.quantity import parse
from sagong.api.types import core
from sagong.api.types.meta import ObjectMeta
from sagong.api.validation import addresses, containers, metadata, placement, pod_templates, resources, security, volumes
from sagong.api.validation.paths import descending
from sagong.api.validation.rules import each, in_range, one_of

MIRROR = "kubernetes.io/config.mirror"
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_SECCOMP_POD, _SECCOMP_CONTAINER = "seccomp.security.alpha.kubernetes.io/pod", "container.seccomp.security.alpha.kubernetes.io/"
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_MAX_NAMESERVERS, _MAX_SEARCHES, _MAX_SEARCH_LENGTH = 3, 32, 2048
_HOSTNAME_LENGTH = 64
_WINDOWS = "cannot be set for a windows pod"
_NOT_IN_WINDOWS_POD = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "sysctls",
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
    "supplementalGroupsPolicy",
    "seLinuxChangePolicy",
)
_NOT_IN_WINDOWS_CONTAINER = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
)


def pod(errors: Errors, new: core.Pod, _: core.Pod | None) -> None:
    """Check a pod, on create and update."""
    _annotations(errors, "metadata.annotations", new.metadata.annotations, new.spec)
    pod_spec(errors, "spec", new.spec, new.metadata)
    if not new.spec.serviceAccountName:
        for i, volume in enumerate(new.spec.volumes):
            for j, source in enumerate(volume.projected.sources or () if volume.projected else ()):
                if source.serviceAccountToken:
                    at = f"spec.volumes[{i}].projected.sources[{j}].serviceAccountToken"
                    errors.forbidden(at, "must not be specified when serviceAccountName is not set")
    for name, found in (("containers", new.spec.containers), ("initContainers", new.spec.initContainers)):
        for i, container in enumerate(found):
            containers.image_is_trimmed(errors, f"spec.{name}[{i}]", container.image)


def pod_create(errors: Errors, new: core.Pod, _: None) -> None:
    """Check what a new pod cannot have yet."""
    if new.spec.ephemeralContainers:
        errors.forbidden("spec.ephemeralContainers", "cannot be set on create")
    if new.spec.nodeName and new.spec.schedulingGates:
        errors.forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared")
    _profiles_match(errors, "spec", new.metadata, new.spec)


def template(errors: Errors, path: str, found: core.PodTemplateSpec) -> None:
    """Check a workload's template."""
    metadata.labels(errors, f"{path}.labels", found.metadata.labels)
    metadata.annotation_map(errors, f"{path}.annotations", found.metadata.annotations)
    _annotations(errors, f"{path}.annotations", found.metadata.annotations, found.spec)
    pod_spec(errors, f"{path}.spec", found.spec, None)
    _profiles_match(errors, f"{path}.spec", found.metadata, found.spec)
    if found.spec.ephemeralContainers:
        errors.forbidden(f"{path}.spec.ephemeralContainers", "ephemeral containers not allowed in pod template")


def pod_spec(errors: Errors, path: str, spec: core.PodSpec, meta: ObjectMeta | None) -> None:
    """Check a pod's spec, unless it was sound lately; `meta` is there when it is a pod's and not a template's."""
    text = pod_templates.text_of(spec, in_pod=meta is not None)
    if pod_templates.is_sound(text):
        return
    before = len(errors)
    _pod_spec(errors, path, spec, meta)
    if len(errors) == before:
        pod_templates.remember(text)


def _pod_spec(errors: Errors, path: str, spec: core.PodSpec, meta: ObjectMeta | None) -> None:
    if spec.terminationGracePeriodSeconds is None:
        errors.required(f"{path}.terminationGracePeriodSeconds")
    sound = volumes.volumes(errors, f"{path}.volumes", spec.volumes, meta) if spec.volumes else {}
    if spec.resourceClaims:
        _resource_claims(errors, f"{path}.resourceClaims", spec.resourceClaims, meta)
    refers = containers.Pod(spec, sound, [claim.name for claim in spec.resourceClaims if claim.name], spec.hostUsers is not False)
    containers.containers(errors, f"{path}.containers", refers)
    containers.init_containers(errors, f"{path}.initContainers", refers)
    containers.ephemeral_containers(errors, f"{path}.ephemeralContainers", refers)
    if spec.resources is not None:
        _pod_resources(errors, f"{path}.resources", spec, refers)
    if spec.hostNetwork:
        _host_network_ports(errors, path, spec, in_pod=meta is not None)
    one_of(errors, f"{path}.restartPolicy", spec.restartPolicy, _RESTART_POLICIES, missing="")
    one_of(errors, f"{path}.dnsPolicy", spec.dnsPolicy, _DNS_POLICIES, missing="")
    security.pod(errors, f"{path}.securityContext", spec)
    _placement(errors, path, spec)
    _names(errors, path, spec)
    _rest(errors, path, spec)


def _placement(errors: Errors, path: str, spec: core.PodSpec) -> None:
    if spec.nodeSelector:
        metadata.labels(errors, f"{path}.nodeSelector", spec.nodeSelector)
    placement.affinity(errors, f"{path}.affinity", spec.affinity)
    for i, gate in enumerate(spec.readinessGates):
        each(errors, f"{path}.readinessGates[{i}].conditionType", gate.conditionType, names.qualified_name)
    if spec.schedulingGates:
        placement.gates(errors, f"{path}.schedulingGates", spec.schedulingGates)
    placement.spread(errors, f"{path}.topologySpreadConstraints", spec.topologySpreadConstraints)
    placement.tolerations(errors, f"{path}.tolerations", spec.tolerations)
    if spec.schedulingGroup is not None:
        if spec.schedulingGroup.podGroupName is None:
            errors.invalid(f"{path}.schedulingGroup.podGroupName", None, "must specify one of: `podGroupName`")
        else:
            each(errors, f"{path}.schedulingGroup.podGroupName", spec.schedulingGroup.podGroupName, names.dns1123_subdomain)


_NAMES = (
    ("serviceAccountName", names.dns1123_subdomain),
    ("nodeName", names.dns1123_subdomain),
    ("hostname", names.dns1123_label),
    ("subdomain", names.dns1123_label),
    ("priorityClassName", names.dns1123_subdomain),
)


def _names(errors: Errors, path: str, spec: core.PodSpec) -> None:
    for name, check in _NAMES:
        if value := getattr(spec, name):
            each(errors, f"{path}.{name}", value, check)
    if spec.runtimeClassName is not None:
        each(errors, f"{path}.runtimeClassName", spec.runtimeClassName, names.dns1123_subdomain)
    if spec.hostnameOverride is None:
        return
    at = f"{path}.hostnameOverride"
    if spec.setHostnameAsFQDN:
        errors.forbidden(at, "may not be specified when setHostnameAsFQDN is true")
    if spec.hostNetwork:
        errors.forbidden(at, "may not be specified when hostNetwork is true")
    if len(spec.hostnameOverride) > _HOSTNAME_LENGTH:
        errors.too_long(at, _HOSTNAME_LENGTH)
    each(errors, at, spec.hostnameOverride, names.dns1123_subdomain)


def _rest(errors: Errors, path: str, spec: core.PodSpec) -> None:
    if spec.dnsConfig is not None or spec.dnsPolicy == "None":
        _dns_config(errors, f"{path}.dnsConfig", spec)
    if spec.hostUsers is False:
        _host_users(errors, path, spec)
    in_range(errors, f"{path}.activeDeadlineSeconds", spec.activeDeadlineSeconds, 1, 2**31 - 1)
    for i, alias in enumerate(spec.hostAliases):
        addresses.ip(errors, f"{path}.hostAliases[{i}].ip", alias.ip)
        for j, name in enumerate(alias.hostnames):
            each(errors, f"{path}.hostAliases[{i}].hostnames[{j}]", name, names.dns1123_subdomain)
    one_of(errors, f"{path}.preemptionPolicy", spec.preemptionPolicy, ("PreemptLowerPriority", "Never"), missing="")
    if spec.overhead:
        resources.requirements(errors, f"{path}.overhead", core.ResourceRequirements(limits=spec.overhead))
    if spec.os is not None:
        _os(errors, path, spec)
    _windows_host_process(errors, path, spec)
    _file_keys(errors, path, spec)


def visit(spec: core.PodSpec, path: str) -> Iterator[tuple[str, Any]]:
    """Yield each container of any sort, with its path."""
    for name in ("initContainers", "containers", "ephemeralContainers"):
        for i, container in enumerate(getattr(spec, name)):
            yield f"{path}.{name}[{i}]", container


def _resource_claims(errors: Errors, path: str, claims: Sequence[core.PodResourceClaim], meta: ObjectMeta | None) -> None:
    if meta is not None and MIRROR in meta.annotations:
        errors.forbidden(WHOLE, "static pods do not support resource claims")
        return
    seen: set[str] = set()
    for i, claim in enumerate(claims):
        at = f"{path}[{i}]"
        if not claim.name:
            errors.required(f"{at}.name")
        elif claim.name in seen:
            errors.duplicate(f"{at}.name", claim.name)
        else:
            each(errors, f"{at}.name", claim.name, names.dns1123_label)
        seen.add(claim.name)
        given = [getattr(claim, name) is not None for name in ("resourceClaimName", "resourceClaimTemplateName")]
        if all(given):
            errors.invalid(at, claim, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified")
        if not any(given):
            errors.invalid(at, claim, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`")
        for name in ("resourceClaimName", "resourceClaimTemplateName"):
            if (value := getattr(claim, name)) is not None:
                each(errors, f"{at}.{name}", value, names.dns1123_subdomain)


def _pod_resources(errors: Errors, path: str, spec: core.PodSpec, refers: containers.Pod) -> None:
    """KEP-2837: the pod's own requests and limits, which bound those of its containers."""
    assert spec.resources is not None
    if spec.os is not None and spec.os.name == "windows":
        errors.forbidden(path, "may not be set for a windows pod")
        return
    if spec.resources.claims:
        errors.forbidden(f"{path}.claims", "claims may not be set for Resources at pod-level")
    resources.requirements(errors, path, spec.resources, refers.claims, resources.pod_resource_name)
    alone = core.Pod(spec=spec.copy())
    alone.spec.resources, alone.spec.overhead = None, {}
    for kind, totals in (("requests", pods.requests(alone)), ("limits", pods.limits(alone))):
        bounds = getattr(spec.resources, kind)
        for name, total in totals.items():
            if name in bounds and (kind == "requests" or resources.is_huge(name)) and total > parse(bounds[name]):
                text = f"must be greater than or equal to aggregate container {kind} of {total}"
                errors.invalid(f"{path}.{kind}[{name}]", bounds[name], text)
    for i, container in enumerate(spec.containers):
        for name, limit in container.resources.limits.items():
            bound = spec.resources.limits.get(name)
            if bound is not None and parse(limit) > parse(bound):
                at = f"{path}.containers[{i}][{name}].limits"
                errors.invalid(at, limit, f"must be less than or equal to pod limits of {bound}")


def _host_network_ports(errors: Errors, path: str, spec: core.PodSpec, *, in_pod: bool) -> None:
    for i, container in enumerate(spec.containers):
        for j, port in enumerate(container.ports):
            if (in_pod or port.hostPort) and port.hostPort != port.containerPort:
                at = f"{path}.containers[{i}].ports[{j}].hostPort"
                errors.invalid(at, port.hostPort, "must match `containerPort` when `hostNetwork` is true")


def _dns_config(errors: Errors, path: str, spec: core.PodSpec) -> None:
    config = spec.dnsConfig
    if config is None:
        errors.required(path, "must provide `dnsConfig` when `dnsPolicy` is None")
        return
    if spec.dnsPolicy == "None" and not config.nameservers:
        errors.required(f"{path}.nameservers", "must provide at least one DNS nameserver when `dnsPolicy` is None")
        return
    if len(config.nameservers) > _MAX_NAMESERVERS:
        errors.invalid(f"{path}.nameservers", config.nameservers, f"must not have more than {_MAX_NAMESERVERS} nameservers")
    for i, server in enumerate(config.nameservers):
        addresses.ip(errors, f"{path}.nameservers[{i}]", server)
    if len(config.searches) > _MAX_SEARCHES:
        errors.invalid(f"{path}.searches", config.searches, f"must not have more than {_MAX_SEARCHES} search paths")
    if len(" ".join(config.searches)) > _MAX_SEARCH_LENGTH:
        text = f"must not have more than {_MAX_SEARCH_LENGTH} characters (including spaces) in the search list"
        errors.invalid(f"{path}.searches", config.searches, text)
    for i, search in enumerate(config.searches):
        name = "root" if search == "." else search.removesuffix(".")
        each(errors, f"{path}.searches[{i}]", name, names.dns1123_subdomain_with_underscore)
    for i, option in enumerate(config.options):
        if not option.name:
            errors.required(f"{path}.options[{i}]", "must not be empty")


def _host_users(errors: Errors, path: str, spec: core.PodSpec) -> None:
    for name, spoken in (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")):
        if getattr(spec, name):
            errors.forbidden(f"{path}.{spoken}", "when `hostUsers` is false")
    for at, container in visit(spec, path):
        if container.volumeDevices:
            errors.forbidden(f"{at}.volumeDevices", "when `hostUsers` is false")


def _os(errors: Errors, path: str, spec: core.PodSpec) -> None:
    assert spec.os is not None
    if not spec.os.name:
        errors.required(f"{path}.os.name")
    elif spec.os.name == "linux":
        _linux(errors, path, spec)
    elif spec.os.name == "windows":
        _windows(errors, path, spec)
    else:
        errors.not_supported(f"{path}.os", spec.os.name, ("linux", "windows"))


def _linux(errors: Errors, path: str, spec: core.PodSpec) -> None:
    for at, holder in ((path, spec), *visit(spec, path)):
        if holder.securityContext and holder.securityContext.windowsOptions:
            errors.forbidden(f"{at}.securityContext.windowsOptions", "windows options cannot be set for a linux pod")


def _windows(errors: Errors, path: str, spec: core.PodSpec) -> None:
    for name in ("hostUsers", "hostPID", "hostIPC", "shareProcessNamespace"):
        value = getattr(spec, name)
        if value or (value is False and name in ("hostUsers", "shareProcessNamespace")):
            errors.forbidden(f"{path}.{name}", _WINDOWS)
    holders = [(path, spec, _NOT_IN_WINDOWS_POD), *((at, c, _NOT_IN_WINDOWS_CONTAINER) for at, c in visit(spec, path))]
    for at, holder, fields in holders:
        for name in fields if holder.securityContext else ():
            if getattr(holder.securityContext, name) not in (None, []):
                errors.forbidden(f"{at}.securityContext.{name}", _WINDOWS)


def _windows_host_process(errors: Errors, path: str, spec: core.PodSpec) -> None:
    def wanted(holder: Any) -> bool | None:
        options = holder.securityContext.windowsOptions if holder.securityContext else None
        value: bool | None = options.hostProcess if options else None
        return value

    whole, count, every = wanted(spec), 0, list(visit(spec, path))
    for at, container in every:
        own = wanted(container)
        if whole is not None and own is not None and whole != own:
            text = f"pod hostProcess value must be identical if both are specified, was {str(whole).lower()}"
            errors.invalid(f"{at}.securityContext.windowsOptions.hostProcess", own, text)
        count += bool(whole if own is None else own)
    if not count:
        return
    if count != len(every):
        errors.invalid(path, "", "If pod contains any hostProcess containers then all containers must be HostProcess containers")
    if not spec.hostNetwork:
        text = "hostNetwork must be true if pod contains any hostProcess containers"
        errors.invalid(f"{path}.hostNetwork", value=False, detail=text)


def _file_keys(errors: Errors, path: str, spec: core.PodSpec) -> None:
    for at, container in visit(spec, path):
        for i, variable in enumerate(container.env):
            ref = variable.valueFrom.fileKeyRef if variable.valueFrom else None
            if ref is None:
                continue
            target = f"{at}.env[{i}].valueFrom.fileKeyRef.volumeName"
            volume = next((found for found in spec.volumes if found.name == ref.volumeName), None)
            if volume is None:
                errors.not_found(target, ref.volumeName)
            elif volume.emptyDir is None:
                errors.invalid(target, ref.volumeName, "referenced volume must be of type emptyDir")


def _annotations(errors: Errors, path: str, found: dict[str, str], spec: core.PodSpec) -> None:
    if not found:
        return
    if MIRROR in found and not spec.nodeName:
        errors.invalid(f"{path}[{MIRROR}]", found[MIRROR], "must set spec.nodeName if mirror pod annotation is set")
    cost = found.get(_DELETION_COST)
    if cost is not None and not (re.fullmatch(r"0|-?[1-9][0-9]{0,9}", cost) and -(2**31) <= int(cost) < 2**31):
        errors.invalid(f"{path}[{_DELETION_COST}]", cost, "must be a 32bit integer")
    for key, value in found.items():
        if key == _SECCOMP_POD or key.startswith(_SECCOMP_CONTAINER):
            _seccomp_profile(errors, f"{path}.{key}", value)
        elif key.startswith(APPARMOR):
            name = key.removeprefix(APPARMOR)
            if all(container.name != name for _, container in visit(spec, "")):
                errors.invalid(f"{path}[{key}]", name, "container not found")
            if value not in ("", "runtime/default", "unconfined") and not value.startswith("localhost/"):
                errors.invalid(f"{path}[{key}]", value, f'invalid AppArmor profile name: "{value}"')


def _seccomp_profile(errors: Errors, path: str, profile: str) -> None:
    if profile.startswith("localhost/"):
        descending(errors, path, profile.removeprefix("localhost/"))
    elif profile not in ("runtime/default", "docker/default", "unconfined"):
        errors.invalid(path, profile, "must be a valid seccomp profile")


_PROFILE_TYPES = {"Unconfined": ("unconfined",), "RuntimeDefault": ("runtime/default", "docker/default")}


def _profiles_match(errors: Errors, path: str, meta: ObjectMeta, spec: core.PodSpec) -> None:
    """Refuse annotations of old that say otherwise than the fields that replaced them."""
    if not any("seccomp" in key or "apparmor" in key for key in meta.annotations):
        return
    context = spec.securityContext
    if context and context.seccompProfile and (value := meta.annotations.get(_SECCOMP_POD)) is not None:
        _match(errors, f"{path}.securityContext.seccompProfile", "seccomp", value, context.seccompProfile)
    for at, container in visit(spec, path):
        own = container.securityContext
        seccomp = own.seccompProfile if own else None
        if seccomp and (value := meta.annotations.get(_SECCOMP_CONTAINER + container.name)) is not None:
            _match(errors, f"{at}.securityContext.seccompProfile", "seccomp", value, seccomp)
        apparmor = (own.appArmorProfile if own else None) or (context.appArmorProfile if context else None)
        if apparmor and (value := meta.annotations.get(APPARMOR + container.name)) is not None:
            _match(errors, f"{at}.securityContext.appArmorProfile", "apparmor", value, apparmor)


def _match(errors: Errors, path: str, kind: str, value: str, profile: core.SeccompProfile | core.AppArmorProfile) -> None:
    if profile.type == "Localhost":
        if not value.startswith("localhost/"):
            errors.forbidden(f"{path}.type", f"{kind} type in annotation and field must match")
        elif value.removeprefix("localhost/") != profile.localhostProfile:
            errors.forbidden(f"{path}.localhostProfile", f"{kind} profile in annotation and field must match")
    elif value not in _PROFILE_TYPES.get(profile.type, (value,)):
        errors.forbidden(f"{path}.type", f"{kind} type in annotation and field must match")
