from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.api.validation.support import CLUSTER_META, problems

from sagong.api.types import certificates

KEY = ec.generate_private_key(ec.SECP256R1())
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "u")])


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


REQUEST_PEM = x509.CertificateSigningRequestBuilder().subject_name(NAME).sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
START = datetime(2020, 1, 1, tzinfo=UTC)
CERTIFICATE_PEM = (
    x509.CertificateBuilder()
    .subject_name(NAME)
    .issuer_name(NAME)
    .public_key(KEY.public_key())
    .serial_number(1)
    .not_valid_before(START)
    .not_valid_after(START)
    .sign(KEY, hashes.SHA256())
    .public_bytes(serialization.Encoding.PEM)
)
REQUEST: dict[str, Any] = {
    "metadata": {**CLUSTER_META, "name": "any/thing"},
    "spec": {"request": encoded(REQUEST_PEM), "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]},
}
APPROVED: dict[str, Any] = {"type": "Approved", "status": "True"}
DENIED: dict[str, Any] = {"type": "Denied", "status": "True"}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"spec": {"request": ""}}, ["spec.request: Invalid value: null: PEM block type must be CERTIFICATE REQUEST"]),
        (
            {"spec": {"request": encoded(b"-----BEGIN X-----\nYQ==\n-----END X-----\n")}},
            [
                (
                    'spec.request: Invalid value: "LS0tLS1CRUdJTiBYLS0tLS0KWVE9PQotLS0tLUVORCBYLS0tLS0K": PEM block type must be '
                    "CERTIFICATE REQUEST"
                )
            ],
        ),
        ({"spec": {"usages": []}}, ["spec.usages: Required value"]),
        (
            {"spec": {"usages": ["any", "x", "any"]}},
            [
                (
                    'spec.usages[1]: Unsupported value: "x": supported values: "any", "cert sign", "client auth", "code signing", "content '
                    'commitment", "crl sign", "data encipherment", "decipher only", "digital signature", "email protection", "encipher '
                    'only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement", "key encipherment", "microsoft sgc", '
                    '"netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping"'
                ),
                'spec.usages[2]: Duplicate value: "any"',
            ],
        ),
        ({"spec": {"signerName": ""}}, ["spec.signerName: Required value"]),
        (
            {"spec": {"signerName": "x"}},
            ["spec.signerName: Invalid value: \"x\": must be a fully qualified domain and path of the form 'example.com/signer-name'"],
        ),
        (
            {"spec": {"signerName": "kubernetes.io/legacy-unknown"}},
            ['spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version'],
        ),
        (
            {"spec": {"expirationSeconds": 599}},
            ["spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)"],
        ),
        (
            {
                "status": {
                    "conditions": [
                        {"type": "", "status": "False"},
                        {"type": "Approved", "status": "False"},
                        {"type": "X", "status": ""},
                        {"type": "X", "status": "Y"},
                    ]
                }
            },
            [
                "status.conditions[0].type: Required value",
                'status.conditions[1].status: Unsupported value: "False": supported values: "True"',
                "status.conditions[2].status: Required value",
                'status.conditions[3].status: Unsupported value: "Y": supported values: "False", "True", "Unknown"',
                'status.conditions[3].type: Duplicate value: "X"',
            ],
        ),
        (
            {"status": {"conditions": [APPROVED, DENIED]}},
            ['status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive'],
        ),
        (
            {"status": {"certificate": encoded(b"x")}},
            ['status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block'],
        ),
        (
            {"status": {"certificate": encoded(REQUEST_PEM)}},
            [
                (
                    'status.certificate: Invalid value: "<certificate data>": only CERTIFICATE PEM blocks are allowed, found "CERTIFICATE '
                    'REQUEST"'
                )
            ],
        ),
        ({"status": {"certificate": encoded(CERTIFICATE_PEM)}}, []),
    ],
)
def test_signing_requests(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(certificates.CertificateSigningRequest, REQUEST, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            {"status": {"certificate": encoded(CERTIFICATE_PEM)}},
            ["status.certificate: Forbidden: updates may not set certificate content"],
        ),
        ("status", {"status": {"certificate": encoded(CERTIFICATE_PEM)}}, []),
        (
            "status",
            {"status": {"conditions": [APPROVED]}},
            ['status.conditions: Forbidden: updates may not add a condition of type "Approved"'],
        ),
        ("approval", {"status": {"conditions": [APPROVED]}}, []),
        ("status", {"status": {"conditions": [{"type": "Failed", "status": "True"}]}}, []),
    ],
)
def test_changes_of_signing_requests(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(certificates.CertificateSigningRequest, REQUEST, change, subresource) == wanted
