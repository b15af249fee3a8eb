"""A container's security context as CRI takes it: the container's settings over the pod's."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from sagong.api.types.core import AppArmorProfile, Pod, SeccompProfile, SecurityContext, SELinuxOptions
from sagong.node.cri import api_pb2 as cri
from sagong.node.downward import AnyContainer
from sagong.node.ports import ContainerConfigError
from sagong.node.user_namespaces import namespace

_MASKED = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_MAX_UID = 2**31 - 1
_PROFILES = {
    "RuntimeDefault": cri.SecurityProfile.RuntimeDefault,
    "Unconfined": cri.SecurityProfile.Unconfined,
    "Localhost": cri.SecurityProfile.Localhost,
}
_APPARMOR_NAMES = {"RuntimeDefault": "runtime/default", "Unconfined": "unconfined", "Localhost": "localhost/"}
_APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"


@dataclass(frozen=True, slots=True)
class Seccomp:
    """The node's seccomp settings: where Localhost profiles lie, and which profile containers get that name none."""

    root: Path = Path("/var/lib/kubelet/seccomp")
    default: str = "Unconfined"
    """RuntimeDefault when KubeletConfiguration's seccompDefault says so"""


def effective(pod: Pod, container: AnyContainer) -> SecurityContext:
    """Return the container's security context with what the pod's fills in."""
    shared, own = pod.spec.securityContext, container.securityContext
    context = own.copy() if own is not None else SecurityContext()
    if shared is not None:
        for name in ("seLinuxOptions", "runAsUser", "runAsGroup", "runAsNonRoot", "seccompProfile", "appArmorProfile"):
            if getattr(context, name) is None:
                setattr(context, name, getattr(shared, name))
    return context


def namespaces(pod: Pod, target_id: str = "", users: cri.IDMapping | None = None) -> cri.NamespaceOption:
    """Return which namespaces are the node's, the pod's or the container's own.

    `target_id` is whose processes to see, `users` the range of ids of a pod with users of its own.
    """
    shares = pod.spec.shareProcessNamespace is True
    pid = cri.NODE if pod.spec.hostPID else cri.POD if shares else cri.TARGET if target_id else cri.CONTAINER
    return cri.NamespaceOption(
        network=cri.NODE if pod.spec.hostNetwork else cri.POD,
        pid=pid,
        ipc=cri.NODE if pod.spec.hostIPC else cri.POD,
        target_id=target_id if pid == cri.TARGET else "",
        userns_options=namespace(users) if users is not None else None,
    )


def container_security(
    pod: Pod, container: AnyContainer, image: cri.Image, *, seccomp: Seccomp, target_id: str = "", users: cri.IDMapping | None = None
) -> cri.LinuxContainerSecurityContext:
    """Return the container's section. Raises ContainerConfigError (runAsNonRoot and a root image, an unknown profile)."""
    context = effective(pod, container)
    # an image that names no user runs as root
    image_uid = None if image.username and not image.HasField("uid") else image.uid.value
    _check_non_root(pod, container, context, image_uid, image.username)
    unmasked = context.procMount == "Unmasked"
    found = cri.LinuxContainerSecurityContext(
        capabilities=_capabilities(context),
        privileged=bool(context.privileged),
        namespace_options=namespaces(pod, target_id, users),
        selinux_options=selinux(context.seLinuxOptions),
        readonly_rootfs=bool(context.readOnlyRootFilesystem),
        supplemental_groups=supplemental_groups(pod),
        supplemental_groups_policy=groups_policy(pod),
        no_new_privs=context.allowPrivilegeEscalation is False,
        masked_paths=() if unmasked else masked_paths(),
        readonly_paths=() if unmasked else _READ_ONLY,
        seccomp=_seccomp(context.seccompProfile, seccomp),
    )
    _set_user(found, context, image_uid, image.username)
    _set_apparmor(found, _apparmor(pod, container, context))
    return found


def supplemental_groups(pod: Pod) -> list[int]:
    """Return fsGroup and the supplemental groups."""
    context = pod.spec.securityContext
    if context is None:
        return []
    return ([context.fsGroup] if context.fsGroup is not None else []) + context.supplementalGroups


