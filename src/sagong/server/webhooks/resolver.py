"""Which address stands behind a Service: its cluster IP, which the service proxy of this node answers for."""

from __future__ import annotations

from typing import Protocol

from sagong.api.errors import ApiError, ServiceUnavailableError, not_found
from sagong.api.field_errors import quote
from sagong.api.types.core import Service
from sagong.server.contract import T

Address = tuple[str, int]
_ROUTED = ("ClusterIP", "LoadBalancer", "NodePort")


class Reader(Protocol):
    """As much of `contract.Objects` as is needed here."""

    def get(self, kind: type[T], name: str, namespace: str = "") -> T | None:
        """Return the object."""
        ...


class Services:
    """Resolves Services; default/kubernetes is this server itself, at `own`."""

    def __init__(self, objects: Reader, own: Address) -> None:
        self._objects, self._own = objects, own

    def resolve(self, namespace: str, name: str, port: int) -> Address:
        """Return where to connect to. Raises ApiError with upstream's words."""
        if (namespace, name, port) == ("default", "kubernetes", 443):
            return self._own
        service = self._objects.get(Service, name, namespace)
        if service is None:
            raise not_found("", "service", name)
        kind = service.spec.type or "ClusterIP"
        if kind == "ExternalName":
            return service.spec.externalName, port
        if kind not in _ROUTED:
            raise ApiError(f"unsupported service type {quote(kind)}")
        if service.spec.clusterIP == "None":
            raise ApiError('cannot route to service with ClusterIP "None"')
        if not any(known.port == port for known in service.spec.ports):
            raise ServiceUnavailableError(f"no service port {port} found for service {quote(name)}")
        return service.spec.clusterIP, port
