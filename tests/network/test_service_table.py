"""Services as rows: addresses by family, policies, affinity, load balancers, health checks."""

from __future__ import annotations

from tests.network.builders import NODE, endpoint, service, slice_of

from sagong.api.types.core import LoadBalancerIngress
from sagong.network.service_table import Family, ServicePort, health_check, service_ports


def row(made: object, *slices: object, family: Family = "ip") -> ServicePort:
    (only,) = service_ports(made, slices, NODE, family)  # type: ignore[arg-type]  # a Service and its slices
    return only


def test_a_cluster_ip() -> None:
    found = row(service("web"), slice_of("web", endpoint("10.0.0.2"), endpoint("10.0.0.1", node="here")))
    assert (found.title, found.protocol, found.port, found.cluster_ip) == ("default/web:http", "tcp", 80, "10.96.0.10")
    assert [(b.address, b.port, b.local) for b in found.cluster] == [("10.0.0.1", 8080, True), ("10.0.0.2", 8080, False)]
    assert found.anywhere
    assert not found.external


def test_headless_and_external_names_have_no_rows() -> None:
    assert service_ports(service("web", clusterIPs=["None"]), [], NODE, "ip") == ()
    assert service_ports(service("web", type="ExternalName", externalName="example.com"), [], NODE, "ip") == ()


def test_two_families_are_two_rows_with_their_own_backends() -> None:
    made = service("web", clusterIPs=["10.96.0.10", "FD00::0010"])
    four, six = slice_of("web", endpoint("10.0.0.1")), slice_of("web", endpoint("fd01::1"), kind="IPv6", suffix="6")
    assert [b.address for b in row(made, four, six).cluster] == ["10.0.0.1"]
    found = row(made, four, six, family="ip6")
    assert found.cluster_ip == "fd00::10"
    assert [b.address for b in found.cluster] == ["fd01::1"]
    assert service_ports(service("web"), [four], NODE, "ip6") == ()


def test_addresses_from_outside() -> None:
    made = service(
        "web",
        type="LoadBalancer",
        ports="http:80@30080",
        externalIPs=["192.0.2.1", "2001:db8::1"],
        ingress=["198.51.100.1"],
        loadBalancerSourceRanges=[" 203.0.113.0/24 ", "2001:db8::/32"],
    )
    made.status.loadBalancer.ingress += [
        LoadBalancerIngress(ip="198.51.100.2", ipMode="Proxy"),
        LoadBalancerIngress(hostname="lb.example.com"),
    ]
    found = row(made)
    assert found.external_ips == ("192.0.2.1",)
    assert found.load_balancer_ips == ("198.51.100.1",)
    assert found.source_ranges == ("203.0.113.0/24",)
    assert found.node_port == 30080


def test_a_source_range_of_everyone_is_none() -> None:
    assert row(service("web", loadBalancerSourceRanges=["10.0.0.0/8", "0.0.0.0/0"])).source_ranges == ()


def test_policies() -> None:
    slices = slice_of("web", endpoint("10.0.0.1", node="here"), endpoint("10.0.0.2", node="there"))
    internal = row(service("web", internalTrafficPolicy="Local"), slices)
    assert [b.address for b in internal.local] == ["10.0.0.1"]
    assert internal.cluster == ()
    external = row(service("web", type="NodePort", ports="http:80@30080", externalTrafficPolicy="Local"), slices)
    assert [b.address for b in external.local] == ["10.0.0.1"]
    assert [b.address for b in external.cluster] == ["10.0.0.1", "10.0.0.2"]
    only_inside = row(service("web", externalTrafficPolicy="Local"), slices)
    assert not only_inside.external_local
    assert only_inside.local == ()


def test_affinity() -> None:
    assert row(service("web")).affinity == 0
    assert row(service("web", affinity=60)).affinity == 60
    assert row(service("web", sessionAffinity="ClientIP")).affinity == 10800


def test_health_checks_count_this_nodes_ready_addresses() -> None:
    made = service("web", type="LoadBalancer", externalTrafficPolicy="Local", healthCheckNodePort=32000, ports="a:80 b:81")
    slices = [
        slice_of("web", endpoint("10.0.0.1", node="here"), endpoint("10.0.0.2", node="there"), ports="a:80 b:81"),
        slice_of("web", endpoint("10.0.0.3", node="here", state="draining"), ports="a:80 b:81", suffix="2"),
    ]
    found = health_check(made, slices, NODE)
    assert found is not None
    assert (found.port, found.local) == (32000, 1)
    made.spec.externalTrafficPolicy = "Cluster"
    assert health_check(made, slices, NODE) is None