def groups_policy(pod: Pod) -> cri.SupplementalGroupsPolicy:
    """Return whether groups of the image's /etc/group count too (KEP-3619)."""
    policy = (pod.spec.securityContext.supplementalGroupsPolicy if pod.spec.securityContext else None) or "Merge"
    if policy not in ("Merge", "Strict"):
        raise ContainerConfigError(f"unsupported supplementalGroupsPolicy: {policy}")
    return cri.Strict if policy == "Strict" else cri.Merge


def selinux(options: SELinuxOptions | None) -> cri.SELinuxOption | None:
    """Return the label, or None."""
    if options is None:
        return None
    return cri.SELinuxOption(user=options.user, role=options.role, type=options.type, level=options.level)


@functools.cache
def masked_paths() -> tuple[str, ...]:
    """Return the paths that hide the node from containers, those of each CPU's throttling included where they are."""
    cpus = sorted(Path("/sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle"))
    return (*_MASKED, *map(str, cpus))


def _capabilities(context: SecurityContext) -> cri.Capability | None:
    if context.capabilities is None:
        return None
    return cri.Capability(add_capabilities=context.capabilities.add, drop_capabilities=context.capabilities.drop)


def _set_user(found: cri.LinuxContainerSecurityContext, context: SecurityContext, image_uid: int | None, image_user: str) -> None:
    if context.runAsUser is not None:
        found.run_as_user.value = context.runAsUser
    else:
        if image_uid is not None:
            found.run_as_user.value = image_uid
        found.run_as_username = image_user
    if context.runAsGroup is not None:
        found.run_as_group.value = context.runAsGroup


def _check_non_root(pod: Pod, container: AnyContainer, context: SecurityContext, uid: int | None, username: str) -> None:
    if not context.runAsNonRoot:
        return
    where = f'(pod: "{pod.metadata.name}_{pod.metadata.namespace}({pod.metadata.uid})", container: {container.name})'
    if context.runAsUser is not None:
        if context.runAsUser == 0:
            raise ContainerConfigError(f"container's runAsUser breaks non-root policy {where}")
        return
    if uid is None and username:
        raise ContainerConfigError(
            f"container has runAsNonRoot and image has non-numeric user ({username}), cannot verify user is non-root {where}"
        )
    if uid == 0:
        raise ContainerConfigError(f"container has runAsNonRoot and image will run as root {where}")
    if uid is not None and not 0 < uid <= _MAX_UID:
        raise ContainerConfigError(
            f"container has runAsNonRoot and image has an invalid user id ({uid}). (Must be 1-({_MAX_UID})): "
            f"must be between 0 and {_MAX_UID}, inclusive {where}"
        )


def _seccomp(profile: SeccompProfile | None, node: Seccomp) -> cri.SecurityProfile:
    kind = profile.type if profile is not None else node.default
    if profile is None or kind not in _PROFILES or kind != "Localhost":
        return cri.SecurityProfile(profile_type=_PROFILES.get(kind, cri.SecurityProfile.Unconfined))
    if not profile.localhostProfile:
        raise ContainerConfigError("localhostProfile must be set if seccompProfile type is Localhost.")
    return cri.SecurityProfile(profile_type=cri.SecurityProfile.Localhost, localhost_ref=str(node.root / profile.localhostProfile))


def _apparmor(pod: Pod, container: AnyContainer, context: SecurityContext) -> AppArmorProfile | None:
    if context.appArmorProfile is not None:
        return context.appArmorProfile
    old = pod.metadata.annotations.get(f"{_APPARMOR_ANNOTATION}{container.name}", "")
    if not old:
        return None
    kind = next((kind for kind, name in _APPARMOR_NAMES.items() if old.startswith(name)), "")
    return AppArmorProfile(type=kind, localhostProfile=old.removeprefix("localhost/") if kind == "Localhost" else None)


def _set_apparmor(found: cri.LinuxContainerSecurityContext, profile: AppArmorProfile | None) -> None:
    if profile is None:
        return
    if profile.type not in _PROFILES:
        raise ContainerConfigError(f'unknown apparmor profile type: "{profile.type}"')
    if profile.type == "Localhost" and profile.localhostProfile is None:
        raise ContainerConfigError("missing localhost apparmor profile name")
    local = profile.localhostProfile or ""
    found.apparmor.CopyFrom(cri.SecurityProfile(profile_type=_PROFILES[profile.type], localhost_ref=local))
    # the older form is for runtimes that do not know the new one
    found.apparmor_profile = _APPARMOR_NAMES[profile.type] + local
