"""patch: JSON, merge, strategic merge and apply patches."""

from __future__ import annotations

from sagong.api.errors import UnsupportedMediaTypeError
from sagong.api.resources import Resource
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry.registry import Registry


async def patch(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Change one object by a patch."""
    del registry, row
    raise UnsupportedMediaTypeError(exchange.request.header("content-type"))
