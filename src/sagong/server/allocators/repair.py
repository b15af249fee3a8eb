"""Puts right what a crash between two writes left: addresses without a Service, Services without their address."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain

import msgspec

from sagong.api.clock import Clock, parse_time
from sagong.api.types.core import Service
from sagong.api.types.networking import IPAddress
from sagong.server.allocators.cluster_ips import CONTROLLER, MANAGED_BY, PREFIX, ClusterIps, family_of
from sagong.server.allocators.ranges import AllocationError
from sagong.store.base import Store

# A Service is written right after its addresses: one this old without its Service has been forgotten.
_GRACE = timedelta(seconds=60)
_SERVICES = "/registry/services/specs/"


async def repair(store: Store, addresses: ClusterIps, clock: Clock) -> None:
    """Free orphans, take what Services have. Raises StoreWriteError."""
    services = [msgspec.json.decode(entry.value, type=Service) for entry in store.list(_SERVICES)]
    held = {(address, service.metadata.namespace, service.metadata.name) for service in services for address in service.spec.clusterIPs}
    for entry in store.list(PREFIX):
        address = msgspec.json.decode(entry.value, type=IPAddress)
        parent = address.spec.parentRef
        if address.metadata.labels.get(MANAGED_BY) != CONTROLLER or parent is None:
            continue
        fresh = parse_time(address.metadata.creationTimestamp) > clock.now() - _GRACE
        if (address.metadata.name, parent.namespace, parent.name) not in held and not fresh:
            await addresses.free(address.metadata.name)
    for service, address_text in chain.from_iterable(((service, text) for text in service.spec.clusterIPs) for service in services):
        if family_of(address_text) != "unknown" and store.get(PREFIX + address_text) is None:
            try:
                await addresses.take(service, address_text)
            except AllocationError:
                continue
