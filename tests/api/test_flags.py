"""Settings as flags: names in kebab case unless said otherwise, values as Go writes them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sagong.api.flags import flags


class Inner(msgspec.Struct):
    cacheTTL: str = "2m"
    secret: str = "hidden"


class Outer(msgspec.Struct):
    clusterDNS: list[str]
    cpuCFSQuota: bool = True
    max_requests: int = 400
    kubeReserved: dict[str, str] = {}
    inner: Inner = msgspec.field(default_factory=Inner)
    nothing: Inner | None = None


def test_names_and_values() -> None:
    outer = Outer(["10.96.0.10", "::1"], kubeReserved={"memory": "1Gi", "cpu": "100m"})
    assert flags(outer, {"inner.cacheTTL": "webhook-cache-ttl", "inner.secret": "", "max_requests": "most"}) == {
        "cluster-dns": "[10.96.0.10,::1]",
        "cpu-cfs-quota": "true",
        "most": "400",
        "kube-reserved": "cpu=100m,memory=1Gi",
        "webhook-cache-ttl": "2m",
    }


def test_what_is_left_out_takes_along_what_is_in_it() -> None:
    assert flags(Outer([]), {"inner": ""}).keys() == {"cluster-dns", "cpu-cfs-quota", "max-requests", "kube-reserved"}


@pytest.mark.parametrize(("value", "text"), [(False, "false"), ([], "[]"), ({}, ""), ("", ""), (-1, "-1")])
def test_values(value: Any, text: str) -> None:
    assert flags({"a_b": value}, {}) == {"a-b": text}
