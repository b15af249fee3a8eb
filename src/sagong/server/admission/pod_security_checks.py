"""The Pod Security Standards as checks of pods (KEP-2579): a table, in the order in which upstream names what is wrong.

A check returns (reason, detail), None when the pod is fine. `minor` is the Kubernetes version 1.<minor> of the standard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sagong.api.field_errors import quote
from sagong.api.types.core import PodSpec

LATEST = 36
Finding = tuple[str, str] | None
Annotations = Mapping[str, str]

_DEFAULT_CAPABILITIES = {
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
}
_SYSCTLS = {
    "kernel.shm_rmid_forced": 0,
    "net.ipv4.ip_local_port_range": 0,
    "net.ipv4.tcp_syncookies": 0,
    "net.ipv4.ping_group_range": 0,
    "net.ipv4.ip_unprivileged_port_start": 0,
    "net.ipv4.ip_local_reserved_ports": 27,
    "net.ipv4.tcp_keepalive_time": 29,
    "net.ipv4.tcp_fin_timeout": 29,
    "net.ipv4.tcp_keepalive_intvl": 29,
    "net.ipv4.tcp_keepalive_probes": 29,
    "net.ipv4.tcp_rmem": 32,
    "net.ipv4.tcp_wmem": 32,
}
_SELINUX_TYPES = {"": 0, "container_t": 0, "container_init_t": 0, "container_kvm_t": 0, "container_engine_t": 31}
_FREE_VOLUMES = {
    "name", "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
_APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"


def _containers(spec: PodSpec) -> Iterator[Any]:
    yield from spec.initContainers
    yield from spec.containers
    yield from spec.ephemeralContainers


def _settings(spec: PodSpec, name: str) -> Iterator[tuple[str, Any]]:
    """Yield one field of every container's security context: (container, value), None where it is not set."""
    for container in _containers(spec):
        context = container.securityContext
        yield container.name, getattr(context, name) if context is not None else None


def _of_pod(spec: PodSpec, name: str) -> Any:
    return getattr(spec.securityContext, name, None) if spec.securityContext is not None else None


def _plural(word: str, count: int, several: str = "") -> str:
    return word if count == 1 else several or f"{word}s"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(quote(name) for name in names)


def _named(containers: list[str]) -> str:
    return f"{_plural('container', len(containers))} {_quoted(containers)}"


def _setters(pod: bool, containers: list[str]) -> str:  # noqa: FBT001 - whether the pod itself is among them
    return " and ".join((["pod"] if pod else []) + ([_named(containers)] if containers else []))


def _is_windows(spec: PodSpec, minor: int) -> bool:
    return minor >= 25 and spec.os is not None and spec.os.name == "windows"  # noqa: PLR2004 - since 1.25


def _has_own_users(spec: PodSpec, minor: int) -> bool:
    return minor >= 35 and spec.hostUsers is False  # noqa: PLR2004 - since 1.35


def _privilege_escalation(spec: PodSpec, _: Annotations, minor: int) -> Finding:
    bad = [name for name, value in _settings(spec, "allowPrivilegeEscalation") if value is not False]
    if not bad or _is_windows(spec, minor):
        return None
    return "allowPrivilegeEscalation != false", f"{_named(bad)} must set securityContext.allowPrivilegeEscalation=false"


def _app_armor(spec: PodSpec, annotations: Annotations, _: int) -> Finding:
    allowed = ("RuntimeDefault", "Localhost")
    of_pod = _of_pod(spec, "appArmorProfile")
    pod = of_pod is not None and of_pod.type not in allowed
    profiles = [(name, value.type) for name, value in _settings(spec, "appArmorProfile") if value and value.type not in allowed]
    values = sorted({kind for _, kind in profiles} | ({of_pod.type} if pod else set()))
    old = sorted(
        f"{key}={quote(value)}"
        for key, value in annotations.items()
        if key.startswith(_APPARMOR_ANNOTATION) and value not in ("", "runtime/default") and not value.startswith("localhost/")
    )
    setters = list(filter(None, [_setters(pod, [name for name, _ in profiles]), _plural("annotation", len(old)) if old else ""]))
    if not setters:
        return None
    values += old
    detail = f"{' and '.join(setters)} must not set AppArmor profile type to {_quoted(values)}"
    return _plural("forbidden AppArmor profile", len(values)), detail


def _added_capabilities(spec: PodSpec, _: Annotations, __: int) -> Finding:
    added = [(name, value.add) for name, value in _settings(spec, "capabilities") if value is not None]
    bad = [name for name, add in added if set(add) - _DEFAULT_CAPABILITIES]
    if not bad:
        return None
    wrong = sorted({one for _, add in added for one in add} - _DEFAULT_CAPABILITIES)
    return "non-default capabilities", f"{_named(bad)} must not include {_quoted(wrong)} in securityContext.capabilities.add"


