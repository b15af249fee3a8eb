"""All control loops by name, in upstream's order, and which of them run by default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sagong.controllers import (
    cronjob,
    disruption,
    endpoints,
    endpointslice,
    namespace,
    node_ipam,
    pod_gc,
    replicaset,
    resourcequota,
    root_ca,
    serviceaccount,
    taint_eviction,
    ttl_after_finished,
)
from sagong.controllers.daemonset import loop as daemonset
from sagong.controllers.declaration import Controller
from sagong.controllers.deployment import loop as deployment
from sagong.controllers.garbage_collector import loop as garbage_collector
from sagong.controllers.job import loop as job
from sagong.controllers.node_lifecycle import loop as node_lifecycle
from sagong.controllers.runner import PartMaker
from sagong.controllers.statefulset import loop as statefulset


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
    yield replicaset.REPLICA_SETS
    yield replicaset.REPLICATION_CONTROLLERS
    yield statefulset.CONTROLLER
    yield daemonset.controller()
    yield job.controller()
    yield cronjob.CONTROLLER
    yield ttl_after_finished.CONTROLLER
    yield endpoints.CONTROLLER
    yield endpointslice.CONTROLLER
    yield disruption.CONTROLLER
    yield namespace.CONTROLLER
    if settings.cluster_cidr:
        yield node_ipam.controller(settings.cluster_cidr, settings.service_cidr)
    yield node_lifecycle.controller()
    yield taint_eviction.controller()
    yield pod_gc.controller()


def parts() -> Mapping[str, PartMaker]:
    """Return what runs beside the loops, by name."""
    return {garbage_collector.NAME: garbage_collector.GarbageCollector, resourcequota.NAME: resourcequota.ResourceQuotas}
