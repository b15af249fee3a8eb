"""Discovery: which groups, versions and resources are served. Legacy documents and the aggregated one (KEP-3352), from the table.

Built once and kept until the table changes; each document has an ETag, so that clients that know it are spared the body.
"""

from __future__ import annotations

import functools
import hashlib
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from sagong.api.errors import NotFoundError
from sagong.api.resources import Resource, ResourceTable, Sub
from sagong.api.types.base import ApiStruct
from sagong.api.types.meta import APIGroup, APIGroupList, APIResourceList, APIVersions
from sagong.server.aggregation.documents import VersionDocument
from sagong.server.exchange import Exchange
from sagong.server.messages import JSON, Answer, Response, page_not_found
from sagong.server.negotiation import PROTOBUF, YAML, representation
from sagong.server.registry import versions
from sagong.server.registry.render import to_yaml
from sagong.server.shown import shown

_AGGREGATED = ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_NOT_STORED = ("componentstatuses",)


class _Kind(msgspec.Struct):
    kind: str


_TYPES: Mapping[str, type[ApiStruct]] = {kind.__name__: kind for kind in (APIVersions, APIGroupList, APIGroup, APIResourceList)}
_CUSTOM_PRIORITY = (1000, 100)
"""That of custom resources (and of what has no APIService yet): its group's, its version's."""


class Behind(Protocol):
    """What is known of group versions: their priorities, by APIServices, and what other servers serve."""

    @property
    def priorities(self) -> Mapping[tuple[str, str], tuple[int, int]]:
        """The priority of the group and of the version in it, by group and version."""
        ...

    @property
    def documents(self) -> Mapping[tuple[str, str], VersionDocument]:
        """What others serve."""
        ...


class Discovery:
    """The documents of one table and of the servers behind."""

    def __init__(self, table: ResourceTable, address: str, behind: Behind) -> None:
        self._table, self._address, self._behind = table, address, behind
        self._documents: dict[str, tuple[bytes, str]] = {}

    def changed(self) -> None:
        """Forget what was built: the table has other rows now."""
        self._documents.clear()

    def api(self, exchange: Exchange) -> Answer:
        """Answer `/api`: the versions of the core group, or the aggregated document of it."""
        if _wants_aggregated(exchange):
            return self._answer(exchange, "aggregated core", lambda: self._aggregated(core=True), aggregated=True)
        return self._answer(exchange, "/api", self._versions)

    def apis(self, exchange: Exchange) -> Answer:
        """Answer `/apis`: all other groups."""
        if _wants_aggregated(exchange):
            return self._answer(exchange, "aggregated", lambda: self._aggregated(core=False), aggregated=True)
        return self._answer(exchange, "/apis", self._groups)

    def below(self, exchange: Exchange) -> Answer:
        """Answer `/api/v1`, `/apis/<group>` and `/apis/<group>/<version>`."""
        parts = exchange.info.path.strip("/").split("/")
        group, version, depth = ("", parts[1], 3) if parts[0] == "api" else (parts[1], parts[2] if len(parts) > 2 else "", len(parts))  # noqa: PLR2004
        if (version not in self._versions_of(group)) if version else (group not in self.group_names()):
            if parts[0] == "api" or group in self.group_names():
                raise NotFoundError("the server could not find the requested resource", generic=True)
            return page_not_found()
        if depth == 2:  # noqa: PLR2004 - /apis/<group>
            return self._answer(exchange, f"/apis/{group}", lambda: {"kind": "APIGroup", "apiVersion": "v1", **self._group(group)})
        return self._answer(exchange, f"{group}/{version}", functools.partial(self._resources, group, version))

    def group_names(self) -> list[str]:
        """Return the groups in upstream's order: by the highest priority of their APIServices, then by name."""
        priorities: dict[str, int] = {}
        for key in self._group_versions():
            priorities[key[0]] = max(priorities.get(key[0], 0), self._priority(key)[0])
        return sorted(priorities, key=lambda name: (-priorities[name], name))

    def _group_versions(self) -> set[tuple[str, str]]:
        return {(row.group, row.version) for row in self._table} | set(self._behind.documents)

    def _priority(self, key: tuple[str, str]) -> tuple[int, int]:
        return self._behind.priorities.get(key, _CUSTOM_PRIORITY)

    def _answer(self, exchange: Exchange, key: str, build: Any, *, aggregated: bool = False) -> Answer:
        if key not in self._documents:
            body = msgspec.json.encode(build())
            self._documents[key] = (body, f'"{hashlib.sha256(body).hexdigest().upper()}"')
        body, etag = self._documents[key]
        if not aggregated:
            chosen = representation(exchange.request, targets=False)
            if chosen.media == PROTOBUF:
                kind = _TYPES[msgspec.json.decode(body, type=_Kind).kind]
                return shown(msgspec.json.decode(body, type=kind), chosen)
            if chosen.media == YAML:
                return Response(to_yaml(body), content_type=YAML)
            return Response(msgspec.json.format(body, indent=2) if chosen.pretty else body)
        headers = [("Vary", "Accept"), ("ETag", etag)]
        if exchange.request.header("if-none-match") == etag:
            return Response(b"", 304, "", headers)
        return Response(body, 200, JSON + _AGGREGATED, headers)

    def _versions(self) -> Any:
        address = [{"clientCIDR": "0.0.0.0/0", "serverAddress": self._address}]
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": address}

    def _groups(self) -> Any:
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [self._group(name) for name in self.group_names() if name]}

    def _group(self, name: str) -> dict[str, Any]:
        versions = [{"groupVersion": f"{name}/{version}", "version": version} for version in self._versions_of(name)]
        return {"name": name, "versions": versions, "preferredVersion": versions[0]}

    def _versions_of(self, group: str) -> list[str]:
        found = (key for key in self._group_versions() if key[0] == group)
        return [version for _, version in sorted(found, key=lambda key: (self._priority(key)[1], version_priority(key[1])), reverse=True)]

    def _rows(self, group: str, version: str) -> list[Resource]:
        rows = (row for row in self._table if (row.group, row.version) == (group, version))
        return sorted(rows, key=lambda row: row.plural)

    def _resources(self, group: str, version: str) -> Any:
        resources: list[dict[str, Any]] = []
        for row in self._rows(group, version):
            resources.append(_legacy(row))
            resources += [_legacy_sub(row, sub) for sub in row.subresources]
        api_version = f"{group}/{version}" if group else version
        document = {"kind": "APIResourceList", "groupVersion": api_version, "resources": resources}
        return document if not group else {"kind": "APIResourceList", "apiVersion": "v1", **document}

    def _aggregated(self, *, core: bool) -> Any:
        items = []
        for group in self.group_names():
            if (group == "") != core:
                continue
            versions = [self._version(group, version) for version in self._versions_of(group)]
            items.append({"metadata": {"name": group} if group else {}, "versions": versions})
        return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}

    def _version(self, group: str, version: str) -> dict[str, Any]:
        remote = self._behind.documents.get((group, version))
        if remote is not None:
            return {"version": version, "resources": remote.resources, "freshness": "Current" if remote.fresh else "Stale"}
        return {"version": version, "resources": [_aggregated(row) for row in self._rows(group, version)], "freshness": "Current"}


