"""Where a webhook of the server's own configuration is: files in kubeconfig's form, one cluster and one user of them."""

from __future__ import annotations

import base64
import binascii
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from sagong.api.yaml_decode import YamlError, yaml_to_json
from sagong.server.webhooks.endpoint import Endpoint, EndpointError, Headers, clean_path, endpoint_at, tls_of


class _Cluster(msgspec.Struct, rename="kebab"):
    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""


class _User(msgspec.Struct, rename="kebab"):
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    username: str = ""
    password: str = ""
    exec: Any = None


class _Context(msgspec.Struct):
    cluster: str = ""
    user: str = ""


class _NamedCluster(msgspec.Struct):
    name: str
    cluster: _Cluster


class _NamedUser(msgspec.Struct):
    name: str
    user: _User


class _NamedContext(msgspec.Struct):
    name: str
    context: _Context


class _Kubeconfig(msgspec.Struct):
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None
    contexts: list[_NamedContext] | None = None
    current_context: str = msgspec.field(default="", name="current-context")


def endpoint_of_kubeconfig(path: str) -> Endpoint:
    """Return where the current context leads. Raises OSError, EndpointError."""
    try:
        config = msgspec.json.decode(yaml_to_json(Path(path).read_bytes())[0], type=_Kubeconfig)
    except (YamlError, msgspec.MsgspecError) as error:
        raise EndpointError(f"error loading config file {path!r}: {error}") from error
    contexts = {named.name: named.context for named in config.contexts or ()}
    context = contexts.get(config.current_context)
    if context is None:
        raise EndpointError(f"{path}: context {config.current_context!r} does not exist")
    cluster = {named.name: named.cluster for named in config.clusters or ()}.get(context.cluster)
    user = {named.name: named.user for named in config.users or ()}.get(context.user, _User())
    if cluster is None:
        raise EndpointError(f"{path}: cluster {context.cluster!r} does not exist")
    if cluster.proxy_url or user.exec is not None:
        raise EndpointError(f"{path}: proxy-url and exec are not supported in the configuration of a webhook")
    folder = Path(path).parent
    authority = _content(folder, cluster.certificate_authority, cluster.certificate_authority_data)
    tls = tls_of(authority, verify=not cluster.insecure_skip_tls_verify)
    _present(tls, folder, user)
    endpoint = endpoint_at(cluster.server, tls, cluster.tls_server_name, _headers(folder, user))
    return Endpoint(endpoint.authority, clean_path(endpoint.path), endpoint.address, endpoint.tls, endpoint.server_name, endpoint.headers)


def _content(folder: Path, path: str, data: str) -> bytes:
    """Return what is there inline, else in the file; paths are relative to the kubeconfig. Raises OSError, EndpointError."""
    try:
        return base64.b64decode(data) if data else (folder / path).read_bytes() if path else b""
    except binascii.Error as error:
        raise EndpointError(f"illegal base64 data: {error}") from error


def _present(tls: ssl.SSLContext, folder: Path, user: _User) -> None:
    """Give the TLS side its client certificate, without leaving the key in a file."""
    certificate = _content(folder, user.client_certificate, user.client_certificate_data)
    key = _content(folder, user.client_key, user.client_key_data)
    if not certificate and not key:
        return
    memory = os.memfd_create("webhook-client")
    try:
        os.write(memory, certificate + b"\n" + key)
        tls.load_cert_chain(f"/proc/self/fd/{memory}")
    except ssl.SSLError as error:
        raise EndpointError(f"tls: the client certificate and key cannot be used: {error}") from error
    finally:
        os.close(memory)


def _headers(folder: Path, user: _User) -> Callable[[], Headers]:
    if user.token_file:
        return lambda: [("Authorization", f"Bearer {(folder / user.token_file).read_text().strip()}")]
    if user.token:
        return lambda: [("Authorization", f"Bearer {user.token}")]
    if user.username:
        basic = base64.b64encode(f"{user.username}:{user.password}".encode()).decode()
        return lambda: [("Authorization", f"Basic {basic}")]
    return tuple
