"""Which backends are chosen: readiness, terminating fallback, traffic policies, topology hints."""

from __future__ import annotations

import pytest
from tests.network.builders import NODE, endpoint, slice_of

from sagong.network.endpoints import NodeView, collect, reachable


def chosen(*endpoints: object, policy: str = "cluster", node: NodeView = NODE) -> list[str]:
    backends = collect([slice_of("web", *endpoints)], node).get(("http", "tcp"), ())  # type: ignore[arg-type]  # all are Endpoints
    found = reachable(backends, node, uses_cluster=True, uses_local=True)
    return [backend.address for backend in (found.cluster if policy == "cluster" else found.local)]


def test_ready_ones_are_used_and_others_not() -> None:
    assert chosen(endpoint("10.0.0.1"), endpoint("10.0.0.2", state="unready"), endpoint("10.0.0.3", state="draining")) == ["10.0.0.1"]


def test_without_ready_ones_the_draining_ones_are_used() -> None:
    assert chosen(endpoint("10.0.0.2", state="unready"), endpoint("10.0.0.3", state="draining"), endpoint("10.0.0.4", state="dying")) == [
        "10.0.0.3"
    ]


def test_conditions_that_are_not_given_mean_ready() -> None:
    bare = endpoint("10.0.0.1")
    bare.conditions.ready = bare.conditions.serving = bare.conditions.terminating = None
    assert chosen(bare) == ["10.0.0.1"]


def test_policy_local_takes_this_nodes_and_falls_back_by_itself() -> None:
    here, there, leaving = (
        endpoint("10.0.0.1", node="here"),
        endpoint("10.0.0.2", node="there"),
        endpoint("10.0.0.3", node="here", state="draining"),
    )
    assert chosen(here, there, leaving, policy="local") == ["10.0.0.1"]
    assert chosen(there, leaving, policy="local") == ["10.0.0.3"]
    assert chosen(there, leaving) == ["10.0.0.2"]
    assert chosen(there, policy="local") == []


def test_a_backend_elsewhere_counts_as_anywhere() -> None:
    backends = collect([slice_of("web", endpoint("10.0.0.2", node="there"))], NODE)["http", "tcp"]
    assert reachable(backends, NODE, uses_cluster=False, uses_local=True).anywhere
    unready = collect([slice_of("web", endpoint("10.0.0.2", state="unready"))], NODE)["http", "tcp"]
    assert not reachable(unready, NODE, uses_cluster=True, uses_local=True).anywhere


@pytest.mark.parametrize(
    ("hints", "expected"),
    [
        (("zones=z1", "zones=z2"), [1]),
        (("zones=z1 z2", "zones=z2"), [1]),
        (("zones=z3", "zones=z2"), [1, 2]),  # none for this zone
        (("zones=z1", ""), [1, 2]),  # one without a hint
        (("nodes=here", "nodes=there"), [1]),
        (("nodes=there", "nodes=there"), [1, 2]),
    ],
)
def test_hints_count_when_all_have_them_and_some_name_this_place(hints: tuple[str, ...], expected: list[int]) -> None:
    made = []
    for number, text in enumerate(hints, 1):
        key, _, value = text.partition("=")
        made.append(endpoint(f"10.0.0.{number}", zones=value if key == "zones" else "", nodes=value if key == "nodes" else ""))
    assert chosen(*made) == [f"10.0.0.{number}" for number in expected]


def test_same_node_is_preferred_to_same_zone() -> None:
    near, far = endpoint("10.0.0.1", zones="z1", nodes="there"), endpoint("10.0.0.2", zones="z2", nodes="here")
    assert chosen(near, far) == ["10.0.0.2"]


def test_an_unready_one_without_hints_does_not_matter() -> None:
    assert chosen(endpoint("10.0.0.1", zones="z1"), endpoint("10.0.0.2", zones="z2"), endpoint("10.0.0.3", state="unready")) == ["10.0.0.1"]


def test_hints_are_ignored_on_a_node_without_zone() -> None:
    assert chosen(endpoint("10.0.0.1", zones="z1"), endpoint("10.0.0.2", zones="z2"), node=NodeView("here")) == ["10.0.0.1", "10.0.0.2"]


def test_an_address_in_two_slices_is_the_living_ones() -> None:
    dying, living = slice_of("web", endpoint("10.0.0.1", state="dying")), slice_of("web", endpoint("10.0.0.1"), suffix="2")
    for slices in ([dying, living], [living, dying]):
        (backend,) = collect(slices, NODE)["http", "tcp"]
        assert backend.ready


def test_ports_are_kept_apart_by_name_and_protocol() -> None:
    found = collect([slice_of("dns", endpoint("10.0.0.1"), ports="dns:53/UDP dns:5353/TCP metrics:9153")], NODE)
    assert {key: backends[0].port for key, backends in found.items()} == {
        ("dns", "udp"): 53,
        ("dns", "tcp"): 5353,
        ("metrics", "tcp"): 9153,
    }
