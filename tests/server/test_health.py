"""Health pages: upstream's checks by name, each a page of its own, and what they say while a part has not begun."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.harness import running

from sagong.server import health


def well() -> str | None:
    return None


CHECKS = {"store": well, "objects": well, "definitions": well, "loops": well, "aggregation": well, "shutdown": well}


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
async def test_checks_are_named_as_upstreams(tmp_path: Path, path: str) -> None:
    async with running(tmp_path) as api:
        assert (await api("GET", path)).raw == b"ok"
        lines = (await api("GET", f"{path}?verbose")).raw.decode().splitlines()
        assert lines[:3] == ["[+]ping ok", "[+]log ok", "[+]etcd ok"]
        assert lines[-1] == f"{path.strip('/')} check passed"
        hooks = ("rbac/bootstrap-roles", "crd-informer-synced", "start-apiextensions-controllers", "apiservice-registration-controller")
        assert {f"[+]poststarthook/{hook} ok" for hook in hooks} <= set(lines)
        assert "[+]autoregister-completion ok" in lines
        assert ("[+]informer-sync ok" in lines) == ("[+]shutdown ok" in lines) == (path == "/readyz")
        assert (await api("GET", f"{path}/poststarthook/rbac/bootstrap-roles")).raw == b"ok"
        assert (await api("GET", f"{path}/none")).status == 404
        assert "[+]etcd excluded: ok" in (await api("GET", f"{path}?verbose&exclude=etcd")).raw.decode().splitlines()


async def test_results_are_counted_as_service_level_indicators(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for path in ("/readyz", "/readyz/etcd", "/livez/ping"):
            assert (await api("GET", path)).status == 200
        lines = (await api("GET", "/metrics/slis")).raw.decode().splitlines()
        assert 'kubernetes_healthcheck{name="etcd",type="readyz"} 1' in lines
        assert 'kubernetes_healthchecks_total{name="etcd",status="success",type="readyz"} 2' in lines
        assert 'kubernetes_healthchecks_total{name="ping",status="success",type="livez"} 1' in lines


@pytest.mark.parametrize("part", sorted(CHECKS))
def test_each_part_fails_checks_of_its_own(part: str) -> None:
    found = health.checks(**{**CHECKS, part: lambda: "not yet"})
    failed = [name for name, check in found.items() if check() is not None]
    assert failed
    assert len(failed) < len(found) / 2
