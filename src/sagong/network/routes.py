"""Routes to the pods of the other nodes: each node's range, by way of the node's address.

A node that is not on a link of ours gets no route: its pods are reached as the node itself is, by the default route or what else
the network has. Ours are known by their protocol number (`ip route show proto 73`), so that others' routes are left alone.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from sagong.api.clock import Clock
from sagong.api.nodes import SIMULATED
from sagong.api.types.core import Node, NodeSpec, NodeStatus
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.client.informer import Informer

RETRY, RESYNC = 1.0, 60.0
NOT_ON_LINK = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EINVAL}
log = logging.getLogger(__name__)

Routes = Mapping[str, str]
"""Range -> the address of the node that has it."""


class Table(Protocol):
    """The kernel's routes, those that are ours."""

    def routes(self) -> Routes:
        """Return them. Raises OSError."""
        ...

    def add_route(self, network: str, gateway: str) -> None:
        """Add or change one. Raises OSError."""
        ...

    def delete_route(self, network: str) -> None:
        """Delete one; none is no error. Raises OSError."""
        ...


@dataclass(frozen=True, slots=True)
class Changes:
    """What brings the kernel's routes to what is wanted."""

    add: Routes
    delete: tuple[str, ...]

    def summary(self) -> str:
        """Return the changes as one line."""
        return ", ".join([*(f"{network} via {gateway}" for network, gateway in self.add.items()), *(f"no {n}" for n in self.delete)])


def wanted(nodes: Iterable[Node], own: str) -> Routes:
    """Return the routes of the node `own`."""
    return {
        str(network): address
        for node in nodes
        if node.metadata.name != own
        for network in map(ipaddress.ip_network, node.spec.podCIDRs)
        if (address := _address(node, network.version))
    }


def plan(want: Routes, have: Routes) -> Changes:
    """Compare."""
    add = {network: gateway for network, gateway in want.items() if have.get(network) != gateway}
    return Changes(add, tuple(network for network in have if network not in want))


class Router:
    """Keeps one node's routes as the Nodes want them."""

    def __init__(self, client: Client, table: Table, node_name: str, *, clock: Clock) -> None:
        self._table, self._own, self._clock = table, node_name, clock
        self._nodes = Informer(client, Node, label_selector=f"!{SIMULATED}", transform=_slim)
        self._wanted: Routes = {}
        self._far: set[tuple[str, str]] = set()
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled. The routes stay when it ends."""
        self._nodes.add_handler(lambda _old, _new: self._look())
        async with asyncio.TaskGroup() as group:
            group.create_task(self._nodes.run())
            await self._nodes.wait_synced()
            while True:
                self._changed.clear()
                self._wanted = wanted(self._nodes.list(), self._own)
                done = self.apply(self._wanted)
                await self._wait(RESYNC if done else RETRY)

    def apply(self, want: Routes) -> bool:
        """Bring the kernel's routes to these; say whether there is nothing left to do."""
        try:
            changes = plan(want, self._table.routes())
            for network in changes.delete:
                self._table.delete_route(network)
        except OSError as error:
            log.warning("routes to other nodes' pods cannot be read or changed: %s", error)
            return False
        done = [self._add(network, gateway) for network, gateway in changes.add.items()]
        return all(done)

    def _add(self, network: str, gateway: str) -> bool:
        if (network, gateway) in self._far:
            return True
        try:
            self._table.add_route(network, gateway)
        except OSError as error:
            if error.errno not in NOT_ON_LINK:
                log.warning("pods of %s cannot be reached by way of %s: %s", network, gateway, error)
                return False
            self._far.add((network, gateway))
            log.info("pods of %s are reached as their node %s is: it is on no link of this node", network, gateway)
        else:
            log.info("pods of %s are reached by way of %s", network, gateway)
        return True

    def _look(self) -> None:
        if self._nodes.synced.is_set() and wanted(self._nodes.list(), self._own) != self._wanted:
            self._changed.set()

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()


def _address(node: Node, version: int) -> str:
    addresses = (entry.address for entry in node.status.addresses if entry.type == "InternalIP")
    return next((address for address in addresses if ipaddress.ip_address(address).version == version), "")


def _slim(node: Node) -> Node:
    """Keep of a node what routes need: conditions, images and the like change often, and are most of it."""
    meta = ObjectMeta(name=node.metadata.name, uid=node.metadata.uid, resourceVersion=node.metadata.resourceVersion)
    return Node(metadata=meta, spec=NodeSpec(podCIDRs=node.spec.podCIDRs), status=NodeStatus(addresses=node.status.addresses))
