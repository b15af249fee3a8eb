"""CRI's sandbox configuration from a pod: names, DNS, host ports, namespaces, sysctls, cgroup."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sagong.api import quantity
from sagong.api.pods import all_containers
from sagong.api.types.core import ContainerPort, Pod
from sagong.node import dns_config, hosts_file, qos, security
from sagong.node.cri import api_pb2 as cri
from sagong.node.ports import ContainerConfigError

_PROTOCOLS = {"": cri.TCP, "TCP": cri.TCP, "UDP": cri.UDP, "SCTP": cri.SCTP}

HandlerLookup = Callable[[str], str | None]
Warn = Callable[[Pod, str, str], None]


def _no_warning(pod: Pod, reason: str, message: str) -> None:
    del pod, reason, message


def _no_users(pod: Pod) -> cri.IDMapping | None:
    if pod.spec.hostUsers is False:
        # refusing is safer than running the pod as the node's own users
        raise ContainerConfigError("can't set `spec.hostUsers: false`, runtime does not support user namespaces")
    return None


@dataclass(frozen=True)
class SandboxBuilder:
    """Implements ports.SandboxConfigs."""

    cgroup_parent: Callable[[Pod], str]
    dns: dns_config.ClusterDns = field(default_factory=dns_config.ClusterDns)
    handlers: HandlerLookup = {"": ""}.get
    """the runtime handler of a RuntimeClass's name, None when there is no such class"""
    warn: Warn = _no_warning
    """told of DNS warnings: pod, event reason, message"""
    users: Callable[[Pod], cri.IDMapping | None] = _no_users
    """the range of ids of a pod with users of its own. Raises ContainerConfigError"""

    def sandbox(self, pod: Pod) -> cri.PodSandboxConfig:
        """Return the configuration without metadata, labels, annotations and log directory. Raises ContainerConfigError."""
        try:
            dns = dns_config.pod_dns(pod, self.dns)
            hostname = "" if pod.spec.hostNetwork else hosts_file.kernel_hostname(pod, self.dns.domain)
        except (OSError, ValueError) as error:
            raise ContainerConfigError(str(error)) from error
        for reason, message in dns.warnings:
            self.warn(pod, reason, message)
        return cri.PodSandboxConfig(
            hostname=hostname,
            dns_config=cri.DNSConfig(servers=dns.servers, searches=dns.searches, options=dns.options),
            port_mappings=[] if pod.spec.hostNetwork else _port_mappings(pod),
            linux=self._linux(pod),
        )

    def runtime_handler(self, pod: Pod) -> str:
        """Return the handler of the pod's RuntimeClass, "" for the default. Raises ContainerConfigError."""
        name = pod.spec.runtimeClassName or ""
        handler = self.handlers(name) if name else ""
        if handler is None:
            raise ContainerConfigError(f'failed to get sandbox runtime: no runtime for "{name}" is configured')
        return handler

    def _linux(self, pod: Pod) -> cri.LinuxPodSandboxConfig:
        context = pod.spec.securityContext
        return cri.LinuxPodSandboxConfig(
            cgroup_parent=self.cgroup_parent(pod),
            sysctls={sysctl.name: sysctl.value for sysctl in context.sysctls} if context else {},
            security_context=_security(pod, self.users(pod)),
            overhead=_overhead(pod),
            resources=pod_resources(pod),
        )


def _security(pod: Pod, users: cri.IDMapping | None) -> cri.LinuxSandboxSecurityContext:
    context = pod.spec.securityContext
    found = cri.LinuxSandboxSecurityContext(
        namespace_options=security.namespaces(pod, users=users),
        selinux_options=security.selinux(context.seLinuxOptions if context else None),
        supplemental_groups=security.supplemental_groups(pod),
        supplemental_groups_policy=security.groups_policy(pod),
        privileged=any(c.securityContext is not None and c.securityContext.privileged for c in all_containers(pod)),
        # the pause process needs nothing that the default profile forbids, whatever the containers run with
        seccomp=cri.SecurityProfile(profile_type=cri.SecurityProfile.RuntimeDefault),
    )
    if context is not None and context.runAsUser is not None:
        found.run_as_user.value = context.runAsUser
    if context is not None and context.runAsGroup is not None:
        found.run_as_group.value = context.runAsGroup
    return found


def pod_resources(pod: Pod) -> cri.LinuxContainerResources:
    """Return hints for runtimes that size a virtual machine by the pod; the pod's cgroup is set by the kubelet."""
    found = qos.totals(pod)
    return _cri(found.cpu_request, found.cpu_limit, found.memory_limit)


def _overhead(pod: Pod) -> cri.LinuxContainerResources:
    if not pod.spec.overhead:
        return cri.LinuxContainerResources()
    amounts = {name: quantity.parse(text) for name, text in pod.spec.overhead.items()}
    cpu, memory = amounts.get("cpu", quantity.ZERO).milli_value(), amounts.get("memory", quantity.ZERO).value()
    return _cri(cpu, cpu, memory)


def _cri(request: int, limit: int, memory: int) -> cri.LinuxContainerResources:
    return cri.LinuxContainerResources(
        cpu_shares=qos.cpu_shares(request), cpu_quota=qos.cpu_quota(limit), cpu_period=qos.CPU_PERIOD, memory_limit_in_bytes=memory
    )


def _port_mappings(pod: Pod) -> Sequence[cri.PortMapping]:
    ports = {_port_key(port): port for container in pod.spec.containers for port in reversed(container.ports)}
    return [
        cri.PortMapping(
            protocol=_PROTOCOLS.get(port.protocol, cri.TCP), container_port=port.containerPort, host_port=port.hostPort, host_ip=port.hostIP
        )
        for port in ports.values()
        if port.hostPort
    ]


def _port_key(port: ContainerPort) -> tuple[str, str, int, int]:
    return port.protocol, port.hostIP, port.containerPort, port.hostPort
