"""Whatever the services were and become: the difference makes the kernel's table the new one, and touches little."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from tests.network.proxy.model import ModelKernel, as_model

from sagong.network.endpoints import Backend
from sagong.network.host_ports import HostPort
from sagong.network.proxy.diff import diff, replace
from sagong.network.proxy.objects import Ruleset
from sagong.network.proxy.ruleset import build
from sagong.network.proxy.settings import Settings
from sagong.network.service_table import ServicePort, ServiceTable

SETTINGS = Settings("ip", ("10.244.0.0/16",), ("10.96.0.0/12",))
backends = st.lists(st.integers(1, 4), unique=True, max_size=3).map(
    lambda found: tuple(Backend(f"10.244.0.{n}", 80, local=n % 2 == 0) for n in sorted(found))
)


@st.composite
def rows(draw: st.DrawFn) -> tuple[ServicePort, ...]:
    names = draw(st.lists(st.sampled_from("abcd"), unique=True))
    return tuple(_row(draw, name) for name in names)


def _row(draw: st.DrawFn, name: str) -> ServicePort:
    cluster = draw(backends)
    number = ord(name) - ord("a") + 1
    return ServicePort(
        namespace="default",
        name=name,
        port_name="http",
        protocol=draw(st.sampled_from(["tcp", "udp"])),
        port=80,
        cluster_ip=f"10.96.0.{number}",
        node_port=draw(st.sampled_from([0, 30000 + number])),
        external_ips=draw(st.sampled_from([(), ("192.0.2.1",)])),
        load_balancer_ips=draw(st.sampled_from([(), ("198.51.100.1",)])),
        source_ranges=draw(st.sampled_from([(), ("203.0.113.0/24",)])),
        affinity=draw(st.sampled_from([0, 60])),
        external_local=draw(st.booleans()),
        cluster=cluster,
        local=tuple(backend for backend in cluster if backend.local),
        anywhere=bool(cluster),
    )


@st.composite
def rulesets(draw: st.DrawFn) -> Ruleset:
    ports = draw(
        st.lists(
            st.sampled_from([HostPort("tcp", "", 80, "10.244.0.5", 80), HostPort("udp", "192.0.2.9", 53, "10.244.0.6", 53)]), unique=True
        )
    )
    return build(ServiceTable("ip", draw(rows()), tuple(ports)), SETTINGS)


@given(st.lists(rulesets(), min_size=1, max_size=4))
def test_following_changes_is_the_same_as_starting_anew(history: list[Ruleset]) -> None:
    kernel = ModelKernel()
    asyncio.run(kernel.run(replace(history[0]).commands))
    for old, new in pairwise(history):
        transaction = diff(old, new)
        asyncio.run(kernel.run(transaction.commands))
        table, wanted = kernel.tables[new.place], as_model(new)
        assert table.containers == wanted.containers
        for _, name in transaction.stale:
            assert table.chains.pop(name) == []
        assert table.chains == wanted.chains


def web(*addresses: int, name: str = "a", number: int = 1) -> ServicePort:
    found = tuple(Backend(f"10.244.0.{n}", 80) for n in addresses)
    return ServicePort("default", name, "http", "tcp", 80, f"10.96.0.{number}", cluster=found, anywhere=bool(found))


def test_nothing_changed() -> None:
    assert not diff(build(ServiceTable("ip", (web(1),)), SETTINGS), build(ServiceTable("ip", (web(1),)), SETTINGS))


def test_a_backend_less_is_two_commands() -> None:
    others = tuple(web(9, name=f"x{n}", number=n) for n in range(10, 20))
    old, new = (build(ServiceTable("ip", (*others, web(*backends))), SETTINGS) for backends in ((1, 2), (1,)))
    flush, rule = diff(old, new).commands
    assert flush == "flush chain ip sagong-proxy cluster/default/a/tcp/http"
    assert rule.startswith("add rule ip sagong-proxy cluster/default/a/tcp/http meta l4proto tcp dnat ip addr . port to ")
    assert rule.endswith("numgen random mod 1 map { 0 : 10.244.0.1 . 80 }")


def test_the_last_backend_less_refuses_before_it_forgets() -> None:
    old, new = (build(ServiceTable("ip", (web(*backends),)), SETTINGS) for backends in ((1,), ()))
    transaction = diff(old, new)
    assert transaction.commands == (
        "delete element ip sagong-proxy service-ips { 10.96.0.1 . tcp . 80 }",
        "add element ip sagong-proxy no-endpoint-services { 10.96.0.1 . tcp . 80 : goto reject-chain }",
        "flush chain ip sagong-proxy cluster/default/a/tcp/http",
    )
    assert transaction.stale == (("ip sagong-proxy", "cluster/default/a/tcp/http"),)
