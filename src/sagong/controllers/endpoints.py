"""endpoint: the addresses behind each service in one object, for those who still read Endpoints instead of slices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from sagong.api.pods import is_ready
from sagong.api.types.core import EndpointAddress, EndpointPort, Endpoints, EndpointSubset, ObjectReference, Pod, Service
from sagong.api.types.meta import ObjectMeta
from sagong.client.plan import NOTHING, Create, Delete, Plan, Told, Update, rest_after
from sagong.controllers.declaration import Controller, Key, Watch, own_key, writes
from sagong.controllers.service_pods import (
    HEADLESS_LABEL,
    TRIGGER_TIME,
    addresses,
    has_endpoints,
    hostname,
    is_headless,
    pod_matters,
    pods_of,
    services_of,
    target_port,
    trigger_time,
)
from sagong.controllers.view import View

MANAGED_BY, MANAGER = "endpoints.kubernetes.io/managed-by", "endpoint-controller"
OVER_CAPACITY, CAPACITY = "endpoints.kubernetes.io/over-capacity", 1000

_Port = tuple[str, int, str, str | None]
_Address = tuple[str, str]


def reconcile(view: View, key: Key) -> Plan:
    """Gather a service, its pods and its Endpoints."""
    service, found = view.get(Service, *key), view.get(Endpoints, *key)
    if service is None:
        if found is None or found.metadata.labels.get(MANAGED_BY) != MANAGER:
            return NOTHING
        return Plan((Delete(Endpoints, key.name, key.namespace, found.metadata.uid),))
    if not has_endpoints(service):
        return NOTHING
    return plan(service, pods_of(view, service, terminating=service.spec.publishNotReadyAddresses), found)


def plan(service: Service, pods: Sequence[Pod], found: Endpoints | None) -> Plan:
    """Plan one service's Endpoints."""
    subsets, truncated = _within_capacity(subsets_of(service, pods))
    labels = {**service.metadata.labels, MANAGED_BY: MANAGER}
    labels.pop(HEADLESS_LABEL, None)
    if is_headless(service):
        labels[HEADLESS_LABEL] = ""
    if (
        found is not None
        and repack(found.subsets) == subsets
        and found.metadata.labels.items() >= service.metadata.labels.items()
        and found.metadata.labels.keys() | {HEADLESS_LABEL} == labels.keys() | {HEADLESS_LABEL}
        and found.metadata.labels.get(MANAGED_BY) == MANAGER
        and (OVER_CAPACITY in found.metadata.annotations) == truncated
    ):
        return Plan(rest=rest_after(len(pods)))
    changed = found.copy() if found is not None else Endpoints(metadata=_meta(service))
    changed.subsets, changed.metadata.labels = subsets, labels
    changed.metadata.annotations[TRIGGER_TIME] = trigger_time(service, pods)
    changed.metadata.annotations.pop(OVER_CAPACITY, None)
    if truncated:
        changed.metadata.annotations[OVER_CAPACITY] = "truncated"
    name = f"{service.metadata.namespace}/{service.metadata.name}"
    if found is None:
        failed = Told(changed, failure=("FailedToCreateEndpoint", f"Failed to create endpoint for service {name}: {{error}}"))
        return Plan((Create(changed, told=failed),), rest=rest_after(len(pods)))
    failed = Told(changed, failure=("FailedToUpdateEndpoint", f"Failed to update endpoint {name}: {{error}}"))
    return Plan((Update(changed, told=failed),), rest=rest_after(len(pods)))


