"""A pod's resolv.conf: dnsPolicy and dnsConfig over the node's own, within resolvers' limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sagong.api.types.core import Pod, PodDNSConfigOption

_MAX_SERVERS = 3
_MAX_SEARCHES = 32
_MAX_SEARCH_TEXT = 2048
_MAX_DOMAIN = 253
_CLUSTER_OPTIONS = ("ndots:5",)


@dataclass(frozen=True, slots=True)
class Dns:
    """The lines of a resolv.conf; `warnings` are events of reason DNSConfigForming or MissingClusterDNS."""

    servers: Sequence[str] = ()
    searches: Sequence[str] = ()
    options: Sequence[str] = ()
    warnings: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class ClusterDns:
    """The cluster's DNS as the kubelet's configuration has it."""

    servers: Sequence[str] = ()
    domain: str = "cluster.local"
    host_file: Path | None = field(default=Path("/etc/resolv.conf"))


def pod_dns(pod: Pod, cluster: ClusterDns) -> Dns:
    """Return what the pod's resolv.conf says. Raises OSError when the node's cannot be read."""
    host = parse(cluster.host_file.read_text()) if cluster.host_file else Dns(["127.0.0.1"], ["."])
    base, warnings = _base(pod, cluster, host)
    extra = pod.spec.dnsConfig
    if extra is not None:
        base = Dns(
            _unique([*base.servers, *extra.nameservers]),
            _unique([*base.searches, *extra.searches]),
            _merged(base.options, extra.options),
        )
    return _within_limits(base, warnings)


def parse(text: str) -> Dns:
    """Parse a resolv.conf: nameservers add up, the last search line counts, a later option replaces an earlier one."""
    servers: list[str] = []
    searches: list[str] = []
    options: dict[str, str] = {}
    for words in (line.split() for line in text.splitlines() if not line.strip().startswith("#")):
        if words[:1] == ["nameserver"]:
            servers.extend(words[1:2])
        elif words[:1] == ["search"]:
            searches = [word.removesuffix(".") for word in words[1:] if word != "."]
        elif words[:1] == ["options"]:
            options.update({word.split(":")[0]: word for word in words[1:]})
    return Dns(servers, searches, list(options.values()))


def _base(pod: Pod, cluster: ClusterDns, host: Dns) -> tuple[Dns, Sequence[tuple[str, str]]]:
    policy = pod.spec.dnsPolicy or "ClusterFirst"
    if policy == "None":
        return Dns(), ()
    in_cluster = policy == "ClusterFirstWithHostNet" or (policy == "ClusterFirst" and not pod.spec.hostNetwork)
    if not in_cluster:
        return host, ()
    if not cluster.servers:
        named = f"{pod.metadata.name}_{pod.metadata.namespace}({pod.metadata.uid})"
        text = 'kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. '
        return host, [("MissingClusterDNS", f'pod: "{named}". {text}Falling back to "Default" policy.')]
    own = [f"{pod.metadata.namespace}.svc.{cluster.domain}", f"svc.{cluster.domain}", cluster.domain] if cluster.domain else []
    return Dns(cluster.servers, _unique([*own, *host.searches]), _CLUSTER_OPTIONS), ()


def _merged(options: Iterable[str], extra: Iterable[PodDNSConfigOption]) -> Sequence[str]:
    merged = dict[str, str](option.partition(":")[::2] for option in options)
    merged.update({option.name: option.value or "" for option in extra})
    return [f"{name}:{value}" if value else name for name, value in merged.items()]


def _within_limits(dns: Dns, warnings: Sequence[tuple[str, str]]) -> Dns:
    found = list(warnings)
    servers = dns.servers[:_MAX_SERVERS]
    if len(servers) < len(dns.servers):
        text = "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: "
        found.append(("DNSConfigForming", text + " ".join(servers)))
    searches = [search for search in dns.searches[:_MAX_SEARCHES] if len(search) <= _MAX_DOMAIN]
    while len(" ".join(searches)) > _MAX_SEARCH_TEXT:
        searches.pop()
    if len(searches) < len(dns.searches):
        text = "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: "
        found.append(("DNSConfigForming", text + " ".join(searches)))
    return Dns(servers, searches, dns.options, found)


def _unique(texts: Iterable[str]) -> Sequence[str]:
    return list(dict.fromkeys(texts))
