"""endpointslice: the addresses behind each service in slices of at most a hundred (KEP-752).

Slices change as little as possible: an endpoint stays in its slice, freed places are filled first, and a slice that would be
deleted while another is created is rewritten instead. Each watcher pays for every changed slice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address

from sagong.api.pods import is_ready
from sagong.api.types.core import Node, ObjectReference, Pod, Service
from sagong.api.types.discovery import Endpoint, EndpointConditions, EndpointHints, EndpointPort, EndpointSlice, ForNode, ForZone
from sagong.api.types.meta import ObjectMeta
from sagong.client.plan import NOTHING, Action, Create, Delete, Plan, Told, Update, rest_after
from sagong.controllers.declaration import Controller, Key, Watch, updated, writes
from sagong.controllers.endpointslice_meter import SliceMeter
from sagong.controllers.ownership import controller_reference
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
from sagong.controllers.view import View, labelled, on_node

SERVICE_NAME, MANAGED_BY, MANAGER = (
    "kubernetes.io/service-name",
    "endpointslice.kubernetes.io/managed-by",
    "endpointslice-controller.k8s.io",
)
MAX_ENDPOINTS = 100
ZONE = "topology.kubernetes.io/zone"
_CLOSE = ("PreferClose", "PreferSameZone", "PreferSameNode")

Ports = tuple[tuple[str | None, str | None, int | None, str | None], ...]


def reconcile(view: View, key: Key) -> Plan:
    """Gather a service, its pods, their nodes and its slices."""
    service = view.get(Service, *key)
    if service is None or not has_endpoints(service):
        return NOTHING
    pods = pods_of(view, service, terminating=True)
    nodes = {name: node for name in {pod.spec.nodeName for pod in pods} if (node := view.get(Node, "", name)) is not None}
    slices = [
        found
        for found in labelled(view, EndpointSlice, key.namespace, SERVICE_NAME, key.name)
        if found.metadata.labels.get(MANAGED_BY) == MANAGER and found.metadata.deletionTimestamp is None
    ]
    return plan(service, pods, nodes, slices)


def plan(service: Service, pods: Sequence[Pod], nodes: Mapping[str, Node], slices: Sequence[EndpointSlice]) -> Plan:
    """Plan one service's slices, family by family."""
    families = _families(service)
    changes = _Changes(service, trigger_time(service, pods))
    for found in slices:
        if found.addressType not in families:
            changes.delete.append(found)
    for family in families:
        _plan_family(changes, pods, nodes, [found for found in slices if found.addressType == family], family)
    return Plan(changes.actions(), rest=rest_after(len(pods)))


class _Changes:
    """Slices to write, before they become actions."""

    def __init__(self, service: Service, trigger: str) -> None:
        self.service, self._trigger = service, trigger
        self.create: list[EndpointSlice] = []
        self.update: list[EndpointSlice] = []
        self.delete: list[EndpointSlice] = []

    def actions(self) -> tuple[Action, ...]:
        """Rewrite slices that would be deleted instead of creating others; an end of the service creates none."""
        for doomed in [found for found in self.delete if _owned(found, self.service)]:
            fresh = next((new for new in reversed(self.create) if new.addressType == doomed.addressType), None)
            if fresh is not None:
                self.create.remove(fresh)
                self.delete.remove(doomed)
                fresh.metadata = doomed.metadata.copy()
                self.update.append(fresh)
        if self.service.metadata.deletionTimestamp is not None:
            self.create.clear()
        name = f"{self.service.metadata.namespace}/{self.service.metadata.name}"
        told = Told(self.service, failure=("FailedToUpdateEndpointSlices", f"Error updating Endpoint Slices for Service {name}: {{error}}"))
        for changed in (*self.create, *self.update):
            changed.metadata.labels = _labels(self.service)
            changed.metadata.annotations[TRIGGER_TIME] = self._trigger
        return (
            *(Create(new, told=told) for new in self.create),
            *(Update(changed, told=told) for changed in self.update),
            *(Delete(EndpointSlice, old.metadata.name, old.metadata.namespace, old.metadata.uid, told=told) for old in self.delete),
        )


