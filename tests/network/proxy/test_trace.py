"""Where packets end: every kind of service and policy, asked of the rules themselves."""

from __future__ import annotations

import pytest
from tests.network.builders import NODE, endpoint, service, slice_of
from tests.network.proxy.trace_packet import Packet, trace_packet

from sagong.api.types.core import Service
from sagong.api.types.discovery import EndpointSlice
from sagong.network.host_ports import HostPort
from sagong.network.proxy.objects import Ruleset
from sagong.network.proxy.ruleset import build
from sagong.network.proxy.settings import Settings
from sagong.network.service_table import ServiceTable, service_ports

SETTINGS = Settings("ip", ("10.244.0.0/16",), ("10.96.0.0/12",), node_ips=("192.168.0.2",))
POD, NODE_IP, OUTSIDE = "10.244.0.9", "192.168.0.2", "203.0.113.1"
HERE, THERE = endpoint("10.244.0.5", node="here"), endpoint("10.244.1.5", node="there")


def rules(*pairs: tuple[Service, EndpointSlice], settings: Settings = SETTINGS, host_ports: tuple[HostPort, ...] = ()) -> Ruleset:
    rows = tuple(row for made, piece in pairs for row in service_ports(made, [piece], NODE, settings.family))
    return build(ServiceTable(settings.family, rows, host_ports), settings)


def end(ruleset: Ruleset, source: str, destination: str, port: int = 80, protocol: str = "tcp", *, choose: int = 0) -> str:
    return trace_packet(ruleset, Packet(source, destination, port, protocol), choose).result


def node_port(*endpoints: object, **spec: object) -> Ruleset:
    spec = {"type": "LoadBalancer", "ports": "http:80@30080", "ingress": ["198.51.100.1"], "externalIPs": ["192.0.2.1"], **spec}
    return rules((service("web", **spec), slice_of("web", *endpoints)))  # type: ignore[arg-type]  # words for the builder


def test_a_cluster_ip_leads_to_each_backend() -> None:
    ruleset = rules((service("web"), slice_of("web", HERE, THERE)))
    assert [end(ruleset, POD, "10.96.0.10", choose=n) for n in (0, 1)] == ["10.244.0.5:8080", "10.244.1.5:8080"]
    assert end(ruleset, NODE_IP, "10.96.0.10") == "10.244.0.5:8080 masq"
    assert end(ruleset, OUTSIDE, "10.96.0.10") == "10.244.0.5:8080 masq"


def test_a_pod_that_reaches_itself_is_masqueraded() -> None:
    ruleset = rules((service("web"), slice_of("web", HERE)))
    assert end(ruleset, "10.244.0.5", "10.96.0.10") == "10.244.0.5:8080 masq"


def test_no_endpoints_unknown_ports_and_unallocated_addresses() -> None:
    ruleset = rules((service("web", ports="http:80@30080", type="NodePort"), slice_of("web", endpoint("10.244.0.5", state="unready"))))
    assert end(ruleset, POD, "10.96.0.10") == "reject"
    assert end(ruleset, POD, "10.96.0.10", 81) == "reject"
    assert end(ruleset, POD, "10.96.0.99") == "drop"
    assert end(ruleset, NODE_IP, "10.96.0.99") == "drop"
    assert end(ruleset, OUTSIDE, NODE_IP, 30080) == "reject"
    assert end(ruleset, OUTSIDE, NODE_IP, 22) == f"{NODE_IP}:22"


@pytest.mark.parametrize(("address", "port"), [(NODE_IP, 30080), ("198.51.100.1", 80), ("192.0.2.1", 80)])
def test_from_outside_policy_cluster_hides_the_client_and_policy_local_does_not(address: str, port: int) -> None:
    assert end(node_port(HERE, THERE), OUTSIDE, address, port, choose=1) == "10.244.1.5:8080 masq"
    local = node_port(HERE, THERE, externalTrafficPolicy="Local")
    assert end(local, OUTSIDE, address, port, choose=1) == "10.244.0.5:8080"
    assert end(local, POD, address, port, choose=1) == "10.244.1.5:8080"
    assert end(local, NODE_IP, address, port, choose=1) == "10.244.1.5:8080 masq"
    elsewhere = node_port(THERE, externalTrafficPolicy="Local")
    assert end(elsewhere, OUTSIDE, address, port) == "drop"
    assert end(elsewhere, POD, address, port) == "10.244.1.5:8080"
    assert end(node_port(), OUTSIDE, address, port) == "reject"


def test_internal_policy_local() -> None:
    ruleset = rules((service("web", internalTrafficPolicy="Local"), slice_of("web", HERE, THERE)))
    assert end(ruleset, POD, "10.96.0.10", choose=1) == "10.244.0.5:8080"
    assert end(rules((service("web", internalTrafficPolicy="Local"), slice_of("web", THERE))), POD, "10.96.0.10") == "drop"


def test_source_ranges_guard_the_load_balancer_only() -> None:
    ruleset = node_port(HERE, loadBalancerSourceRanges=["203.0.113.0/24"])
    assert end(ruleset, OUTSIDE, "198.51.100.1") == "10.244.0.5:8080 masq"
    assert end(ruleset, "198.18.0.1", "198.51.100.1") == "drop"
    assert end(ruleset, "198.18.0.1", NODE_IP, 30080) == "10.244.0.5:8080 masq"
    assert end(ruleset, "198.18.0.1", "192.0.2.1") == "10.244.0.5:8080 masq"


