"""What a request is about, read from its method and path: verb, group, version, resource, namespace, name, subresource.

The grammar is upstream's (KEP-free, apiserver RequestInfo): `/api/v1/...` and `/apis/<group>/<version>/...` are resource
requests, the legacy prefixes `watch/` and `proxy/` included; everything else is a path.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from sagong.api import field_selectors
from sagong.api.selectors import SelectorError
from sagong.server.messages import Peer, Request

_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_NAMESPACE_SUBRESOURCES = ("status", "finalize")
_LEGACY_VERBS = ("proxy", "watch")
_LONG_VERBS = ("watch", "proxy")
_LONG_SUBRESOURCES = ("attach", "exec", "log", "portforward", "proxy")


class RequestInfo(NamedTuple):
    """`verb` is the lower-case method where `resource_request` is false. `rest` is the path behind a subresource (proxy).

    `long_running`: it may take as long as it likes.
    """

    path: str
    verb: str
    resource_request: bool = False
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""
    long_running: bool = False


def request_info(request: Request) -> RequestInfo:
    """Read a request."""
    return _read(request) if request.query_string else _read_before(request.method, request.raw_path)


@functools.lru_cache(maxsize=1024)
def _read_before(method: str, raw_path: str) -> RequestInfo:
    """Read a request that has no query: clients ask the same again and again."""
    return _read(Request(method, raw_path, {}, b"", Peer()))


def _read(request: Request) -> RequestInfo:
    parts = [part for part in request.path.split("/") if part]
    if len(parts) >= 3 and parts[0] == "api":  # noqa: PLR2004 - the grammar counts path segments
        return _resource_info(request, "", parts[1], parts[2:])
    if len(parts) >= 4 and parts[0] == "apis":  # noqa: PLR2004
        return _resource_info(request, parts[1], parts[2], parts[3:])
    return RequestInfo(request.path, request.method.lower())


def _resource_info(request: Request, group: str, version: str, parts: list[str]) -> RequestInfo:
    verb = _VERBS.get(request.method, "")
    if parts[0] in _LEGACY_VERBS:
        if len(parts) == 1:
            return RequestInfo(request.path, request.method.lower())
        verb, parts = parts[0], parts[1:]
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in _NAMESPACE_SUBRESOURCES:  # noqa: PLR2004
            parts = parts[2:]
    resource, name, subresource, *_ = (*parts[:3], "", "", "")
    if not name and verb == "get":
        name = _selected_name(request)
        verb = "watch" if request.query_string and request.flag("watch") else "list"
    elif not name and verb == "delete":
        verb = "deletecollection"
    elif verb == "get" and not subresource and request.query_string and request.flag("watch"):
        verb = "watch"
    rest = "/".join(parts[3:])
    if rest and request.raw_path.endswith("/"):
        rest += "/"
    long_running = verb in _LONG_VERBS or subresource in _LONG_SUBRESOURCES
    return RequestInfo(request.path, verb, True, group, version, namespace, resource, name, subresource, rest, long_running)  # noqa: FBT003 - a tuple's field


def _selected_name(request: Request) -> str:
    """Return the name that a list or watch of one object selects, so that it can be authorized by name."""
    if "fieldSelector" not in request.query_string:
        return ""
    try:
        return field_selectors.parse(request.param("fieldSelector")).exact("metadata.name") or ""
    except SelectorError:
        return ""
