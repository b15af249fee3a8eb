"""The ServiceAllocator: everything a Service is given when it is written, as one reservation that is settled or undone."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Sequence

from msgspec import Struct, field

from sagong.api.clock import Clock, Random
from sagong.api.errors import ApiError, invalid
from sagong.api.field_errors import Errors
from sagong.api.types.core import Service
from sagong.server.allocators.cluster_ips import ClusterIps
from sagong.server.allocators.families import init_families, settled, sync_cluster_ips
from sagong.server.allocators.node_ports import NodePorts
from sagong.server.allocators.ports import assign_node_ports, keep_ports
from sagong.server.allocators.ranges import AllocationError, FullError
from sagong.server.allocators.repair import repair
from sagong.store.base import Store, StoreWriteError

REPAIR_SECONDS = 180.0


class AllocatorConfig(Struct, frozen=True):
    """`service_cidrs`: the families of the cluster, the default first; their ranges are the ServiceCIDR objects'."""

    service_cidrs: Sequence[str]
    node_ports: tuple[int, int] = (30000, 32767)

    @property
    def families(self) -> list[str]:
        """IPv4 and IPv6, in the order configured."""
        return list(dict.fromkeys(f"IPv{ipaddress.ip_network(cidr).version}" for cidr in self.service_cidrs))


class TakenForService(Struct):
    """A `Reservation`. Addresses are freed behind the answer, by `Allocator.run`."""

    allocator: Allocator
    taken: list[str] = field(default_factory=list)
    let_go: list[str] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)

    def commit(self) -> None:
        """Settle: what the old object held and the new one does not goes."""
        self._end(self.let_go)

    def revert(self) -> None:
        """Undo."""
        self._end(self.taken)

    def _end(self, addresses: Sequence[str]) -> None:
        for port in self.ports:
            self.allocator.node_ports.settle(port)
        self.allocator.free_later(addresses)


class Allocator:
    """The `ServiceAllocator` of the server; `run` frees and repairs."""

    def __init__(self, store: Store, config: AllocatorConfig, *, clock: Clock, random: Random) -> None:
        self._store, self._config, self._clock = store, config, clock
        self.addresses = ClusterIps(store, clock=clock, random=random)
        self.node_ports = NodePorts(store, *config.node_ports, random=random)
        self._to_free: list[str] = []
        self._wake = asyncio.Event()

    async def allocate(self, new: Service, old: Service | None, *, dry_run: bool) -> TakenForService:
        """Fill addresses and ports of `new` in place. Raises InvalidError, ApiError."""
        if old is not None:
            sync_cluster_ips(old, None)
            keep_ports(new, old)
        sync_cluster_ips(new, old)
        init_families(new, old, self._config.families)
        reservation = TakenForService(self)
        try:
            await self._addresses(new, old, reservation, dry_run=dry_run)
            assign_node_ports(new, old, self.node_ports, reservation.ports)
        except BaseException:
            reservation.revert()
            raise
        if dry_run:
            reservation.revert()
            return TakenForService(self)
        return reservation

    async def release(self, service: Service) -> None:
        """Free what a deleted Service held."""
        if service.spec.type != "ExternalName":
            for address in _real(service.spec.clusterIPs or [service.spec.clusterIP]):
                await self.addresses.free(address)

    def free_later(self, addresses: Sequence[str]) -> None:
        """Free addresses soon."""
        if addresses:
            self._to_free += addresses
            self._wake.set()

    async def settle(self) -> None:
        """Free what waits to be freed."""
        self._wake.clear()
        while self._to_free:
            await self.addresses.free(self._to_free[-1])
            self._to_free.pop()

    async def run(self) -> None:
        """Free addresses, repair every three minutes, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._free_loop())
            group.create_task(self._repair_loop())

    async def _free_loop(self) -> None:
        while True:
            await self._wake.wait()
            try:
                await self.settle()
            except StoreWriteError:
                await self._clock.sleep(1)
                self._wake.set()

    async def _repair_loop(self) -> None:
        while True:
            with contextlib.suppress(StoreWriteError):
                await repair(self._store, self.addresses, self._clock)
            await self._clock.sleep(REPAIR_SECONDS)

    async def _addresses(self, new: Service, old: Service | None, reservation: TakenForService, *, dry_run: bool) -> None:
        spec = new.spec
        if settled(new, old):
            return
        if old is None or old.spec.type == "ExternalName":
            if spec.type != "ExternalName" and spec.clusterIPs[:1] != ["None"]:
                await self._fill(new, 0, reservation, dry_run=dry_run)
            return
        before = _real(old.spec.clusterIPs)
        if not before:
            return
        if spec.type == "ExternalName":
            reservation.let_go = before
        elif len(old.spec.ipFamilies) == 1 and len(spec.ipFamilies) > 1:
            await self._fill(new, 1, reservation, dry_run=dry_run)
        elif len(old.spec.ipFamilies) > 1 and len(spec.ipFamilies) == 1:
            reservation.let_go = before[1:]

    async def _fill(self, new: Service, start: int, reservation: TakenForService, *, dry_run: bool) -> None:
        """Give the Service an address of each of its families, from index `start` on."""
        spec = new.spec
        for index, family in enumerate(spec.ipFamilies):
            if index < start:
                continue
            wanted = spec.clusterIPs[index] if index < len(spec.clusterIPs) else ""
            if wanted and not _real([wanted]):
                return  # validation will say so
            address = await self._one(new, family, wanted, dry_run=dry_run)
            if not dry_run:
                reservation.taken.append(address)
            spec.clusterIPs[index : index + 1] = [address]
            if index == 0:
                spec.clusterIP = address

    async def _one(self, new: Service, family: str, wanted: str, *, dry_run: bool) -> str:
        try:
            if not wanted:
                return self.addresses.sample(family) if dry_run else await self.addresses.take_any(new, family)
            if dry_run:
                self.addresses.check(wanted)
            else:
                await self.addresses.take(new, wanted)
        except FullError as error:
            text = f'failed to allocate a serviceIP for Service "{new.metadata.name}": {error}'
            raise ApiError(f"Internal error occurred: {text}") from error
        except AllocationError as error:
            errors = Errors()
            errors.invalid("spec.clusterIPs", new.spec.clusterIPs, f"failed to allocate IP {wanted}: {error}")
            raise invalid("", "Service", new.metadata.name, errors) from error
        return wanted


def _real(addresses: Sequence[str]) -> list[str]:
    """Return those that are addresses."""
    real = []
    for address in addresses:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            continue
        real.append(address)
    return real