def test_source_ranges_that_admit_the_node_admit_the_load_balancers_address() -> None:
    ruleset = node_port(HERE, loadBalancerSourceRanges=["192.168.0.0/24"])
    assert "198.51.100.1" in str(ruleset.chains["firewall/default/web/tcp/http"].rules)
    assert "198.51.100.1 }" not in str(
        node_port(HERE, loadBalancerSourceRanges=["10.0.0.0/8"]).chains["firewall/default/web/tcp/http"].rules
    )


def test_affinity_keeps_a_client_with_its_backend() -> None:
    ruleset = rules((service("web", affinity=60), slice_of("web", HERE, THERE)))
    assert end(ruleset, POD, "10.96.0.10", choose=1) == "10.244.1.5:8080"
    assert end(ruleset, POD, "10.96.0.10", choose=0) == "10.244.1.5:8080"
    assert end(ruleset, "10.244.0.10", "10.96.0.10", choose=0) == "10.244.0.5:8080"


def test_localhost_reaches_node_ports_and_the_network_does_not_reach_localhost() -> None:
    ruleset = node_port(HERE)
    assert end(ruleset, "127.0.0.1", "127.0.0.1", 30080) == "10.244.0.5:8080 masq"
    assert end(ruleset, OUTSIDE, "127.0.0.1", 10249) == "drop"
    closed = Settings("ip", ("10.244.0.0/16",), ("10.96.0.0/12",), localhost=False)
    assert (
        end(rules((service("web", ports="http:80@30080"), slice_of("web", HERE)), settings=closed), "127.0.0.1", "127.0.0.1", 30080)
        == "127.0.0.1:30080"
    )


def test_host_ports() -> None:
    ruleset = rules(host_ports=(HostPort("tcp", "", 8080, "10.244.0.5", 80), HostPort("udp", "127.0.0.1", 53, "10.244.0.6", 53)))
    assert end(ruleset, OUTSIDE, NODE_IP, 8080) == "10.244.0.5:80"
    assert end(ruleset, "127.0.0.1", "127.0.0.1", 8080) == "10.244.0.5:80 masq"
    assert end(ruleset, "10.244.0.5", NODE_IP, 8080) == "10.244.0.5:80 masq"
    assert end(ruleset, "127.0.0.1", "127.0.0.1", 53, "udp") == "10.244.0.6:53 masq"
    assert end(ruleset, OUTSIDE, NODE_IP, 53, "udp") == f"{NODE_IP}:53"


def test_pods_that_leave_the_cluster_are_masqueraded() -> None:
    assert end(rules(), POD, "8.8.8.8", 53, "udp") == "8.8.8.8:53 masq"
    assert end(rules(), POD, "10.244.1.7", 80) == "10.244.1.7:80"
    assert end(rules(), POD, "224.0.0.251", 5353, "udp") == "224.0.0.251:5353"


def test_node_ports_on_chosen_addresses_only() -> None:
    settings = Settings("ip", ("10.244.0.0/16",), ("10.96.0.0/12",), node_port_ips=("192.168.0.2",))
    ruleset = rules((service("web", ports="http:80@30080"), slice_of("web", HERE)), settings=settings)
    assert end(ruleset, OUTSIDE, NODE_IP, 30080) == "10.244.0.5:8080 masq"
    assert end(ruleset, OUTSIDE, "10.244.0.1", 30080) == "10.244.0.1:30080"


def test_ipv6() -> None:
    settings = Settings("ip6", ("fd00:10:244::/64",), ("fd00:10:96::/112",), node_ips=("fd99::1",))
    made = service("web", clusterIPs=["fd00:10:96::a"], affinity=60, type="NodePort", ports="http:80@30080")
    ruleset = rules((made, slice_of("web", endpoint("fd00:10:244::5", node="here"), kind="IPv6")), settings=settings)
    local = ("fd99::1", "::1")
    assert trace_packet(ruleset, Packet("fd00:10:244::9", "fd00:10:96::a", 80, local=local)).result == "fd00:10:244::5:8080"
    assert trace_packet(ruleset, Packet("2001:db8::1", "fd99::1", 30080, local=local)).result == "fd00:10:244::5:8080 masq"
    assert trace_packet(ruleset, Packet("fd00:10:244::9", "fd00:10:96::b", 80, local=local)).result == "drop"
    assert trace_packet(ruleset, Packet("fd00:10:244::9", "2001:db8::1", 80, local=local)).result == "2001:db8::1:80 masq"


def test_the_first_service_has_a_disputed_external_ip() -> None:
    one, two = service("one", externalIPs=["192.0.2.1"]), service("two", "10.96.0.11", externalIPs=["192.0.2.1"])
    ruleset = rules((one, slice_of("one", HERE)), (two, slice_of("two", THERE)))
    assert end(ruleset, OUTSIDE, "192.0.2.1") == "10.244.0.5:8080 masq"


def test_masquerade_all() -> None:
    settings = Settings("ip", ("10.244.0.0/16",), ("10.96.0.0/12",), masquerade_all=True)
    assert end(rules((service("web"), slice_of("web", HERE)), settings=settings), POD, "10.96.0.10") == "10.244.0.5:8080 masq"