def _plan_family(changes: _Changes, pods: Sequence[Pod], nodes: Mapping[str, Node], slices: Sequence[EndpointSlice], family: str) -> None:
    service = changes.service
    create, update, delete = len(changes.create), len(changes.update), len(changes.delete)
    existing: dict[Ports, list[EndpointSlice]] = {}
    for found in slices:
        if _owned(found, service):
            existing.setdefault(ports_key(found.ports or ()), []).append(found)
        else:
            changes.delete.append(found)
    desired, ports_of = _desired(service, pods, nodes, family)
    for ports, endpoints in desired.items():
        _pack(changes, existing.pop(ports, []), endpoints, _new_slice(service, family, ports_of[ports]))
    for leftover in existing.values():
        changes.delete += leftover
    if len(changes.delete) - delete == len(slices) and len(changes.create) == create and len(changes.update) == update:
        _keep_placeholder(changes, delete, _new_slice(service, family, []))


def _keep_placeholder(changes: _Changes, start: int, empty: EndpointSlice) -> None:
    """Leave a service without endpoints one empty slice, which says so."""
    doomed = changes.delete[start:]
    if len(doomed) == 1 and not doomed[0].endpoints and not doomed[0].ports and doomed[0].metadata.labels == _labels(changes.service):
        del changes.delete[start:]
    else:
        changes.create.append(empty)


def _desired(
    service: Service, pods: Sequence[Pod], nodes: Mapping[str, Node], family: str
) -> tuple[dict[Ports, list[Endpoint]], dict[Ports, list[EndpointPort]]]:
    endpoints: dict[Ports, list[Endpoint]] = {}
    ports_of: dict[Ports, list[EndpointPort]] = {}
    for pod in pods:
        node = nodes.get(pod.spec.nodeName)
        if node is None and not service.spec.publishNotReadyAddresses:
            continue  # the node's arrival wakes us
        ports = _ports(service, pod)
        key = ports_key(ports)
        ports_of[key] = ports
        found = endpoints.setdefault(key, [])
        if ips := addresses(pod, family):
            found.append(_endpoint(service, pod, node, ips))
    return endpoints, ports_of


def _endpoint(service: Service, pod: Pod, node: Node | None, ips: list[str]) -> Endpoint:
    serving, terminating = is_ready(pod), pod.metadata.deletionTimestamp is not None
    ready = service.spec.publishNotReadyAddresses or (serving and not terminating)
    zone = node.metadata.labels.get(ZONE) if node is not None else None
    name = pod.spec.nodeName or None
    return Endpoint(
        addresses=ips,
        conditions=EndpointConditions(ready=ready, serving=serving, terminating=terminating),
        hostname=hostname(pod, service) or None,
        targetRef=ObjectReference(kind="Pod", namespace=pod.metadata.namespace, name=pod.metadata.name, uid=pod.metadata.uid),
        nodeName=name,
        zone=zone or None,
        hints=_hints(service, zone, name) if ready else None,
    )


def _hints(service: Service, zone: str | None, node: str | None) -> EndpointHints | None:
    """Traffic distribution (KEP-4444): each endpoint is for its own zone, and for its node if that is preferred."""
    if service.spec.trafficDistribution not in _CLOSE:
        return None
    zones = [ForZone(name=zone)] if zone else []
    nodes = [ForNode(name=node)] if node and service.spec.trafficDistribution == "PreferSameNode" else []
    return EndpointHints(forZones=zones, forNodes=nodes) if zones or nodes else None


