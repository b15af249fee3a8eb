"""ClusterIPs: an address is taken when the IPAddress object of its name exists, which one compare-and-swap decides.

The ranges are those of the ServiceCIDR objects that are ready and not on their way out (KEP-1880).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

import msgspec

from sagong.api.clock import Clock, Random, format_time
from sagong.api.types.core import Service
from sagong.api.types.meta import ObjectMeta
from sagong.api.types.networking import IPAddress, IPAddressSpec, ParentReference, ServiceCIDR
from sagong.server.allocators.ranges import AllocationError, FullError, Network, addresses
from sagong.store.base import RevisionMismatchError, Store

PREFIX = "/registry/ipaddresses/"
MANAGED_BY = "ipaddress.kubernetes.io/managed-by"
CONTROLLER = "ipallocator.k8s.io"
_FAMILY = "ipaddress.kubernetes.io/ip-family"


def family_of(address: str) -> str:
    """Return IPv4 or IPv6, "unknown" for what is no address."""
    try:
        return f"IPv{ipaddress.ip_address(address).version}"
    except ValueError:
        return "unknown"


class ClusterIps:
    """Takes and frees addresses."""

    def __init__(self, store: Store, *, clock: Clock, random: Random) -> None:
        self._store, self._clock, self._random = store, clock, random
        self._networks: dict[int, tuple[Network, ...]] = {}

    async def take(self, service: Service, address: str) -> None:
        """Take that address. Raises AllocationError."""
        self.check(address)
        if not await self._create(service, address):
            raise AllocationError("provided IP is already allocated")

    def check(self, address: str) -> None:
        """Say whether the address lies in a range. Raises AllocationError."""
        wanted = ipaddress.ip_address(address)
        networks = [network for network in self._ready() if wanted.version == network.version and wanted in network]
        if not networks:
            raise AllocationError("the provided network does not match the current range")
        if not any(int(wanted) in addresses(network) for network in networks):
            valid = f"The range of valid IPs is {networks[0]}"
            raise AllocationError(f"the provided IP ({address}) is not in the valid range. {valid}")

    async def take_any(self, service: Service, family: str) -> str:
        """Take a free address of a family. Raises FullError."""
        for address in self._free(family):
            if await self._create(service, address):
                return address
        raise FullError("range is full")

    def sample(self, family: str) -> str:
        """Return what stands for an address in a dry run. Raises FullError."""
        for network in self._ready():
            if f"IPv{network.version}" == family:
                return str(network.network_address)
        raise FullError("range is full")

    async def free(self, address: str) -> None:
        """Free an address; nothing happens when it is free."""
        key = PREFIX + str(ipaddress.ip_address(address))
        entry = self._store.get(key)
        while entry is not None:
            try:
                await self._store.write(key, None, entry.revision)
            except RevisionMismatchError as mismatch:
                entry = mismatch.current
            else:
                return

    def _free(self, family: str) -> Iterator[str]:
        for network in self._ready():
            if f"IPv{network.version}" != family:
                continue
            make = ipaddress.IPv4Address if network.version == 4 else ipaddress.IPv6Address  # noqa: PLR2004 - IPv4
            for number in addresses(network).candidates(self._random):
                address = str(make(number))
                if self._store.get(PREFIX + address) is None:
                    yield address

    async def _create(self, service: Service, address: str) -> bool:
        name = str(ipaddress.ip_address(address))
        labels = {_FAMILY: family_of(address), MANAGED_BY: CONTROLLER}
        metadata = ObjectMeta(name=name, labels=labels, uid=self._random.uid(), creationTimestamp=format_time(self._clock.now()))
        parent = ParentReference(group="", resource="services", namespace=service.metadata.namespace, name=service.metadata.name)
        obj = IPAddress(apiVersion="networking.k8s.io/v1", kind="IPAddress", metadata=metadata, spec=IPAddressSpec(parentRef=parent))
        try:
            await self._store.write(PREFIX + name, msgspec.json.encode(obj), 0)
        except RevisionMismatchError:
            return False
        return True

    def _ready(self) -> Sequence[Network]:
        """Return the networks of the ServiceCIDRs, oldest object first."""
        entries = sorted(self._store.list("/registry/servicecidrs/"), key=lambda entry: entry.created)
        known, self._networks = self._networks, {}
        for entry in entries:
            self._networks[entry.revision] = known[entry.revision] if entry.revision in known else _networks(entry.value)
        return list(dict.fromkeys(network for networks in self._networks.values() for network in networks))


def _networks(value: bytes) -> tuple[Network, ...]:
    cidr = msgspec.json.decode(value, type=ServiceCIDR)
    ready = any(condition.type == "Ready" and condition.status == "True" for condition in cidr.status.conditions)
    if not ready or cidr.metadata.deletionTimestamp:
        return ()
    return tuple(ipaddress.ip_network(text) for text in cidr.spec.cidrs)
