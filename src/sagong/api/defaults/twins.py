"""Fields that say one thing twice for old clients, kept in step: serviceAccount, podIP(s), podCIDR(s), stringData.

Upstream does this when it converts between versions, so on every read and write; here it is done on writes. Admission that
sets one of a pair calls `sync_twins` again.
"""

from __future__ import annotations

from typing import Any

from sagong.api.types.core import Node, Pod, PodIP, PodSpec, PodStatus, Secret


def sync_pod_spec(spec: PodSpec) -> None:
    """ServiceAccountName wins over the deprecated serviceAccount."""
    spec.serviceAccountName = spec.serviceAccount = spec.serviceAccountName or spec.serviceAccount


def sync_pod_status(status: PodStatus) -> None:
    """PodIP wins over podIPs where they differ, since old kubelets know only podIP."""
    if status.podIP and (not status.podIPs or status.podIPs[0].ip != status.podIP):
        status.podIPs = [PodIP(ip=status.podIP)]
    status.podIP = status.podIPs[0].ip if status.podIPs else ""


def sync_node(node: Node) -> None:
    """PodCIDR wins over podCIDRs where they differ."""
    spec = node.spec
    if spec.podCIDR and (not spec.podCIDRs or spec.podCIDRs[0] != spec.podCIDR):
        spec.podCIDRs = [spec.podCIDR]
    spec.podCIDR = spec.podCIDRs[0] if spec.podCIDRs else ""


def sync_secret(secret: Secret) -> None:
    """StringData is written, never read."""
    for key, text in secret.stringData.items():
        secret.data[key] = text.encode()
    secret.stringData = {}


def sync_twins(obj: Any) -> None:
    """Bring the twins of any object in step, in place."""
    if isinstance(obj, Pod):
        sync_pod_spec(obj.spec)
        sync_pod_status(obj.status)
    elif isinstance(obj, Node):
        sync_node(obj)
    elif isinstance(obj, Secret):
        sync_secret(obj)
