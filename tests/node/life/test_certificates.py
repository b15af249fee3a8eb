"""The kubelet's own certificates with a real API server."""

from __future__ import annotations

import base64
import json
import socket
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from tests.node.life.api_pods import KubeletProcess, until
from tests.node.life.api_rig import ApiRig
from tests.node.life.rig import Rig

pytestmark = pytest.mark.e2e


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def served(port: int) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as plain, context.wrap_socket(plain) as secure:
            return secure.getpeercert(binary_form=True) or b""
    except OSError:
        return b""


def sign(api: ApiRig, name: str) -> None:
    """Do what the signing controller does, and there is none here."""
    pem = base64.b64decode(api.kubectl("get", "csr", name, "-o", "jsonpath={.spec.request}").stdout)
    request = x509.load_pem_x509_csr(pem)
    authority = x509.load_pem_x509_certificate((api.cluster.pki / "ca.crt").read_bytes())
    key = serialization.load_pem_private_key((api.cluster.pki / "ca.key").read_bytes(), None)
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(request.subject).issuer_name(authority.subject).public_key(request.public_key())
    builder = (
        builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(1))
    )
    for extension in request.extensions:
        builder = builder.add_extension(extension.value, critical=False)
    signed = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)  # type: ignore[arg-type]  # the authority's is no other
    body = json.dumps({"status": {"certificate": base64.b64encode(signed).decode()}})
    api.kubectl("patch", "csr", name, "--subresource=status", "--type=merge", "-p", body)


def requests(api: ApiRig) -> list[str]:
    return api.kubectl("get", "csr", "-o", "jsonpath={.items[*].metadata.name}").stdout.split()


def test_its_server_gets_a_certificate_from_the_cluster(api: ApiRig, rig: Rig) -> None:
    port = free_port()
    process = KubeletProcess(rig, api, enableServer=True, port=port, serverTLSBootstrap=True, address="127.0.0.1")
    process.start()
    try:
        until(lambda: served(port))
        first = x509.load_der_x509_certificate(served(port))
        assert first.issuer == first.subject
        until(lambda: requests(api))
        name = requests(api)[0]
        assert api.kubectl("get", "csr", name, "-o", "jsonpath={.spec.username}").stdout == "system:node:testnode"
        api.kubectl("certificate", "approve", name)
        sign(api, name)
        authority = x509.load_pem_x509_certificate((api.cluster.pki / "ca.crt").read_bytes())
        until(lambda: (found := served(port)) and x509.load_der_x509_certificate(found).issuer == authority.subject, 30)
    finally:
        process.stop()
