from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sagong.api.errors import BadRequestError, ConflictError, InvalidError, NotFoundError
from sagong.api.resources import resource_of
from sagong.api.types.authentication import BoundObjectReference, TokenRequest, TokenRequestSpec
from sagong.api.types.base import ApiStruct
from sagong.api.types.core import Node, Pod, PodSpec, Secret, ServiceAccount
from sagong.api.types.meta import ObjectMeta
from sagong.cluster.clock import RealRandom
from sagong.server.authn.discovery import TokenDiscovery
from sagong.server.authn.issuer import TokenIssuer
from sagong.server.authn.jwt import KeyFileError, SigningKey, parse, signing_key, verification_keys
from sagong.server.authn.service_accounts import ServiceAccountTokens
from sagong.server.authn.tokens import InvalidTokenError
from sagong.server.contract import T
from sagong.store.base import Store
from sagong.store.sqlite import SqliteStore

ISSUER = "https://kubernetes.default.svc.cluster.local"


def pem(private: Any) -> bytes:
    data: bytes = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return data


RSA = signing_key(pem(rsa.generate_private_key(65537, 2048)))
EC = signing_key(pem(ec.generate_private_key(ec.SECP256R1())))


class Clock:
    def __init__(self) -> None:
        self._time, self._passed = datetime(2026, 5, 1, 12, tzinfo=UTC), 0.0

    @property
    def time(self) -> datetime:
        return self._time

    @time.setter
    def time(self, moment: datetime) -> None:
        self._passed += abs((moment - self._time).total_seconds())
        self._time = moment

    def now(self) -> datetime:
        return self._time

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Cluster:
    """A store with accounts, and an issuer and a verifier on it."""

    def __init__(self, store: Store, key: SigningKey) -> None:
        self.store, self.key, self.clock = store, key, Clock()
        self.issuer = TokenIssuer(self, key=key, issuer=ISSUER, api_audiences=[ISSUER], clock=self.clock, random=RealRandom())
        self.tokens = ServiceAccountTokens(
            store, self.clock, keys=[RSA.verification, key.verification], issuers=[ISSUER], api_audiences=[ISSUER]
        )

    async def put(self, obj: Any) -> None:
        kind: type[ApiStruct] = type(obj)
        key = resource_of(kind).storage_key(obj.metadata.namespace, obj.metadata.name)
        entry = self.store.get(key)
        await self.store.write(key, msgspec.json.encode(obj), entry.revision if entry else 0)

    def get(self, kind: type[T], name: str, namespace: str = "") -> T | None:
        entry = self.store.get(resource_of(kind).storage_key(namespace, name))
        return msgspec.json.decode(entry.value, type=kind) if entry else None

    def token(self, bound: BoundObjectReference | None = None, **spec: Any) -> str:
        request, _ = self.issuer.issue("ns", "app", TokenRequest(spec=TokenRequestSpec(boundObjectRef=bound, **spec)))
        return request.status.token

    async def refused(self, token: str, message: str, audience: str = ISSUER) -> None:
        with pytest.raises(InvalidTokenError, match=message):
            await self.tokens.authenticate(token, [audience])


def account(uid: str = "sa-uid", **meta: Any) -> ServiceAccount:
    return ServiceAccount(metadata=ObjectMeta(name="app", namespace="ns", uid=uid, **meta))


def pod(uid: str = "pod-uid", **meta: Any) -> Pod:
    return Pod(metadata=ObjectMeta(name="web", namespace="ns", uid=uid, **meta), spec=PodSpec(serviceAccountName="app", nodeName="node-1"))


BOUND = BoundObjectReference(apiVersion="v1", kind="Pod", name="web", uid="pod-uid")


@asynccontextmanager
async def cluster(path: Path, key: SigningKey = EC) -> AsyncIterator[Cluster]:
    store = await SqliteStore.open(path / "store", durable=False)
    made = Cluster(store, key)
    await made.put(account())
    await made.put(pod())
    await made.put(Node(metadata=ObjectMeta(name="node-1", uid="node-uid")))
    yield made
    await store.close()


