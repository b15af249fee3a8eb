from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sagong.api.errors import ApiError, InvalidError
from sagong.api.types.core import Service, ServicePort, ServiceSpec
from sagong.api.types.meta import ObjectMeta
from sagong.api.types.networking import IPAddress
from sagong.cluster.clock import RealRandom
from sagong.server.allocators.ranges import Range, addresses, ports
from sagong.server.allocators.repair import repair
from sagong.server.allocators.services import Allocator, AllocatorConfig
from sagong.server.bootstrap.kubernetes_service import service_cidr
from sagong.store.sqlite import SqliteStore


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 5, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Made:
    def __init__(self, store: SqliteStore, cidrs: Sequence[str], node_ports: tuple[int, int]) -> None:
        self.store, self.clock = store, Clock()
        self.allocator = Allocator(store, AllocatorConfig(cidrs, node_ports), clock=self.clock, random=RealRandom())

    async def create(self, service: Service) -> Service:
        reservation = await self.allocator.allocate(service, None, dry_run=False)
        await self.store.write(key(service), msgspec.json.encode(service), 0)
        reservation.commit()
        return service

    async def update(self, new: Service, old: Service) -> Service:
        entry = self.store.get(key(old))
        assert entry is not None
        reservation = await self.allocator.allocate(new, old.copy(), dry_run=False)
        await self.store.write(key(new), msgspec.json.encode(new), entry.revision)
        reservation.commit()
        await self.allocator.settle()
        return new

    def taken(self) -> list[str]:
        return [entry.key.removeprefix("/registry/ipaddresses/") for entry in self.store.list("/registry/ipaddresses/")]


@asynccontextmanager
async def made(path: Path, *cidrs: str, node_ports: tuple[int, int] = (30000, 32767)) -> AsyncIterator[Made]:
    cidrs = cidrs or ("10.96.0.0/12",)
    store = await SqliteStore.open(path / "store", durable=False)
    await store.write("/registry/servicecidrs/kubernetes", msgspec.json.encode(service_cidr(cidrs, "2026-01-01T00:00:00Z")), 0)
    yield Made(store, cidrs, node_ports)
    await store.close()


def key(service: Service) -> str:
    return f"/registry/services/specs/{service.metadata.namespace}/{service.metadata.name}"


def service(name: str = "web", *ports_: ServicePort, **spec: object) -> Service:
    spec = {"type": "ClusterIP", "ports": list(ports_ or [ServicePort(name="http", port=80, protocol="TCP")]), **spec}
    return Service(metadata=ObjectMeta(name=name, namespace="ns"), spec=msgspec.convert(msgspec.to_builtins(spec), ServiceSpec))


async def test_a_service_gets_an_address_and_an_object_that_says_so(tmp_path: Path) -> None:
    async with made(tmp_path) as cluster:
        web = await cluster.create(service())
        assert (web.spec.clusterIPs, web.spec.ipFamilies, web.spec.ipFamilyPolicy) == ([web.spec.clusterIP], ["IPv4"], "SingleStack")
        entry = cluster.store.get(f"/registry/ipaddresses/{web.spec.clusterIP}")
        assert entry is not None
        address = msgspec.json.decode(entry.value, type=IPAddress)
        assert address.spec.parentRef is not None
        assert (address.spec.parentRef.resource, address.spec.parentRef.namespace, address.spec.parentRef.name) == ("services", "ns", "web")
        await cluster.allocator.release(web)
        assert cluster.taken() == []


async def test_an_address_asked_for_is_given_once(tmp_path: Path) -> None:
    async with made(tmp_path) as cluster:
        await cluster.create(service(clusterIP="10.96.0.10"))
        for wanted, message in {
            "10.96.0.10": r'spec.clusterIPs: Invalid value: \["10.96.0.10"\]: failed to allocate IP 10.96.0.10: '
            "provided IP is already allocated",
            "192.168.0.1": "failed to allocate IP 192.168.0.1: the provided network does not match the current range",
            "10.96.0.0": r"the provided IP \(10.96.0.0\) is not in the valid range. The range of valid IPs is 10.96.0.0/12",
        }.items():
            with pytest.raises(InvalidError, match=message):
                await cluster.create(service("other", clusterIP=wanted))
        assert cluster.taken() == ["10.96.0.10"]


