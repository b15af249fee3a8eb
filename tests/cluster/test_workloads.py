"""The manifests of kube-system."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

import sagong
from sagong.cluster import certificates, workloads
from sagong.cluster.config import ClusterConfig


def test_the_control_plane_runs_the_code_that_started_it(tmp_path: Path) -> None:
    source = str(Path(sagong.__file__).parents[1])
    for manifest in workloads.static_pods(ClusterConfig(node_name="a", node_ip="192.0.2.1", data_dir=str(tmp_path))).values():
        (container,) = manifest["spec"]["containers"]
        assert {"name": "PYTHONPATH", "value": source} in container["env"]
        paths = {volume["name"]: volume["hostPath"]["path"] for volume in manifest["spec"]["volumes"]}
        mounted = [paths[mount["name"]] for mount in container["volumeMounts"]]
        assert any(Path(source).is_relative_to(path) for path in mounted)


def test_metrics_server_shows_a_certificate_of_its_service(tmp_path: Path) -> None:
    config = ClusterConfig(node_name="a", node_ip="192.0.2.1", data_dir=str(tmp_path))
    certificates.ensure(config, datetime.now(UTC))
    found = {manifest["kind"]: manifest for manifest in workloads.late_addons(config)}
    shown = x509.load_pem_x509_certificate(base64.b64decode(found["Secret"]["data"]["tls.crt"]))
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    assert "metrics-server.kube-system.svc" in names
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert workloads.is_late(labels)
    assert found["Service"]["spec"]["selector"] == labels
