"""Server-side apply (KEP-555)."""

from __future__ import annotations

from sagong.api.errors import UnsupportedMediaTypeError
from sagong.api.resources import Resource
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry.registry import Registry
from sagong.server.registry.write import Call


async def apply(registry: Registry, exchange: Exchange, row: Resource, call: Call) -> Answer:
    """Apply a configuration to an object, or create the object from it."""
    del registry, row, call
    raise UnsupportedMediaTypeError(exchange.request.header("content-type"))
