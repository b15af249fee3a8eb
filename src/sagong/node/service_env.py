"""The environment variables by which a container finds the Services that are there when it starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sagong.api.types.core import Service

_ALWAYS = ("default", "kubernetes")


def service_variables(services: Iterable[Service], namespace: str, *, links: bool) -> dict[str, str]:
    """Return the variables of `kubernetes` and, when enableServiceLinks asks for `links`, of the namespace's Services."""
    chosen: dict[str, Service] = {}
    for service in services:
        name = service.metadata.name
        if service.spec.clusterIP in ("", "None"):
            continue
        if service.metadata.namespace == namespace and links:
            chosen[name] = service
        elif (service.metadata.namespace, name) == _ALWAYS:
            chosen.setdefault(name, service)
    return {key: value for service in chosen.values() for key, value in _variables(service)}


def _variables(service: Service) -> Iterator[tuple[str, str]]:
    prefix, address = _upper(service.metadata.name), service.spec.clusterIP
    yield f"{prefix}_SERVICE_HOST", address
    if not service.spec.ports:
        return
    yield f"{prefix}_SERVICE_PORT", str(service.spec.ports[0].port)
    for port in service.spec.ports:
        if port.name:
            yield f"{prefix}_SERVICE_PORT_{_upper(port.name)}", str(port.port)
    for index, port in enumerate(service.spec.ports):
        protocol = port.protocol or "TCP"
        host = f"[{address}]" if ":" in address else address
        url = f"{protocol.lower()}://{host}:{port.port}"
        base = f"{prefix}_PORT_{port.port}_{protocol.upper()}"
        if index == 0:
            yield f"{prefix}_PORT", url
        yield base, url
        yield f"{base}_PROTO", protocol.lower()
        yield f"{base}_PORT", str(port.port)
        yield f"{base}_ADDR", address


def _upper(name: str) -> str:
    return name.replace("-", "_").upper()
