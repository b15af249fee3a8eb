from __future__ import annotations

import json
from pathlib import Path

from sagong.cluster import component_configs
from sagong.cluster.config import ClusterConfig


def test_what_a_user_sets_stays_when_the_cluster_starts_anew(tmp_path: Path) -> None:
    file = tmp_path / "etc" / "apiserver.json"
    file.parent.mkdir()
    cluster = ClusterConfig(data_dir=str(tmp_path), node_name="n", node_ip="127.0.0.1")
    component_configs.write(cluster)
    written = json.loads(file.read_bytes())
    assert written["port"] == cluster.api_port
    file.write_text(json.dumps({**written, "anonymous": False, "token_file": "", "nonsense": 1, "port": 1}))
    component_configs.write(cluster)
    assert json.loads(file.read_bytes()) == {**written, "anonymous": False}
