"""Certificates: what OpenSSL thinks of them, renewal, and what is never replaced."""

import base64
import json
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from sagong.cluster import certificates
from sagong.cluster.config import ClusterConfig

NOW = datetime.now(UTC)


@pytest.fixture
def cluster(tmp_path: Path) -> ClusterConfig:
    made = ClusterConfig(node_name="node-1", node_ip="192.0.2.7", data_dir=str(tmp_path))
    certificates.ensure(made, NOW)
    return made


def test_openssl_verifies_every_leaf(cluster: ClusterConfig) -> None:
    for leaf in certificates.leaves(cluster):
        purpose = "sslclient" if leaf.client else "sslserver"
        command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", str(cluster.pki / f"{leaf.authority}.crt")]
        done = subprocess.run([*command, str(cluster.pki / f"{leaf.stem}.crt")], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_etcd_has_an_authority_of_its_own(tmp_path: Path) -> None:
    made = ClusterConfig(node_name="node-1", node_ip="192.0.2.7", data_dir=str(tmp_path), store="etcd")
    certificates.ensure(made, NOW)
    test_openssl_verifies_every_leaf(made)
    issuers = {
        stem: x509.load_pem_x509_certificate((made.pki / f"{stem}.crt").read_bytes()).issuer.rfc4514_string()
        for stem in ("etcd/server", "etcd/peer", "apiserver-etcd-client", "admin")
    }
    assert issuers == {
        "etcd/server": "CN=etcd-ca",
        "etcd/peer": "CN=etcd-ca",
        "apiserver-etcd-client": "CN=etcd-ca",
        "admin": "CN=kubernetes",
    }


def test_the_server_is_reached_by_all_its_names(cluster: ClusterConfig) -> None:
    certificate = x509.load_pem_x509_certificate((cluster.pki / "apiserver.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"kubernetes.default.svc.cluster.local", "localhost"} <= set(names.get_values_for_type(x509.DNSName))
    assert {"10.96.0.1", "127.0.0.1", "192.0.2.7"} <= {str(a) for a in names.get_values_for_type(x509.IPAddress)}


def test_keys_are_for_root_only(cluster: ClusterConfig) -> None:
    assert {path.stat().st_mode & 0o777 for path in cluster.pki.glob("*.key")} == {0o600}


def test_a_second_ensure_changes_nothing(cluster: ClusterConfig) -> None:
    before = {path: path.read_bytes() for path in cluster.pki.iterdir()}
    certificates.ensure(cluster, NOW + timedelta(days=1))
    assert before == {path: path.read_bytes() for path in cluster.pki.iterdir()}


def test_leaves_are_renewed_before_they_expire_and_authorities_stay(cluster: ClusterConfig) -> None:
    before = {path.name: path.read_bytes() for path in cluster.pki.iterdir()}
    certificates.ensure(cluster, NOW + timedelta(days=340))
    after = {path.name: path.read_bytes() for path in cluster.pki.iterdir()}
    kept = {name for name, data in after.items() if before[name] == data}
    assert kept == {"ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "sa.key", "sa.pub"}


def test_a_new_node_address_gets_a_new_server_certificate(tmp_path: Path, cluster: ClusterConfig) -> None:
    moved = ClusterConfig(node_name="node-1", node_ip="192.0.2.8", data_dir=str(tmp_path))
    old = (cluster.pki / "apiserver.crt").read_bytes()
    certificates.ensure(moved, NOW)
    assert (cluster.pki / "apiserver.crt").read_bytes() != old


def test_kubeconfigs_carry_a_usable_key_pair(cluster: ClusterConfig, tmp_path: Path) -> None:
    document = json.loads((cluster.kubeconfigs / "scheduler.conf").read_text())
    user = document["users"][0]["user"]
    for part in ("certificate", "key"):
        (tmp_path / part).write_bytes(base64.b64decode(user[f"client-{part}-data"]))
    ssl.create_default_context().load_cert_chain(tmp_path / "certificate", tmp_path / "key")
