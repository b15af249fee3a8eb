"""endpoint, endpointslice and its mirror: which pods stand behind a service, in which state, in how few writes."""

from __future__ import annotations

from typing import Any

import pytest
from tests.controllers.world import START, World, meta, node, set_ready

from sagong.api.clock import format_time
from sagong.api.types.core import (
    Container,
    ContainerPort,
    EndpointAddress,
    EndpointPort,
    Endpoints,
    EndpointSubset,
    Pod,
    PodIP,
    Service,
    ServicePort,
    ServiceSpec,
)
from sagong.api.types.discovery import Endpoint, EndpointSlice
from sagong.controllers import endpoints, endpointslice, endpointslice_mirroring
from sagong.controllers.service_pods import pod_matters


def service(**spec: Any) -> Service:
    fields = {"selector": {"app": "web"}, "clusterIP": "10.96.0.9", "ports": [port()], "ipFamilies": ["IPv4"], **spec}
    return Service(metadata=meta("web", labels={"team": "a"}), spec=ServiceSpec(**fields))


def port(target: int | str = 8080, name: str = "") -> ServicePort:
    return ServicePort(name=name, port=80, targetPort=target, protocol="TCP")


def backend(world: World, number: int, ready: str = "True", **facts: Any) -> Pod:
    pod = world.add(Pod(metadata=meta(f"web-{number}", labels={"app": "web"}, **facts.get("meta", {}))))
    pod = set_ready(world, pod, ready, facts.get("phase", "Running"), on=facts.get("node", "n1"))
    pod.status.podIP = f"10.244.{number // 250}.{number % 250 + 1}"
    pod.status.podIPs = [PodIP(ip=pod.status.podIP)]
    return pod


def world_of(found: Service, *ready: str) -> World:
    world = World(found, node("n1", **{"topology.kubernetes.io/zone": "z1"}), node("n2"))
    for number, state in enumerate(ready):
        backend(world, number, state)
    return world


def slices(world: World) -> list[EndpointSlice]:
    world.settle(endpointslice.CONTROLLER)
    return list(world.list(EndpointSlice))


def first(found: EndpointSlice) -> Endpoint:
    assert found.endpoints
    return found.endpoints[0]


def first_port(found: EndpointSlice) -> int | None:
    assert found.ports
    return found.ports[0].port


def states(found: EndpointSlice) -> list[tuple[str, bool | None, bool | None, bool | None]]:
    return [(e.addresses[0], e.conditions.ready, e.conditions.serving, e.conditions.terminating) for e in found.endpoints or ()]


