"""The kubelet's parts as the server's Host, and the server put together from the kubelet's configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from sagong.api.clock import Clock
from sagong.api.slis import Slis
from sagong.api.types.core import Pod
from sagong.node.config import KubeletConfig, seconds
from sagong.node.cri.client import Runtime
from sagong.node.meters.requests import RequestMeter
from sagong.node.pods import Pods
from sagong.node.server.app import KubeletServer, Statistics, Tls
from sagong.node.server.auth import AuthSettings, Gatekeeper, Reviewer
from sagong.node.status_manager import StatusManager
from sagong.node.workers import PodWorker

if TYPE_CHECKING:
    from sagong.api.zpages import Zpages


@dataclass(frozen=True)
class KubeletHost:
    """Implements host.Host."""

    config: KubeletConfig
    known: Pods
    statuses: StatusManager

    @property
    def node_name(self) -> str:
        """Return the node's name."""
        return self.config.node_name

    def pods(self) -> Sequence[Pod]:
        """Return all pods with their current statuses."""
        return [self._current(worker) for worker in self.known.all()]

    def find(self, namespace: str, name: str) -> Pod | None:
        """Return a pod with its current status."""
        worker = self.known.find(namespace, name)
        return self._current(worker) if worker else None

    def settings(self) -> dict[str, Any]:
        """Return the configuration as JSON takes it."""
        found: dict[str, Any] = msgspec.to_builtins(self.config)
        return found

    def _current(self, worker: PodWorker) -> Pod:
        status = self.statuses.get(worker.uid)
        return msgspec.structs.replace(worker.wanted, status=status) if status else worker.wanted


async def serve(
    host: KubeletHost,
    runtime: Runtime,
    clock: Clock,
    *,
    reviewer: Reviewer | None,
    addresses: Sequence[str],
    statistics: Statistics | None = None,
    slis: Slis,
    meter: RequestMeter,
    zpages: Callable[[Iterable[str]], Zpages],
) -> None:
    """Serve as the configuration says, until cancelled. Raises OSError when the port is taken."""
    config = host.config
    settings = AuthSettings(
        anonymous=config.authentication.anonymous.enabled,
        webhook=config.authentication.webhook.enabled,
        token_ttl=seconds(config.authentication.webhook.cacheTTL),
        always_allow=config.authorization.mode == "AlwaysAllow",
        allowed_ttl=seconds(config.authorization.webhook.cacheAuthorizedTTL),
        denied_ttl=seconds(config.authorization.webhook.cacheUnauthorizedTTL),
    )
    certificate, key = config.tlsCertFile, config.tlsPrivateKeyFile
    if not certificate:
        from sagong.node.server.serving_certificate import self_signed  # noqa: PLC0415 - cryptography is 10 MB that few nodes need

        certificate, key = self_signed(Path(config.rootDir) / "pki", host.node_name, addresses, clock.now())
    preferred = str(Path(config.rootDir) / "pki" / "kubelet-server-current.pem") if config.serverTLSBootstrap else ""
    gatekeeper = Gatekeeper(reviewer, host.node_name, clock, settings, meter=meter)
    server = KubeletServer(
        host,
        runtime,
        gatekeeper,
        clock,
        statistics,
        Path(config.podLogsDir).parent,
        Path(config.rootDir, "checkpoints"),
        slis,
        meter,
        zpages,
    )
    await server.run(config.address, config.port, Tls(certificate, key, config.authentication.x509.clientCAFile, preferred))
