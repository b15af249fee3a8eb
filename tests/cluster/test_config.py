"""The configuration file: what is kept, and what is refused in one line."""

from pathlib import Path

import pytest

from sagong.cli.operations import StartOptions
from sagong.cluster import config
from sagong.cluster.config import ClusterConfig, ConfigError
from sagong.cluster.operations import configure


def cluster(tmp_path: Path) -> ClusterConfig:
    return ClusterConfig(node_name="n", node_ip="192.0.2.7", data_dir=str(tmp_path))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    saved = cluster(tmp_path)
    config.save(saved)
    assert config.load(str(tmp_path)) == saved


def test_no_cluster_is_none(tmp_path: Path) -> None:
    assert config.load(str(tmp_path / "none")) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 1, "config": {"node_name": 5}}', b"\xff"])
def test_a_corrupt_file_is_one_line_with_the_fix(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cluster.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"corrupt.*restore it, or remove the cluster with `sagong delete`"):
        config.load(str(tmp_path))
    assert (tmp_path / "cluster.json").read_bytes() == content


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text('{"format": 99, "config": {}}')
    with pytest.raises(ConfigError, match=r"newer Sagong \(format 99, this one reads 1\); upgrade"):
        config.load(str(tmp_path))


def test_addresses_come_from_the_ranges(tmp_path: Path) -> None:
    c = cluster(tmp_path)
    assert (c.kubernetes_ip, c.dns_ip, c.node_gateway) == ("10.96.0.1", "10.96.0.10", "192.168.96.1")


def test_a_cluster_elsewhere_shares_nothing_with_the_default_one(tmp_path: Path) -> None:
    one = configure(StartOptions(str(tmp_path), node_name="n"), None)
    default = ClusterConfig(node_name="n", node_ip="x")
    for name in ("run_dir", "log_dir", "kubelet_dir", "pod_log_dir", "container_log_dir", "bridge"):
        assert getattr(one, name) != getattr(default, name)
    assert len(one.bridge) <= 15  # IFNAMSIZ


def test_a_later_start_keeps_settings_and_changes_what_is_asked(tmp_path: Path) -> None:
    first = configure(StartOptions(str(tmp_path), node_name="n", api_port=7000), None)
    assert configure(StartOptions(str(tmp_path)), first) == first
    assert configure(StartOptions(str(tmp_path), api_port=7001), first).api_port == 7001
    with pytest.raises(ConfigError, match="cannot be renamed"):
        configure(StartOptions(str(tmp_path), node_name="m"), first)


def test_pods_reach_the_api_server_before_services_are_routed(tmp_path: Path) -> None:
    def url(ip: str, nodes: int = 1) -> str:
        return ClusterConfig(node_name="n", node_ip=ip, data_dir=str(tmp_path), nodes=nodes).pods_url

    assert url("192.0.2.7") == "https://192.0.2.7:6443"
    assert url("fd00::7") == "https://[fd00::7]:6443"
    assert url("127.0.0.1") == ""
    several = ClusterConfig(node_name="n", node_ip="127.0.0.1", data_dir=str(tmp_path), nodes=2)
    assert several.pods_url == several.shared_url
