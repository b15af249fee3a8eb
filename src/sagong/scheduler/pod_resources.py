"""What pods ask for and are limited to, under /metrics/resources (KEP-1748)."""

from __future__ import annotations

from collections.abc import Iterable

from sagong.api import pods
from sagong.api.exposition import Metric
from sagong.api.types.core import Pod

_SHOWN = "by pod, as the scheduler and the kubelet count it, with the unit if the resource has one."
_UNITS = {"cpu": "cores", "memory": "bytes", "storage": "bytes", "ephemeral-storage": "bytes"}


def families(found: Iterable[Pod]) -> Iterable[Metric]:
    """Return the sums of each pod that has not ended; what is zero is left out."""
    requests = Metric("kube_pod_resource_request", "gauge", f"Resources requested by workloads on the cluster, {_SHOWN}", level="STABLE")
    limits = Metric("kube_pod_resource_limit", "gauge", f"Resources limit for workloads on the cluster, {_SHOWN}", level="STABLE")
    for pod in found:
        if pod.spec.nodeName and pod.status.phase in ("Succeeded", "Failed"):
            continue
        named = {
            "namespace": pod.metadata.namespace,
            "pod": pod.metadata.name,
            "node": pod.spec.nodeName,
            "scheduler": pod.spec.schedulerName,
            "priority": "" if pod.spec.priority is None else str(pod.spec.priority),
        }
        for metric, amounts in ((requests, pods.requests(pod)), (limits, pods.limits(pod))):
            for resource, amount in amounts.items():
                if amount:
                    metric.add(amount.nanos / 1e9, resource=resource, unit=_unit(resource), **named)
    return requests, limits


def _unit(resource: str) -> str:
    if resource.startswith("attachable-volumes-"):
        return "integer"
    return _UNITS.get(resource, "bytes" if resource.startswith("hugepages-") else "")
