"""What the server serves: the preferred version of every resource, custom ones included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from sagong.api.errors import ApiError, NotAcceptableError, ServiceUnavailableError
from sagong.api.resources import TABLE, Resource
from sagong.client.client import Client

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


async def discover(client: Client) -> list[Resource]:
    """Return one row for each resource at its group's preferred version.

    Raises DiscoveryError, which has what was found, when the server behind a group does not answer.
    """
    found: list[Resource] = []
    stale: list[str] = []
    for path in ("/api", "/apis"):
        answer = await client.raw("GET", path, headers={"Accept": AGGREGATED})
        document = msgspec.json.decode(answer.body)
        if document.get("kind") == "APIGroupDiscoveryList":
            for group in document.get("items", ()):
                found += _preferred(group)
                stale += _stale(group)
        else:
            found += await _legacy(client, document)
    if stale:
        told = ", ".join(f"{name}: stale GroupVersion discovery: {name}" for name in stale)
        raise DiscoveryError(f"unable to retrieve the complete list of server APIs: {told}", found)
    return found


async def discovered(client: Client) -> list[Resource]:
    """Return what can be discovered now, whoever else does not answer."""
    try:
        return await discover(client)
    except DiscoveryError as error:
        return error.found


class DiscoveryError(ApiError):
    """A group of the server, such as an aggregated one, cannot be discovered now; `found` is what could be."""

    def __init__(self, message: str, found: list[Resource]) -> None:
        super().__init__(message)
        self.found = found


def _stale(group: dict[str, Any]) -> list[str]:
    name = group.get("metadata", {}).get("name", "")
    return [f"{name}/{version['version']}" for version in group.get("versions", ()) if version.get("freshness") == "Stale"]


def _preferred(group: dict[str, Any]) -> Iterator[Resource]:
    """Yield each resource of a group once, at the first version that has it."""
    name = group.get("metadata", {}).get("name", "")
    seen: set[str] = set()
    for version in group.get("versions", ()):
        if version.get("freshness") == "Stale":
            continue
        for entry in version.get("resources", ()):
            plural, kind = entry["resource"], entry.get("responseKind", {})
            if plural not in seen:
                seen.add(plural)
                yield _row(
                    name, version["version"], plural, kind.get("kind", ""), entry["verbs"], namespaced=entry["scope"] == "Namespaced"
                )


async def _legacy(client: Client, document: dict[str, Any]) -> list[Resource]:
    """Ask group by group, as before aggregated discovery."""
    found: list[Resource] = []
    paths = [("", "v1", "/api/v1")] if "versions" in document else []
    for group in document.get("groups", ()):
        version = group["preferredVersion"]["version"]
        paths.append((group["name"], version, f"/apis/{group['name']}/{version}"))
    failure: ApiError | None = None
    for group_name, version, path in paths:
        try:
            answer = await client.raw("GET", path)
        except (NotAcceptableError, ServiceUnavailableError) as error:
            failure = failure or DiscoveryError(f"unable to retrieve the complete list of server APIs: {path[6:]}: {error}", found)
            continue
        found += [
            _row(group_name, version, entry["name"], entry["kind"], entry["verbs"], namespaced=entry["namespaced"])
            for entry in msgspec.json.decode(answer.body).get("resources", ())
            if "/" not in entry["name"]
        ]
    if failure is not None:
        raise failure
    return found


def _row(group: str, version: str, plural: str, kind: str, verbs: list[str], *, namespaced: bool) -> Resource:
    """Return the built-in row where there is one, so that informers are shared with those who name the Struct."""
    known = TABLE.by_path(group, version, plural)
    return known or Resource(group, version, kind, plural, kind.lower(), namespaced, tuple(verbs), list_kind=f"{kind}List")
