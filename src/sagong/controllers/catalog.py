"""All control loops by name, in upstream's order, and which of them run by default."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sagong.controllers import endpoints, endpointslice, namespace, replicaset, root_ca, serviceaccount
from sagong.controllers.daemonset import loop as daemonset
from sagong.controllers.declaration import Controller
from sagong.controllers.deployment import loop as deployment


@dataclass(frozen=True, slots=True)
class Settings:
    """What loops must be told about the cluster. PEM texts; networks as CIDRs, comma-separated for two families."""

    root_ca: str = ""
    cluster_cidr: str = ""
    service_cidr: str = ""


def controllers(settings: Settings) -> Iterator[Controller]:
    """Yield every loop."""
    yield serviceaccount.CONTROLLER
    if settings.root_ca:
        yield root_ca.controller(settings.root_ca)
    yield deployment.CONTROLLER
    yield replicaset.CONTROLLER
    yield daemonset.controller()
    yield endpoints.CONTROLLER
    yield endpointslice.CONTROLLER
    yield namespace.CONTROLLER
