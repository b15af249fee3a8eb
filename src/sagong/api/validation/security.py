"""Validation of security contexts, of pods and containers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types import core
from sagong.api.validation.paths import descending
from sagong.api.validation.rules import one_of

_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_SYSCTL = "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
_SYSCTL_LENGTH = 253
_APPARMOR_LENGTH = 4095
_IPC_SYSCTLS = ("kernel.shm", "kernel.msg", "fs.mqueue.")
_GMSA_SIZE = 64 * 1024
_DOMAIN_LENGTH, _USER_LENGTH = 256, 104
_NETBIOS = re.compile(r'[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}')
_DNS_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"


def container(errors: Errors, path: str, context: core.SecurityContext | None, *, host_users: bool) -> None:
    """Check a container's security context; `host_users` is false in a user namespace (KEP-127)."""
    if context is None:
        return
    for name in ("runAsUser", "runAsGroup"):
        _id(errors, f"{path}.{name}", getattr(context, name))
    one_of(errors, f"{path}.procMount", context.procMount, ("Default", "Unmasked"))
    if host_users and context.procMount == "Unmasked":
        errors.invalid(f"{path}.procMount", context.procMount, "`hostUsers` must be false to use `Unmasked`")
    _seccomp(errors, f"{path}.seccompProfile", context.seccompProfile)
    if context.allowPrivilegeEscalation is False:
        _escalation(errors, path, context)
    _windows(errors, f"{path}.windowsOptions", context.windowsOptions)
    _apparmor(errors, f"{path}.appArmorProfile", context.appArmorProfile)


def _escalation(errors: Errors, path: str, context: core.SecurityContext) -> None:
    if context.privileged:
        errors.invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
    if context.capabilities and "CAP_SYS_ADMIN" in context.capabilities.add:
        errors.invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN")


def pod(errors: Errors, path: str, spec: core.PodSpec) -> None:
    """Check a pod's security context."""
    context = spec.securityContext
    if context is None:
        return
    for name in ("fsGroup", "runAsUser", "runAsGroup"):
        _id(errors, f"{path}.{name}", getattr(context, name))
    for i, group in enumerate(context.supplementalGroups):
        _id(errors, f"{path}.supplementalGroups[{i}]", group)
    if spec.shareProcessNamespace and spec.hostPID:
        errors.invalid(f"{path}.shareProcessNamespace", value=True, detail="ShareProcessNamespace and HostPID cannot both be enabled")
    if context.sysctls:
        _sysctls(errors, f"{path}.sysctls", context.sysctls, spec)
    one_of(errors, f"{path}.fsGroupChangePolicy", context.fsGroupChangePolicy, ("Always", "OnRootMismatch"))
    _seccomp(errors, f"{path}.seccompProfile", context.seccompProfile)
    _windows(errors, f"{path}.windowsOptions", context.windowsOptions)
    _apparmor(errors, f"{path}.appArmorProfile", context.appArmorProfile)
    one_of(errors, f"{path}.supplementalGroupsPolicy", context.supplementalGroupsPolicy, ("Merge", "Strict"))
    one_of(errors, f"{path}.seLinuxChangePolicy", context.seLinuxChangePolicy, ("MountOption", "Recursive"))


def _id(errors: Errors, path: str, value: int | None) -> None:
    if value is not None:
        errors.each(path, value, names.id_number(value))


def _sysctls(errors: Errors, path: str, found: Sequence[core.Sysctl], spec: core.PodSpec) -> None:
    seen: set[str] = set()
    for i, sysctl in enumerate(found):
        at, name = f"{path}[{i}].name", sysctl.name
        if not name:
            errors.required(at)
        elif len(name) > _SYSCTL_LENGTH or not re.match(_SYSCTL, name):
            errors.invalid(at, name, f"must have at most {_SYSCTL_LENGTH} characters and match regex {_SYSCTL}")
        elif name in seen:
            errors.duplicate(at, name)
        seen.add(name)
        plain = name.replace("/", ".")
        if spec.hostNetwork and plain.startswith("net."):
            errors.invalid(at, name, "may not be specified when 'hostNetwork' is true")
        elif spec.hostIPC and (plain.startswith(_IPC_SYSCTLS) or plain == "kernel.sem"):
            errors.invalid(at, name, "may not be specified when 'hostIPC' is true")