def _dropped_capabilities(spec: PodSpec, _: Annotations, minor: int) -> Finding:
    capabilities = list(_settings(spec, "capabilities"))
    keeping = [name for name, value in capabilities if value is None or "ALL" not in value.drop]
    added = {name: set(value.add) - {"NET_BIND_SERVICE"} for name, value in capabilities if value is not None}
    adding = [name for name, wrong in added.items() if wrong]
    details = [f'{_named(keeping)} must set securityContext.capabilities.drop=["ALL"]'] if keeping else []
    if adding:
        wrong = _quoted(sorted(set().union(*added.values())))
        details.append(f"{_named(adding)} must not include {wrong} in securityContext.capabilities.add")
    if not details or _is_windows(spec, minor):
        return None
    return "unrestricted capabilities", "; ".join(details)


def _host_namespaces(spec: PodSpec, _: Annotations, __: int) -> Finding:
    used = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if getattr(spec, name)]
    return ("host namespaces", ", ".join(used)) if used else None


def _host_paths(spec: PodSpec, _: Annotations, __: int) -> Finding:
    used = [volume.name for volume in spec.volumes if volume.hostPath is not None]
    return ("hostPath volumes", f"{_plural('volume', len(used))} {_quoted(used)}") if used else None


def _host_ports(spec: PodSpec, _: Annotations, __: int) -> Finding:
    used = {container.name: [port.hostPort for port in container.ports if port.hostPort] for container in _containers(spec)}
    bad = [name for name, ports in used.items() if ports]
    if not bad:
        return None
    ports = sorted({str(port) for found in used.values() for port in found})
    verb = _plural("uses", len(bad), "use")
    return "hostPort", f"{_named(bad)} {verb} {_plural('hostPort', len(ports))} {', '.join(ports)}"


def _host_probes(spec: PodSpec, _: Annotations, __: int) -> Finding:
    hosts: dict[str, set[str]] = {}
    for container in _containers(spec):
        lifecycle = container.lifecycle
        handlers = [container.livenessProbe, container.readinessProbe, container.startupProbe]
        handlers += [lifecycle.postStart, lifecycle.preStop] if lifecycle is not None else []
        actions = (action for handler in handlers if handler is not None for action in (handler.httpGet, handler.tcpSocket))
        if found := {action.host for action in actions if action is not None and action.host}:
            hosts[container.name] = found
    if not hosts:
        return None
    named, kind = sorted(set().union(*hosts.values())), "probe or lifecycle host"
    verb = _plural("uses", len(hosts), "use")
    return kind, f"{_named(sorted(hosts))} {verb} {_plural(kind, len(named))} {_quoted(named)}"


def _privileged(spec: PodSpec, _: Annotations, __: int) -> Finding:
    bad = [name for name, value in _settings(spec, "privileged") if value]
    return ("privileged", f"{_named(bad)} must not set securityContext.privileged=true") if bad else None


def _proc_mount(spec: PodSpec, _: Annotations, minor: int) -> Finding:
    set_to = {name: value for name, value in _settings(spec, "procMount") if value not in (None, "Default")}
    if not set_to or _has_own_users(spec, minor):
        return None
    return "procMount", f"{_named(list(set_to))} must not set securityContext.procMount to {_quoted(sorted(set(set_to.values())))}"


def _proc_mount_always(spec: PodSpec, annotations: Annotations, _: int) -> Finding:
    return _proc_mount(spec, annotations, 0)


def _volume_types(spec: PodSpec, _: Annotations, __: int) -> Finding:
    bad: dict[str, str] = {}
    for volume in spec.volumes:
        used = [name for name in volume.__struct_fields__ if name != "name" and getattr(volume, name) is not None]
        if not used or used[0] not in _FREE_VOLUMES:
            bad[volume.name] = {"storageos": "storageos"}.get(used[0], used[0]) if used else "unknown"
    if not bad:
        return None
    kinds = sorted(set(bad.values()))
    verb, what = _plural("uses", len(bad), "use"), _plural("restricted volume type", len(kinds))
    return "restricted volume types", f"{_plural('volume', len(bad))} {_quoted(bad)} {verb} {what} {_quoted(kinds)}"


def _non_root(spec: PodSpec, _: Annotations, minor: int) -> Finding:
    of_pod, reason = _of_pod(spec, "runAsNonRoot"), "runAsNonRoot != true"
    explicit = [name for name, value in _settings(spec, "runAsNonRoot") if value is False]
    implicit = [name for name, value in _settings(spec, "runAsNonRoot") if value is None and not of_pod]
    if _has_own_users(spec, minor):
        return None
    if of_pod is False or explicit:
        return reason, f"{_setters(of_pod is False, explicit)} must not set securityContext.runAsNonRoot=false"
    return (reason, f"pod or {_named(implicit)} must set securityContext.runAsNonRoot=true") if implicit else None


