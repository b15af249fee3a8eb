"""The cluster's keys, certificates and kubeconfigs, laid out as kubeadm does.

Two authorities: `ca` signs every client and server of the cluster, `front-proxy-ca` what the aggregator presents to extension
servers. `sa.key` signs service account tokens.
"""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sagong.cluster.config import ClusterConfig, write_file
from sagong.cluster.node import NodeConfig

CA_LIFETIME = timedelta(days=3650)
LEAF_LIFETIME = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)
SIMULATED_NODES = "sagong:simulated-nodes"
"""The user that all simulated nodes act as."""
BACKDATE = timedelta(minutes=5)
_ETCD_CA = "etcd/ca"
"""Of its own: who may read the cluster's state is not everybody whom the cluster knows."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One certificate to issue: file stem, subject, names it serves (none: a client certificate only)."""

    stem: str
    common_name: str
    organizations: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    client: bool = True
    authority: str = "ca"


def leaves(config: ClusterConfig) -> tuple[Leaf, ...]:
    """Return every certificate of the cluster. Names and groups are what upstream's authorizers know."""
    domain = config.cluster_domain
    services = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{domain}")
    loopback = ("127.0.0.1", "::1")
    local = (*loopback, config.node_ip)
    reached = (config.kubernetes_ip, *local, *((config.node_gateway,) if config.real_nodes > 1 else ()))
    return (
        Leaf("apiserver", "kube-apiserver", (), ("localhost", config.node_name, *services), reached, client=False),
        Leaf("apiserver-kubelet-client", "kube-apiserver-kubelet-client", ("system:masters",)),
        Leaf("front-proxy-client", "front-proxy-client", authority="front-proxy-ca"),
        Leaf("admin", "kubernetes-admin", ("system:masters",)),
        Leaf("controller-manager", "system:kube-controller-manager", (), ("localhost",), local),
        Leaf("scheduler", "system:kube-scheduler", (), ("localhost",), local),
        *(leaf for node in config.all_nodes for leaf in _node_leaves(node, (*loopback, node.ip))),
        *((Leaf("simulated-nodes", SIMULATED_NODES, (), (config.node_name, "localhost"), local),) if config.simulated else ()),
        *(_etcd_leaves(config.node_name, local) if config.store == "etcd" else ()),
        Leaf("metrics-server", "metrics-server", (), tuple(f"metrics-server{tail}" for tail in (".kube-system.svc", ".kube-system", ""))),
    )


def _node_leaves(node: NodeConfig, addresses: tuple[str, ...]) -> tuple[Leaf, Leaf]:
    name, groups = f"system:node:{node.name}", ("system:nodes",)
    return (
        Leaf(f"{node.credentials}-client", name, groups),
        Leaf(node.credentials, name, groups, (node.name, "localhost"), addresses, client=False),
    )


def _etcd_leaves(node_name: str, addresses: tuple[str, ...]) -> tuple[Leaf, ...]:
    names, masters = ("localhost", node_name), ("system:masters",)
    return (
        Leaf("etcd/server", node_name, (), names, addresses, authority=_ETCD_CA),
        Leaf("etcd/peer", node_name, (), names, addresses, authority=_ETCD_CA),
        Leaf("etcd/healthcheck-client", "kube-etcd-healthcheck-client", masters, authority=_ETCD_CA),
        Leaf("apiserver-etcd-client", "kube-apiserver-etcd-client", masters, authority=_ETCD_CA),
    )


def ensure(config: ClusterConfig, now: datetime) -> None:
    """Create what is missing and renew what expires within 30 days; authorities and the token key are never replaced."""
    directory = config.pki
    wanted = leaves(config)
    authorities = {name: _authority(directory, name, now) for name in dict.fromkeys(leaf.authority for leaf in wanted)}
    _signing_key(directory / "sa.key", directory / "sa.pub")
    for leaf in wanted:
        if not _valid(directory / f"{leaf.stem}.crt", leaf, now):
            _issue(directory, leaf, *authorities[leaf.authority], now)
    for component in ("admin", "controller-manager", "scheduler", *(("simulated-nodes",) if config.simulated else ())):
        _write_kubeconfig(kubeconfig(config, component), config.kubeconfigs / f"{component}.conf")
    for node in config.all_nodes:
        document = kubeconfig(config, f"{node.credentials}-client", node.api_url)
        _write_kubeconfig(document, config.kubeconfigs / f"{node.credentials}.conf")


def kubeconfig(config: ClusterConfig, component: str, server: str = "") -> dict[str, object]:
    """Return a kubeconfig document with inline certificates for one of the client certificates."""

    def inline(path: Path) -> str:
        return base64.b64encode(path.read_bytes()).decode()

    pki = config.pki
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "sagong", "cluster": {"server": server or config.server_url, "certificate-authority-data": inline(pki / "ca.crt")}},
        ],
        "users": [
            {
                "name": "sagong",
                "user": {
                    "client-certificate-data": inline(pki / f"{component}.crt"),
                    "client-key-data": inline(pki / f"{component}.key"),
                },
            },
        ],
        "contexts": [{"name": "sagong", "context": {"cluster": "sagong", "user": "sagong"}}],
        "current-context": "sagong",
    }


def _write_kubeconfig(document: dict[str, object], path: Path) -> None:
    # JSON is YAML, and our own components then need no YAML parser.
    text = msgspec.json.format(msgspec.json.encode(document))
    if not path.exists() or path.read_bytes() != text:
        write_file(path, text, 0o600)


def _authority(directory: Path, name: str, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate_path, key_path = directory / f"{name}.crt", directory / f"{name}.key"
    if certificate_path.exists() and key_path.exists():
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{key_path} is not an elliptic-curve key")
        return x509.load_pem_x509_certificate(certificate_path.read_bytes()), key
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes" if name == "ca" else name.replace("/", "-"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_pair(directory, name, certificate, key)
    return certificate, key


def _issue(directory: Path, leaf: Leaf, authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, o) for o in leaf.organizations]
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH] if leaf.client else []
    if leaf.dns or leaf.addresses:
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([*names, x509.NameAttribute(NameOID.COMMON_NAME, leaf.common_name)]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + LEAF_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
    )
    alternatives = _alternative_names(leaf)
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    _write_pair(directory, leaf.stem, builder.sign(authority_key, hashes.SHA256()), key)


def _alternative_names(leaf: Leaf) -> list[x509.GeneralName]:
    addresses = sorted({ipaddress.ip_address(a) for a in leaf.addresses}, key=str)
    return [*(x509.DNSName(d) for d in dict.fromkeys(leaf.dns)), *(x509.IPAddress(a) for a in addresses)]


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _valid(path: Path, leaf: Leaf, now: datetime) -> bool:
    """Say whether the certificate is there, lives long enough, and still names what it must."""
    if not path.exists() or not path.with_suffix(".key").exists():
        return False
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    if certificate.not_valid_after_utc - now < RENEW_BEFORE:
        return False
    wanted = _alternative_names(leaf)
    if not wanted:
        return True
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(wanted) <= set(names)


def _signing_key(private: Path, public: Path) -> None:
    if private.exists() and public.exists():
        return
    # RSA, because relying parties of service account tokens know RS256 best.
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    write_file(private, _private_pem(key), 0o600)
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    write_file(public, key.public_key().public_bytes(serialization.Encoding.PEM, spki), 0o644)


def _write_pair(directory: Path, stem: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    write_file(directory / f"{stem}.key", _private_pem(key), 0o600)
    write_file(directory / f"{stem}.crt", certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _private_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