def test_a_slice_shows_pods_with_their_state() -> None:
    world = world_of(service(), "True", "False")
    backend(world, 2, meta={"deletionTimestamp": format_time(START)})
    backend(world, 3, phase="Succeeded")
    (found,) = slices(world)
    assert states(found) == [
        ("10.244.0.1", True, True, False),
        ("10.244.0.2", False, False, False),
        ("10.244.0.3", False, True, True),
    ]
    assert (found.addressType, first_port(found), first(found).nodeName, first(found).zone) == ("IPv4", 8080, "n1", "z1")
    assert found.metadata.labels == {
        "team": "a",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    assert found.metadata.ownerReferences[0].kind == "Service"


def test_publishing_not_ready_addresses_makes_all_ready() -> None:
    (found,) = slices(world_of(service(publishNotReadyAddresses=True), "False"))
    assert states(found) == [("10.244.0.1", True, False, False)]


def test_a_service_without_pods_has_an_empty_slice() -> None:
    world = world_of(service())
    (found,) = slices(world)
    assert not found.endpoints
    assert not found.ports
    backend(world, 0)
    (filled,) = slices(world)
    assert filled.metadata.name == found.metadata.name, "the empty slice is filled, not replaced"
    assert len(filled.endpoints or ()) == 1


def test_slices_hold_a_hundred_and_change_little() -> None:
    world = world_of(service(), *["True"] * 250)
    before = {found.metadata.name: found for found in slices(world)}
    assert sorted(len(found.endpoints or ()) for found in before.values()) == [50, 100, 100]
    world.remove(world.one(Pod, "web-7"))
    world.settle(endpointslice.CONTROLLER)
    changed = [found for found in world.list(EndpointSlice) if found is not before[found.metadata.name]]
    assert [len(found.endpoints or ()) for found in changed] == [99]
    backend(world, 300)
    world.settle(endpointslice.CONTROLLER)
    again = [found for found in world.list(EndpointSlice) if found not in (*before.values(), *changed)]
    assert len(again) == 1, "a newcomer costs one slice"


def test_named_ports_split_slices_by_what_pods_call_them() -> None:
    world = world_of(service(ports=[port("http")]), "True", "True")
    for pod, number in zip(world.list(Pod), (8080, 9090), strict=True):
        from_template = pod.copy()
        from_template.spec.containers = [world_container(number)]
        world.replace(from_template)
    assert sorted(first_port(found) or 0 for found in slices(world)) == [8080, 9090]


def world_container(number: int) -> Any:
    return Container(name="c", ports=[ContainerPort(name="http", containerPort=number, protocol="TCP")])


def test_traffic_distribution_makes_hints() -> None:
    (found,) = slices(world_of(service(trafficDistribution="PreferSameNode"), "True"))
    hints = first(found).hints
    assert hints is not None
    assert ([zone.name for zone in hints.forZones], [one.name for one in hints.forNodes]) == (["z1"], ["n1"])


def test_pods_of_nodes_that_are_not_known_yet_wait() -> None:
    world = world_of(service())
    backend(world, 0, node="new")
    assert not slices(world)[0].endpoints
    world.add(node("new"))
    assert len(slices(world)[0].endpoints or ()) == 1


def test_headless_services_are_labelled_and_may_have_no_ports() -> None:
    (found,) = slices(world_of(service(clusterIP="None", ports=[]), "True"))
    assert found.metadata.labels["service.kubernetes.io/headless"] == ""
    assert (found.ports, len(found.endpoints or ())) == ([], 1)


@pytest.mark.parametrize("spec", [{"selector": {}}, {"type": "ExternalName"}])
def test_services_without_selection_are_left_alone(spec: dict[str, Any]) -> None:
    assert slices(world_of(service(**spec), "True")) == []


def test_endpoints_list_ready_and_not_ready_apart() -> None:
    world = world_of(service(), "True", "False", "True")
    world.settle(endpoints.CONTROLLER)
    (subset,) = world.one(Endpoints, "web").subsets
    assert [address.ip for address in subset.addresses] == ["10.244.0.1", "10.244.0.3"]
    assert [address.ip for address in subset.notReadyAddresses] == ["10.244.0.2"]
    assert (subset.ports[0].port, subset.ports[0].protocol) == (8080, "TCP")
    assert world.one(Endpoints, "web").metadata.labels["endpoints.kubernetes.io/managed-by"] == "endpoint-controller"


def test_endpoints_are_cut_at_a_thousand_and_say_so() -> None:
    world = world_of(service(), *["True"] * 1001)
    world.settle(endpoints.CONTROLLER)
    found = world.one(Endpoints, "web")
    assert sum(len(subset.addresses) for subset in found.subsets) == 1000
    assert found.metadata.annotations["endpoints.kubernetes.io/over-capacity"] == "truncated"


def test_endpoints_go_with_their_service_unless_somebody_else_wrote_them() -> None:
    world = world_of(service(), "True")
    world.settle(endpoints.CONTROLLER)
    world.add(Endpoints(metadata=meta("mine")))
    world.remove(world.one(Service, "web"))
    for name in ("web", "mine"):
        world.reconcile(endpoints.CONTROLLER, name)
    assert [found.metadata.name for found in world.list(Endpoints)] == ["mine"]


def test_repacking_joins_addresses_by_their_ports() -> None:
    one, two = EndpointAddress(ip="1.1.1.1"), EndpointAddress(ip="2.2.2.2")
    http, admin = EndpointPort(name="http", port=80, protocol="TCP"), EndpointPort(name="admin", port=81, protocol="TCP")
    packed = endpoints.repack(
        [
            EndpointSubset(addresses=[one], ports=[http]),
            EndpointSubset(addresses=[two], ports=[http]),
            EndpointSubset(addresses=[one, two], ports=[admin]),
        ]
    )
    assert packed == [EndpointSubset(addresses=[one, two], ports=[admin, http])]


def test_hand_written_endpoints_are_mirrored() -> None:
    written = Endpoints(metadata=meta("web", labels={"a": "b"}, annotations={"note": "x"}))
    written.subsets = [
        EndpointSubset(
            addresses=[EndpointAddress(ip="1.2.3.4"), EndpointAddress(ip="fd00::1"), EndpointAddress(ip="nonsense")],
            ports=[EndpointPort(port=80, protocol="TCP")],
        )
    ]
    world = World(service(selector={}), written)
    world.reconcile(endpointslice_mirroring.CONTROLLER, "web")
    found = {one.addressType: one for one in world.list(EndpointSlice)}
    assert set(found) == {"IPv4", "IPv6"}
    assert found["IPv4"].metadata.annotations == {"note": "x"}
    assert first(found["IPv6"]).addresses == ["fd00::1"]
    assert world.events == [("InvalidIPAddress", "Skipped 1 invalid IP addresses when mirroring to EndpointSlices")]
    changed = written.copy()
    changed.subsets[0].addresses = [EndpointAddress(ip="1.2.3.5")]
    world.replace(changed)
    world.reconcile(endpointslice_mirroring.CONTROLLER, "web")
    (left,) = world.list(EndpointSlice)
    assert isinstance(first(left), Endpoint)
    assert first(left).addresses == ["1.2.3.5"]
    world.remove(changed)
    world.reconcile(endpointslice_mirroring.CONTROLLER, "web")
    assert not world.list(EndpointSlice)


def test_only_changes_that_show_matter() -> None:
    world = world_of(service(), "True")
    old = world.list(Pod)[0]
    beat = old.copy()
    beat.metadata.annotations = {"x": "y"}
    assert not pod_matters(old, beat)
    beat.status.podIPs = [PodIP(ip="10.0.0.1")]
    assert pod_matters(old, beat)
    assert pod_matters(None, old)
