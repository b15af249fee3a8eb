"""Tables follow what is wanted, recover from refusals, and clean up behind themselves."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.network.proxy.model import ModelKernel

from sagong.network.endpoints import Backend
from sagong.network.proxy.nft import NftError
from sagong.network.proxy.objects import TABLE, Ruleset
from sagong.network.proxy.ruleset import build
from sagong.network.proxy.settings import Settings
from sagong.network.proxy.tables import Tables
from sagong.network.service_table import ServicePort, ServiceTable

SETTINGS = Settings("ip", ("10.244.0.0/16",), ("10.96.0.0/12",))


class HandClock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def wanted(*names: str) -> list[Ruleset]:
    rows = [
        ServicePort("default", n, "http", "tcp", 80, f"10.96.0.{ord(n)}", cluster=(Backend("10.244.0.5", 80),), anywhere=True)
        for n in names
    ]
    return [build(ServiceTable("ip", tuple(rows)), SETTINGS)]


async def test_first_whole_then_differences() -> None:
    kernel = ModelKernel()
    tables = Tables(kernel, HandClock())
    assert tables.fresh
    assert await tables.apply(wanted("a"))
    assert kernel.transactions[0][:2] == [f"add table ip {TABLE}", f"delete table ip {TABLE}"]
    assert not await tables.apply(wanted("a"))
    assert await tables.apply(wanted("a", "b"))
    assert len(kernel.transactions[1]) == 5  # chain, flush, rule, two elements
    assert not tables.stale


async def test_unused_chains_are_deleted_a_moment_later_unless_wanted_again() -> None:
    kernel, clock = ModelKernel(), HandClock()
    tables = Tables(kernel, clock)
    for names in (("a", "b", "c"), ("c",), ("b", "c")):
        await tables.apply(wanted(*names))
    assert tables.stale
    await tables.delete_stale()
    assert "cluster/default/a/tcp/http" in kernel.tables[f"ip {TABLE}"].chains
    clock.seconds += 1.0
    await tables.delete_stale()
    chains = kernel.tables[f"ip {TABLE}"].chains
    assert "cluster/default/a/tcp/http" not in chains
    assert chains["cluster/default/b/tcp/http"]
    assert not tables.stale


async def test_after_a_refusal_and_after_a_flush_by_others_all_is_put_back() -> None:
    kernel = ModelKernel()
    tables = Tables(kernel, HandClock())
    await tables.apply(wanted("a"))
    kernel.broken = True
    with pytest.raises(NftError):
        await tables.apply(wanted("a", "b"))
    kernel.broken = False
    assert tables.fresh
    await tables.apply(wanted("a", "b"))
    assert "cluster/default/b/tcp/http" in kernel.tables[f"ip {TABLE}"].chains
    assert not tables.lost()
    kernel.tables.clear()
    assert tables.lost()
    await tables.apply(wanted("a", "b"))
    assert "cluster/default/b/tcp/http" in kernel.tables[f"ip {TABLE}"].chains
