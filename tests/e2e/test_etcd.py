"""A cluster whose state is kept by etcd: a part like the others, which may be killed, and whose state outlives a stop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Cluster, eventually, on_a_machine_of_its_own

pytestmark = pytest.mark.e2e

SELECTOR = ("-n", "kube-system", "-l", "component=etcd")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start a cluster with etcd."""
    with on_a_machine_of_its_own(tmp_path_factory.mktemp("etcd"), "192.168.98.1") as made:
        made.start("--store", "etcd", "--etcd-port", "27679")
        yield made


def test_it_is_a_pod_that_comes_back_and_loses_nothing(kept: Cluster) -> None:
    kept.kubectl("create", "deployment", "hello", "--image=sagong.local/hello:1.0", "--replicas=2")
    kept.kubectl("rollout", "status", "deployment/hello", "--timeout=60s")
    process = kept.run("pgrep", "-f", f"^/.*etcd .*--data-dir={kept.data_dir}/etcd").stdout.split()
    assert len(process) == 1
    names = [f"written-{number}" for number in range(10)]
    for number, name in enumerate(names):
        if number == 5:
            assert kept.run("kill", "-9", *process).returncode == 0
        kept.kubectl("create", "configmap", name)
    eventually(lambda: kept.get("pods", *SELECTOR)["items"][0]["status"]["containerStatuses"][0]["restartCount"] == 1)
    kept.kubectl("wait", "pod", *SELECTOR, "--for=condition=Ready", "--timeout=60s")
    found = {item["metadata"]["name"] for item in kept.get("configmaps")["items"]}
    assert set(names) <= found
    assert f"{kept.data_dir}/etcd" in kept.sagong("logs", "etcd").stdout


def test_its_state_outlives_a_stop_and_stays_where_it_is(kept: Cluster) -> None:
    before = {item["metadata"]["uid"] for item in kept.get("configmaps")["items"]}
    kept.sagong("stop")
    refused = kept.sagong("start", "--store", "sqlite", check=False)
    assert refused.returncode != 0
    assert refused.stderr == "sagong: this cluster's state is in etcd and stays there; start with another --data-dir\n"
    kept.sagong("start")
    assert {item["metadata"]["uid"] for item in kept.get("configmaps")["items"]} == before
    kept.kubectl("rollout", "status", "deployment/hello", "--timeout=60s")
