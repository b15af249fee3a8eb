"""The whole server over TLS: who asks, whether they may, and what Services are given."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.server.harness import Pki

from sagong.cluster.clock import RealClock, RealRandom
from sagong.server.app import ApiServer
from sagong.server.config import ServerConfig
from sagong.server.connect.backend import Location, request
from sagong.store.sqlite import SqliteStore


class Api:
    def __init__(self, pki: Pki, port: int) -> None:
        self.pki, self.port = pki, port

    async def __call__(self, method: str, path: str, body: Any = None, *, user: str = "", token: str = "") -> tuple[int, Any]:
        tls = ssl.create_default_context(cafile=self.pki.path("ca.crt"))
        if user:
            tls.load_cert_chain(self.pki.path(f"{user}.crt"), self.pki.path(f"{user}.key"))
        headers = [("Content-Type", "application/json"), ("Connection", "close")]
        if token:
            headers.append(("Authorization", f"Bearer {token}"))
        data = b"" if body is None else json.dumps(body).encode()
        reply = await request(Location("127.0.0.1", self.port, path, "", tls), method, headers, data)
        return reply.status, json.loads(await reply.whole(1 << 20))


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Api]:
    pki = Pki(directory)
    for name, *groups in (["admin", "system:masters"], ["jane"]):
        pki.issue(name, *groups)
    pki.issue("server", server=True)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    port = listener.getsockname()[1]
    config = ServerConfig(
        port=port,
        certificate=pki.path("server.crt"),
        key=pki.path("server.key"),
        client_ca=pki.path("ca.crt"),
        service_account_key=pki.path("ca.key"),
    )
    store = await SqliteStore.open(directory / "store", durable=False)
    server = ApiServer(config, store, clock=RealClock(), random=RealRandom())
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve(listener))
        await server.ready.wait()
        yield Api(pki, port)
        server.stop()
    await store.close()


async def test_who_asks_and_what_they_may(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        pods = "/api/v1/namespaces/default/pods"
        assert (await api("GET", pods, user="admin"))[0] == 200
        for user, name in {"jane": "jane", "": "system:anonymous"}.items():
            status, body = await api("GET", pods, user=user)
            assert (status, body["reason"]) == (403, "Forbidden")
            words = f'pods is forbidden: User "{name}" cannot list resource "pods" in API group "" in the namespace "default"'
            assert body["message"] == words
        status, body = await api("GET", pods, token="nonsense")
        assert (status, body["message"], body["reason"]) == (401, "Unauthorized", "Unauthorized")
        status, body = await api("GET", "/metrics", user="jane")
        assert (status, body["message"]) == (403, 'forbidden: User "jane" cannot get path "/metrics"')
        await grant(api, "jane", "User", "view-pods")
        assert (await api("GET", pods, user="jane"))[0] == 200
        assert (await api("GET", "/api/v1/namespaces/default/secrets", user="jane"))[0] == 403


async def grant(api: Api, name: str, kind: str, role: str) -> None:
    group = "rbac.authorization.k8s.io"
    path = f"/apis/{group}/v1/namespaces/default"
    rules = [{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}]
    assert (await api("POST", f"{path}/roles", {"metadata": {"name": role}, "rules": rules}, user="admin"))[0] == 201
    subject = {"kind": kind, "name": name} | ({"namespace": "default"} if kind == "ServiceAccount" else {"apiGroup": group})
    binding = {"metadata": {"name": role}, "roleRef": {"apiGroup": group, "kind": "Role", "name": role}, "subjects": [subject]}
    assert (await api("POST", f"{path}/rolebindings", binding, user="admin"))[0] == 201


async def test_a_service_account_lives_by_its_token(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        accounts = "/api/v1/namespaces/default/serviceaccounts"
        assert (await api("POST", accounts, {"metadata": {"name": "app"}}, user="admin"))[0] == 201
        status, issued = await api("POST", f"{accounts}/app/token", {"spec": {"expirationSeconds": 600}}, user="admin")
        assert status == 201
        token = issued["status"]["token"]
        pods = "/api/v1/namespaces/default/pods"
        status, body = await api("GET", pods, token=token)
        assert (status, 'User "system:serviceaccount:default:app"' in body["message"]) == (403, True)
        await grant(api, "app", "ServiceAccount", "reader")
        assert (await api("GET", pods, token=token))[0] == 200
        _, review = await api("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": token}}, user="admin")
        assert review["status"]["user"]["username"] == "system:serviceaccount:default:app"
        _, whoami = await api("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, token=token)
        assert "system:serviceaccounts:default" in whoami["status"]["userInfo"]["groups"]
        assert (await api("GET", "/openid/v1/jwks", token=token))[1]["keys"][0]["alg"] == "ES256"
        assert (await api("DELETE", f"{accounts}/app", user="admin"))[0] == 200
        assert (await api("GET", pods, token=token))[0] == 401
        status, body = await api("POST", f"{accounts}/app/token", {"spec": {}}, user="admin")
        assert (status, body["message"]) == (404, 'serviceaccounts "app" not found')


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_service_is_given_addresses_and_ports(tmp_path: Path, dry_run: bool) -> None:  # noqa: FBT001
    async with running(tmp_path) as api:
        services, suffix = "/api/v1/namespaces/default/services", "?dryRun=All" if dry_run else ""
        wanted = {"metadata": {"name": "web"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}}
        status, web = await api("POST", services + suffix, wanted, user="admin")
        assert status == 201
        assert web["spec"]["clusterIPs"] == [web["spec"]["clusterIP"]]
        assert web["spec"]["ports"][0]["nodePort"]
        _, addresses = await api("GET", "/apis/networking.k8s.io/v1/ipaddresses", user="admin")
        names = [item["metadata"]["name"] for item in addresses["items"]]
        assert names == sorted({"10.96.0.1"} | (set() if dry_run else {web["spec"]["clusterIP"]}))
        if dry_run:
            return
        taken = {"metadata": {"name": "b"}, "spec": {"clusterIP": web["spec"]["clusterIP"], "ports": [{"port": 80}]}}
        status, body = await api("POST", services, taken, user="admin")
        assert (status, body["details"]["causes"][0]["field"]) == (422, "spec.clusterIPs")
        assert (await api("DELETE", f"{services}/web", user="admin"))[0] == 200
        assert (await api("POST", services, taken, user="admin"))[0] == 201
