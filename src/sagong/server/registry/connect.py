"""The connect subresources: handed to whoever reaches nodes, pods and services."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from sagong.api.errors import ServiceUnavailableError
from sagong.api.resources import Resource
from sagong.server.admission.attributes import kind_of
from sagong.server.admission.plugin import Review
from sagong.server.contract import Attributes
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer, Request
from sagong.server.registry.registry import Registry
from sagong.server.registry.write import Call

_READS = ("log",)
_PORT_DIGITS = 5
_STREAMS = ("stdin", "stdout", "stderr", "tty")


async def connect(registry: Registry, exchange: Exchange, row: Resource) -> Answer:
    """Connect to a pod, service or node. Raises NotFoundError."""
    info = exchange.info
    name = info.name
    if info.subresource == "proxy" and row.plural in ("services", "pods", "nodes"):
        name = _plain_name(name)
    entry = registry.storage.entry(row, info.namespace, name)
    if entry is None:
        raise registry.missing(row, name)
    if registry.connector is None:
        raise ServiceUnavailableError("this server does not connect to nodes")
    if registry.admission is not None and info.subresource not in _READS:
        call = Call(
            exchange.user, info.namespace, info.name, info.subresource, warnings=exchange.warnings, annotations=exchange.annotations
        )
        options = _options(exchange, row)
        review = Review("CONNECT", row, call, options, None)
        await registry.admission.mutate(review)
        await registry.admission.validate(review)
        _take(exchange.request, info.subresource, options, review.obj)
    attributes = Attributes(
        exchange.user, info.verb, info.path, info.group, info.version, info.resource, info.subresource, info.namespace, info.name
    )
    obj = registry.storage.decode(row, entry.value, entry.revision)
    return await registry.connector.connect(exchange.request, attributes, obj, info.rest)


def _options(exchange: Exchange, row: Resource) -> dict[str, Any]:
    """Return what is asked of the connection as the object that admission sees: PodExecOptions and its like."""
    info, request = exchange.info, exchange.request
    kind = kind_of(row, info.subresource)
    options: dict[str, Any] = {"kind": kind.kind, "apiVersion": kind.api_version}
    if info.subresource == "proxy":
        return options | ({"path": info.rest} if info.rest else {})
    if info.subresource == "portforward":
        ports = [
            int(port)
            for value in request.query.get("ports", ())
            for port in value.split(",")
            if port.isdecimal() and len(port) <= _PORT_DIGITS
        ]
        return options | ({"ports": ports} if ports else {})
    options |= {name: True for name in _STREAMS if request.flag(name)}
    if container := request.param("container"):
        options["container"] = container
    if info.subresource == "exec":
        options["command"] = request.query.get("command", [])
    return options


def _take(request: Request, subresource: str, asked: dict[str, Any], admitted: dict[str, Any]) -> None:
    """Let a stream be what admission made of its options."""
    if admitted == asked or subresource in ("proxy", "portforward"):
        return
    pairs = [(name, "true") for name in _STREAMS if admitted.get(name) is True]
    pairs += [("container", admitted["container"])] if admitted.get("container") else []
    pairs += [("command", word) for word in admitted.get("command") or ()]
    request.replace_query(urlencode(pairs))


def _plain_name(name: str) -> str:
    """Return the name in `https:name:port`, `name:port` or `name`."""
    parts = name.split(":")
    return parts[1] if len(parts) == 3 else parts[0]  # noqa: PLR2004 - scheme, name, port
