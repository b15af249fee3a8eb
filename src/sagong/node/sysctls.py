"""Which sysctls a pod may set: the safe ones, and what the node's administrator allows besides."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.api.types.core import Pod
from sagong.node.admission import Rejection

_SAFE = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
_NAMESPACES = {"kernel.sem": "ipc", "kernel.shm": "ipc", "kernel.msg": "ipc", "fs.mqueue.": "ipc", "net.": "net"}


def admit_sysctls(pod: Pod, allowed_unsafe: Sequence[str]) -> Rejection | None:
    """Return why the pod's sysctls are refused, or None. `allowed_unsafe` has names and prefixes that end in `*`."""
    context = pod.spec.securityContext
    for name in (_normal(sysctl.name) for sysctl in context.sysctls) if context else ():
        problem = _problem(name, pod, allowed_unsafe)
        if problem:
            return Rejection("SysctlForbidden", f"forbidden sysctl: {problem}")
    return None


def _problem(name: str, pod: Pod, allowed_unsafe: Sequence[str]) -> str:
    allowed = any(name.startswith(entry[:-1]) if entry.endswith("*") else name == entry for entry in map(_normal, allowed_unsafe))
    if name not in _SAFE and not allowed:
        return f'"{name}" not allowlisted'
    namespace = next((found for prefix, found in _NAMESPACES.items() if name.startswith(prefix)), "")
    if (namespace == "net" and pod.spec.hostNetwork) or (namespace == "ipc" and pod.spec.hostIPC):
        return f'"{name}" not allowed with host {namespace} enabled'
    return ""


def _normal(name: str) -> str:
    """Return the name with dots between its parts; sysctl(8) also takes slashes, and then dots are parts of names."""
    first = next((char for char in name if char in "./"), ".")
    return name if first == "." else name.translate(str.maketrans("./", "/."))