def version_priority(version: str) -> tuple[int, int, int, str]:
    """Sort key of versions as upstream compares them: v2 > v1 > v1beta2 > v1beta1 > v1alpha1 > others by name."""
    for stage, level in (("alpha", 1), ("beta", 2)):
        major, found, minor = version[1:].partition(stage)
        if found and major.isdecimal() and minor.isdecimal():
            return (level, int(major), int(minor), "")
    if version.startswith("v") and version[1:].isdecimal():
        return (3, int(version[1:]), 0, "")
    return (0, 0, 0, version)


def _legacy(row: Resource) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": row.plural,
        "singularName": row.singular,
        "namespaced": row.namespaced,
        "kind": row.kind,
        "verbs": _verbs(row),
    }
    if row.short_names:
        described["shortNames"] = row.short_names
    if row.categories:
        described["categories"] = row.categories
    if "list" in row.verbs and row.plural not in _NOT_STORED:
        stored = versions.stored_row(row)
        described["storageVersionHash"] = storage_hash(stored.group, stored.version, stored.kind)
    return described


def storage_hash(group: str, version: str, kind: str) -> str:
    """Return upstream's StorageVersionHash."""
    return b64encode(hashlib.sha256(f"{group}/{version}/{kind}".encode()).digest()[:8]).decode()


def _legacy_sub(row: Resource, sub: Sub) -> dict[str, Any]:
    described: dict[str, Any] = {"name": f"{row.plural}/{sub.name}", "singularName": "", "namespaced": row.namespaced}
    if sub.version:
        described |= {"group": sub.group, "version": sub.version}
    return {**described, "kind": sub.kind, "verbs": sub.verbs}


def _aggregated(row: Resource) -> dict[str, Any]:
    described: dict[str, Any] = {
        "resource": row.plural,
        "responseKind": _kind(row),
        "scope": "Namespaced" if row.namespaced else "Cluster",
        "singularResource": row.singular,
        "verbs": _verbs(row),
    }
    if row.short_names:
        described["shortNames"] = row.short_names
    if row.categories:
        described["categories"] = row.categories
    if row.subresources:
        described["subresources"] = [
            {"subresource": sub.name, "responseKind": _sub_kind(row, sub), "verbs": sub.verbs} for sub in row.subresources
        ]
    return described


def _kind(row: Resource) -> dict[str, str]:
    """Return the kind of a resource; a built-in one leaves out what is its resource's."""
    return (
        {"group": row.group, "version": row.version, "kind": row.kind}
        if row.module is None
        else {"group": "", "version": "", "kind": row.kind}
    )


def _sub_kind(row: Resource, sub: Sub) -> dict[str, str]:
    if sub.version or row.module is not None:
        return {"group": sub.group, "version": sub.version, "kind": sub.kind}
    return _kind(row)


def _verbs(row: Resource) -> tuple[str, ...]:
    """Return the verbs of a resource; what is being taken away is not changed any more."""
    if row.module is None and row.extra.kind.terminating:
        return tuple(verb for verb in row.verbs if verb not in ("create", "patch", "update"))
    return row.verbs


def _wants_aggregated(exchange: Exchange) -> bool:
    accept = exchange.request.header("accept")
    return "as=APIGroupDiscoveryList" in accept and "v=v2;" in accept + ";" and "g=apidiscovery.k8s.io" in accept
