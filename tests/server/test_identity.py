"""Who asks and what they may, over the whole server: identity providers, webhooks that know tokens or decide, and attempts to cheat."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.server.authn.test_oidc import Idp, sign
from tests.server.harness import MERGE, Answer, Api, running
from tests.server.webhooks.webhook_server import WebhookServer, webhook_server

from sagong.server.authn.jwt import _encode
from sagong.server.authz.configuration import load
from sagong.server.config import OidcConfig
from sagong.server.reloading import ReloadedFile

REVIEWS = "/apis/authentication.k8s.io/v1"
ACCESS = "/apis/authorization.k8s.io/v1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def write_kubeconfig(directory: Path, server: WebhookServer, name: str = "webhook") -> str:
    """Write a kubeconfig that leads to a webhook; return its path."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": server.url("/ask"), "certificate-authority-data": server.bundle}}],
        "users": [{"name": "u", "user": {"token": "mine"}}],
    }
    file = directory / f"{name}.kubeconfig"
    file.write_text(json.dumps(document))
    return str(file)


async def grant(api: Api, rule: dict[str, Any], kind: str, *names: str) -> None:
    """Let some users or groups do what a rule says."""
    group = "rbac.authorization.k8s.io"
    await api.ok("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "granted"}, "rules": [rule]})
    ref = {"apiGroup": group, "kind": "ClusterRole", "name": "granted"}
    subjects = [{"apiGroup": group, "kind": kind, "name": name} for name in names]
    await api.ok("POST", f"{RBAC}/clusterrolebindings", {"metadata": {"name": "b"}, "roleRef": ref, "subjects": subjects})


async def whoami(api: Api, token: str = "", **headers: str) -> Answer:
    said = {"Authorization": f"Bearer {token}"} if token else {}
    return await api("POST", f"{REVIEWS}/selfsubjectreviews", {}, user="", **said, **headers)


@asynccontextmanager
async def with_provider(directory: Path) -> AsyncIterator[tuple[Api, Idp]]:
    async with webhook_server(directory, lambda *_: {}) as server:
        idp = Idp(server)
        server.answer = idp.answer
        oidc = OidcConfig(
            issuer_url=idp.issuer,
            client_id="app",
            ca=str(server.certificate),
            groups_claim="groups",
            groups_prefix="idp:",
            username_prefix="-",
        )
        async with running(directory, oidc=oidc) as api:
            yield api, idp


async def test_a_provider_s_user_gets_what_roles_give(tmp_path: Path) -> None:
    async with with_provider(tmp_path) as (api, idp):
        token = sign(idp.claims())
        answer = await whoami(api, token)
        user = answer.body["status"]["userInfo"]
        assert (user["username"], user["groups"]) == ("jane", ["idp:a", "idp:b", "system:authenticated"])
        bearer = {"Authorization": f"Bearer {token}"}
        refused = await api("GET", "/api/v1/namespaces", user="", **bearer)
        assert (refused.status, 'User "jane" cannot list resource "namespaces"' in refused.body["message"]) == (403, True)
        await grant(api, {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list"]}, "Group", "idp:b")
        assert (await api("GET", "/api/v1/namespaces", user="", **bearer)).status == 200
        review = await api.ok("POST", f"{REVIEWS}/tokenreviews", {"spec": {"token": token}})
        assert (review["status"]["authenticated"], review["status"]["user"]["username"]) == (True, "jane")


async def test_tokens_that_cheat_are_refused(tmp_path: Path) -> None:
    async with with_provider(tmp_path) as (api, idp):
        account = await api.ok("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "app"}})
        where = "/api/v1/namespaces/default/serviceaccounts/app/token"
        issued = (await api.ok("POST", where, {"spec": {"audiences": ["elsewhere"]}}))["status"]["token"]
        head, _, signature = issued.split(".")
        own: dict[str, Any] = {
            "iss": "https://kubernetes.default.svc.cluster.local",
            "aud": ["https://kubernetes.default.svc.cluster.local"],
        }
        own |= {"exp": time.time() + 600, "sub": "system:serviceaccount:default:app"}
        own |= {"kubernetes.io": {"namespace": "default", "serviceaccount": {"name": "app", "uid": account["metadata"]["uid"]}}}
        body = _encode(json.dumps(own).encode())
        nothing = _encode(b'{"alg":"none"}')
        tokens = {
            "a provider's token that nobody signed": sign(idp.claims(sub="root", groups=["system:masters"]), algorithm="none"),
            "a provider's token for somebody else": sign(idp.claims(aud="other")),
            "a provider's token that has expired": sign(idp.claims(exp=time.time() - 10)),
            "an own token that nobody signed": f"{nothing}.{body}.",
            "an own token with a foreign signature": f"{head}.{body}.{signature}",
            "an own token for somebody else": issued,
            "an own token signed by the provider": sign(own),
        }
        for what, token in tokens.items():
            answer = await whoami(api, token)
            assert (answer.status, answer.body["message"], answer.body["reason"]) == (401, "Unauthorized", "Unauthorized"), what
            review = await api.ok("POST", f"{REVIEWS}/tokenreviews", {"spec": {"token": token}})
            assert "authenticated" not in review["status"], what
            assert review["status"]["error"], what


async def test_headers_that_claim_a_user_count_only_from_the_front_proxy(tmp_path: Path) -> None:
    forged = {"X_Remote_User": "root", "X_Remote_Group": "system:masters"}
    async with running(tmp_path) as api:
        api.front.issue("stranger")
        for name in ("front-proxy-client", "stranger"):
            for end in ("crt", "key"):
                (tmp_path / f"{name}.{end}").write_bytes(Path(api.front.path(f"{name}.{end}")).read_bytes())
        for user, seen in (("", "system:anonymous"), ("jane", "jane")):
            answer = await api("GET", "/api/v1/secrets", user=user, **forged)
            assert (answer.status, f'User "{seen}" cannot list' in answer.body["message"]) == (403, True)
        assert (await api("GET", "/api/v1/secrets", user="stranger", **forged)).status == 401
        assert (await api("GET", "/api/v1/secrets", user="front-proxy-client", **forged)).status == 200
        assert (await api("GET", "/api/v1/secrets", user="front-proxy-client")).status == 401


async def test_nobody_gives_themselves_more(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        rule = {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["*"], "verbs": ["create", "update", "patch", "get"]}
        await grant(api, rule, "User", "jane")
        everything = {"metadata": {"name": "more"}, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}
        answer = await api("POST", f"{RBAC}/clusterroles", everything, user="jane")
        assert (answer.status, "attempting to grant RBAC permissions not currently held" in answer.body["message"]) == (403, True)
        answer = await api("PATCH", f"{RBAC}/clusterroles/granted", {"rules": everything["rules"]}, user="jane", Content_Type=MERGE)
        assert answer.status == 403
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        jane = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "jane"}
        admin = {"metadata": {"name": "x"}, "roleRef": ref, "subjects": [jane]}
        assert (await api("POST", f"{RBAC}/clusterrolebindings", admin, user="jane")).status == 403


async def test_impersonation_needs_its_verb(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for headers, resource in (
            ({"Impersonate_User": "admin"}, 'cannot impersonate resource "users"'),
            ({"Impersonate_User": "system:serviceaccount:kube-system:default"}, 'cannot impersonate resource "serviceaccounts"'),
        ):
            answer = await api("GET", "/api/v1/secrets", user="jane", **headers)
            assert (answer.status, resource in answer.body["message"]) == (403, True)
        rule = {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": ["joe"]}
        await grant(api, rule, "User", "jane")
        answer = await api("POST", f"{REVIEWS}/selfsubjectreviews", {}, user="jane", Impersonate_User="joe")
        assert answer.body["status"]["userInfo"]["username"] == "joe"
        answer = await api("GET", "/api/v1/secrets", user="jane", Impersonate_User="joe", Impersonate_Group="system:masters")
        assert (answer.status, 'cannot impersonate resource "groups"' in answer.body["message"]) == (403, True)
        assert (await api("GET", "/api/v1/secrets", user="jane", Impersonate_Group="system:masters")).status in (400, 500)


@pytest.mark.parametrize("how", ["off", "paths"])
async def test_anonymous_requests_can_be_refused(tmp_path: Path, how: str) -> None:
    head = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n"
    (tmp_path / "authn.yaml").write_text(head + "anonymous: {enabled: true, conditions: [{path: /livez}]}\n")
    settings = {"anonymous": False} if how == "off" else {"authentication_config": str(tmp_path / "authn.yaml")}
    async with running(tmp_path, **settings) as api:
        assert (await api("GET", "/version", user="")).status == 401
        assert (await api("GET", "/livez", user="")).status == (401 if how == "off" else 200)
        assert (await api("GET", "/version", user="jane")).status == 200


async def test_a_webhook_knows_tokens(tmp_path: Path) -> None:
    def answer(_: str, review: Any) -> Any:
        token = review["spec"]["token"]
        status: dict[str, Any] = {"authenticated": token.startswith("good")}
        if status["authenticated"]:
            status["user"] = {"username": "hooked", "uid": "7", "groups": ["g"], "extra": {"k": ["v"]}}
        if token == "good-elsewhere":
            status["audiences"] = ["elsewhere"]
        if token == "odd":
            return (503, "down")
        return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}

    async with webhook_server(tmp_path, answer) as server:
        async with running(tmp_path, authentication_webhook=write_kubeconfig(tmp_path, server)) as api:
            for _ in range(2):
                user = (await whoami(api, "good")).body["status"]["userInfo"]
                assert user == {"username": "hooked", "uid": "7", "groups": ["g", "system:authenticated"], "extra": {"k": ["v"]}}
            assert [(await whoami(api, token)).status for token in ("bad", "bad", "good-elsewhere", "odd")] == [401] * 4
        sent = [body["spec"]["token"] for _, body in server.calls]
        assert sent == ["good", "bad", "good-elsewhere", "odd"]
        path, review = server.calls[0]
        assert path == "/ask?timeout=30s"
        assert (review["apiVersion"], review["kind"]) == ("authentication.k8s.io/v1", "TokenReview")
        assert review["spec"]["audiences"] == ["https://kubernetes.default.svc.cluster.local"]


def verdict(_: str, review: Any) -> Any:
    user = review["spec"]["user"]
    status = {"jane": {"allowed": True, "reason": "she may"}, "joe": {"denied": True, "allowed": False, "reason": "not joe"}}
    if user == "down":
        return (500, "boom")
    said = status.get(user, {"allowed": False, "reason": "do not know"})
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "status": said}


async def test_a_webhook_decides(tmp_path: Path) -> None:
    async with webhook_server(tmp_path, verdict) as server:
        settings = {"authorization_modes": ["Node", "RBAC", "Webhook"], "authorization_webhook": write_kubeconfig(tmp_path, server)}
        async with running(tmp_path, **settings) as api:
            where = "/api/v1/namespaces/default/secrets"
            for _ in range(2):
                assert (await api("GET", f"{where}?labelSelector=a%3Db&fieldSelector=type%3Dx", user="jane")).status == 200
            assert (await api("GET", where)).status == 200
            for name, reason in (("joe", "not joe"), ("ann", "do not know")):
                answer = await api("GET", where, Impersonate_User=name)
                assert (answer.status, answer.body["message"].endswith(reason)) == (403, True)
            review = {"spec": {"user": "joe", "resourceAttributes": {"verb": "get", "resource": "pods"}}}
            status = (await api.ok("POST", f"{ACCESS}/subjectaccessreviews", review))["status"]
            assert status == {"allowed": False, "denied": True, "reason": "not joe"}
            rules = (await api.ok("POST", f"{ACCESS}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}}))["status"]
            assert (rules["incomplete"], rules["evaluationError"]) == (True, "webhook authorizer does not support user rule resolution")
        asked = [body["spec"] for _, body in server.calls]
        assert [spec["user"] for spec in asked] == ["jane", "joe", "ann", "joe"]
        assert asked[0]["groups"] == ["system:authenticated"]
        selectors = {
            "fieldSelector": {"requirements": [{"key": "type", "operator": "In", "values": ["x"]}]},
            "labelSelector": {"requirements": [{"key": "a", "operator": "In", "values": ["b"]}]},
        }
        resource = {"namespace": "default", "verb": "list", "version": "v1", "resource": "secrets", **selectors}
        assert asked[0]["resourceAttributes"] == resource


async def test_configuration_files_are_followed(tmp_path: Path) -> None:
    head = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n"
    authn, authz = tmp_path / "authn.yaml", tmp_path / "authz.yaml"
    authn.write_text(head)
    open_to_all = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers: [{type: AlwaysAllow, name: a}]\n"
    authz.write_text(open_to_all)
    async with running(tmp_path, authentication_config=str(authn), authorization_config=str(authz)) as api:
        owners = [getattr(loop, "__self__", None) for loop in api.server._parts.loops]
        files = [owner for owner in owners if isinstance(owner, ReloadedFile)]
        assert len(files) == 2
        for wrong in ("nonsense: [", head + "anonymous: {enabled: false}\n"):
            assert (await api("GET", "/api/v1/secrets", user="")).status == 200
            authn.write_text(wrong)
            for file in files:
                file.look()
        assert (await api("GET", "/api/v1/secrets", user="")).status == 401
        assert (await api("GET", "/api/v1/secrets", user="jane")).status == 200
        authz.write_text(open_to_all.replace("AlwaysAllow", "RBAC"))
        for file in files:
            file.look()
        assert (await api("GET", "/api/v1/secrets", user="jane")).status == 403
        metrics = (await api("GET", "/metrics")).raw.decode()
        for about, status in (("authentication", "failure"), ("authentication", "success"), ("authorization", "success")):
            name = f"apiserver_{about}_config_controller_automatic_reload"
            assert re.search(rf'{name}s_total{{apiserver_id_hash="sha256:\w{{64}}",status="{status}"}} 1\n', metrics)
            assert re.search(rf'{name}_last_timestamp_seconds{{apiserver_id_hash="sha256:\w{{64}}",status="{status}"}} \d+', metrics)


AUTHORIZERS = """
apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers:
- type: Webhook
  name: first.example
  webhook:
    authorizedTTL: 1m
    unauthorizedTTL: 1s
    timeout: 2s
    subjectAccessReviewVersion: v1
    failurePolicy: {policy}
    connectionInfo: {{type: KubeConfigFile, kubeConfigFile: {file}}}
- {{type: Node, name: node}}
- {{type: RBAC, name: rbac}}
"""


@pytest.mark.parametrize("policy", ["Deny", "NoOpinion"])
async def test_a_webhook_before_the_roles_may_deny_what_they_allow(tmp_path: Path, policy: str) -> None:
    async with webhook_server(tmp_path, verdict) as server:
        (tmp_path / "authz.yaml").write_text(AUTHORIZERS.format(policy=policy, file=write_kubeconfig(tmp_path, server)))
        async with running(tmp_path, authorization_config=str(tmp_path / "authz.yaml")) as api:
            await grant(api, {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}, "User", "joe", "ann", "gone")
            where = "/api/v1/namespaces/default/configmaps"
            assert (await api("GET", where, Impersonate_User="joe")).status == 403
            assert (await api("GET", where, Impersonate_User="ann")).status == 200
            server.answer = lambda *_: (503, "")
            answer = await api("GET", where, Impersonate_User="gone")
            assert answer.status == (200 if policy == "NoOpinion" else 500)
            answer = await api("GET", where, Impersonate_User="nobody")
            assert (answer.status, "the server is currently unable to handle the request" in answer.body["message"]) == (500, True)


async def test_conditions_say_when_the_webhook_is_asked(tmp_path: Path) -> None:
    conditions = """
    matchConditionSubjectAccessReviewVersion: v1
    matchConditions:
    - {expression: "has(request.resourceAttributes) && request.resourceAttributes.namespace == 'kube-system'"}
    - {expression: "!('system:masters' in request.groups)"}
- {type: Node"""
    async with webhook_server(tmp_path, verdict) as server:
        file = AUTHORIZERS.format(policy="Deny", file=write_kubeconfig(tmp_path, server)).replace("\n- {type: Node", conditions)
        (tmp_path / "authz.yaml").write_text(file)
        async with running(tmp_path, authorization_config=str(tmp_path / "authz.yaml")) as api:
            assert (await api("GET", "/api/v1/namespaces/default/pods", user="jane")).status == 403
            assert (await api("GET", "/apis/x", user="jane")).status in (403, 404)
            assert (await api("GET", "/api/v1/namespaces/kube-system/pods", user="jane")).status == 200
        assert [body["spec"]["resourceAttributes"]["namespace"] for _, body in server.calls] == ["kube-system"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("timeout: 2s", "timeout: 2m"), 'authorizers[0].timeout: Invalid value: "2m": must be > 0s and <= 30s'),
        (("authorizedTTL: 1m", "authorizedTTL: 1x"), "unknown unit"),
        (("subjectAccessReviewVersion: v1", "subjectAccessReviewVersion: v2"), "Unsupported value"),
        (("failurePolicy: Deny", "failurePolicy: Maybe"), "Unsupported value"),
        (("type: RBAC, name: rbac", "type: RBAC, name: node"), 'authorizers[2].name: Duplicate value: "node"'),
        (("type: RBAC", "type: Node"), 'authorizers[2].type: Duplicate value: "Node"'),
        (("type: RBAC", "type: Other"), 'authorizers[2].type: Unsupported value: "Other"'),
        (("kubeConfigFile: /", "kubeConfigFile: "), "must be an absolute path"),
        (("failurePolicy: Deny", "failurePolicy: Deny\n    matchConditions: [{expression: 'request.x'}]"), "undefined field 'x'"),
    ],
)
def test_an_authorization_file_that_cannot_be_used(tmp_path: Path, change: tuple[str, str], complaint: str) -> None:
    (tmp_path / "kubeconfig").touch()
    file = AUTHORIZERS.format(policy="Deny", file=tmp_path / "kubeconfig")
    assert change[0] in file
    (tmp_path / "authz.yaml").write_text(file.replace(*change))
    with pytest.raises(ValueError, match=r".*") as found:
        load(str(tmp_path / "authz.yaml"))
    assert complaint in str(found.value)


async def test_reviews_say_who_wrote_them(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.ok("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "app"}})
        where = "/api/v1/namespaces/default/serviceaccounts/app/token"
        issued = await api.ok("POST", f"{where}?fieldManager=me", {"spec": {"audiences": ["a"]}})
        (entry,) = issued["metadata"]["managedFields"]
        assert {name: value for name, value in entry.items() if name != "time"} == {
            "apiVersion": "authentication.k8s.io/v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:audiences": {}, "f:expirationSeconds": {}}},
            "manager": "me",
            "operation": "Update",
            "subresource": "token",
        }
        access = {"spec": {"user": "joe", "resourceAttributes": {"verb": "get", "resource": "pods"}}}
        for path, body, fields in (
            (f"{REVIEWS}/tokenreviews", {"spec": {"token": issued["status"]["token"]}}, {"f:token": {}}),
            (f"{ACCESS}/subjectaccessreviews", access, {"f:resourceAttributes": {".": {}, "f:resource": {}, "f:verb": {}}, "f:user": {}}),
        ):
            review = await api.ok("POST", path, {**body, "metadata": {"uid": "x", "creationTimestamp": "2026-01-01T00:00:00Z"}})
            (entry,) = review["metadata"].pop("managedFields")
            assert not review["metadata"]
            assert (entry["manager"], entry["fieldsV1"], "subresource" in entry) == ("test", {"f:spec": fields}, False)
