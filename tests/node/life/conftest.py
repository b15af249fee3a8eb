"""One runtime for all tests of this directory, one kubelet a test."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import pytest
from tests.node.life.api_pods import ACCOUNT, KubeletProcess, until
from tests.node.life.api_rig import ApiRig, api_rig
from tests.node.life.rig import Rig, runtime_rig


@pytest.fixture(scope="session")
def rig() -> Iterator[Rig]:
    with runtime_rig() as found:
        yield found


@pytest.fixture(scope="module")
def api(rig: Rig) -> Iterator[ApiRig]:
    with api_rig(rig) as found:
        # a controller's work, and there is none here
        until(lambda: found.kubectl("apply", "--validate=false", "-f", "-", stdin=ACCOUNT, check=False).returncode == 0)
        yield found


@pytest.fixture(scope="module")
def kubelet(rig: Rig, api: ApiRig) -> Iterator[KubeletProcess]:
    process = KubeletProcess(rig, api)
    try:
        process.start()
        until(lambda: "True" in api.kubectl("get", "nodes", "-o", "jsonpath={..conditions[?(@.type=='Ready')].status}").stdout)
        yield process
        with contextlib.suppress(AssertionError):
            api.kubectl("delete", "pods", "--all", "-A", "--grace-period=0", "--force", "--wait=true", "--timeout=30s")
    finally:
        process.stop()
        sys.stdout.write(process.log.read_text()[-6000:])
