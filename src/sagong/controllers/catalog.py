"""All control loops by name, in upstream's order, and which of them run by default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sagong.controllers import (
    admission_policy_status,
    clusterrole_aggregation,
    cronjob,
    disruption,
    endpoints,
    endpointslice,
    endpointslice_mirroring,
    namespace,
    node_ipam,
    node_ttl,
    pod_gc,
    replicaset,
    resourcequota,
    root_ca,
    service_cidr,
    serviceaccount,
    taint_eviction,
    ttl_after_finished,
)
from sagong.controllers.certificates import loops as certificates
from sagong.controllers.daemonset import loop as daemonset
from sagong.controllers.declaration import Controller
from sagong.controllers.deployment import loop as deployment
from sagong.controllers.garbage_collector import loop as garbage_collector
from sagong.controllers.horizontal_pod_autoscaler import loop as horizontal_pod_autoscaler
from sagong.controllers.job import loop as job
from sagong.controllers.node_lifecycle import loop as node_lifecycle
from sagong.controllers.runner import PartMaker
from sagong.controllers.statefulset import loop as statefulset
from sagong.controllers.tokens import bootstrap, legacy
from sagong.controllers.tokens import service_account as service_account_token
from sagong.controllers.volumes import binder as volume_binder
from sagong.controllers.volumes import ephemeral as ephemeral_volume
from sagong.controllers.volumes import protection as volume_protection


@dataclass(frozen=True, slots=True)
class Settings:
    """What loops must be told about the cluster.

    `root_ca` is PEM; `pki` holds ca.crt, ca.key and sa.key (None: nothing is signed); networks are CIDRs, comma-separated for
    two families.
    """

    root_ca: str = ""
    pki: Path | None = None
    cluster_cidr: str = ""
    service_cidr: str = ""


def controllers(settings: Settings) -> Iterator[Controller]:
    """Yield every loop."""
    yield serviceaccount.CONTROLLER
    if settings.root_ca:
        yield root_ca.controller(settings.root_ca)
    if settings.pki is not None:
        pki = settings.pki
        yield service_account_token.controller(settings.root_ca, (pki / "sa.key").read_bytes)
        yield certificates.signing(certificates.Authority((pki / "ca.crt").read_bytes, (pki / "ca.key").read_bytes))
    yield certificates.APPROVING
    yield certificates.CLEANER
    yield bootstrap.SIGNER
    yield bootstrap.CLEANER
    yield legacy.CLEANER
    yield clusterrole_aggregation.CONTROLLER
    yield admission_policy_status.CONTROLLER
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
    yield endpointslice_mirroring.CONTROLLER
    yield horizontal_pod_autoscaler.controller()
    yield disruption.CONTROLLER
    yield namespace.CONTROLLER
    yield volume_binder.CONTROLLER
    yield volume_protection.CLAIMS
    yield volume_protection.VOLUMES
    yield volume_protection.CLASSES
    yield ephemeral_volume.CONTROLLER
    if settings.cluster_cidr:
        yield node_ipam.controller(settings.cluster_cidr, settings.service_cidr)
    yield node_lifecycle.controller()
    yield node_ttl.CONTROLLER
    yield service_cidr.CONTROLLER
    yield taint_eviction.controller()
    yield pod_gc.controller()


def parts() -> Mapping[str, PartMaker]:
    """Return what runs beside the loops, by name."""
    return {garbage_collector.NAME: garbage_collector.GarbageCollector, resourcequota.NAME: resourcequota.ResourceQuotas}
