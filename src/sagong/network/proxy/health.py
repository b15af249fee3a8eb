"""What the proxy says of itself and of services: /healthz and /livez, health check node ports, and metrics.

Answers are upstream's (pkg/proxy/healthcheck): load balancers read them.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from sagong.api.clock import Clock
from sagong.api.types.core import Node
from sagong.network.http import Answer, Routes, listen
from sagong.network.service_table import FAMILY_NAMES, Family, HealthCheck

TO_BE_DELETED = "ToBeDeletedByClusterAutoscaler"
_LATE = 120.0
"""Seconds that a change may wait for its rules before the proxy counts as unhealthy."""
_JSON = {"X-Content-Type-Options": "nosniff"}
log = logging.getLogger(__name__)


class ProxyHealth:
    """Whether changes become rules in time."""

    def __init__(self, clock: Clock, families: Sequence[Family], node: Callable[[], Node | None]) -> None:
        self._clock, self._families, self._node = clock, tuple(families), node
        self._waiting_since: float | None = None
        self._updated = clock.now()

    def changed(self) -> None:
        """Note that a change waits for its rules."""
        if self._waiting_since is None:
            self._waiting_since = self._clock.monotonic()

    def updated(self) -> None:
        """Note that the rules are as they should be."""
        self._waiting_since, self._updated = None, self._clock.now()

    @property
    def healthy(self) -> bool:
        """Whether nothing has waited too long."""
        return self._waiting_since is None or self._clock.monotonic() - self._waiting_since < _LATE

    def healthz(self) -> Answer:
        """Answer load balancers: healthy, and the node is to stay."""
        node = self._node()
        stays = node is not None and node.metadata.deletionTimestamp is None and all(t.key != TO_BE_DELETED for t in node.spec.taints)
        return self._answer(healthy=self.healthy and stays, more={"nodeEligible": stays})

    def livez(self) -> Answer:
        """Answer supervisors: healthy, whatever becomes of the node."""
        return self._answer(healthy=self.healthy, more={})

    def _answer(self, *, healthy: bool, more: dict[str, bool]) -> Answer:
        now, updated = _time(self._clock.now()), _time(self._updated)
        document = {
            "lastUpdated": now if healthy else updated,
            "currentTime": now,
            **more,
            "healthy": self.healthy,
            "status": {FAMILY_NAMES[family]: {"lastUpdated": updated, "healthy": self.healthy} for family in self._families},
        }
        return Answer(json.dumps(document, separators=(",", ":")), 200 if healthy else 503, "application/json", _JSON)


class HealthCheckPorts:
    """A listener on each service's healthCheckNodePort."""

    def __init__(self, health: ProxyHealth) -> None:
        self._health = health
        self._checks: dict[int, HealthCheck] = {}
        self._servers: dict[int, asyncio.Server] = {}

    async def update(self, checks: Sequence[HealthCheck]) -> None:
        """Open and close ports so that they are those of `checks`. A port that is taken is tried again at the next update."""
        self._checks = {check.port: check for check in checks}
        for port in [port for port in self._servers if port not in self._checks]:
            self._servers.pop(port).close()
        for port in [port for port in self._checks if port not in self._servers]:
            try:
                self._servers[port] = await listen(self._routes(port), None, port)
            except OSError as error:
                check = self._checks[port]
                log.error("health check node port %d of service %s/%s: %s", port, check.namespace, check.name, error)  # noqa: TRY400 - no trace

    def close(self) -> None:
        """Close all ports."""
        for server in self._servers.values():
            server.close()

    def _routes(self, port: int) -> Routes:
        return {"": lambda: self._answer(port)}

    def _answer(self, port: int) -> Answer:
        check = self._checks.get(port)
        if check is None:
            return Answer("", 503)
        service = json.dumps({"namespace": check.namespace, "name": check.name}, indent="\t")
        body = (
            '{\n\t"service": '
            + service.replace("\n", "\n\t")
            + f',\n\t"localEndpoints": {check.local},\n\t"serviceProxyHealthy": {str(self._health.healthy).lower()}\n}}'
        )
        headers = {**_JSON, "X-Load-Balancing-Endpoint-Weight": str(check.local)}
        return Answer(body, 200 if check.local and self._health.healthy else 503, "application/json", headers)


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