def _root_user(spec: PodSpec, _: Annotations, minor: int) -> Finding:
    pod = _of_pod(spec, "runAsUser") == 0
    bad = [name for name, value in _settings(spec, "runAsUser") if value == 0]
    if not (pod or bad) or _has_own_users(spec, minor):
        return None
    return "runAsUser=0", f"{_setters(pod, bad)} must not set runAsUser=0"


def _selinux(spec: PodSpec, _: Annotations, minor: int) -> Finding:
    allowed = {kind for kind, since in _SELINUX_TYPES.items() if since <= minor}
    options = [("", _of_pod(spec, "seLinuxOptions")), *_settings(spec, "seLinuxOptions")]
    bad = {name: value for name, value in options if value and (value.type not in allowed or value.user or value.role)}
    if not bad:
        return None
    kinds = sorted({value.type for value in bad.values()} - allowed)
    data = [f"{_plural('type', len(kinds))} {_quoted(kinds)}"] if kinds else []
    data += [f"{part} may not be set" for part in ("user", "role") if any(getattr(value, part) for value in bad.values())]
    setters = _setters("" in bad, [name for name in bad if name])
    return "seLinuxOptions", f"{setters} set forbidden securityContext.seLinuxOptions: {'; '.join(data)}"


_SECCOMP = ("RuntimeDefault", "Localhost")


def _seccomp(spec: PodSpec, _: Annotations, __: int) -> Finding:
    profiles = [("", _of_pod(spec, "seccompProfile")), *_settings(spec, "seccompProfile")]
    bad = {name: value.type for name, value in profiles if value is not None and value.type not in _SECCOMP}
    if not bad:
        return None
    setters = _setters("" in bad, [name for name in bad if name])
    return "seccompProfile", f"{setters} must not set securityContext.seccompProfile.type to {_quoted(sorted(set(bad.values())))}"


def _seccomp_set(spec: PodSpec, annotations: Annotations, minor: int) -> Finding:
    if _is_windows(spec, minor):
        return None
    if bad := _seccomp(spec, annotations, minor):
        return bad
    unset = [name for name, value in _settings(spec, "seccompProfile") if value is None]
    if _of_pod(spec, "seccompProfile") is not None or not unset:
        return None
    return "seccompProfile", f'pod or {_named(unset)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'


def _sysctls(spec: PodSpec, _: Annotations, minor: int) -> Finding:
    used = _of_pod(spec, "sysctls") or []
    bad = [sysctl.name for sysctl in used if _SYSCTLS.get(sysctl.name, LATEST + 1) > minor]
    return ("forbidden sysctls", ", ".join(bad)) if bad else None


def _windows_host_process(spec: PodSpec, _: Annotations, __: int) -> Finding:
    of_pod = _of_pod(spec, "windowsOptions")
    pod = bool(of_pod is not None and of_pod.hostProcess)
    bad = [name for name, value in _settings(spec, "windowsOptions") if value is not None and value.hostProcess]
    if not (pod or bad):
        return None
    return "hostProcess", f"{_setters(pod, bad)} must not set securityContext.windowsOptions.hostProcess=true"


class Check(NamedTuple):
    """One check of a standard; `since` 1.<minor>. The restricted standard has those of baseline except `until_restricted` ones."""

    run: Callable[[PodSpec, Annotations, int], Finding]
    level: str = "baseline"
    since: int = 0
    until_restricted: bool = False


CHECKS = (
    Check(_privilege_escalation, "restricted", 8),
    Check(_app_armor),
    Check(_added_capabilities, until_restricted=True),
    Check(_dropped_capabilities, "restricted", 22),
    Check(_host_namespaces),
    Check(_host_paths, until_restricted=True),
    Check(_host_ports),
    Check(_host_probes, since=34),
    Check(_privileged),
    Check(_proc_mount, until_restricted=True),
    Check(_proc_mount_always, "restricted"),
    Check(_volume_types, "restricted"),
    Check(_non_root, "restricted"),
    Check(_root_user, "restricted", 23),
    Check(_selinux),
    Check(_seccomp, since=19, until_restricted=True),
    Check(_seccomp_set, "restricted", 19),
    Check(_sysctls),
    Check(_windows_host_process),
)


def evaluate(level: str, minor: int, spec: PodSpec, annotations: Annotations) -> list[tuple[str, str]]:
    """Return what in a pod violates a standard."""
    if level == "privileged":
        return []
    checks = [check for check in CHECKS if check.level == "baseline" and not (level == "restricted" and check.until_restricted)]
    checks += [check for check in CHECKS if check.level == level == "restricted"]
    findings = (check.run(spec, annotations, minor) for check in checks if check.since <= minor)
    return [finding for finding in findings if finding is not None]
