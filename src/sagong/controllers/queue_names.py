"""Upstream's names of work queues, which dashboards filter by, where they are not those of the loops."""

from __future__ import annotations

from collections.abc import Mapping

QUEUES: Mapping[str, str] = {
    "bootstrap-signer": "bootstrap_signer_queue",
    "certificatesigningrequest-signing": "certificate",
    "clusterrole-aggregation": "ClusterRoleAggregator",
    "endpoints": "endpoint",
    "endpointslice": "endpoint_slice",
    "endpointslice-mirroring": "endpoint_slice_mirroring",
    "ephemeral-volume": "ephemeral_volume",
    "garbage-collector": "garbage_collector_attempt_to_delete",
    "horizontal-pod-autoscaler": "horizontalpodautoscaler",
    "node-lifecycle": "node_lifecycle_controller",
    "persistentvolume-binder": "claims",
    "persistentvolume-protection": "pvprotection",
    "persistentvolumeclaim-protection": "pvcprotection",
    "pod-garbage-collector": "orphaned_pods_nodes",
    "replicationcontroller": "replicationmanager",
    "resourcequota": "resourcequota_primary",
    "root-ca-certificate-publisher": "root_ca_cert_publisher",
    "service-cidr": "ipaddresses",
    "serviceaccount-token": "serviceaccount_tokens_service",
    "taint-eviction": "noexec_taint_pod",
    "token-cleaner": "token_cleaner",
    "ttl": "ttlcontroller",
    "ttl-after-finished": "ttl_jobs_to_delete",
    "volumeattributesclass-protection": "vacprotection",
}
"""Queue by loop. Where upstream has several queues for a loop, the one whose keys are the loop's; a loop without one keeps its own name."""


def queue_of(loop: str) -> str:
    """Return the name of a loop's queue."""
    return QUEUES.get(loop, loop)
