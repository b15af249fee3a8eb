"""The manifests of kube-system."""

from __future__ import annotations

from pathlib import Path

import sagong
from sagong.cluster import workloads
from sagong.cluster.config import ClusterConfig


def test_the_control_plane_runs_the_code_that_started_it(tmp_path: Path) -> None:
    source = str(Path(sagong.__file__).parents[1])
    for manifest in workloads.static_pods(ClusterConfig(node_name="a", node_ip="192.0.2.1", data_dir=str(tmp_path))).values():
        (container,) = manifest["spec"]["containers"]
        assert {"name": "PYTHONPATH", "value": source} in container["env"]
        paths = {volume["name"]: volume["hostPath"]["path"] for volume in manifest["spec"]["volumes"]}
        mounted = [paths[mount["name"]] for mount in container["volumeMounts"]]
        assert any(Path(source).is_relative_to(path) for path in mounted)
