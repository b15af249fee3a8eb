from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sagong.api.errors import BadRequestError, UnauthorizedError
from sagong.api.types.authentication import TokenReview, TokenReviewSpec
from sagong.api.types.core import Secret
from sagong.api.types.meta import ObjectMeta
from sagong.cluster.clock import RealClock
from sagong.server.authn.certificates import CertificateError, Certificates
from sagong.server.authn.chain import Authentication
from sagong.server.authn.proxy_headers import ProxyHeaders
from sagong.server.authn.reviews import review_self, review_token
from sagong.server.authn.tokens import BootstrapTokens, TokenFile
from sagong.server.contract import User
from sagong.server.exchange import ANONYMOUS
from sagong.server.messages import Peer, Request
from sagong.store.sqlite import SqliteStore

NOW = datetime.now(UTC)
Key = ec.EllipticCurvePrivateKey


def subject(name: str, *organizations: str) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization) for organization in organizations]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def certificate(
    name: x509.Name, key: Key, issuer: x509.Name, signer: Key, *, days: int = 1, usage: x509.ObjectIdentifier
) -> x509.Certificate:
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(NOW - timedelta(days=2)).not_valid_after(NOW + timedelta(days=days))
    return builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False).sign(signer, hashes.SHA256())


class Authority:
    def __init__(self, name: str) -> None:
        self.name, self.key = subject(name), ec.generate_private_key(ec.SECP256R1())
        self.certificate = certificate(self.name, self.key, self.name, self.key, usage=ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)

    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, name: x509.Name, *, days: int = 1, usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH) -> bytes:
        key = ec.generate_private_key(ec.SECP256R1())
        return certificate(name, key, self.name, self.key, days=days, usage=usage).public_bytes(serialization.Encoding.DER)


USERS, PROXIES = Authority("kubernetes"), Authority("front-proxy")


def request(headers: dict[str, str] | None = None, der: bytes | None = None, path: str = "/api") -> Request:
    lists = {name.lower(): [value] for name, value in (headers or {}).items()}
    return Request("GET", path, lists, b"", Peer("127.0.0.1", der))


@pytest.fixture
def chain(tmp_path: Path) -> Authentication:
    tokens = tmp_path / "tokens.csv"
    tokens.write_text('31ada4fd,jane,u-1,"admins,ops"\nabc,joe,u-2\n')
    return Authentication(
        Certificates(RealClock(), client_ca=USERS.pem(), proxy_ca=PROXIES.pem()),
        [TokenFile(tokens, ["api"])],
        ["api"],
        ProxyHeaders(allowed_names=["aggregator"]),
    )


async def test_a_certificate_names_user_and_groups(chain: Authentication) -> None:
    user = await chain.authenticate(request(der=USERS.issue(subject("admin", "system:masters", "ops"))))
    assert (user.name, user.groups) == ("admin", ("system:masters", "ops", "system:authenticated"))
    assert user.extra["authentication.kubernetes.io/credential-id"][0].startswith("X509SHA256=")


@pytest.mark.parametrize(
    "der",
    [
        USERS.issue(subject("admin"), days=-1),
        USERS.issue(subject("admin"), usage=ExtendedKeyUsageOID.SERVER_AUTH),
    ],
    ids=["expired", "server"],
)
async def test_certificates_that_are_not_valid_for_clients(chain: Authentication, der: bytes) -> None:
    with pytest.raises(UnauthorizedError, match="Unauthorized"):
        await chain.authenticate(request(der=der))
    user = await chain.authenticate(request({"Authorization": "Bearer abc"}, der))
    assert user.name == "joe"


class LaterClock(RealClock):
    """The machine's clock, moved forward."""

    def __init__(self) -> None:
        self.later = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.later)

    def monotonic(self) -> float:
        return super().monotonic() + self.later


def test_a_certificate_expires_while_its_connection_lives() -> None:
    clock = LaterClock()
    certificates = Certificates(clock, client_ca=USERS.pem())
    der = USERS.issue(subject("admin"), days=1)
    for _ in range(3):
        assert certificates.identity(der).common_name == "admin"
    clock.later = 86_400
    with pytest.raises(CertificateError, match="certificate is expired"):
        certificates.identity(der)
    with pytest.raises(CertificateError):
        certificates.identity(der)
    rows = dict(row.rsplit(" ", 1) for row in certificates.remaining.rows())
    assert rows["apiserver_client_certificate_expiration_seconds_count"] == "3"
    assert 3 * 80_000 < float(rows["apiserver_client_certificate_expiration_seconds_sum"]) < 3 * 86_401


