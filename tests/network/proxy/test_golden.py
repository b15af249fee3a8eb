"""Whole tables as text, to be read beside `nft list table`. GOLDEN=1 writes them anew."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.network.builders import NODE, endpoint, service, slice_of

from sagong.network.host_ports import HostPort
from sagong.network.proxy.objects import render, script
from sagong.network.proxy.ruleset import build
from sagong.network.proxy.settings import Settings
from sagong.network.service_table import Family, ServiceTable, service_ports

GOLDEN = Path(__file__).parent / "golden"
SETTINGS: dict[Family, Settings] = {
    "ip": Settings("ip", ("10.244.0.0/16",), ("10.96.0.0/12",), node_ips=("192.168.0.2",)),
    "ip6": Settings("ip6", ("fd00:10:244::/64",), ("fd00:10:96::/112",)),
}


def table(family: Family) -> ServiceTable:
    four = family == "ip"

    def ip(number: int) -> str:
        return f"10.96.0.{number}" if four else f"fd00:10:96::{number}"

    def pod(number: int) -> str:
        return f"10.244.0.{number}" if four else f"fd00:10:244::{number}"

    kind = "IPv4" if four else "IPv6"
    made = [
        (
            service("kubernetes", ip(1), ports="https:443"),
            slice_of("kubernetes", endpoint("192.168.0.2" if four else "fd99::1"), ports="https:6443", kind=kind),
        ),
        (
            service("web", ip(2), ports="http:80@30080 metrics:9090", type="NodePort"),
            slice_of("web", endpoint(pod(5), node="here"), endpoint(pod(6)), ports="http:8080 metrics:9090", kind=kind),
        ),
        (
            service("dns", ip(10), ports="dns:53/UDP dns-tcp:53"),
            slice_of("dns", endpoint(pod(7), node="here"), ports="dns:53/UDP dns-tcp:53", kind=kind),
        ),
        (
            service(
                "lb",
                ip(3),
                type="LoadBalancer",
                ports="http:80@30081",
                affinity=60,
                externalTrafficPolicy="Local",
                ingress=["198.51.100.1" if four else "2001:db8::1"],
                loadBalancerSourceRanges=["203.0.113.0/24", "2001:db8:1::/48"],
            ),
            slice_of("lb", endpoint(pod(8), node="here"), endpoint(pod(9), node="there"), kind=kind),
        ),
        (service("empty", ip(4), ports="http:80@30082", type="NodePort"), slice_of("empty", kind=kind)),
    ]
    rows = tuple(row for one, piece in made for row in service_ports(one, [piece], NODE, family))
    return ServiceTable(
        family, rows, (HostPort("tcp", "", 8080, pod(5), 80), HostPort("udp", "127.0.0.1" if four else "fd99::1", 53, pod(7), 53))
    )


def text(family: Family) -> str:
    return script(render(build(table(family), SETTINGS[family])))


@pytest.mark.parametrize("family", ["ip", "ip6"])
def test_the_table_is_as_written_down(family: Family) -> None:
    path = GOLDEN / f"{family}.nft"
    if os.environ.get("GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text(family))
    assert text(family) == path.read_text()


@pytest.mark.e2e
@pytest.mark.parametrize("family", ["ip", "ip6"])
def test_nft_takes_the_table(family: Family) -> None:
    done = subprocess.run(["unshare", "-n", "nft", "-f", "-"], input=text(family), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
