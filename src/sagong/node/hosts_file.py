"""A pod's name and its /etc/hosts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sagong.api.types.core import HostAlias, Pod

PATH = "/etc/hosts"
_MAX_HOSTNAME = 63
_MAX_FQDN = 64
_MANAGED = "# Kubernetes-managed hosts file.\n"
_MANAGED_HOST_NETWORK = "# Kubernetes-managed hosts file (host network).\n"
_LOCAL = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "fe00::0\tip6-mcastprefix\n"
    "fe00::1\tip6-allnodes\n"
    "fe00::2\tip6-allrouters\n"
)


def hostname_and_domain(pod: Pod, cluster_domain: str) -> tuple[str, str]:
    """Return the short name, cut to what the kernel takes, and the domain that a subdomain gives, or ""."""
    if pod.spec.hostnameOverride is not None:
        return _short(pod.spec.hostnameOverride), ""
    domain = f"{pod.spec.subdomain}.{pod.metadata.namespace}.svc.{cluster_domain}" if pod.spec.subdomain else ""
    return _short(pod.spec.hostname or pod.metadata.name), domain


def kernel_hostname(pod: Pod, cluster_domain: str) -> str:
    """Return what `hostname` says in the pod: the short name, or the full one with setHostnameAsFQDN. Raises ValueError."""
    name, domain = hostname_and_domain(pod, cluster_domain)
    if not (domain and pod.spec.setHostnameAsFQDN):
        return name
    full = f"{name}.{domain}"
    if len(full) > _MAX_FQDN:
        raise ValueError(
            f"failed to construct FQDN from pod hostname and cluster domain, FQDN {full} is too long "
            f"({_MAX_FQDN} characters is the max, {len(full)} characters requested)"
        )
    return full


def write(path: Path, pod: Pod, pod_ips: Sequence[str], cluster_domain: str) -> None:
    """Write the pod's hosts file, in place since containers have the file itself mounted. Raises OSError."""
    text = _host_network(pod) if pod.spec.hostNetwork else _managed(pod, pod_ips, cluster_domain)
    path.write_text(text)
    path.chmod(0o644)


def _managed(pod: Pod, pod_ips: Sequence[str], cluster_domain: str) -> str:
    name, domain = hostname_and_domain(pod, cluster_domain)
    names = f"{name}.{domain}\t{name}" if domain else name
    return _MANAGED + _LOCAL + "".join(f"{ip}\t{names}\n" for ip in pod_ips) + _aliases(pod.spec.hostAliases)


def _host_network(pod: Pod) -> str:
    return _MANAGED_HOST_NETWORK + Path(PATH).read_text() + _aliases(pod.spec.hostAliases)


def _aliases(aliases: Sequence[HostAlias]) -> str:
    if not aliases:
        return ""
    lines = (f"{alias.ip}\t" + "\t".join(alias.hostnames) + "\n" for alias in aliases)
    return "\n# Entries added by HostAliases.\n" + "".join(lines)


def _short(name: str) -> str:
    return name if len(name) <= _MAX_HOSTNAME else name[:_MAX_HOSTNAME].rstrip("-.")