async def test_a_proxy_vouches_for_users(chain: Authentication) -> None:
    headers = {"X-Remote-User": "jane", "X-Remote-Group": "dev", "X-Remote-Extra-Acme.com%2Fscope": "all", "X-Remote-Uid": "7"}
    asked = request(headers, PROXIES.issue(subject("aggregator")))
    assert await chain.authenticate(asked) == User("jane", "7", ("dev", "system:authenticated"), {"acme.com/scope": ("all",)})
    assert asked.headers == {}
    with pytest.raises(UnauthorizedError):
        await chain.authenticate(request(headers, PROXIES.issue(subject("someone"))))
    assert (await chain.authenticate(request(headers, USERS.issue(subject("mallory"))))).name == "mallory"
    assert await chain.authenticate(request(headers)) == ANONYMOUS
    with pytest.raises(UnauthorizedError):
        await chain.authenticate(request({}, PROXIES.issue(subject("aggregator"))))


async def test_static_tokens(chain: Authentication) -> None:
    asked = request({"Authorization": "Bearer 31ada4fd"})
    assert await chain.authenticate(asked) == User("jane", "u-1", ("admins", "ops", "system:authenticated"))
    assert "authorization" not in asked.headers
    with pytest.raises(UnauthorizedError):
        await chain.authenticate(request({"Authorization": "Bearer wrong"}))
    assert await chain.authenticate(request({"Authorization": "Basic abc"})) == ANONYMOUS


async def test_a_websocket_carries_its_token_as_a_protocol(chain: Authentication) -> None:
    encoded = base64.urlsafe_b64encode(b"31ada4fd").rstrip(b"=").decode()
    offered = {"Sec-WebSocket-Protocol": f"v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.{encoded}"}
    asked = request(offered)
    assert (await chain.authenticate(asked)).name == "jane"
    assert asked.headers == {"sec-websocket-protocol": ["v5.channel.k8s.io"]}
    with pytest.raises(UnauthorizedError):
        await chain.authenticate(request({"Sec-WebSocket-Protocol": f"base64url.bearer.authorization.k8s.io.{encoded}"}))


async def test_anonymous_can_be_limited_to_paths(chain: Authentication) -> None:
    chain.anonymous_paths = ["/readyz"]
    assert await chain.authenticate(request(path="/readyz")) == ANONYMOUS
    with pytest.raises(UnauthorizedError):
        await chain.authenticate(request(path="/api"))


async def test_bootstrap_tokens(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store", durable=False)
    kind = BootstrapTokens(store, RealClock(), ["api"])
    good = {
        "token-id": b"abcdef",
        "token-secret": b"0123456789abcdef",
        "usage-bootstrap-authentication": b"true",
        "auth-extra-groups": b"system:bootstrappers:nodes",
    }
    revision = 0
    key = "/registry/secrets/kube-system/bootstrap-token-abcdef"
    for changed, name in [
        ({}, "system:bootstrap:abcdef"),
        ({"token-secret": b"fedcba9876543210"}, None),
        ({"usage-bootstrap-authentication": b"false"}, None),
        ({"expiration": b"2020-01-01T00:00:00Z"}, None),
        ({"expiration": b"2999-01-01T00:00:00Z"}, "system:bootstrap:abcdef"),
        ({"auth-extra-groups": b"system:masters"}, None),
    ]:
        secret = Secret(metadata=ObjectMeta(name="bootstrap-token-abcdef"), type="bootstrap.kubernetes.io/token", data={**good, **changed})
        revision = await store.write(key, msgspec.json.encode(secret), revision)
        answer = await kind.authenticate("abcdef.0123456789abcdef", ["api"])
        assert (answer.user.name if answer else None) == name
        if answer:
            assert answer.user.groups == ("system:bootstrappers", "system:bootstrappers:nodes")
    assert await kind.authenticate("not-one", ["api"]) is None
    await store.close()


async def test_reviews(chain: Authentication) -> None:
    review = await review_token(TokenReview(spec=TokenReviewSpec(token="31ada4fd")), chain)
    assert review.status.authenticated
    assert (review.status.user.username, review.status.user.groups) == ("jane", ["admins", "ops", "system:authenticated"])
    assert review.status.audiences == ["api"]
    review = await review_token(TokenReview(spec=TokenReviewSpec(token="nope")), chain)
    assert (review.status.authenticated, review.status.error) == (False, "invalid bearer token")
    with pytest.raises(BadRequestError, match="token is required for TokenReview in authentication"):
        await review_token(TokenReview(), chain)
    assert review_self(ANONYMOUS, RealClock()).status.userInfo.groups == ["system:unauthenticated"]
