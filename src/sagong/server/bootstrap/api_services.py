"""The APIService of each group version that the server itself serves: they order discovery."""

from __future__ import annotations

from collections.abc import Iterator

from sagong.api.types.apiregistration import APIService, APIServiceCondition, APIServiceSpec, APIServiceStatus
from sagong.api.types.meta import ObjectMeta

MANAGED = "kube-aggregator.kubernetes.io/automanaged"
ALWAYS, ON_START = "true", "onstart"
"""Values of the label: kept up to date while the server runs, or when it starts."""

# group/version: the priority of the group, that of the version in it.
PRIORITIES = {
    "v1": (18000, 1),
    "apps/v1": (17800, 15),
    "events.k8s.io/v1": (17750, 15),
    "authentication.k8s.io/v1": (17700, 15),
    "authorization.k8s.io/v1": (17600, 15),
    "autoscaling/v1": (17500, 15),
    "autoscaling/v2": (17500, 30),
    "batch/v1": (17400, 15),
    "certificates.k8s.io/v1": (17300, 15),
    "networking.k8s.io/v1": (17200, 15),
    "policy/v1": (17100, 15),
    "rbac.authorization.k8s.io/v1": (17000, 15),
    "storage.k8s.io/v1": (16800, 15),
    "apiextensions.k8s.io/v1": (16700, 15),
    "admissionregistration.k8s.io/v1": (16700, 15),
    "scheduling.k8s.io/v1": (16600, 15),
    "coordination.k8s.io/v1": (16500, 15),
    "node.k8s.io/v1": (16300, 15),
    "discovery.k8s.io/v1": (16200, 15),
    "resource.k8s.io/v1": (16200, 21),
    "flowcontrol.apiserver.k8s.io/v1": (16100, 21),
}


def objects(now: str) -> Iterator[APIService]:
    """Yield all of them, available since `now`."""
    for group_version, (group_priority, version_priority) in PRIORITIES.items():
        group, _, version = group_version.rpartition("/")
        spec = APIServiceSpec(group=group, version=version, groupPriorityMinimum=group_priority, versionPriority=version_priority)
        yield APIService(
            metadata=ObjectMeta(name=f"{version}.{group}", labels={MANAGED: ON_START}),
            spec=spec,
            status=APIServiceStatus(conditions=[_available(now)]),
        )


def _available(now: str) -> APIServiceCondition:
    message = "Local APIServices are always available"
    return APIServiceCondition(type="Available", status="True", lastTransitionTime=now, reason="Local", message=message)