async def test_a_full_range_says_so_and_a_second_one_helps(tmp_path: Path) -> None:
    async with made(tmp_path, "10.0.0.0/30") as cluster:
        first, second = [await cluster.create(service(name)) for name in ("a", "b")]
        assert {first.spec.clusterIP, second.spec.clusterIP} == {"10.0.0.1", "10.0.0.2"}
        with pytest.raises(ApiError, match='failed to allocate a serviceIP for Service "c": range is full'):
            await cluster.create(service("c"))
        more = service_cidr(["10.1.0.0/24"], "2026-01-01T00:00:00Z")
        await cluster.store.write("/registry/servicecidrs/more", msgspec.json.encode(more), 0)
        assert (await cluster.create(service("c"))).spec.clusterIP.startswith("10.1.0.")


async def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async with made(tmp_path) as cluster:
        reservation = await cluster.allocator.allocate(service(type="NodePort"), None, dry_run=False)
        assert len(cluster.taken()) == 1
        port = reservation.ports[0]
        assert cluster.allocator.node_ports.taken(port)
        reservation.revert()
        await cluster.allocator.settle()
        assert cluster.taken() == []
        assert not cluster.allocator.node_ports.taken(port)
        tried = service(type="NodePort")
        await cluster.allocator.allocate(tried, None, dry_run=True)
        assert tried.spec.clusterIP == "10.96.0.0"
        assert cluster.taken() == []


async def test_headless_and_external_services_get_no_address(tmp_path: Path) -> None:
    async with made(tmp_path) as cluster:
        headless = await cluster.create(service("a", clusterIP="None", selector={"a": "b"}))
        assert (headless.spec.clusterIPs, headless.spec.ipFamilies, headless.spec.ipFamilyPolicy) == (["None"], ["IPv4"], "SingleStack")
        bare = await cluster.create(service("b", clusterIP="None"))
        assert (bare.spec.ipFamilies, bare.spec.ipFamilyPolicy) == (["IPv4", "IPv6"], "RequireDualStack")
        external = await cluster.create(service("c", type="ExternalName", externalName="example.com"))
        assert (external.spec.clusterIPs, external.spec.ipFamilies) == ([], [])
        assert cluster.taken() == []


async def test_changing_the_type_takes_and_frees(tmp_path: Path) -> None:
    async with made(tmp_path) as cluster:
        external = await cluster.create(service(type="ExternalName"))
        cluster_ip = await cluster.update(service(), external)
        assert cluster.taken() == [cluster_ip.spec.clusterIP]
        node_port = await cluster.update(service(type="NodePort"), cluster_ip)
        assert node_port.spec.clusterIP == cluster_ip.spec.clusterIP
        port = node_port.spec.ports[0].nodePort
        assert cluster.allocator.node_ports.taken(port)
        renamed = service("web", ServicePort(name="http", port=8080, protocol="TCP"), type="NodePort")
        assert (await cluster.update(renamed, node_port)).spec.ports[0].nodePort == port
        back = await cluster.update(service(), renamed)
        assert not cluster.allocator.node_ports.taken(port)
        gone = await cluster.update(service(type="ExternalName"), back)
        assert cluster.taken() == []
        assert gone.spec.clusterIP == ""


async def test_dual_stack(tmp_path: Path) -> None:
    async with made(tmp_path, "10.96.0.0/16", "fd00:10::/108") as cluster:
        single = await cluster.create(service())
        assert single.spec.ipFamilies == ["IPv4"]
        both = await cluster.update(service(ipFamilyPolicy="RequireDualStack"), single)
        assert both.spec.ipFamilies == ["IPv4", "IPv6"]
        assert both.spec.clusterIPs[0] == single.spec.clusterIP
        assert sorted(cluster.taken()) == sorted(both.spec.clusterIPs)
        smaller = service(clusterIP=single.spec.clusterIP, clusterIPs=[single.spec.clusterIP], ipFamilyPolicy="PreferDualStack")
        with pytest.raises(InvalidError, match="must be 'SingleStack' to release the secondary cluster IP"):
            await cluster.update(smaller, both)
        one = both.copy()
        one.spec.ipFamilyPolicy = "SingleStack"
        one = await cluster.update(one, both)
        assert cluster.taken() == one.spec.clusterIPs == [single.spec.clusterIP]


