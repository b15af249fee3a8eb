"""The API as Python calls: one method for each verb, for every kind, over one Transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, cast

import msgspec

from sagong.api.clock import Clock, Random
from sagong.api.errors import ApiError, from_status
from sagong.api.resources import Resource, resource_of
from sagong.api.types.base import ApiStruct
from sagong.api.types.meta import DeleteOptions, Preconditions, Status
from sagong.client.config import ClientConfig
from sagong.client.endpoint import JSON, Endpoint, ListOf, endpoint_of, identity
from sagong.client.transport import REQUEST_TIMEOUT, Query, Request, Response, Stream, Transport

T = TypeVar("T")
PatchType = Literal["json", "merge", "strategic", "apply"]

_PATCH_CONTENT: dict[PatchType, str] = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
_SENT = {"Accept": JSON, "Content-Type": JSON}
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class WatchEvent(Generic[T]):
    """One change. A BOOKMARK's object has only metadata.resourceVersion (and annotations)."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: T


class Client:
    """Calls raise ApiError for what the server refuses, OSError when it cannot be reached in time.

    `kind` is a Struct, an Endpoint, or, for custom resources whose objects are dicts, a Resource.
    """

    def __init__(self, config: ClientConfig, *, clock: Clock, random: Random, transport: Transport | None = None) -> None:
        self.config, self.clock, self.random = config, clock, random
        self.transport = transport or Transport(config, clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop all connections."""
        self.transport.pool.close()

    async def get(self, kind: type[T] | Resource | Endpoint[T], name: str, namespace: str = "", subresource: str = "") -> T:
        """Read one object."""
        endpoint = endpoint_of(kind)
        answer = await self.raw("GET", endpoint.resource.path(namespace, name, subresource), headers={"Accept": endpoint.accept})
        return endpoint.decode(answer.body)

    async def list(
        self,
        kind: type[T] | Resource | Endpoint[T],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
        limit: int = 0,
        continue_token: str = "",
    ) -> ListOf[T]:
        """Read many; `limit` makes pages, whose next is asked for with `.metadata.continue_`."""
        endpoint = endpoint_of(kind)
        query = _given(
            labelSelector=label_selector,
            fieldSelector=field_selector,
            resourceVersion=resource_version,
            limit=str(limit or ""),
            **{"continue": continue_token},
        )
        answer = await self.raw("GET", endpoint.resource.path(namespace), query=query, headers={"Accept": endpoint.accept_list})
        return endpoint.decode_list(answer.body)

    async def create(self, obj: T, *, dry_run: bool = False, resource: Resource | None = None, field_manager: str = "") -> T:
        """Create; the namespace is the object's. A custom object (a dict) needs its `resource`."""
        endpoint = _endpoint_for(obj, resource)
        query = _given(dryRun="All" if dry_run else "", fieldManager=field_manager)
        return await self._send("POST", endpoint, endpoint.resource.path(identity(obj).namespace), query, obj)

    async def update(
        self, obj: T, subresource: str = "", *, dry_run: bool = False, resource: Resource | None = None, field_manager: str = ""
    ) -> T:
        """Replace; metadata.resourceVersion, when set, must be the live one."""
        endpoint = _endpoint_for(obj, resource)
        named = identity(obj)
        query = _given(dryRun="All" if dry_run else "", fieldManager=field_manager)
        return await self._send("PUT", endpoint, endpoint.resource.path(named.namespace, named.name, subresource), query, obj)

    async def patch(
        self,
        kind: type[T] | Resource | Endpoint[T],
        name: str,
        namespace: str,
        patch: Any,
        *,
        patch_type: PatchType = "merge",
        subresource: str = "",
        field_manager: str = "",
        force: bool = False,
    ) -> T:
        """Patch; `patch` is a dict, a list, a Struct, or bytes that are already encoded."""
        endpoint = endpoint_of(kind)
        query = _given(fieldManager=field_manager, force="true" if force else "")
        headers = {"Accept": endpoint.accept, "Content-Type": _PATCH_CONTENT[patch_type]}
        body = patch if isinstance(patch, bytes) else _encode(patch)
        path = endpoint.resource.path(namespace, name, subresource)
        return endpoint.decode((await self.raw("PATCH", path, query=query, headers=headers, body=body)).body)

    async def delete(
        self,
        kind: type[T] | Resource | Endpoint[T],
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        resource_version: str = "",
        grace_period_seconds: int | None = None,
        propagation_policy: str = "",
    ) -> None:
        """Delete; `uid` and `resource_version` are preconditions."""
        wanted = Preconditions(uid=uid or None, resourceVersion=resource_version or None) if uid or resource_version else None
        options = DeleteOptions(
            apiVersion="v1",
            kind="DeleteOptions",
            preconditions=wanted,
            gracePeriodSeconds=grace_period_seconds,
            propagationPolicy=propagation_policy or None,
        )
        await self.raw("DELETE", endpoint_of(kind).resource.path(namespace, name), headers=_SENT, body=_encode(options))

    async def delete_collection(
        self, kind: type[T] | Resource | Endpoint[T], namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> None:
        """Delete all that the selectors match."""
        query = _given(labelSelector=label_selector, fieldSelector=field_selector)
        await self.raw("DELETE", endpoint_of(kind).resource.path(namespace), query=query, headers=_SENT)

    async def create_subresource(
        self, kind: type[T] | Resource | Endpoint[T], name: str, namespace: str, subresource: str, body: ApiStruct
    ) -> ApiStruct:
        """Post to a subresource (binding, eviction, token); return what the server answers, a Status or the body's kind."""
        endpoint = endpoint_of(kind)
        sub = endpoint.resource.subresource(subresource)
        if sub is not None and not getattr(body, "kind", "-"):
            parent = endpoint.resource.api_version
            version = (f"{sub.group}/{sub.version}" if sub.group else sub.version) or parent
            body = msgspec.structs.replace(body, apiVersion=version, kind=sub.kind)
        answer = await self.raw("POST", endpoint.resource.path(namespace, name, subresource), headers=_SENT, body=_encode(body))
        try:
            status = msgspec.json.decode(answer.body, type=Status)
        except msgspec.ValidationError:
            status = Status()
        return status if status.kind == "Status" else Endpoint(endpoint.resource, type(body)).decode(answer.body)

    async def watch(
        self,
        kind: type[T] | Resource | Endpoint[T],
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        allow_bookmarks: bool = True,
        timeout_seconds: int = 0,
    ) -> AsyncIterator[WatchEvent[T]]:
        """Stream changes after `resource_version` until the server ends the watch. An ERROR event is raised as its ApiError."""
        endpoint = endpoint_of(kind)
        query = _given(
            watch="true",
            resourceVersion=resource_version,
            labelSelector=label_selector,
            fieldSelector=field_selector,
            allowWatchBookmarks="true" if allow_bookmarks else "",
            timeoutSeconds=str(timeout_seconds or ""),
        )
        path, headers = endpoint.resource.path(namespace), {"Accept": endpoint.accept}
        async with self.transport.stream(Request("GET", path, query, headers)) as stream:
            rest = b""  # what follows the last newline waits for more
            async for chunk in stream:
                *lines, rest = (rest + chunk if rest else chunk).split(b"\n")
                for line in filter(None, lines):
                    event, obj = endpoint.decode_event(line)
                    if isinstance(obj, Status):
                        raise from_status(obj)
                    yield WatchEvent(cast("Any", event), obj)

    async def raw(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        time_limit: float = REQUEST_TIMEOUT,
    ) -> Response:
        """Ask any path. Raises ApiError for 400 and above."""
        return await self.transport.request(Request(method, path, query or {}, headers or {"Accept": JSON}, body), time_limit)

    async def wait_ready(self) -> None:
        """Wait until the server is ready: soon after a start of both, so ask often, then every second."""
        pause = 0.05
        while True:
            try:
                await self.raw("GET", "/readyz")
            except (ApiError, OSError) as error:
                if isinstance(error, ApiError) and error.code < 500:  # noqa: PLR2004 - it answers, if not what was asked
                    return
                await self.clock.sleep(pause)
                pause = min(pause * 1.05, 1.0)
            else:
                return

    def stream(
        self, path: str, *, query: Query | None = None, headers: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[Stream]:
        """Get any path and read the body as it comes, such as a pod's log."""
        return self.transport.stream(Request("GET", path, query or {}, headers or {"Accept": "*/*"}))

    def upgrade(
        self, path: str, protocol: str, *, method: str = "POST", query: Query | None = None, headers: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[Stream]:
        """Switch protocols (exec, attach, port-forward) and hand out the raw duplex stream; its `headers` name the subprotocol."""
        sent = {"Connection": "Upgrade", "Upgrade": protocol, **(headers or {})}
        return self.transport.stream(Request(method, path, query or {}, sent))

    async def _send(self, method: str, endpoint: Endpoint[T], path: str, query: Query, obj: T) -> T:
        answer = await self.raw(method, path, query=query, headers=_SENT, body=_encode(endpoint.filled(obj)))
        return endpoint.decode(answer.body)


def _endpoint_for(obj: T, resource: Resource | None) -> Endpoint[T]:
    if resource is not None:
        return Endpoint(resource, type(obj)) if isinstance(obj, ApiStruct) else endpoint_of(resource)
    if not isinstance(obj, ApiStruct):
        raise TypeError("a custom object needs its resource")
    return cast("Endpoint[T]", endpoint_of(type(obj)))


def _given(**query: str) -> dict[str, str | list[str]]:
    return {key: value for key, value in query.items() if value}


__all__ = ["Client", "ListOf", "PatchType", "Response", "Stream", "WatchEvent", "resource_of"]
