"""Nodes as values, and what is made for each."""

from __future__ import annotations

import itertools
import json
import tomllib
from pathlib import Path

import pytest

from sagong.cli.operations import StartOptions
from sagong.cluster import component_configs, config, containerd, spaces, workloads
from sagong.cluster.config import ClusterConfig, ConfigError
from sagong.cluster.operations import configure


def cluster(tmp_path: Path, nodes: int = 3, data: str = "") -> ClusterConfig:
    return configure(StartOptions(data or str(tmp_path), node_name="n", node_ip="192.0.2.7", nodes=nodes), None)


def test_the_first_node_is_the_machine_and_has_what_it_always_had(tmp_path: Path) -> None:
    made = cluster(tmp_path)
    first = made.all_nodes[0]
    assert (first.name, first.ip, first.api_url, first.space, first.control_plane) == ("n", "192.0.2.7", "https://127.0.0.1:6443", "", True)
    assert first == made.all_nodes[0] == cluster(tmp_path, 1).all_nodes[0]
    assert (first.data_dir, first.kubelet_dir, first.cgroup_root) == (made.data_dir, made.kubelet_dir, made.cgroup_root)
    assert first.inside("ip", "link") == ["ip", "link"]


@pytest.mark.parametrize("data", ["", config.DEFAULT_DATA_DIR])
def test_nodes_share_nothing(tmp_path: Path, data: str) -> None:
    nodes = cluster(tmp_path, data=data).all_nodes
    assert [node.name for node in nodes] == ["n", "n-2", "n-3"]
    assert [node.ip for node in nodes[1:]] == ["192.168.96.2", "192.168.96.3"]
    for one, other in itertools.combinations(nodes, 2):
        for name in ("kubelet_dir", "pod_log_dir", "container_log_dir", "containerd_root", "containerd_socket", "manifests", "credentials"):
            assert getattr(one, name) != getattr(other, name)
        assert one.cgroup_root != other.cgroup_root
    assert all(len(node.link) <= 15 for node in nodes)  # IFNAMSIZ


def test_further_nodes_run_in_their_namespaces_and_reach_the_api_at_a_lasting_address(tmp_path: Path) -> None:
    made = cluster(tmp_path)
    second = made.all_nodes[1]
    assert second.inside("true") == ["nsenter", f"--net={second.space}/net", f"--uts={second.space}/uts", "--", "true"]
    assert second.api_url == made.shared_url == "https://192.168.96.1:6443"
    assert cluster(tmp_path, 1).shared_url == "https://127.0.0.1:6443"


def test_each_kubelet_has_its_own_settings(tmp_path: Path) -> None:
    made = cluster(tmp_path, 2)
    first, second = (component_configs.kubelet(made, node) for node in made.all_nodes)
    assert (first.hostnameOverride, second.hostnameOverride) == ("n", "n-2")
    assert (list(first.nodeLabels), list(second.nodeLabels)) == ([component_configs.CONTROL_PLANE_LABEL], [])
    assert first.port == second.port
    assert second.kubeconfig.endswith("/kubelet-2.conf")
    assert second.nodeIP == "192.168.96.2"


def test_the_runtime_learns_the_pods_range_from_the_kubelet(tmp_path: Path) -> None:
    node = cluster(tmp_path).all_nodes[1]
    containerd.write_config(node)
    template = json.loads((Path(node.data_dir) / "etc" / "cni.template").read_text())
    assert template["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "{{.PodCIDR}}"}]]
    assert f'conf_template = "{node.data_dir}/etc/cni.template"' in containerd.config_file(node).read_text()
    assert list((Path(node.data_dir) / "etc" / "cni").iterdir()) == []


def test_registries_are_reached_as_hosts_files_say(tmp_path: Path) -> None:
    node = cluster(tmp_path).all_nodes[0]
    containerd.write_config(node)
    registry = tomllib.loads(containerd.config_file(node).read_text())["plugins"]["io.containerd.grpc.v1.cri"]["registry"]
    assert registry["config_path"].split(":") == [f"{node.data_dir}/etc/certs.d", "/etc/containerd/certs.d"]


def test_kube_system_has_a_proxy_on_each_node(tmp_path: Path) -> None:
    assert [workloads.expected_pods(cluster(tmp_path, count)) for count in (1, 2, 5)] == [6, 7, 10]


def test_nodes_may_come_but_not_go(tmp_path: Path) -> None:
    two = cluster(tmp_path, 2)
    assert configure(StartOptions(str(tmp_path)), two).nodes == 2
    assert configure(StartOptions(str(tmp_path), nodes=3), two).nodes == 3
    with pytest.raises(ConfigError, match="has 2 nodes, and none can be taken away"):
        configure(StartOptions(str(tmp_path), nodes=1), two)


def test_a_machine_without_an_address_gets_one_that_its_nodes_reach(tmp_path: Path) -> None:
    for count, address in ((1, "127.0.0.1"), (2, "192.168.96.1")):
        assert configure(StartOptions(str(tmp_path), node_name="n", node_ip="127.0.0.1", nodes=count), None).node_ip == address


@pytest.mark.parametrize(
    ("cidr", "said"),
    [
        ("192.168.96.0/30", "no IPv4 range for 3 nodes"),
        ("fd00::/64", "no IPv4 range for 3 nodes"),
        ("192.168.96.7/24", "has host bits set"),
        ("nonsense", "does not appear to be"),
        ("127.0.0.0/8", "is used by the interface lo"),
    ],
)
def test_a_range_that_does_not_do_is_refused(tmp_path: Path, cidr: str, said: str) -> None:
    made = configure(StartOptions(str(tmp_path), node_name="n", node_ip="192.0.2.7", nodes=3, node_cidr=cidr), None)
    with pytest.raises(ConfigError, match=f"{said}.*give another --node-cidr"):
        spaces.check(made)


def test_what_nodes_and_pods_say_to_each_other_keeps_its_address(tmp_path: Path) -> None:
    rule = spaces.rules(cluster(tmp_path)).splitlines()[-1]
    assert rule.endswith("ip saddr 192.168.96.0/24 ip daddr != { 192.168.96.0/24, 10.244.0.0/16 } masquerade")


def test_the_wire_of_a_node(tmp_path: Path) -> None:
    made = cluster(tmp_path)
    second = made.all_nodes[1]
    commands = [" ".join(command) for command in spaces.wire_commands(made, second)]
    assert commands[0].endswith(f"link add {second.link} type veth peer name eth0 netns {second.space}/net")
    assert commands[-1].startswith("nsenter ")
    assert commands[-1].endswith("route add default via 192.168.96.1")
