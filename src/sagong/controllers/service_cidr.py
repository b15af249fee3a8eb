"""service-cidr: keeps networks of service addresses that are in use from being deleted (KEP-1880)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from ipaddress import ip_address, ip_network

from sagong.api.clock import format_time, parse_time
from sagong.api.types.meta import Condition
from sagong.api.types.networking import IPAddress, ServiceCIDR
from sagong.client.plan import NOTHING, Action, Patch, Plan
from sagong.controllers import conditions
from sagong.controllers.declaration import Controller, Key, Watch, writes
from sagong.controllers.ownership import without_finalizer
from sagong.controllers.view import View

FINALIZER = "networking.k8s.io/service-cidr-finalizer"
MANAGED_BY, MANAGER = "ipaddress.kubernetes.io/managed-by", "ipallocator.k8s.io"
GRACE = 10.0
_READY = ("True", "", "Kubernetes Service CIDR is ready")
_BUSY = ("False", "Terminating", "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR")


def plan(cidr: ServiceCIDR, every: Sequence[ServiceCIDR], addresses: Iterable[IPAddress], now: datetime) -> Plan:
    """Plan one network. `every` includes it."""
    has = FINALIZER in cidr.metadata.finalizers
    if cidr.metadata.deletionTimestamp is None:
        added: tuple[Action, ...] = ()
        if not has:
            body = {"metadata": {"finalizers": [FINALIZER]}}
            added = (Patch(ServiceCIDR, cidr.metadata.name, "", body, "strategic"),)
        return Plan((*added, *_ready(cidr, _READY, now)))
    others = [other for other in every if other.metadata.uid != cidr.metadata.uid]
    if not _is_within(cidr, others) and any(_only_in(cidr, others, address) for address in addresses):
        return Plan(_ready(cidr, _BUSY, now))
    left = GRACE - (now - parse_time(cidr.metadata.deletionTimestamp)).total_seconds()
    if left > 0:
        return Plan(requeue_after=left)
    return Plan((without_finalizer(cidr, FINALIZER),)) if has else NOTHING


def reconcile(view: View, key: Key) -> Plan:
    """Look at one network."""
    cidr = view.get(ServiceCIDR, "", key.name)
    return plan(cidr, view.list(ServiceCIDR), view.list(IPAddress), view.now) if cidr is not None else NOTHING


def _ready(cidr: ServiceCIDR, said: tuple[str, str, str], now: datetime) -> tuple[Action, ...]:
    old = conditions.find(cidr.status.conditions, "Ready")
    if old is not None and (old.status, old.reason, old.message) == said:
        return ()
    status, reason, message = said
    new = Condition(type="Ready", status=status, reason=reason, message=message, lastTransitionTime=format_time(now))
    return (Patch(ServiceCIDR, cidr.metadata.name, "", {"status": {"conditions": [new]}}, "strategic", "status"),)


def _is_within(cidr: ServiceCIDR, others: Iterable[ServiceCIDR]) -> bool:
    """Say whether all of its networks are parts of others'."""
    wider = [ip_network(text) for other in others for text in other.spec.cidrs]
    return all(
        any(net.version == wide.version and net.subnet_of(wide) for wide in wider)  # type: ignore[arg-type]  # of one version
        for net in map(ip_network, cidr.spec.cidrs)
    )


def _only_in(cidr: ServiceCIDR, others: Iterable[ServiceCIDR], address: IPAddress) -> bool:
    if address.metadata.labels.get(MANAGED_BY) != MANAGER:
        return False
    ip = ip_address(address.metadata.name)
    return any(ip in ip_network(text) for text in cidr.spec.cidrs) and not any(
        ip in ip_network(text) for other in others for text in other.spec.cidrs
    )


def _overlapping(view: View, changed: ServiceCIDR) -> Iterable[Key]:
    yield Key("", changed.metadata.name)
    for other in view.list(ServiceCIDR):
        if other.metadata.deletionTimestamp is not None:
            yield Key("", other.metadata.name)


def _of_deleted(view: View, _address: IPAddress) -> Iterable[Key]:
    return [Key("", cidr.metadata.name) for cidr in view.list(ServiceCIDR) if cidr.metadata.deletionTimestamp is not None]


CONTROLLER = Controller(
    name="service-cidr",
    account="service-cidrs-controller",
    watches=(Watch(ServiceCIDR, _overlapping), Watch(IPAddress, _of_deleted)),
    writes=writes(("patch", ServiceCIDR), ("patch", ServiceCIDR, "status")),
    reconcile=reconcile,
    workers=1,
)
