"""Tokens of an identity provider that runs in the test: HTTPS, discovery, keys that change."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from tests.server.webhooks.webhook_server import WebhookServer, webhook_server

from sagong.api.field_errors import text
from sagong.cluster.clock import RealClock
from sagong.server.authn.authentication_config import AuthenticationConfiguration, ConfigurationError, JwtAuthenticator, load, validate
from sagong.server.authn.jwk import ALGORITHMS
from sagong.server.authn.jwt import _encode, _integer
from sagong.server.authn.oidc import OidcTokens
from sagong.server.authn.tokens import InvalidTokenError
from sagong.server.contract import User
from sagong.server.webhooks.client import WebhookClient
from sagong.server.webhooks.resolver import Services

RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
_HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, key_id: str = "k", **more: Any) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        own = key.public_key().public_numbers()
        return {"kty": "RSA", "kid": key_id, "n": _integer(own.n), "e": _integer(own.e), **more}
    point = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "kid": key_id, "x": _integer(point.x, 32), "y": _integer(point.y, 32), **more}


def sign(claims: dict[str, Any], key: Any = RSA_KEY, algorithm: str = "RS256", key_id: str = "k") -> str:
    head = _encode(json.dumps({"alg": algorithm, "kid": key_id}).encode())
    signed = f"{head}.{_encode(json.dumps(claims).encode())}".encode()
    if algorithm == "none":
        return f"{signed.decode()}."
    digest = _HASHES[algorithm[2:]]
    if algorithm.startswith("ES"):
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(digest)))
        return f"{signed.decode()}.{_encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
    scheme = padding.PKCS1v15() if algorithm.startswith("RS") else padding.PSS(padding.MGF1(digest), digest.digest_size)
    return f"{signed.decode()}.{_encode(key.sign(signed, scheme, digest))}"


class Idp:
    """The provider."""

    def __init__(self, server: WebhookServer) -> None:
        self.server, self.issuer = server, f"https://127.0.0.1:{server.port}"
        self.keys = [jwk(RSA_KEY), jwk(EC_KEY, "e"), {"kty": "oct", "k": "x"}, jwk(EC_KEY, "enc", use="enc")]
        self.pages: dict[str, Any] = {}
        self.said_issuer = self.issuer

    def answer(self, path: str, _: Any) -> Any:
        if path in self.pages:
            return self.pages[path]
        if path.endswith("/openid-configuration"):
            return {"issuer": self.said_issuer, "jwks_uri": f"{self.issuer}/keys?v=1"}
        return {"keys": self.keys} if path == "/keys?v=1" else (404, "no")

    @property
    def asked(self) -> list[str]:
        return [path for path, _ in self.server.calls]

    def claims(self, **more: Any) -> dict[str, Any]:
        whole = {"iss": self.issuer, "aud": "app", "exp": time.time() + 60, "sub": "jane", "groups": ["a", "b"], "jti": "x", **more}
        return {name: value for name, value in whole.items() if value is not ...}

    def tokens(self, client: WebhookClient, algorithms: Any = ALGORITHMS, **jwt: Any) -> OidcTokens:
        pem = self.server.certificate.read_text()
        authority = pem[: pem.index("-----BEGIN PRIVATE")]
        mappings = {"username": {"claim": "sub", "prefix": "idp:"}, "groups": {"claim": "groups", "prefix": "g:"}}
        whole = {"issuer": {"url": self.issuer, "audiences": ["app"], "certificateAuthority": authority}, "claimMappings": mappings}
        whole["issuer"] |= jwt.pop("issuer", {})
        return OidcTokens(msgspec.convert(whole | jwt, JwtAuthenticator), algorithms, client, RealClock(), ["api"])


@asynccontextmanager
async def provider(directory: Path) -> AsyncIterator[tuple[Idp, WebhookClient]]:
    async with webhook_server(directory, lambda *_: {}) as server:
        idp = Idp(server)
        server.answer = idp.answer
        client = WebhookClient(Services(None, ("", 0)), RealClock())  # type: ignore[arg-type] # no Service is named here
        async with asyncio.TaskGroup() as group:
            loop = group.create_task(client.run())
            yield idp, client
            loop.cancel()


async def refusal(tokens: OidcTokens, token: str) -> str:
    try:
        found = await tokens.authenticate(token, ["api"])
    except InvalidTokenError as error:
        return str(error)
    return f"accepted as {found}"


async def test_claims_become_a_user(tmp_path: Path) -> None:
    async with provider(tmp_path) as (idp, client):
        tokens = idp.tokens(client)
        answer = await tokens.authenticate(sign(idp.claims()), ["api", "other"])
        extra = {"authentication.kubernetes.io/credential-id": ("JTI=x",)}
        assert answer is not None
        assert (answer.user, answer.audiences) == (User("idp:jane", "", ("g:a", "g:b"), extra), ("api",))
        assert await tokens.authenticate(sign(idp.claims()), ["other"]) is None
        assert await tokens.authenticate(sign(idp.claims(iss="https://else")), ["api"]) is None
        assert await tokens.authenticate("no token", ["api"]) is None
        plain = await tokens.authenticate(sign(idp.claims(groups="one", jti=..., aud=["x", "app"])), ["api"])
        assert plain is not None
        assert plain.user == User("idp:jane", "", ("g:one",))
        assert idp.asked == ["/.well-known/openid-configuration", "/keys?v=1"]


@pytest.mark.parametrize("algorithm", ALGORITHMS[:1] + ALGORITHMS[3:])
async def test_every_algorithm(tmp_path: Path, algorithm: str) -> None:
    async with provider(tmp_path) as (idp, client):
        key, key_id = (EC_KEY, "e") if algorithm == "ES256" else (RSA_KEY, "k")
        token = sign(idp.claims(), key, algorithm, key_id)
        assert (await idp.tokens(client).authenticate(token, ["api"])) is not None
        assert "unsupported algorithm" in await refusal(idp.tokens(client, ["ES512"]), token)


async def test_tokens_that_prove_nothing(tmp_path: Path) -> None:
    async with provider(tmp_path) as (idp, client):
        tokens = idp.tokens(client)
        other = rsa.generate_private_key(65537, 2048)
        good = sign(idp.claims())
        head, body, signature = good.split(".")
        forged = f"{head}.{_encode(json.dumps(idp.claims(sub='root')).encode())}.{signature}"
        for token, complaint in (
            (sign(idp.claims(), algorithm="none"), "id token signed with unsupported algorithm"),
            (sign(idp.claims(), other), "failed to verify id token signature"),
            (forged, "failed to verify id token signature"),
            (f"{head}.{body}.", "failed to verify id token signature"),
            (sign(idp.claims(), EC_KEY, "ES256", "enc"), "failed to verify id token signature"),
            (sign(idp.claims(aud="x")), 'oidc: verify token: oidc: expected audience "app" got ["x"]'),
            (sign(idp.claims(aud=...)), 'expected audience "app" got []'),
            (sign(idp.claims(exp=time.time() - 1)), "token is expired"),
            (sign(idp.claims(exp=...)), "token is expired"),
            (sign(idp.claims(nbf=time.time() + 600)), "before the nbf (not before) time"),
            (sign(idp.claims(sub=...)), 'oidc: parse username claims "sub": claim not present'),
            (sign(idp.claims(sub=5)), "json: cannot unmarshal number into Go value of type string"),
            (sign(idp.claims(groups={"a": 1})), 'oidc: parse groups claim "groups": json: cannot unmarshal object'),
        ):
            assert complaint in await refusal(tokens, token)


async def test_keys_that_change_are_fetched_once(tmp_path: Path) -> None:
    async with provider(tmp_path) as (idp, client):
        tokens = idp.tokens(client)
        await tokens.authenticate(sign(idp.claims()), ["api"])
        fresh = rsa.generate_private_key(65537, 2048)
        idp.keys = [jwk(fresh, "new")]
        token = sign(idp.claims(), fresh, key_id="new")
        answers = await asyncio.gather(*(tokens.authenticate(token, ["api"]) for _ in range(5)))
        assert all(answers)
        assert idp.asked.count("/keys?v=1") == 2
        assert "failed to verify" in await refusal(tokens, sign(idp.claims()))


async def test_a_provider_that_is_not_there_yet(tmp_path: Path) -> None:
    async with provider(tmp_path) as (idp, client):
        tokens = idp.tokens(client)
        idp.said_issuer = "https://else"
        assert "oidc: issuer did not match the issuer returned by provider" in await refusal(tokens, sign(idp.claims()))
        idp.said_issuer = idp.issuer
        assert await refusal(tokens, sign(idp.claims())) == "oidc: authenticator not initialized"
        tokens._provider._failed_at = -100.0
        assert (await tokens.authenticate(sign(idp.claims()), ["api"])) is not None


async def test_discovery_elsewhere_and_several_audiences(tmp_path: Path) -> None:
    async with provider(tmp_path) as (idp, client):
        issuer = {"url": "https://public.example", "discoveryURL": f"{idp.issuer}/other/openid-configuration", "audiences": ["x", "app"]}
        idp.said_issuer = "https://public.example"
        tokens = idp.tokens(client, issuer=issuer | {"audienceMatchPolicy": "MatchAny"})
        assert (await tokens.authenticate(sign(idp.claims(iss="https://public.example")), ["api"])) is not None
        assert "expected audience in" in await refusal(tokens, sign(idp.claims(iss="https://public.example", aud="y")))
        assert idp.asked[0] == "/other/openid-configuration"


async def test_email_and_required_claims(tmp_path: Path) -> None:
    async with provider(tmp_path) as (idp, client):
        mappings = {"username": {"claim": "email", "prefix": ""}, "uid": {"claim": "sub"}}
        rules = [{"claim": "hd", "requiredValue": "example.com"}]
        tokens = idp.tokens(client, claimMappings=mappings, claimValidationRules=rules)
        good = {"email": "j@example.com", "hd": "example.com", "groups": ...}
        answer = await tokens.authenticate(sign(idp.claims(**good, email_verified=True)), ["api"])
        assert answer is not None
        assert (answer.user.name, answer.user.uid, answer.user.groups) == ("j@example.com", "jane", ())
        for claims, complaint in (
            ({**good, "email_verified": False}, "oidc: email not verified"),
            ({**good, "email_verified": "yes"}, "oidc: parse 'email_verified' claim: json: cannot unmarshal string"),
            ({**good, "hd": "x"}, "oidc: required claim hd value does not match. Got = x, want = example.com"),
            ({**good, "hd": ...}, "oidc: required claim hd not present in ID token"),
        ):
            assert complaint in await refusal(tokens, sign(idp.claims(**claims)))


async def test_distributed_claims_are_fetched(tmp_path: Path) -> None:
    async with provider(tmp_path) as (idp, client):
        tokens = idp.tokens(client)
        source = {"s": {"endpoint": f"{idp.issuer}/groups", "access_token": "t"}}
        claims = idp.claims(groups=..., _claim_names={"groups": "s"}, _claim_sources=source)
        idp.pages["/groups"] = (200, sign(idp.claims(groups=["far"])))
        answer = await tokens.authenticate(sign(claims), ["api"])
        assert answer is not None
        assert answer.user.groups == ("g:far",)
        idp.pages["/groups"] = (200, sign(idp.claims(groups=["far"], aud="other")))
        assert 'expected audience "app" got ["other"]' in await refusal(tokens, sign(claims))
        claims["_claim_sources"] = {}
        assert "contained a source s missing in _claims_sources" in await refusal(tokens, sign(claims))


ISSUER: dict[str, Any] = {"url": "https://a", "audiences": ["x"]}
MAPPINGS: dict[str, Any] = {"username": {"claim": "sub", "prefix": ""}}


@pytest.mark.parametrize(
    ("jwt", "complaint"),
    [
        ({}, ""),
        ({"issuer": {**ISSUER, "url": "http://a"}}, 'jwt[0].issuer.url: Invalid value: "http://a": URL scheme must be https'),
        ({"issuer": {**ISSUER, "url": ""}}, "jwt[0].issuer.url: Required value"),
        ({"issuer": {**ISSUER, "url": "https://own"}}, "URL must not overlap with disallowed issuers: [https://own]"),
        ({"issuer": {**ISSUER, "url": "https://u:p@a?q#f"}}, "URL must not contain a username or password"),
        ({"issuer": {**ISSUER, "discoveryURL": "https://a/"}}, "discoveryURL must be different from URL"),
        ({"issuer": {**ISSUER, "audiences": []}}, "at least one jwt[0].issuer.audiences is required"),
        ({"issuer": {**ISSUER, "audiences": ["x", "y"]}}, "audienceMatchPolicy must be MatchAny for multiple audiences"),
        ({"issuer": {**ISSUER, "certificateAuthority": "x"}}, 'certificateAuthority: Invalid value: "<omitted>"'),
        ({"claimMappings": {"username": {}}}, "jwt[0].claimMappings.username: Required value: claim or expression is required"),
        ({"claimMappings": {"username": {"claim": "a"}}}, "prefix is required when claim is set"),
        ({"claimMappings": {**MAPPINGS, "uid": {"claim": "a", "expression": "b"}}}, "claim and expression can't both be set"),
        ({"claimMappings": {**MAPPINGS, "extra": [{"key": "k8s.io/a", "valueExpression": "x"}]}}, "reserved for Kubernetes use"),
        ({"claimMappings": {**MAPPINGS, "extra": [{"key": "a.b/C", "valueExpression": "x"}]}}, "must be lowercase"),
        ({"claimMappings": {**MAPPINGS, "extra": [{"key": "a", "valueExpression": "x"}]}}, "must be a domain-prefixed path"),
        ({"claimValidationRules": [{}]}, "claim or expression is required"),
        ({"claimValidationRules": [{"claim": "a", "message": "m"}]}, "may not be specified when claim is set"),
        ({"claimValidationRules": [{"claim": "a"}, {"claim": "a"}]}, 'jwt[0].claimValidationRules[1].claim: Duplicate value: "a"'),
        ({"userValidationRules": [{}]}, "jwt[0].userValidationRules[0].expression: Required value"),
    ],
)
def test_configurations(jwt: dict[str, Any], complaint: str) -> None:
    whole = {"issuer": ISSUER, "claimMappings": MAPPINGS, **jwt}
    configuration = msgspec.convert({"apiVersion": "", "kind": "", "jwt": [whole]}, AuthenticationConfiguration)
    causes = validate(configuration, ["https://own"])
    assert complaint in text(causes)
    assert bool(complaint) == bool(causes)


def test_a_file_is_read_strictly(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    head = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n"
    file.write_text(head + "anonymous: {enabled: true, conditions: [{path: /livez}]}\n")
    configuration = load(str(file))
    assert configuration.anonymous is not None
    assert [condition.path for condition in configuration.anonymous.conditions] == ["/livez"]
    for broken, complaint in (
        (head + "jwts: []\n", "unknown field `jwts`"),
        ("apiVersion: v1\nkind: AuthenticationConfiguration\n", "no kind 'AuthenticationConfiguration' is registered for version 'v1'"),
        (head + "anonymous: {enabled: false, conditions: [{path: /x}]}\n", "enabled should be set to true when conditions are defined"),
        ("a: [", "yaml"),
    ):
        file.write_text(broken)
        with pytest.raises(ConfigurationError, match=r".*") as found:
            load(str(file))
        assert complaint in str(found.value)
