"""The manifests of kube-system."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography import x509

import sagong
from sagong.cluster import certificates, component_configs, workloads
from sagong.cluster.config import ClusterConfig


def test_the_control_plane_runs_the_code_that_started_it(tmp_path: Path) -> None:
    source = str(Path(sagong.__file__).parents[1])
    for manifest in workloads.static_pods(ClusterConfig(node_name="a", node_ip="192.0.2.1", data_dir=str(tmp_path))).values():
        (container,) = manifest["spec"]["containers"]
        assert {"name": "PYTHONPATH", "value": source} in container["env"]
        paths = {volume["name"]: volume["hostPath"]["path"] for volume in manifest["spec"]["volumes"]}
        mounted = [paths[mount["name"]] for mount in container["volumeMounts"]]
        assert any(Path(source).is_relative_to(path) for path in mounted)


def test_etcd_is_a_part_of_a_cluster_whose_state_it_keeps(tmp_path: Path) -> None:
    plain = ClusterConfig(node_name="a", node_ip="192.0.2.1", data_dir=str(tmp_path))
    kept = msgspec.structs.replace(plain, store="etcd", etcd_port=12379)
    assert "etcd.yaml" not in workloads.static_pods(plain)
    (container,) = workloads.static_pods(kept)["etcd.yaml"]["spec"]["containers"]
    assert "--listen-client-urls=https://127.0.0.1:12379" in container["args"]
    assert "--client-cert-auth=true" in container["args"]
    assert container["livenessProbe"]["httpGet"]["port"] == 12381
    server = component_configs.apiserver(kept)
    assert not server.store
    assert server.etcd is not None
    assert server.etcd.endpoints == ["127.0.0.1:12379"]
    certificates.ensure(kept, datetime.now(UTC))
    named = [server.etcd.ca, server.etcd.certificate, server.etcd.key]
    named += [word.partition("=")[2] for word in container["args"] if "-file=" in word]
    assert [path for path in named if not Path(path).exists()] == []


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
