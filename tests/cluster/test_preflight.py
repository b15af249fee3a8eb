"""Checks before a start: each refusal is one line with cause and fix."""

import socket
from pathlib import Path
from typing import NamedTuple

import pytest

from sagong.cluster import preflight
from sagong.cluster.config import ClusterConfig, ConfigError


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def cluster(tmp_path: Path, **settings: int | str) -> ClusterConfig:
    return ClusterConfig(node_name="n", node_ip="192.0.2.7", data_dir=str(tmp_path / "data"), **settings)  # type: ignore[arg-type] # ports and ranges


def test_not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ConfigError, match=r"needs root.*sudo sagong start"):
        preflight.check_root()


def test_a_taken_port_is_named_with_its_option(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port}, which kube-apiserver needs, is taken.*--api-port"):
            preflight.check_ports(cluster(tmp_path, api_port=port))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"service_cidr": "192.0.2.0/24"}, r"the node's address 192\.0\.2\.7 is in 192\.0\.2\.0/24; give another --service-cidr"),
        ({"pod_cidr": "192.0.0.0/16"}, r"the node's address 192\.0\.2\.7 is in 192\.0\.0\.0/16; give another --pod-cidr"),
        ({"pod_cidr": "10.96.0.0/16"}, r"pods 10\.96\.0\.0/16 and of Services 10\.96\.0\.0/12 overlap"),
        ({"pod_cidr": "10.1.2.3/16"}, r"'10\.1\.2\.3/16' is no IPv4 range: .*host bits set; give another --pod-cidr"),
        ({"pod_cidr": "10.1.2.0/25"}, r"too small, it must be a /24 at least"),
        ({"service_cidr": "fd00::/108"}, r"'fd00::/108' is no IPv4 range"),
    ],
)
def test_ranges_that_cannot_work_are_refused(tmp_path: Path, settings: dict[str, str], message: str) -> None:
    preflight.check_ranges(cluster(tmp_path))
    with pytest.raises(ConfigError, match=message):
        preflight.check_ranges(cluster(tmp_path, **settings))


def test_missing_packages_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(preflight, "find", lambda program: None if program in ("runc", "nft") else f"/usr/bin/{program}")
    monkeypatch.setattr(preflight, "CNI_PLUGINS", (str(tmp_path),))
    with pytest.raises(ConfigError, match="apt-get install containernetworking-plugins nftables runc"):
        preflight.check_packages(cluster(tmp_path))


def test_etcd_is_needed_by_a_cluster_that_keeps_its_state_in_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(preflight, "find", lambda program: None if program == "etcd" else f"/usr/bin/{program}")
    monkeypatch.setattr(preflight, "CNI_PLUGINS", (str(tmp_path),))
    (tmp_path / "bridge").touch()
    preflight.check_packages(cluster(tmp_path))
    with pytest.raises(ConfigError, match="not installed: etcd-server; install with `apt-get install etcd-server`"):
        preflight.check_packages(cluster(tmp_path, store="etcd"))


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**12, 10**12, 3 * 2**20))
    with pytest.raises(ConfigError, match=r"has 3 MiB free, a cluster needs 512 MiB; free some space"):
        preflight.check_disk(cluster(tmp_path))
    assert list(tmp_path.iterdir()) == []
