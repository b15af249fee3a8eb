"""The rules in a real kernel: a node, pods on its bridge and a machine outside, each a network namespace."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from tests.network.netns import World, ask

from sagong.network.endpoints import Backend
from sagong.network.host_ports import HostPort
from sagong.network.proxy import netlink
from sagong.network.proxy.diff import diff, replace
from sagong.network.proxy.nft import Nft, NftError
from sagong.network.proxy.objects import Ruleset
from sagong.network.proxy.ruleset import build
from sagong.network.proxy.settings import Settings
from sagong.network.service_table import Family, ServicePort, ServiceTable

pytestmark = pytest.mark.e2e
NODE, OUTSIDE, GATEWAY = "192.168.99.1", "192.168.99.100", "10.244.0.1"
SETTINGS: dict[Family, Settings] = {
    "ip": Settings("ip", ("10.244.0.0/16",), ("10.96.0.0/12",), (NODE,)),
    "ip6": Settings("ip6", ("fd00:10:244::/64",), ("fd00:10:96::/112",), ("fd99::1",)),
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World()
    try:
        for number, pod in enumerate(made.pods, 2):
            for kind in ("tcp", "udp"):
                made.serve(pod, 8080, kind=kind, say=f"pod{number}")
        made.serve(made.outside, 8080, say="outside")
        made.node.sysctl(net__ipv4__conf__all__route_localnet=1)
        made.node.call(lambda: netlink.route_to_loopback("10.96.0.0/12"))
        made.node.run("ip", "-6", "route", "add", "default", "via", "fd99::100")
        yield made
    finally:
        made.close()


def web(number: int, backends: Sequence[int], *, family: Family = "ip", **more: object) -> ServicePort:
    prefix = "10.244.0." if family == "ip" else "fd00:10:244::"
    found = tuple(Backend(f"{prefix}{n}", 8080, local=True) for n in backends)
    address = f"10.96.0.{number}" if family == "ip" else f"fd00:10:96::{number}"
    words = {"protocol": "tcp", "cluster": found, "local": found, "anywhere": bool(found), **more}
    return ServicePort(namespace="default", name=f"web{number}", port_name="", port=80, cluster_ip=address, **words)  # type: ignore[arg-type]


def table(*rows: ServicePort, family: Family = "ip", host_ports: Sequence[HostPort] = ()) -> Ruleset:
    return build(ServiceTable(family, rows, tuple(host_ports)), SETTINGS[family])


def apply(world: World, commands: Sequence[str]) -> None:
    asyncio.run(Nft(("ip", "netns", "exec", world.node.name, "nft")).run(commands))


def test_cluster_ips(world: World) -> None:
    apply(world, replace(table(web(9, (2, 3)), web(10, (2,)), web(11, ()))).commands)
    pod2, _, pod4 = world.pods
    assert {ask(pod4, "10.96.0.9", 80) for _ in range(40)} == {("pod2", "10.244.0.4"), ("pod3", "10.244.0.4")}
    assert ask(pod2, "10.96.0.10", 80) == ("pod2", GATEWAY)  # a pod that reaches itself
    assert ask(world.node, "10.96.0.10", 80) == ("pod2", GATEWAY)
    assert ask(world.outside, "10.96.0.10", 80) == ("pod2", GATEWAY)
    assert ask(pod4, "10.96.0.11", 80) == ("refused", "")
    assert ask(world.node, "10.96.0.11", 80) == ("refused", "")
    assert ask(pod4, "10.96.0.9", 81) == ("refused", "")
    assert ask(pod4, "10.96.0.99", 80) == ("timeout", "")
    assert ask(pod2, OUTSIDE, 8080) == ("outside", NODE)


def test_node_ports_and_host_ports(world: World) -> None:
    rows = (web(9, (2,), node_port=30080), web(10, (), node_port=30081), web(11, (3,), protocol="udp", node_port=30080))
    ports = (HostPort("tcp", "", 99, "10.244.0.4", 8080), HostPort("udp", "127.0.0.1", 98, "10.244.0.4", 8080))
    apply(world, replace(table(*rows, host_ports=ports)).commands)
    for source, address in ((world.outside, NODE), (world.pods[1], NODE), (world.node, NODE), (world.node, "127.0.0.1")):
        assert ask(source, address, 30080) == ("pod2", GATEWAY)
        assert ask(source, address, 30080, kind="udp") == ("pod3", GATEWAY)
        assert ask(source, address, 30081) == ("refused", "")
    assert ask(world.outside, NODE, 99) == ("pod4", OUTSIDE)
    assert ask(world.node, "127.0.0.1", 99) == ("pod4", GATEWAY)
    assert ask(world.pods[2], NODE, 99) == ("pod4", GATEWAY)
    assert ask(world.node, "127.0.0.1", 98, kind="udp") == ("pod4", GATEWAY)
    assert ask(world.outside, NODE, 98, kind="udp") == ("refused", "")


def test_policy_local_shows_the_client(world: World) -> None:
    apply(world, replace(table(web(9, (2,), node_port=30080, external_local=True))).commands)
    assert ask(world.outside, NODE, 30080) == ("pod2", OUTSIDE)
    away = web(9, (), node_port=30080, external_local=True, cluster=(Backend("10.244.0.3", 8080),), anywhere=True)
    apply(world, replace(table(away)).commands)
    assert ask(world.outside, NODE, 30080) == ("timeout", "")
    assert ask(world.pods[0], NODE, 30080) == ("pod3", "10.244.0.2")


def test_source_ranges(world: World) -> None:
    for allowed, answer in (("192.168.99.0/24", ("pod2", GATEWAY)), ("198.51.100.0/24", ("timeout", ""))):
        apply(world, replace(table(web(9, (2,), load_balancer_ips=("203.0.113.9",), source_ranges=(allowed,)))).commands)
        assert ask(world.outside, "203.0.113.9", 80) == answer


def test_affinity(world: World) -> None:
    apply(world, replace(table(web(9, (2, 3, 4), affinity=60))).commands)
    for pod in world.pods:
        assert len({ask(pod, "10.96.0.9", 80)[0] for _ in range(10)}) == 1


def test_the_network_does_not_reach_localhost(world: World) -> None:
    apply(world, replace(table()).commands)
    world.serve(world.node, 7070, address="127.0.0.1", say="secret")
    world.outside.run("ip", "route", "add", "127.0.0.8/32", "via", NODE)
    world.outside.sysctl(net__ipv4__conf__all__route_localnet=1)
    world.outside.run("ip", "addr", "del", "127.0.0.1/8", "dev", "lo")
    world.outside.run("ip", "route", "add", "127.0.0.1/32", "via", NODE, "src", OUTSIDE)
    assert ask(world.node, "127.0.0.1", 7070)[0] == "secret"
    assert ask(world.outside, "127.0.0.1", 7070) == ("timeout", "")
    world.outside.run("ip", "addr", "add", "127.0.0.1/8", "dev", "lo")


def test_ipv6(world: World) -> None:
    rows = (web(9, (2, 3), family="ip6", node_port=30080), web(10, (2,), family="ip6"), web(11, (), family="ip6"))
    ruleset = table(*rows, family="ip6", host_ports=[HostPort("tcp", "", 99, "fd00:10:244::4", 8080)])
    apply(world, replace(ruleset).commands)
    pod2, _, pod4 = world.pods
    assert {ask(pod4, "fd00:10:96::9", 80) for _ in range(40)} == {("pod2", "fd00:10:244::4"), ("pod3", "fd00:10:244::4")}
    assert ask(pod2, "fd00:10:96::10", 80) == ("pod2", "fd00:10:244::1")
    assert ask(world.outside, "fd99::1", 30080)[1] == "fd00:10:244::1"
    assert ask(world.outside, "fd99::1", 99) == ("pod4", "fd99::100")
    assert ask(pod4, "fd00:10:96::11", 80) == ("refused", "")
    assert ask(world.node, "fd00:10:96::9", 80)[1] == "fd00:10:244::1"
    assert ask(world.node, "fd00:10:96::11", 80) == ("refused", "")
    assert ask(pod2, "fd99::100", 8080) == ("outside", "fd99::1")


def test_a_change_keeps_connections_and_leads_new_ones_elsewhere(world: World) -> None:
    old, new = table(web(9, (2,))), table(web(9, (3,)))
    apply(world, replace(old).commands)
    listener = world.pods[0].call(lambda: socket.create_server(("10.244.0.2", 9000)))
    longer = table(web(9, (2,), cluster=(Backend("10.244.0.2", 9000),)))
    apply(world, diff(old, longer).commands)
    client = world.pods[2].call(lambda: socket.create_connection(("10.96.0.9", 80), 1))
    server, _ = listener.accept()
    apply(world, diff(longer, new).commands)
    assert ask(world.pods[2], "10.96.0.9", 80)[0] == "pod3"
    client.sendall(b"still here")
    assert server.recv(99) == b"still here"
    for one in (client, server, listener):
        one.close()


def test_udp_flows_follow_their_backend_only_when_forgotten(world: World) -> None:
    old, new = (table(web(9, (n,), protocol="udp")) for n in (2, 3))
    apply(world, replace(old).commands)
    source = ("10.244.0.4", 5000)
    assert ask(world.pods[2], "10.96.0.9", 80, kind="udp", source=source)[0] == "pod2"
    apply(world, diff(old, new).commands)
    assert ask(world.pods[2], "10.96.0.9", 80, kind="udp", source=source)[0] == "pod2"
    flows = [flow for flow in world.node.call(lambda: netlink.udp_flows("ip")) if flow.destination == "10.96.0.9"]
    assert {(flow.port, flow.answered_by, flow.answering_port) for flow in flows} == {(80, "10.244.0.2", 8080)}
    assert world.node.call(lambda: netlink.delete_flows("ip", flows)) == len(flows)
    assert world.node.call(lambda: netlink.delete_flows("ip", flows)) == 0
    assert ask(world.pods[2], "10.96.0.9", 80, kind="udp", source=source)[0] == "pod3"


def test_nft_takes_every_difference(world: World) -> None:
    history = [
        table(web(9, (2, 3), affinity=60, node_port=30080), web(10, (2,))),
        table(web(9, (3,), affinity=60), web(10, ())),
        table(web(9, (3,), node_port=30080, external_ips=("192.0.2.1",))),
        table(host_ports=[HostPort("tcp", "", 99, "10.244.0.4", 8080)]),
        table(web(9, (4,), affinity=60, load_balancer_ips=("203.0.113.9",), source_ranges=("192.0.2.0/24",))),
    ]
    apply(world, replace(history[0]).commands)
    for old, new in pairwise([*history, *history[::-1]]):
        transaction = diff(old, new)
        apply(world, transaction.commands)
        apply(world, [f"delete chain {place} {name}" for place, name in transaction.stale])
    listed = world.node.run("nft", "list", "table", "ip", "sagong-proxy")
    apply(world, replace(history[0]).commands)
    assert sorted(world.node.run("nft", "list", "table", "ip", "sagong-proxy").splitlines()) == sorted(listed.splitlines())


def test_a_refused_transaction_changes_nothing(world: World) -> None:
    apply(world, replace(table(web(9, (2,)))).commands)
    with pytest.raises(NftError, match="Error: "):
        apply(world, ["flush chain ip sagong-proxy services", "add rule ip sagong-proxy services jump nowhere"])
    assert ask(world.pods[2], "10.96.0.9", 80)[0] == "pod2"


def test_tables_and_routes(world: World) -> None:
    apply(world, replace(table()).commands)
    assert world.node.call(lambda: netlink.has_table("ip", "sagong-proxy"))
    assert not world.node.call(lambda: netlink.has_table("ip", "other"))
    assert world.node.call(lambda: netlink.has_route("10.96.0.1"))
    assert not world.node.call(lambda: netlink.has_route("11.0.0.1"))


def test_no_nft() -> None:
    with pytest.raises(NftError, match="/nowhere/nft: No such file or directory; install nftables"):
        asyncio.run(Nft(("/nowhere/nft",)).run(["list tables"]))
