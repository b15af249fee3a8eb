"""endpointslice-mirroring: slices of Endpoints that were written by hand, for services without a selector (KEP-752)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from sagong.api.types.core import EndpointAddress, Endpoints, EndpointSubset, Service
from sagong.api.types.discovery import Endpoint, EndpointConditions, EndpointPort, EndpointSlice
from sagong.api.types.meta import ObjectMeta
from sagong.client.plan import Action, Create, Delete, Emit, Plan, Update
from sagong.controllers.declaration import Controller, Key, Watch, own_key, writes
from sagong.controllers.endpoints import repack
from sagong.controllers.endpointslice import MANAGED_BY, SERVICE_NAME, Ports, ports_key
from sagong.controllers.endpointslice_meter import MirrorMeter
from sagong.controllers.ownership import controller_reference
from sagong.controllers.service_pods import TRIGGER_TIME
from sagong.controllers.view import View

MANAGER = "endpointslicemirroring-controller.k8s.io"
SKIP, LEADER = "endpointslice.kubernetes.io/skip-mirror", "control-plane.alpha.kubernetes.io/leader"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MAX_PER_SUBSET = 1000


@dataclass(slots=True)
class _Wanted:
    """Endpoints by address family and ports, and how many could not be taken over."""

    ports: dict[tuple[str, Ports], list[EndpointPort]] = field(default_factory=dict)
    endpoints: dict[tuple[str, Ports], list[Endpoint]] = field(default_factory=dict)
    invalid: int = 0
    skipped: int = 0


def reconcile(view: View, key: Key) -> Plan:
    """Gather Endpoints, their service and their mirrored slices."""
    service, found = view.get(Service, *key), view.get(Endpoints, *key)
    slices = [
        one
        for one in view.list(EndpointSlice, key.namespace)
        if one.metadata.labels.get(SERVICE_NAME) == key.name and one.metadata.labels.get(MANAGED_BY) == MANAGER
    ]
    if found is None or service is None or service.spec.selector or not _is_mirrored(found):
        return Plan(tuple(map(_delete, slices)))
    return plan(found, slices)


def plan(found: Endpoints, slices: Sequence[EndpointSlice]) -> Plan:
    """Plan the mirror of one Endpoints object."""
    wanted = _wanted(repack(found.subsets))
    actions: list[Action] = []
    if wanted.invalid:
        said = f"Skipped {wanted.invalid} invalid IP addresses when mirroring to EndpointSlices"
        actions.append(Emit(found, "Warning", "InvalidIPAddress", said))
    if wanted.skipped:
        said = (
            f"A max of {MAX_PER_SUBSET} addresses can be mirrored to EndpointSlices per Endpoints subset."
            f" {wanted.skipped + wanted.invalid} addresses were skipped"
        )
        actions.append(Emit(found, "Warning", "TooManyAddressesToMirror", said))
    existing: dict[tuple[str, Ports], list[EndpointSlice]] = {}
    for one in slices:
        existing.setdefault((one.addressType, ports_key(one.ports or ())), []).append(one)
    for key, endpoints in wanted.endpoints.items():
        old = existing.pop(key, [])
        fresh = _slice(found, key[0], wanted.ports[key], endpoints)
        if not old:
            actions.append(Create(fresh))
        elif not _is_same(old[0], fresh):
            fresh.metadata.name, fresh.metadata.generateName = old[0].metadata.name, ""
            fresh.metadata.resourceVersion = old[0].metadata.resourceVersion
            actions.append(Update(fresh))
        actions += map(_delete, old[1:])
    return Plan((*actions, *(_delete(one) for leftover in existing.values() for one in leftover)))


def _wanted(subsets: Iterable[EndpointSubset]) -> _Wanted:
    wanted = _Wanted()
    for subset in subsets:
        ports = [EndpointPort(name=p.name, port=p.port, protocol=p.protocol, appProtocol=p.appProtocol) for p in subset.ports]
        added = 0
        for address, ready in [*((a, True) for a in subset.addresses), *((a, False) for a in subset.notReadyAddresses)]:
            family = _family(address)
            if not family:
                wanted.invalid += 1
            elif added >= MAX_PER_SUBSET:
                wanted.skipped += 1
            else:
                added += 1
                key = (family, ports_key(ports))
                wanted.ports[key] = ports
                wanted.endpoints.setdefault(key, []).append(_endpoint(address, ready=ready))
    return wanted


def _endpoint(address: EndpointAddress, *, ready: bool) -> Endpoint:
    return Endpoint(
        addresses=[str(ip_address(address.ip))],
        conditions=EndpointConditions(ready=ready),
        hostname=address.hostname or None,
        nodeName=address.nodeName,
        targetRef=address.targetRef,
    )


def _family(address: EndpointAddress) -> str:
    try:
        return f"IPv{ip_address(address.ip).version}"
    except ValueError:
        return ""


def _slice(found: Endpoints, family: str, ports: list[EndpointPort], endpoints: list[Endpoint]) -> EndpointSlice:
    meta = ObjectMeta(
        generateName=f"{found.metadata.name}-",
        namespace=found.metadata.namespace,
        labels={**found.metadata.labels, SERVICE_NAME: found.metadata.name, MANAGED_BY: MANAGER},
        annotations=_copied(found.metadata.annotations),
        ownerReferences=[controller_reference(found)],
    )
    return EndpointSlice(metadata=meta, addressType=family, ports=ports, endpoints=endpoints)


def _is_same(old: EndpointSlice, fresh: EndpointSlice) -> bool:
    return (
        sorted(map(repr, old.endpoints or ())) == sorted(map(repr, fresh.endpoints or ()))
        and old.metadata.labels == fresh.metadata.labels
        and old.metadata.annotations == fresh.metadata.annotations
        and [owner.uid for owner in old.metadata.ownerReferences] == [owner.uid for owner in fresh.metadata.ownerReferences]
    )


def _copied(annotations: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in annotations.items() if key not in (TRIGGER_TIME, LAST_APPLIED)}


def _is_mirrored(found: Endpoints) -> bool:
    return found.metadata.labels.get(SKIP) != "true" and LEADER not in found.metadata.annotations


def _delete(one: EndpointSlice) -> Delete:
    return Delete(EndpointSlice, one.metadata.name, one.metadata.namespace, one.metadata.uid)


def _of_slice(_view: View, one: EndpointSlice) -> Iterable[Key]:
    name = one.metadata.labels.get(SERVICE_NAME)
    return (Key(one.metadata.namespace, name),) if name and one.metadata.labels.get(MANAGED_BY) == MANAGER else ()


CONTROLLER = Controller(
    name="endpointslice-mirroring",
    account="endpointslicemirroring-controller",
    component="endpoint-slice-mirroring-controller",
    watches=(Watch(Endpoints, own_key), Watch(Service, own_key), Watch(EndpointSlice, _of_slice)),
    writes=writes(("create update delete", EndpointSlice)),
    reconcile=reconcile,
    meter=MirrorMeter,
)
