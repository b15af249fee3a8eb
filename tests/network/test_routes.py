"""Routes to the pods of other nodes: what is wanted, what changes, what the kernel makes of it."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.network.api import api, background, until
from tests.network.netns import World

from sagong.api.types.core import Node, NodeAddress, NodeSpec, NodeStatus
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.network import routes
from sagong.network.proxy import netlink
from sagong.network.routes import Router, plan, wanted


class Table:
    """Routes in memory; gateways in 10.0.0.0/8 are on no link."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.refusals = 0

    def routes(self) -> Mapping[str, str]:
        return dict(self.kept)

    def add_route(self, network: str, gateway: str) -> None:
        if gateway.startswith("10."):
            self.refusals += 1
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        self.kept[network] = gateway

    def delete_route(self, network: str) -> None:
        del self.kept[network]


def node(name: str, address: str, *ranges: str) -> Node:
    addresses = [NodeAddress(type="Hostname", address=name)]
    addresses += [NodeAddress(type="InternalIP", address=each) for each in address.split(",") if each]
    return Node(metadata=ObjectMeta(name=name), spec=NodeSpec(podCIDRs=list(ranges)), status=NodeStatus(addresses=addresses))


def test_every_other_node_is_wanted_by_its_address_of_the_family() -> None:
    nodes = [
        node("here", "192.0.2.1", "10.244.0.0/24"),
        node("other", "192.0.2.2,fd99::2", "10.244.1.0/24", "fd00:1::/64"),
        node("young", "192.0.2.3"),
        node("silent", "", "10.244.3.0/24"),
        node("four", "192.0.2.4", "fd00:4::/64"),
    ]
    assert wanted(nodes, "here") == {"10.244.1.0/24": "192.0.2.2", "fd00:1::/64": "fd99::2"}


def test_only_differences_are_changed() -> None:
    changes = plan({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"})
    assert (changes.add, changes.delete) == ({"b": "2", "c": "3"}, ("d",))
    assert changes.summary() == "b via 2, c via 3, no d"


async def register(client: Client, made: Node) -> None:
    created = await client.create(Node(metadata=made.metadata, spec=made.spec))
    created.status.addresses = made.status.addresses
    await client.update(created, "status")


async def test_routes_follow_the_nodes(tmp_path: Path) -> None:
    table = Table()
    table.kept = {"10.244.9.0/24": "192.0.2.9"}
    async with api(tmp_path) as client:
        async with background(Router(client, table, "here", clock=client.clock).run()):
            await until(lambda: table.kept == {})
            await register(client, node("two", "192.0.2.2", "10.244.1.0/24"))
            await register(client, node("far", "10.9.9.9", "10.244.2.0/24"))
            await until(lambda: table.kept == {"10.244.1.0/24": "192.0.2.2"} and table.refusals == 1)
            moved = await client.get(Node, "two")
            moved.status.addresses = node("two", "192.0.2.22").status.addresses
            await client.update(moved, "status")
            await until(lambda: table.kept == {"10.244.1.0/24": "192.0.2.22"})
            await client.delete(Node, "two")
            await until(lambda: table.kept == {})
        assert table.refusals == 1  # asked once, not at each change


async def test_what_cannot_be_changed_is_tried_again(tmp_path: Path) -> None:
    class Refusing(Table):
        def add_route(self, network: str, gateway: str) -> None:
            raise PermissionError(errno.EPERM, f"{network} {gateway}")

    async with api(tmp_path) as client:
        assert not Router(client, Refusing(), "here", clock=client.clock).apply({"10.244.1.0/24": "192.0.2.2"})
        assert Router(client, Table(), "here", clock=client.clock).apply({"10.244.1.0/24": "10.9.9.9"})


@pytest.mark.e2e
def test_the_kernel_keeps_them_apart_from_others() -> None:
    world = World(pods=0)
    try:
        world.node.run("ip", "route", "add", "10.200.0.0/16", "via", "192.168.99.100")
        for network, gateway in (("10.244.1.0/24", "192.168.99.2"), ("10.244.1.0/24", "192.168.99.3"), ("fd00:1::/64", "fd99::3")):
            world.node.call(lambda network=network, gateway=gateway: netlink.add_node_route(network, gateway))  # type: ignore[misc] # bound now
        assert world.node.call(netlink.node_routes) == {"10.244.1.0/24": "192.168.99.3", "fd00:1::/64": "fd99::3"}
        assert "10.244.1.0/24 via 192.168.99.3 dev up0" in world.node.run("ip", "route", "show", "proto", str(netlink.NODES))
        with pytest.raises(OSError) as refused:  # noqa: PT011 - its number is looked at
            world.node.call(lambda: netlink.add_node_route("10.244.2.0/24", "172.31.0.1"))
        assert refused.value.errno in routes.NOT_ON_LINK
        for _ in range(2):
            world.node.call(lambda: netlink.delete_node_route("10.244.1.0/24"))
        assert world.node.call(netlink.node_routes) == {"fd00:1::/64": "fd99::3"}
        assert "10.200.0.0/16" in world.node.run("ip", "route")
    finally:
        world.close()