async def test_a_single_stack_cluster_refuses_the_other_family(tmp_path: Path) -> None:
    async with made(tmp_path) as cluster:
        refused: list[tuple[dict[str, Any], str]] = [
            ({"ipFamilyPolicy": "RequireDualStack"}, "this cluster is not configured for dual-stack services"),
            ({"ipFamilies": ["IPv6"]}, r'spec.ipFamilies\[0\]: Invalid value: "IPv6": not configured on this cluster'),
            ({"ipFamilies": [""]}, r'spec.ipFamilies\[0\]: Unsupported value: "": supported values: "IPv4", "IPv6"'),
            ({"clusterIP": "fd00::1"}, r"spec.clusterIPs\[0\]: .* IPv6 is not configured on this cluster"),
        ]
        for spec, message in refused:
            with pytest.raises(InvalidError, match=message):
                await cluster.create(service(**spec))
        prefers = await cluster.create(service(ipFamilyPolicy="PreferDualStack"))
        assert prefers.spec.ipFamilies == ["IPv4"]


async def test_node_ports(tmp_path: Path) -> None:
    async with made(tmp_path, node_ports=(30000, 30003)) as cluster:
        dns = [ServicePort(name=protocol, port=53, protocol=protocol) for protocol in ("TCP", "UDP")]
        made_dns = await cluster.create(service("dns", *dns, type="NodePort"))
        assert len({port.nodePort for port in made_dns.spec.ports}) == 1
        taken = made_dns.spec.ports[0].nodePort
        for wanted, message in {
            taken: f"spec.ports.0..nodePort: Invalid value: {taken}: provided port is already allocated",
            80: "provided port is not in the valid range. The range of valid ports is 30000-30003",
        }.items():
            with pytest.raises(InvalidError, match=message):
                await cluster.create(service("x", ServicePort(port=1, nodePort=wanted), type="NodePort"))
        balanced = await cluster.create(service("lb", type="LoadBalancer", externalTrafficPolicy="Local"))
        assert balanced.spec.healthCheckNodePort not in (0, taken, balanced.spec.ports[0].nodePort)
        bare = await cluster.create(service("bare", type="LoadBalancer", allocateLoadBalancerNodePorts=False))
        assert bare.spec.ports[0].nodePort == 0
        await cluster.create(service("last", type="NodePort"))
        with pytest.raises(ApiError, match="failed to allocate a nodePort: range is full"):
            await cluster.create(service("toomany", type="NodePort"))
        assert "toomany" not in [entry.key for entry in cluster.store.list("/registry/services/specs/")]


async def test_repair_frees_orphans_and_takes_what_services_have(tmp_path: Path) -> None:
    async with made(tmp_path) as cluster:
        orphan = service("orphan")
        await cluster.allocator.allocate(orphan, None, dry_run=False)
        kept = await cluster.create(service("kept"))
        entry = cluster.store.get(f"/registry/ipaddresses/{kept.spec.clusterIP}")
        assert entry is not None
        await cluster.store.write(entry.key, None, entry.revision)
        await repair(cluster.store, cluster.allocator.addresses, cluster.clock)
        assert set(cluster.taken()) == {orphan.spec.clusterIP, kept.spec.clusterIP}
        cluster.clock.time += timedelta(seconds=61)
        await repair(cluster.store, cluster.allocator.addresses, cluster.clock)
        assert cluster.taken() == [kept.spec.clusterIP]


@pytest.mark.parametrize(
    ("cidr", "static", "size"),
    [("10.0.0.0/28", 0, 14), ("10.0.0.0/27", 16, 30), ("10.0.0.0/24", 16, 254), ("10.96.0.0/12", 256, 2**20 - 2)],
)
def test_the_part_kept_for_names(cidr: str, static: int, size: int) -> None:

    found = addresses(ipaddress.ip_network(cidr))
    assert (found.static, found.size) == (static, size)
    assert ports(30000, 32767) == Range(30000, 2768, 86)


def test_what_is_chosen_comes_from_the_upper_part_first() -> None:
    order = list(Range(100, 20, 5).candidates(RealRandom()))
    assert sorted(order) == list(range(100, 120))
    assert set(order[:15]) == set(range(105, 120))
