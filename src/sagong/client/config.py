"""Where the API server is and who asks: kubeconfig files and a pod's service account.

A kubeconfig is YAML, of which JSON is a part; YAML's parser is loaded only for a file that is not JSON.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class KubeconfigError(Exception):
    """A kubeconfig cannot be used. The text is one line that names the cause and the fix."""


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """One API server and one identity.

    `server` is a URL; `ca` PEM bytes (None: the system's); `cert` the paths of a PEM certificate and its key;
    `token_file` is read again as it changes and wins over `token`.
    """

    server: str
    ca: bytes | None = None
    cert: tuple[str, str] | None = None
    token: str = ""
    token_file: str = ""
    user_agent: str = "sagong"
    insecure: bool = False
    namespace: str = "default"
    server_name: str = ""


def load_kubeconfig(path: str, context: str = "") -> ClientConfig:
    """Read a context, the current one by default. Raises KubeconfigError."""
    document = _document(path)
    name = context or str(document.get("current-context") or "")
    if not name:
        raise KubeconfigError(f"kubeconfig {path}: no current-context is set; name one with --context")
    chosen = _entry(document, path, "contexts", "context", name)
    cluster = _entry(document, path, "clusters", "cluster", str(chosen.get("cluster", "")))
    user = _entry(document, path, "users", "user", str(chosen["user"])) if chosen.get("user") else {}
    if not cluster.get("server"):
        raise KubeconfigError(f"kubeconfig {path}: cluster {chosen.get('cluster')!r} has no server; add its URL")
    if "exec" in user or "auth-provider" in user:
        raise KubeconfigError(f"kubeconfig {path}: user {chosen['user']!r} needs a credential plugin; use a token or a client certificate")
    base = Path(path).parent
    return ClientConfig(
        server=str(cluster["server"]).rstrip("/"),
        ca=_content(cluster, "certificate-authority", base, path),
        cert=_key_pair(user, base, path),
        token=str(user.get("token") or ""),
        token_file=str(base / user["tokenFile"]) if user.get("tokenFile") else "",
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        namespace=str(chosen.get("namespace") or "default"),
        server_name=str(cluster.get("tls-server-name") or ""),
    )


def in_cluster() -> ClientConfig:
    """Return what the kubelet gives a pod. Raises KubeconfigError outside of one."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    try:
        ca = (SERVICE_ACCOUNT / "ca.crt").read_bytes()
    except OSError as error:
        raise KubeconfigError(f"not in a pod: {error.filename}: {error.strerror}; give a kubeconfig with --kubeconfig") from error
    if not host:
        raise KubeconfigError("not in a pod: KUBERNETES_SERVICE_HOST is not set; give a kubeconfig with --kubeconfig")
    bracketed = f"[{host}]" if ":" in host else host
    return ClientConfig(server=f"https://{bracketed}:{port}", ca=ca, token_file=str(SERVICE_ACCOUNT / "token"))


def _document(path: str) -> dict[str, Any]:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise KubeconfigError(f"kubeconfig {path}: {error.strerror}; check the path and its permissions, or set KUBECONFIG") from error
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = _yaml(data, path)
    if not isinstance(document, dict):
        raise KubeconfigError(f"kubeconfig {path}: not a kubeconfig; write it anew with `sagong kubeconfig`")
    return document


def _yaml(data: bytes, path: str) -> Any:
    import yaml  # noqa: PLC0415 - a megabyte that a component with a JSON kubeconfig does not pay

    try:
        return yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    except yaml.YAMLError as error:
        where = " ".join(str(error).split())
        raise KubeconfigError(f"kubeconfig {path}: not YAML: {where}; correct it, or write it anew with `sagong kubeconfig`") from error


def _entry(document: dict[str, Any], path: str, section: str, key: str, name: str) -> dict[str, Any]:
    for entry in document.get(section) or ():
        if isinstance(entry, dict) and entry.get("name") == name:
            found = entry.get(key) or {}
            if isinstance(found, dict):
                return found
    raise KubeconfigError(f"kubeconfig {path}: {section} has no entry named {name!r}; add it, or choose another with --context")


def _content(section: dict[str, Any], key: str, base: Path, path: str) -> bytes | None:
    """Return the bytes of `key`-data (base64), or of the file that `key` names."""
    if section.get(f"{key}-data"):
        try:
            return base64.b64decode(section[f"{key}-data"], validate=True)
        except (binascii.Error, ValueError, TypeError) as error:
            raise KubeconfigError(f"kubeconfig {path}: {key}-data is not base64 ({error}); write the file anew") from error
    if not section.get(key):
        return None
    return _read(base / section[key], path, key)


def _read(file: Path, path: str, key: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise KubeconfigError(f"kubeconfig {path}: {key} {file}: {error.strerror}; restore the file or correct its path") from error


def _key_pair(user: dict[str, Any], base: Path, path: str) -> tuple[str, str] | None:
    files = [_file(user, key, base, path) for key in ("client-certificate", "client-key")]
    if not all(files):
        if any(files):
            raise KubeconfigError(f"kubeconfig {path}: client-certificate and client-key come together; add the missing one")
        return None
    return files[0], files[1]


def _file(user: dict[str, Any], key: str, base: Path, path: str) -> str:
    """Return the path of a PEM file; inline data gets an anonymous one, since OpenSSL's loader wants paths."""
    if not user.get(f"{key}-data"):
        if user.get(key):
            _read(base / user[key], path, key)
            return str(base / user[key])
        return ""
    return memory_file(key, _content(user, key, base, path) or b"")


def memory_file(name: str, content: bytes) -> str:
    """Return the path of an anonymous file: it lives as long as the process, and nothing secret touches a disk."""
    descriptor = os.memfd_create(name)
    os.write(descriptor, content)
    return f"/proc/{os.getpid()}/fd/{descriptor}"
