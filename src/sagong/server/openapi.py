"""/openapi/v2, /openapi/v3 and the documents below: made when first asked for, in a thread, so that nobody else waits."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from typing import TYPE_CHECKING

from sagong.api.errors import NotFoundError
from sagong.api.resources import ResourceTable
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer, Response

if TYPE_CHECKING:
    from sagong.api.openapi.documents import Document, Documents
    from sagong.server.aggregation.aggregator import Aggregator

_V3 = "/openapi/v3/"


def documents(table: ResourceTable, version: str) -> Documents:
    """Return the maker of a table's documents."""
    from sagong.api.openapi.documents import Documents  # noqa: PLC0415 - not needed before somebody asks

    return Documents(table, version, lambda row: row.extra.published)


class OpenApi:
    """The pages of one table."""

    def __init__(self, table: ResourceTable, version: str, aggregator: Aggregator) -> None:
        self._table, self._version, self._aggregator = table, version, aggregator
        self._made: Documents | None = None
        self._compressed: dict[str, bytes] = {}
        self._making = asyncio.Lock()

    def changed(self) -> None:
        """Forget what was made: the table has other rows now."""
        self._made = None
        self._compressed.clear()

    def _documents(self) -> Documents:
        if self._made is None:
            self._made = documents(self._table, self._version)
        return self._made

    async def v2(self, exchange: Exchange) -> Answer:
        """Answer /openapi/v2."""
        protobuf = "proto-openapi.spec.v2" in exchange.request.header("accept")
        others = await self._aggregator.openapi.version2(self._aggregator.backends)
        return await self._answer(exchange, lambda made: made.swagger_protobuf(others) if protobuf else made.swagger(others))

    async def v3(self, exchange: Exchange) -> Answer:
        """Answer /openapi/v3, the index."""
        others = await self._aggregator.openapi.index(self._aggregator.backends)
        return await self._answer(exchange, lambda made: made.index(others))

    async def group_version(self, exchange: Exchange) -> Answer:
        """Answer /openapi/v3/apis/<group>/<version>."""
        path = exchange.info.path.removeprefix(_V3).strip("/")
        answer = await self._aggregator.openapi_v3(exchange, path)
        if answer is not None:
            return answer
        return await self._answer(exchange, lambda made: made.group_version(path))

    async def _answer(self, exchange: Exchange, choose: Callable[[Documents], Document | None]) -> Answer:
        async with self._making:
            document = await asyncio.to_thread(lambda: choose(self._documents()))
            if document is None:
                raise NotFoundError("the server could not find the requested resource")
            zipped = None
            if "gzip" in exchange.request.header("accept-encoding"):
                key = document.etag + document.content_type
                if key not in self._compressed:
                    self._compressed[key] = await asyncio.to_thread(gzip.compress, document.body, 1)
                zipped = self._compressed[key]
        etag = f'"{document.etag}"'
        headers = [("Etag", etag), ("Vary", "Accept"), ("Vary", "Accept-Encoding")]
        asked = exchange.request.param("hash")
        if asked and asked != document.etag:
            return Response(b"", 301, "", [*headers, ("Location", f"{exchange.request.raw_path}?hash={document.etag}")])
        if exchange.request.header("if-none-match") == etag:
            return Response(b"", 304, "", headers)
        if zipped is None:
            return Response(document.body, content_type=document.content_type, headers=headers)
        return Response(zipped, content_type=document.content_type, headers=[*headers, ("Content-Encoding", "gzip")])
