"""Host ports of pods as rows."""

from __future__ import annotations

from tests.network.builders import pod

from sagong.api.types.core import ContainerPort
from sagong.network.host_ports import HostPort, host_ports


def test_ports_that_pods_take_on_the_node() -> None:
    web = pod("web", "10.0.0.5", ContainerPort(containerPort=80, hostPort=8080), ContainerPort(containerPort=81))
    dns = pod("dns", "10.0.0.6", ContainerPort(containerPort=53, hostPort=53, protocol="UDP", hostIP="192.168.0.2"))
    assert host_ports([web, dns], "ip") == (
        HostPort("tcp", "", 8080, "10.0.0.5", 80),
        HostPort("udp", "192.168.0.2", 53, "10.0.0.6", 53),
    )


def test_pods_of_the_nodes_own_network_and_ended_ones_take_none() -> None:
    port = ContainerPort(containerPort=80, hostPort=80)
    assert (
        host_ports([pod("a", "10.0.0.5", port, host_network=True), pod("b", "10.0.0.6", port, phase="Succeeded"), pod("c", "", port)], "ip")
        == ()
    )


def test_families() -> None:
    both = pod("web", "10.0.0.5", ContainerPort(containerPort=80, hostPort=80, hostIP="0.0.0.0"), ips=["10.0.0.5", "fd00::5"])
    assert host_ports([both], "ip") == (HostPort("tcp", "", 80, "10.0.0.5", 80),)
    assert host_ports([both], "ip6") == (HostPort("tcp", "", 80, "fd00::5", 80),)
    four = pod("web", "10.0.0.5", ContainerPort(containerPort=80, hostPort=80, hostIP="192.168.0.2"), ips=["10.0.0.5", "fd00::5"])
    assert host_ports([four], "ip6") == ()
