"""The OpenAPI of the servers behind: asked for when somebody asks here, and not again for a while."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from sagong.api.clock import Clock
from sagong.api.openapi import merging
from sagong.server.aggregation.connections import Connections, FetchError
from sagong.server.aggregation.services import Backend, GroupVersion
from sagong.server.contract import User

KEPT_SECONDS = 60.0
DOWNLOADER = User("system:aggregator")
_OK, _NOT_MODIFIED, _NOT_FOUND = 200, 304, 404


class _Known(Struct):
    """What a backend said. `url` "": it has no version 3 of the group version; then `v3` is made from version 2."""

    until: float
    url: str = ""
    v2: dict[str, Any] | None = None
    v2_etag: str = ""
    v3: bytes = b""


class RemoteOpenApi:
    """Answers for all backends. What a backend said last stands while it does not answer."""

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections, self._clock = connections, clock
        self._index: dict[str, _Known] = {}
        self._documents: dict[str, _Known] = {}

    def forget(self, names: Mapping[str, Backend]) -> None:
        """Drop what belongs to backends that are no more."""
        for kept in (self._index, self._documents):
            for name in [name for name in kept if name not in names]:
                del kept[name]

    async def index(self, backends: Mapping[GroupVersion, Backend]) -> dict[str, dict[str, str]]:
        """Return the entries of the v3 index by path."""
        found = {}
        for backend in backends.values():
            path = backend.path.strip("/")
            url = await self._url(backend, path)
            if not url:
                known = await self._version2(backend)
                url = f"/openapi/v3/{path}?hash={hashlib.sha512(known.v3).hexdigest().upper()}" if known.v3 else ""
            if url:
                found[path] = {"serverRelativeURL": url}
        return found

    async def made(self, backend: Backend) -> bytes | None:
        """Return the v3 document of a backend that has only version 2; None: it has its own."""
        if await self._url(backend, backend.path.strip("/")):
            return None
        return (await self._version2(backend)).v3 or None

    async def version2(self, backends: Mapping[GroupVersion, Backend]) -> dict[str, dict[str, Any]]:
        """Return the documents of version 2 by their digests, each with what belongs to its group version."""
        known = [await self._version2(backend) for backend in backends.values()]
        return {hashlib.sha256(one.v3).hexdigest(): one.v2 for one in known if one.v2 is not None}

    async def _url(self, backend: Backend, path: str) -> str:
        known = self._index.get(backend.name)
        if known is not None and known.until > self._clock.monotonic():
            return known.url
        url = known.url if known is not None else ""
        try:
            answer = await self._connections.fetch(backend, "/openapi/v3", user=DOWNLOADER)
            if answer.status == _OK:
                url = msgspec.json.decode(answer.body)["paths"][path]["serverRelativeURL"]
            elif answer.status == _NOT_FOUND:
                url = ""
        except (FetchError, msgspec.MsgspecError, KeyError, TypeError):
            pass
        self._index[backend.name] = _Known(self._clock.monotonic() + KEPT_SECONDS, url)
        return url

    async def _version2(self, backend: Backend) -> _Known:
        known = self._documents.setdefault(backend.name, _Known(0.0))
        if known.until > self._clock.monotonic():
            return known
        known.until = self._clock.monotonic() + KEPT_SECONDS
        headers = [("Accept", "application/json")]
        if known.v2_etag:
            headers.append(("If-None-Match", known.v2_etag))
        try:
            answer = await self._connections.fetch(backend, "/openapi/v2", headers, user=DOWNLOADER, seconds=60)
            if answer.status == _OK:
                whole = msgspec.json.decode(answer.body, type=dict[str, Any])
                known.v2, known.v2_etag = merging.only(whole, backend.path), answer.header("etag")
                known.v3 = msgspec.json.encode(merging.to_v3({"info": whole.get("info"), **known.v2}))
        except (FetchError, msgspec.MsgspecError, AttributeError, TypeError):  # no answer, or another shape than it should have
            pass
        return known