def claims(token: str) -> Mapping[str, Any]:
    parsed = parse(token)
    assert parsed is not None
    return parsed.claims


@pytest.mark.parametrize("key", [RSA, EC], ids=["RS256", "ES256"])
async def test_a_token_names_the_account_and_what_it_is_bound_to(tmp_path: Path, key: SigningKey) -> None:
    async with cluster(tmp_path, key) as made:
        token = made.token(BOUND, expirationSeconds=3607)
        answer = await made.tokens.authenticate(token, [ISSUER])
        assert answer is not None
        assert answer.audiences == (ISSUER,)
        user = answer.user
        assert (user.name, user.uid) == ("system:serviceaccount:ns:app", "sa-uid")
        assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:ns")
        jti = user.extra["authentication.kubernetes.io/credential-id"][0]
        assert jti.startswith("JTI=")
        assert {key.removeprefix("authentication.kubernetes.io/"): value[0] for key, value in user.extra.items()} == {
            "pod-name": "web",
            "pod-uid": "pod-uid",
            "node-name": "node-1",
            "node-uid": "node-uid",
            "credential-id": jti,
        }
        now = int(made.clock.now().timestamp())
        own = claims(token)
        assert own["exp"] == now + 365 * 24 * 3600
        assert own["kubernetes.io"]["warnafter"] == now + 3607
        assert own["iss"] == ISSUER
        assert own["aud"] == [ISSUER]


async def test_a_token_dies_with_what_it_is_bound_to(tmp_path: Path) -> None:
    async with cluster(tmp_path) as made:
        token = made.token(BOUND)
        deleted = made.clock.now()
        await made.put(pod(deletionTimestamp="2026-05-01T12:00:00Z"))
        assert await made.tokens.authenticate(token, [ISSUER])
        made.clock.time = deleted + timedelta(seconds=61)
        await made.refused(token, "service account token has been invalidated")
        await made.put(pod("another"))
        await made.refused(token, r"pod UID \(another\) does not match service account pod ref claim \(pod-uid\)")
        await made.put(account("another"))
        await made.refused(token, r"service account UID \(another\) does not match claim \(sa-uid\)")


async def test_times_have_a_minute_of_leeway(tmp_path: Path) -> None:
    async with cluster(tmp_path) as made:
        token = made.token(expirationSeconds=600)
        made.clock.time += timedelta(seconds=650)
        assert await made.tokens.authenticate(token, [ISSUER])
        made.clock.time += timedelta(seconds=11)
        await made.refused(token, "service account token has expired")
        made.clock.time -= timedelta(hours=1)
        await made.refused(token, "service account token is not valid yet")


async def test_audiences_and_signatures_are_checked(tmp_path: Path) -> None:
    async with cluster(tmp_path) as made:
        other = made.token(audiences=["vault"])
        await made.refused(other, r'token audiences \["vault"\] is invalid for the target audiences \["https://kubernetes')
        answer = await made.tokens.authenticate(other, ["vault", "x"])
        assert answer is not None
        assert answer.audiences == ("vault",)
        head, payload, signature = other.split(".")
        forged = base64.urlsafe_b64encode(json.dumps({**claims(other), "sub": "root"}).encode()).rstrip(b"=").decode()
        await made.refused(f"{head}.{forged}.{signature}", "error in cryptographic primitive")
        stranger = signing_key(pem(ec.generate_private_key(ec.SECP256R1()))).sign(dict(claims(other)))
        await made.refused(stranger, "no keys found")
        unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
        await made.refused(f"{unsigned}.{payload}.", "error in cryptographic primitive")
        for foreign in ("abc", "a.b.c", EC.sign({"iss": "https://else.where"})):
            assert await made.tokens.authenticate(foreign, [ISSUER]) is None


