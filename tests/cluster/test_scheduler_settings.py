"""The scheduler's configuration file: refused in one line before anything starts, kept, and handed to the scheduler's pod."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagong.cluster import scheduler_settings, workloads
from sagong.cluster.config import ClusterConfig, ConfigError

HEAD = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"


def cluster(tmp_path: Path) -> ClusterConfig:
    return ClusterConfig(node_name="n", node_ip="192.0.2.7", data_dir=str(tmp_path / "data"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parallelism: 0\n", "parallelism: Invalid value: 0: should be an integer value greater than zero"),
        ("podPause: 1\n", "strict decoding error: Object contains unknown field `podPause`"),
        ("profiles: [{plugins: {score: {enabled: [{name: Nobody}]}}}]\n", 'plugin "Nobody" does not exist'),
        ("extenders: [{urlPrefix: 'https://e', tlsConfig: {caFile: /nowhere}}]\n", "couldn't build extenders: .*No such file.*"),
        ("a: [\n", ".*"),
    ],
)
def test_a_file_that_would_not_do_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    given = tmp_path / "mine.yaml"
    given.write_text(HEAD + text)
    pattern = f"^{given} is no configuration for the scheduler: {message}; correct it, or give another --scheduler-config$"
    with pytest.raises(ConfigError, match=pattern):
        scheduler_settings.check(cluster(tmp_path), str(given))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml is no configuration for the scheduler: No such file or directory; correct it"):
        scheduler_settings.check(cluster(tmp_path), str(tmp_path / "nowhere.yaml"))


def test_the_clusters_own_is_checked_too(tmp_path: Path) -> None:
    one = cluster(tmp_path)
    scheduler_settings.check(one, "")
    scheduler_settings.file(one).parent.mkdir(parents=True)
    scheduler_settings.file(one).write_text("kind: Pod")
    with pytest.raises(ConfigError, match=r"scheduler\.yaml is no configuration for the scheduler"):
        scheduler_settings.check(one, "")


def test_what_is_given_is_kept_and_handed_to_the_scheduler(tmp_path: Path) -> None:
    one, given = cluster(tmp_path), tmp_path / "mine.yaml"
    given.write_text(HEAD + "parallelism: 3\n")
    before = workloads.static_pods(one)["kube-scheduler.yaml"]["spec"]["containers"][0]["command"]
    assert "--config" not in before
    scheduler_settings.check(one, str(given))
    scheduler_settings.keep(one, str(given))
    given.unlink()
    scheduler_settings.keep(one, "")
    pod = workloads.static_pods(one)["kube-scheduler.yaml"]["spec"]
    assert pod["containers"][0]["command"] == [*before, "--config", f"{tmp_path}/data/etc/scheduler.yaml"]
    assert f"{tmp_path}/data/etc" in [volume["hostPath"]["path"] for volume in pod["volumes"]]
    assert "parallelism: 3" in scheduler_settings.file(one).read_text()
