"""componentstatuses: deprecated upstream, kept for `kubectl get cs`. What this server can vouch for is its store."""

from __future__ import annotations

from sagong.api.resources import Resource
from sagong.api.types.core import ComponentCondition, ComponentStatus
from sagong.api.types.meta import ObjectMeta
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry.registry import Registry
from sagong.server.registry.splice import ListParts
from sagong.server.registry.storage import encode
from sagong.store.base import Entry

_NAMES = ("etcd-0", "controller-manager", "scheduler")


def _entry(name: str) -> Entry:
    condition = ComponentCondition(type="Healthy", status="True", message="ok")
    status = ComponentStatus(apiVersion="v1", kind="ComponentStatus", metadata=ObjectMeta(name=name), conditions=[condition])
    return Entry(name, encode(status), 0, 0)


async def get_component(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Answer with one component."""
    if exchange.info.name not in _NAMES:
        raise registry.missing(row, exchange.info.name)
    return registry.answer(exchange, row, _entry(exchange.info.name).value, 0)


async def list_components(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Answer with all of them."""
    renderer = registry.renderer(exchange, row)
    return await renderer.list([_entry(name) for name in _NAMES], ListParts())
