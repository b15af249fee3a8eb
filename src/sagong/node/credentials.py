"""What images may be pulled with: the registry passwords in a pod's imagePullSecrets (docker's two file formats)."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from sagong.api.errors import ApiError
from sagong.api.types.core import Pod, Secret
from sagong.node.cri import api_pb2 as cri
from sagong.node.events import PodEvents
from sagong.node.pull_records import SecretUse
from sagong.node.volumes.sources import ObjectCache

_DEFAULT_REGISTRY = "index.docker.io"
_DOCKER_HUB = ("index.docker.io", "docker.io", "registry-1.docker.io")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Credential:
    """A registry's password, and the secret that has it; None when it is the node's own, and so every pod's."""

    auth: cri.AuthConfig
    secret: SecretUse | None


class NodeCredentials(Protocol):
    """Credentials of the node itself."""

    async def credentials(self, image: str) -> Sequence[Credential]:
        """Return what fits the image's registry."""
        ...


@dataclass(frozen=True)
class PullSecrets:
    """Reads pull secrets. Missing ones are told in an event; the pull goes on without them."""

    objects: ObjectCache
    events: PodEvents
    node: NodeCredentials | None = None
    """what the node itself has, whatever the pod"""

    async def credentials(self, pod: Pod, image: str) -> Sequence[Credential]:
        """Return what fits the image's registry, the pod's own first, of these the most specific path."""
        found: list[tuple[str, Credential]] = []
        missing = []
        for reference in pod.spec.imagePullSecrets:
            try:
                secret = await self.objects.secret(pod.metadata.namespace, reference.name)
            except (ApiError, OSError):
                missing.append(reference.name)
                continue
            fitting = ((pattern, auth) for pattern, auth in _entries(secret) if matches(pattern, image))
            found.extend((pattern, Credential(auth, _use(secret, auth))) for pattern, auth in fitting)
        if missing:
            text = f"Unable to retrieve some image pull secrets ({', '.join(missing)}); attempting to pull the image may not succeed."
            self.events.pod(pod, "Warning", "FailedToRetrieveImagePullSecret", text)
        own = [credential for _, credential in sorted(found, key=lambda pair: pair[0], reverse=True)]
        return [*own, *(await self.node.credentials(image) if self.node is not None else ())]


def _use(secret: Secret, auth: cri.AuthConfig) -> SecretUse:
    meta = secret.metadata
    return SecretUse(meta.uid, meta.namespace, meta.name, hashlib.sha256(auth.SerializeToString(deterministic=True)).hexdigest())


def matches(pattern: str, image: str) -> bool:
    """Tell whether a registry entry, with `*` in host parts and a path prefix, covers the image."""
    host, path = _split(pattern)
    image_host, image_path = _image_parts(image)
    if host in _DOCKER_HUB:
        host_matches = image_host in _DOCKER_HUB
    else:
        parts, wanted = image_host.split("."), host.split(".")
        host_matches = len(parts) == len(wanted) and all(fnmatch.fnmatchcase(a, b) for a, b in zip(parts, wanted, strict=True))
    prefix = "" if path.strip("/") in ("v1", "v2") else path.strip("/")
    return host_matches and image_path.startswith(prefix)


def _split(pattern: str) -> tuple[str, str]:
    parts = urlsplit(pattern if "://" in pattern else f"https://{pattern}")
    return parts.netloc, parts.path


def _image_parts(image: str) -> tuple[str, str]:
    first, _, rest = image.partition("/")
    if rest and ("." in first or ":" in first or first == "localhost"):
        return first, rest
    return _DEFAULT_REGISTRY, image if rest else f"library/{image}"


def _entries(secret: Secret) -> Iterator[tuple[str, cri.AuthConfig]]:
    try:
        if ".dockerconfigjson" in secret.data:
            table = msgspec.json.decode(secret.data[".dockerconfigjson"]).get("auths", {})
        else:
            table = msgspec.json.decode(secret.data.get(".dockercfg", b"{}"))
        for pattern, entry in table.items():
            yield pattern, _auth(entry)
    except (msgspec.MsgspecError, AttributeError, ValueError, binascii.Error) as error:
        log.warning("pull secret %s/%s is malformed: %s", secret.metadata.namespace, secret.metadata.name, error)


def _auth(entry: Mapping[str, Any]) -> cri.AuthConfig:
    username, password = entry.get("username", ""), entry.get("password", "")
    if entry.get("auth"):
        username, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
    return cri.AuthConfig(username=username, password=password, identity_token=entry.get("identitytoken", ""))