def _pack(changes: _Changes, slices: Sequence[EndpointSlice], desired: Sequence[Endpoint], fresh: EndpointSlice) -> None:
    """Fit the desired endpoints of one set of ports into its slices."""
    wanted = {_identity(endpoint): endpoint for endpoint in desired}
    kept: list[tuple[EndpointSlice, list[Endpoint]]] = []
    for found in slices:
        staying = [wanted.pop(key) for endpoint in found.endpoints or () if (key := _identity(endpoint)) in wanted]
        if staying or not found.endpoints:
            kept.append((found, staying))
        else:
            changes.delete.append(found)
    new = list(wanted.values())
    touched = [
        (found, staying)
        for found, staying in kept
        if staying != (found.endpoints or []) or found.metadata.labels != _labels(changes.service)
    ]
    for _, staying in sorted(touched, key=lambda pair: -len(pair[1])):
        room = MAX_ENDPOINTS - len(staying)
        staying.extend(new[:room])
        del new[:room]
    while new:
        open_slices = [pair for pair in kept if pair not in touched and len(pair[1]) + len(new) <= MAX_ENDPOINTS]
        if open_slices:
            fullest = max(open_slices, key=lambda pair: len(pair[1]))
            fullest[1].extend(new)
            touched.append(fullest)
            break
        filled = fresh.copy()
        filled.endpoints, new = new[:MAX_ENDPOINTS], new[MAX_ENDPOINTS:]
        changes.create.append(filled)
    for found, staying in touched:
        changed = found.copy()
        changed.endpoints = staying
        changes.update.append(changed)


def _identity(endpoint: Endpoint) -> tuple[object, ...]:
    """Return what makes two endpoints the same one, whatever its conditions say."""
    target = endpoint.targetRef or ObjectReference()
    return tuple(sorted(endpoint.addresses)), endpoint.hostname, endpoint.nodeName, target.namespace, target.name, target.uid


def _ports(service: Service, pod: Pod) -> list[EndpointPort]:
    return [
        EndpointPort(name=port.name, port=number, protocol=port.protocol, appProtocol=port.appProtocol)
        for port in service.spec.ports
        if (number := target_port(pod, port)) is not None
    ]


def ports_key(ports: Iterable[EndpointPort]) -> Ports:
    """Return what makes two sets of ports the same one."""
    return tuple(sorted(((port.name, port.protocol, port.port, port.appProtocol) for port in ports), key=str))


def _new_slice(service: Service, family: str, ports: list[EndpointPort]) -> EndpointSlice:
    meta = ObjectMeta(
        generateName=f"{service.metadata.name}-",
        namespace=service.metadata.namespace,
        labels=_labels(service),
        ownerReferences=[controller_reference(service)],
    )
    return EndpointSlice(metadata=meta, addressType=family, ports=ports)


def _labels(service: Service) -> dict[str, str]:
    labels = {key: value for key, value in service.metadata.labels.items() if key not in (SERVICE_NAME, MANAGED_BY, HEADLESS_LABEL)}
    if is_headless(service):
        labels[HEADLESS_LABEL] = ""
    return {**labels, SERVICE_NAME: service.metadata.name, MANAGED_BY: MANAGER}


def _families(service: Service) -> Sequence[str]:
    if service.spec.ipFamilies:
        return service.spec.ipFamilies
    if not is_headless(service):
        return ("IPv6",) if ip_address(service.spec.clusterIP).version == 6 else ("IPv4",)  # noqa: PLR2004 - IP version 6
    return ("IPv4", "IPv6")


def _owned(found: EndpointSlice, service: Service) -> bool:
    return any(owner.uid == service.metadata.uid and owner.kind == "Service" for owner in found.metadata.ownerReferences)


def _service_of(_view: View, found: EndpointSlice) -> Iterable[Key]:
    name = found.metadata.labels.get(SERVICE_NAME)
    return (Key(found.metadata.namespace, name),) if name and found.metadata.labels.get(MANAGED_BY) == MANAGER else ()


def _services_on(view: View, node: Node) -> Iterable[Key]:
    return {key for pod in on_node(view, Pod, node.metadata.name) for key in services_of(view, pod)}


CONTROLLER = Controller(
    name="endpointslice",
    account="endpointslice-controller",
    component="endpoint-slice-controller",
    watches=(
        Watch(Service),
        Watch(Pod, services_of, pod_matters),
        Watch(EndpointSlice, _service_of),
        Watch(Node, _services_on, updated(lambda old, new: old.metadata.labels.get(ZONE) != new.metadata.labels.get(ZONE))),
    ),
    writes=writes(("create update delete", EndpointSlice)),
    reconcile=reconcile,
    meter=SliceMeter,
)
