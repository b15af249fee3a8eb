"""Discovery documents of other servers: the aggregated form (KEP-3352) if they know it, else made from the legacy one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from sagong.server.aggregation.connections import Connections, FetchError
from sagong.server.aggregation.services import Backend

_FORM = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
_ACCEPT = ", ".join(_FORM.format(version) for version in ("v2", "v2beta1"))
_OK, _NOT_MODIFIED, _UNAVAILABLE = 200, 304, 503


class VersionDocument(Struct, frozen=True):
    """The resources of one group version in the aggregated form. `fresh` False: it could not be asked for lately."""

    resources: tuple[dict[str, Any], ...] = ()
    fresh: bool = False
    etag: str = ""


async def fetch(backend: Backend, connections: Connections, known: VersionDocument | None) -> VersionDocument:
    """Ask for the newest. Raises FetchError."""
    headers = [("Accept", _ACCEPT)]
    if known is not None and known.etag:
        headers.append(("If-None-Match", known.etag))
    answer = await connections.fetch(backend, "/apis", headers)
    if answer.status == _NOT_MODIFIED and known is not None:
        return VersionDocument(known.resources, fresh=True, etag=known.etag)
    if answer.status == _UNAVAILABLE:
        raise FetchError(None, f"service {backend.namespace}/{backend.service}:{backend.port} returned non-success response code: 503")
    if answer.status == _OK and "as=APIGroupDiscoveryList" in answer.header("content-type"):
        found = _read(answer.body, lambda document: _aggregated(backend, document))
        return VersionDocument(found, fresh=True, etag=answer.header("etag"))
    answer = await connections.fetch(backend, backend.path, [("Accept", "application/json")])
    if answer.status != _OK:
        raise FetchError(None, f"failed to download legacy discovery for {backend.path}: {answer.status}")
    return VersionDocument(_read(answer.body, _from_legacy), fresh=True)


def _read(body: bytes, read: Callable[[dict[str, Any]], tuple[dict[str, Any], ...]]) -> tuple[dict[str, Any], ...]:
    try:
        return read(msgspec.json.decode(body, type=dict))
    except (msgspec.MsgspecError, AttributeError, TypeError) as error:  # another shape than it should have
        raise FetchError(None, f"couldn't parse the discovery document: {error}") from error


def _aggregated(backend: Backend, document: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    for group in document.get("items") or ():
        if group.get("metadata", {}).get("name", "") == backend.group:
            for version in group.get("versions") or ():
                if version.get("version") == backend.version:
                    return tuple(_with_kinds(resource) for resource in version.get("resources") or ())
    return ()


def _with_kinds(resource: dict[str, Any]) -> dict[str, Any]:
    """Old clients fall over a resource without a responseKind."""
    empty = {"group": "", "version": "", "kind": ""}
    found = {"responseKind": empty, **resource}
    if resource.get("subresources"):
        found["subresources"] = [{"responseKind": empty, **sub} for sub in resource["subresources"]]
    return found


def _from_legacy(document: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    resources: dict[str, dict[str, Any]] = {}
    for described in document.get("resources") or ():
        name, _, sub = described.get("name", "").partition("/")
        kind = {"group": described.get("group", ""), "version": described.get("version", ""), "kind": described.get("kind", "")}
        own = resources.setdefault(name, {"resource": name})
        if sub:
            own.setdefault("subresources", []).append({"subresource": sub, "responseKind": kind, "verbs": described.get("verbs") or []})
            continue
        own |= {
            "responseKind": kind,
            "scope": "Namespaced" if described.get("namespaced") else "Cluster",
            "singularResource": described.get("singularName", ""),
            "verbs": described.get("verbs") or [],
        }
        own |= {key: described[key] for key in ("shortNames", "categories") if described.get(key)}
    return tuple(_with_kinds(resource) for resource in resources.values())