def subsets_of(service: Service, pods: Iterable[Pod]) -> list[EndpointSubset]:
    """Return the subsets: addresses that offer the same ports together."""
    found: list[EndpointSubset] = []
    for pod in pods:
        ips = addresses(pod, _family(service, pod))
        if not ips:
            continue
        address = EndpointAddress(
            ip=ips[0],
            hostname=hostname(pod, service),
            nodeName=pod.spec.nodeName,
            targetRef=ObjectReference(kind="Pod", namespace=pod.metadata.namespace, name=pod.metadata.name, uid=pod.metadata.uid),
        )
        if not service.spec.ports:
            if service.spec.clusterIP == "None":
                found.append(_subset(service, pod, address, []))
            continue
        for port in service.spec.ports:
            number = target_port(pod, port)
            if number is not None:
                offered = EndpointPort(name=port.name, port=number, protocol=port.protocol, appProtocol=port.appProtocol)
                found.append(_subset(service, pod, address, [offered]))
    return repack(found)


def repack(subsets: Iterable[EndpointSubset]) -> list[EndpointSubset]:
    """Join subsets so that each address is once with each port, in a canonical order. Not ready anywhere is not ready."""
    known: dict[_Address, EndpointAddress] = {}
    by_port: dict[_Port | None, dict[_Address, bool]] = {}
    for subset in subsets:
        for port in subset.ports or (None,):
            ready_of = by_port.setdefault(_port_key(port), {})
            for address, ready in [*((a, True) for a in subset.addresses), *((a, False) for a in subset.notReadyAddresses)]:
                key = (address.ip, address.targetRef.uid if address.targetRef else "")
                known.setdefault(key, address)
                ready_of[key] = ready and ready_of.get(key, True)
    by_addresses: dict[tuple[tuple[_Address, bool], ...], list[_Port]] = {}
    for port_key, ready_of in by_port.items():
        ports = by_addresses.setdefault(tuple(sorted(ready_of.items())), [])
        if port_key is not None:
            ports.append(port_key)
    return [
        EndpointSubset(
            addresses=[known[key] for key, ready in members if ready],
            notReadyAddresses=[known[key] for key, ready in members if not ready],
            ports=[EndpointPort(name=n, port=p, protocol=proto, appProtocol=app) for n, p, proto, app in sorted(ports, key=str)],
        )
        for members, ports in sorted(by_addresses.items())
    ]


def _subset(service: Service, pod: Pod, address: EndpointAddress, ports: list[EndpointPort]) -> EndpointSubset:
    if service.spec.publishNotReadyAddresses or is_ready(pod):
        return EndpointSubset(addresses=[address], ports=ports)
    return EndpointSubset(notReadyAddresses=[address], ports=ports)


def _family(service: Service, pod: Pod) -> str:
    if service.spec.ipFamilies:
        return service.spec.ipFamilies[0]
    address = pod.status.podIP if is_headless(service) else service.spec.clusterIP
    return "IPv6" if address and ip_address(address).version == 6 else "IPv4"  # noqa: PLR2004 - IP version 6


def _within_capacity(subsets: list[EndpointSubset]) -> tuple[list[EndpointSubset], bool]:
    """Cut to the capacity of one object, ready addresses first."""
    if sum(len(subset.addresses) + len(subset.notReadyAddresses) for subset in subsets) <= CAPACITY:
        return subsets, False
    left = CAPACITY
    cut = [EndpointSubset(ports=subset.ports) for subset in subsets]
    for field in ("addresses", "notReadyAddresses"):
        for subset, smaller in zip(subsets, cut, strict=True):
            kept = getattr(subset, field)[:left]
            setattr(smaller, field, kept)
            left -= len(kept)
    return cut, True


def _meta(service: Service) -> ObjectMeta:
    return ObjectMeta(name=service.metadata.name, namespace=service.metadata.namespace)


def _port_key(port: EndpointPort | None) -> _Port | None:
    return None if port is None else (port.name, port.port, port.protocol, port.appProtocol)


CONTROLLER = Controller(
    name="endpoints",
    account="endpoint-controller",
    component="endpoint-controller",
    watches=(
        Watch(Service),
        Watch(Pod, services_of, pod_matters),
        Watch(Endpoints, own_key, lambda old, new: old is None or new is None),
    ),
    writes=writes(("create update delete", Endpoints)),
    reconcile=reconcile,
)