def _seccomp(errors: Errors, path: str, profile: core.SeccompProfile | None) -> None:
    if profile is None:
        return
    one_of(errors, f"{path}.type", profile.type, _PROFILES, missing="type is required when seccompProfile is set")
    if profile.type != "Localhost":
        if profile.localhostProfile is not None:
            errors.invalid(f"{path}.localhostProfile", profile, "can only be set when seccomp type is Localhost")
    elif profile.localhostProfile is None:
        errors.required(f"{path}.localhostProfile", "must be set when seccomp type is Localhost")
    else:
        descending(errors, f"{path}.localhostProfile", profile.localhostProfile)


def _apparmor(errors: Errors, path: str, profile: core.AppArmorProfile | None) -> None:
    if profile is None:
        return
    name, at = profile.localhostProfile, f"{path}.localhostProfile"
    if profile.type == "Localhost":
        if name is None or not name:
            errors.required(at, "must be set when AppArmor type is Localhost")
        elif name.strip() != name:
            errors.invalid(at, name, "must not be padded with whitespace")
        if name is not None and len(name) > _APPARMOR_LENGTH:
            errors.too_long(at, _APPARMOR_LENGTH)
        return
    one_of(errors, f"{path}.type", profile.type, _PROFILES, missing="type is required when appArmorProfile is set")
    if profile.type in _PROFILES and name is not None:
        errors.invalid(at, name, "can only be set when AppArmor type is Localhost")


def _windows(errors: Errors, path: str, options: core.WindowsSecurityContextOptions | None) -> None:
    if options is None:
        return
    if options.gmsaCredentialSpecName is not None:
        errors.each(
            f"{path}.gmsaCredentialSpecName", options.gmsaCredentialSpecName, names.dns1123_subdomain(options.gmsaCredentialSpecName)
        )
    if options.gmsaCredentialSpec == "":
        errors.invalid(f"{path}.gmsaCredentialSpec", "", "gmsaCredentialSpec cannot be an empty string")
    elif options.gmsaCredentialSpec and len(options.gmsaCredentialSpec) > _GMSA_SIZE:
        errors.invalid(f"{path}.gmsaCredentialSpec", options.gmsaCredentialSpec, "gmsaCredentialSpec size must be under 64 KiB")
    if options.runAsUserName is not None:
        errors.each(f"{path}.runAsUserName", options.runAsUserName, _windows_user(options.runAsUserName))


def _windows_user(name: str) -> list[str]:
    if not name:
        return ["runAsUserName cannot be an empty string"]
    if re.search(r"[\x00-\x1f\x7f]", name):
        return ["runAsUserName cannot contain control characters"]
    if name.count("\\") > 1:
        return ["runAsUserName cannot contain more than one backslash"]
    domain, slash, user = name.rpartition("\\")
    is_domain = _NETBIOS.fullmatch(domain) or re.fullmatch(rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*", domain)
    rules = (
        (len(domain) >= _DOMAIN_LENGTH, f"Domain length must be under {_DOMAIN_LENGTH} characters"),
        (slash and not is_domain, "Domain doesn't match the NetBios nor the DNS format"),
        (not user, "User cannot be empty"),
        (len(user) > _USER_LENGTH, f"User length must not be longer than {_USER_LENGTH} characters"),
        (re.fullmatch(r"[. ]+", user), "User cannot contain only periods or spaces"),
        (re.search(r'["/\\:;|=,+*?<>@\[\]]', user), 'User cannot contain the following characters: "/\\:;|=,+*?<>@[]'),
    )
    return [f"runAsUserName's {text}" for broken, text in rules if broken]
