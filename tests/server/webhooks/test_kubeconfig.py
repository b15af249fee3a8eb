from __future__ import annotations

import base64
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from tests.server.harness import Pki
from tests.server.webhooks.test_client import client
from tests.server.webhooks.webhook_server import webhook_server

from sagong.server.webhooks.endpoint import EndpointError
from sagong.server.webhooks.kubeconfig import endpoint_of_kubeconfig


def kubeconfig(directory: Path, server: str, cluster: dict[str, Any], user: dict[str, Any], **more: Any) -> str:
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "u", "user": user}],
        **more,
    }
    file = directory / "kubeconfig"
    file.write_text(json.dumps(document))
    return str(file)


@pytest.mark.parametrize("inline", [False, True])
async def test_a_client_certificate_is_shown(tmp_path: Path, inline: bool) -> None:  # noqa: FBT001
    pki = Pki(tmp_path)
    pki.issue("apiserver")
    files = {"client-certificate": "apiserver.crt", "client-key": "apiserver.key"}
    encoded = {f"{name}-data": base64.b64encode((tmp_path / file).read_bytes()).decode() for name, file in files.items()}
    async with webhook_server(tmp_path, lambda *_: {}) as server, client() as one:
        server.tls.load_verify_locations(pki.path("ca.crt"))
        server.tls.verify_mode = ssl.CERT_REQUIRED
        user = encoded if inline else files
        endpoint = endpoint_of_kubeconfig(kubeconfig(tmp_path, server.url("/ask/"), {"certificate-authority-data": server.bundle}, user))
        assert endpoint.url == server.url("/ask")
        assert await one.review(endpoint, {}, 5) == b"{}"


async def test_what_identifies_the_caller_otherwise(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    for user, said in (
        ({"token": "t"}, "Bearer t"),
        ({"tokenFile": "token", "token": "t"}, "Bearer from-a-file"),
        ({"username": "a", "password": "b"}, "Basic YTpi"),
    ):
        endpoint = endpoint_of_kubeconfig(kubeconfig(tmp_path, "https://x", {"insecure-skip-tls-verify": True}, user))
        assert endpoint.headers() == [("Authorization", said)]
    named = endpoint_of_kubeconfig(kubeconfig(tmp_path, "https://x:8443", {"tls-server-name": "other"}, {}))
    assert (named.server_name, named.address(), named.headers()) == ("other", ("x", 8443), ())
    assert endpoint_of_kubeconfig(kubeconfig(tmp_path, "http://x", {}, {})).tls is None


@pytest.mark.parametrize(
    ("cluster", "user", "more", "complaint"),
    [
        ({}, {}, {"current-context": "x"}, "context 'x' does not exist"),
        ({}, {}, {"clusters": []}, "cluster 'k' does not exist"),
        ({"proxy-url": "http://p"}, {}, {}, "proxy-url and exec are not supported"),
        ({}, {"exec": {"command": "x"}}, {}, "proxy-url and exec are not supported"),
        ({"certificate-authority-data": "eA=="}, {}, {}, "unable to parse bytes as PEM block"),
        ({}, {"client-certificate-data": "eA==", "client-key-data": "eA=="}, {}, "cannot be used"),
        ({}, {}, {"users": 5}, "error loading config file"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], more: dict[str, Any], complaint: str) -> None:
    with pytest.raises(EndpointError, match=complaint):
        endpoint_of_kubeconfig(kubeconfig(tmp_path, "https://x", cluster, user, **more))