async def test_requests_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    async with cluster(tmp_path) as made:
        with pytest.raises(InvalidError, match="may not specify a duration less than 10 minutes"):
            made.token(expirationSeconds=10)
        with pytest.raises(BadRequestError, match="cannot bind token to object of type /v1, Kind=ConfigMap"):
            made.token(BoundObjectReference(apiVersion="v1", kind="ConfigMap", name="x"))
        with pytest.raises(NotFoundError, match='pods "none" not found'):
            made.token(BoundObjectReference(apiVersion="v1", kind="Pod", name="none"))
        with pytest.raises(ConflictError, match="does not match the UID in record"):
            made.token(BoundObjectReference(apiVersion="v1", kind="Pod", name="web", uid="old"))
        with pytest.raises(NotFoundError, match='serviceaccounts "none" not found'):
            made.issuer.issue("ns", "none", TokenRequest())
        with pytest.raises(InvalidError, match="must match the service account name if specified"):
            made.issuer.issue("ns", "app", TokenRequest(metadata=ObjectMeta(name="other")))


async def test_a_token_in_a_secret_lives_as_long_as_the_secret(tmp_path: Path) -> None:
    async with cluster(tmp_path) as made:
        prefix = "kubernetes.io/serviceaccount/"
        said = {"namespace": "ns", "secret.name": "app-token", "service-account.name": "app", "service-account.uid": "sa-uid"}
        token = EC.sign(
            {
                "iss": "kubernetes/serviceaccount",
                "sub": "system:serviceaccount:ns:app",
                **{prefix + name: value for name, value in said.items()},
            }
        )
        await made.refused(token, "Token has been invalidated")
        secret = Secret(metadata=ObjectMeta(name="app-token", namespace="ns"), data={"token": token.encode()})
        await made.put(secret)
        answer = await made.tokens.authenticate(token, [ISSUER])
        assert answer is not None
        assert answer.user.name == "system:serviceaccount:ns:app"
        stored = made.get(Secret, "app-token", "ns")
        assert stored is not None
        assert stored.metadata.labels == {"kubernetes.io/legacy-token-last-used": "2026-05-01"}
        stored.data["token"] = b"rotated"
        await made.put(stored)
        await made.refused(token, "Token does not match server's copy")


def test_others_can_verify_by_the_published_keys() -> None:
    documents = TokenDiscovery(ISSUER, [RSA.verification, EC.verification], external_address="10.0.0.1:6443")
    configuration, keys = json.loads(documents.configuration().body), json.loads(documents.keys().body)["keys"]
    assert configuration == {
        "issuer": ISSUER,
        "jwks_uri": "https://10.0.0.1:6443/openid/v1/jwks",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "RS256"],
    }
    assert [(key["kty"], key["alg"], key["use"]) for key in keys] == [("RSA", "RS256", "sig"), ("EC", "ES256", "sig")]
    assert keys[0]["e"] == "AQAB"
    assert len(keys[1]["x"]) == len(keys[1]["y"]) == 43


def test_keys_are_read_from_bundles() -> None:
    public = RSA.private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    keys = verification_keys(public + b"\n" + pem(EC.private))
    assert [key.key_id for key in keys] == [RSA.verification.key_id, EC.verification.key_id]
    with pytest.raises(KeyFileError, match="no key found"):
        verification_keys(b"nothing")
    with pytest.raises(KeyFileError, match="no private key"):
        signing_key(public)


async def test_what_was_found_is_remembered_for_a_second_until_something_changes(tmp_path: Path) -> None:
    async with cluster(tmp_path) as made:
        token = made.token(BOUND)
        first = await made.tokens.authenticate(token, [ISSUER])
        assert await made.tokens.authenticate(token, [ISSUER]) is first
        await made.refused(token, "is invalid for the target audiences", audience="elsewhere")
        await made.put(pod(labels={"a": "b"}))
        second = await made.tokens.authenticate(token, [ISSUER])
        assert (second == first, second is first) == (True, False), "it is looked up again"
        made.clock.time += timedelta(seconds=2)
        assert await made.tokens.authenticate(token, [ISSUER]) is not second
        await made.put(pod(uid="other"))
        await made.refused(token, "pod UID .other. does not match")
        await made.put(pod())
        await made.put(account(deletionTimestamp="2026-05-01T00:00:00Z"))
        await made.refused(token, "has been deleted")
