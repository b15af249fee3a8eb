"""Which UDP flows are forgotten."""

from __future__ import annotations

from sagong.network.host_ports import HostPort
from sagong.network.proxy.conntrack import changed, frontends, stale
from sagong.network.proxy.netlink import Flow
from sagong.network.service_table import ServicePort, ServiceTable


def dns(*backends: str, protocol: str = "udp") -> ServicePort:
    return ServicePort(
        "kube-system", "dns", "dns", protocol, 53, "10.96.0.10", node_port=30053, serving=frozenset((address, 53) for address in backends)
    )


def flow(destination: str, port: int, answered_by: str) -> Flow:
    return Flow(destination, port, answered_by, 53, b"")


def test_frontends_are_those_of_udp_services_that_have_backends() -> None:
    table = ServiceTable("ip", (dns("10.0.0.1"), dns("10.0.0.1", protocol="tcp")), (HostPort("udp", "", 5353, "10.0.0.9", 53),))
    assert frontends(table) == {
        ("10.96.0.10", 53): frozenset({("10.0.0.1", 53)}),
        ("", 30053): frozenset({("10.0.0.1", 53)}),
        ("", 5353): frozenset({("10.0.0.9", 53)}),
    }
    assert frontends(ServiceTable("ip", (dns(),))) == {}


def test_only_frontends_that_are_new_or_lost_a_backend_are_looked_at() -> None:
    one, two = (frontends(ServiceTable("ip", (dns(*backends),))) for backends in (("10.0.0.1",), ("10.0.0.1", "10.0.0.2")))
    assert changed({}, one) == one
    assert changed(one, two) == {}
    assert changed(two, one) == one


def test_flows_that_somebody_else_answers_are_stale() -> None:
    suspects = frontends(ServiceTable("ip", (dns("10.0.0.1"),)))
    flows = [
        flow("10.96.0.10", 53, "10.0.0.1"),
        flow("10.96.0.10", 53, "10.0.0.2"),
        flow("10.96.0.10", 53, "10.96.0.10"),  # from a time without rules
        flow("192.168.0.2", 30053, "10.0.0.2"),
        flow("127.0.0.1", 30053, "10.0.0.2"),
        flow("8.8.8.8", 30053, "8.8.8.8"),
        flow("10.96.0.11", 53, "10.0.0.2"),
    ]
    assert list(stale(flows, suspects, ["192.168.0.2"])) == flows[1:5]
