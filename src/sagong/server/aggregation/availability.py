"""Whether the server behind an APIService answers: the condition Available, with upstream's reasons and messages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from sagong.api.types.apiregistration import APIServiceCondition
from sagong.api.types.core import Service
from sagong.api.types.discovery import EndpointSlice
from sagong.server.aggregation.connections import Connections, Fetched, FetchError
from sagong.server.aggregation.resolve import is_ready, port_of
from sagong.server.aggregation.services import AVAILABLE, Backend

ATTEMPTS = 5


class Finding(Struct, frozen=True):
    """What was found out about an APIService."""

    available: bool
    reason: str
    message: str

    def condition(self, now: str) -> APIServiceCondition:
        """Return the condition that says so."""
        status = "True" if self.available else "False"
        return APIServiceCondition(type=AVAILABLE, status=status, lastTransitionTime=now, reason=self.reason, message=self.message)


LOCAL = Finding(available=True, reason="Local", message="Local APIServices are always available")
PASSED = Finding(available=True, reason="Passed", message="all checks passed")


def obstacle(backend: Backend, service: Service | None, slices: Sequence[EndpointSlice]) -> Finding | None:
    """Return what the Service and its endpoints show to be wrong; None: it is worth asking."""
    name = f'service/{backend.service} in "{backend.namespace}"'
    if service is None:
        return Finding(available=False, reason="ServiceNotFound", message=f"{name} is not present")
    if service.spec.type != "ClusterIP":
        return None
    port = port_of(service, backend.port)
    if port is None:
        return Finding(available=False, reason="ServicePortError", message=f"{name} is not listening on port {backend.port}")
    if not slices:
        return Finding(available=False, reason="EndpointsNotFound", message=f"cannot find endpointslices for {name}")
    if not any(_serves(found, port.name) for found in slices):
        message = f'endpointslices for {name} have no addresses with port name "{port.name}"'
        return Finding(available=False, reason="MissingEndpoints", message=message)
    return None


def _serves(found: EndpointSlice, port: str) -> bool:
    ready = any(is_ready(endpoint) for endpoint in found.endpoints or ())
    return ready and any((own.name or "") == port and own.port is not None for own in found.ports or ())


async def ask(backend: Backend, connections: Connections) -> Finding:
    """Ask for the group version's discovery document; when that fails, a few more times at once: endpoints differ."""
    first = await _attempt(backend, connections)
    if first is None:
        return PASSED
    async with asyncio.TaskGroup() as group:
        others = [group.create_task(_attempt(backend, connections)) for _ in range(ATTEMPTS - 1)]
    failures = [task.result() for task in others]
    if None in failures:
        return PASSED
    return Finding(available=False, reason="FailedDiscoveryCheck", message=failures[-1] or first)


async def _attempt(backend: Backend, connections: Connections) -> str | None:
    """Return what went wrong."""
    try:
        answer: Fetched = await connections.fetch(backend, backend.path)
    except FetchError as error:
        return f"failing or missing response from {error.location.url}: {error}" if error.location else str(error)
    if answer.status // 100 != 2:  # noqa: PLR2004 - a good one
        return f"failing or missing response from {answer.url}: bad status from {answer.url}: {answer.status}"
    return None
