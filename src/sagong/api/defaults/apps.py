"""Defaults of the apps group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagong.api.defaults import core, pods
from sagong.api.defaults.fill import fill
from sagong.api.types import apps

_RETENTION = {"whenDeleted": "Retain", "whenScaled": "Retain"}


def _deployment(obj: apps.Deployment) -> None:
    fill(obj.spec, {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600})
    fill(obj.spec.strategy, {"type": "RollingUpdate"})
    if obj.spec.strategy.type == "RollingUpdate":
        fill(obj.spec.strategy, {"rollingUpdate": apps.RollingUpdateDeployment})
        assert obj.spec.strategy.rollingUpdate is not None
        fill(obj.spec.strategy.rollingUpdate, {"maxUnavailable": "25%", "maxSurge": "25%"})
    pods.template(obj.spec.template)


def _replica_set(obj: apps.ReplicaSet) -> None:
    fill(obj.spec, {"replicas": 1})
    pods.template(obj.spec.template)


def _daemon_set(obj: apps.DaemonSet) -> None:
    fill(obj.spec, {"revisionHistoryLimit": 10})
    fill(obj.spec.updateStrategy, {"type": "RollingUpdate"})
    if obj.spec.updateStrategy.type == "RollingUpdate":
        fill(obj.spec.updateStrategy, {"rollingUpdate": apps.RollingUpdateDaemonSet})
        assert obj.spec.updateStrategy.rollingUpdate is not None
        fill(obj.spec.updateStrategy.rollingUpdate, {"maxUnavailable": 1, "maxSurge": 0})
    pods.template(obj.spec.template)


def _stateful_set(obj: apps.StatefulSet) -> None:
    strategy = obj.spec.updateStrategy
    if not strategy.type:
        strategy.type = "RollingUpdate"
        fill(strategy, {"rollingUpdate": apps.RollingUpdateStatefulSetStrategy})
    if strategy.type == "RollingUpdate" and strategy.rollingUpdate is not None:
        fill(strategy.rollingUpdate, {"partition": 0})
    fill(
        obj.spec,
        {
            "podManagementPolicy": "OrderedReady",
            "persistentVolumeClaimRetentionPolicy": apps.StatefulSetPersistentVolumeClaimRetentionPolicy,
            "replicas": 1,
            "revisionHistoryLimit": 10,
        },
    )
    assert obj.spec.persistentVolumeClaimRetentionPolicy is not None
    fill(obj.spec.persistentVolumeClaimRetentionPolicy, _RETENTION)
    pods.template(obj.spec.template)
    for claim in obj.spec.volumeClaimTemplates:
        claim.apiVersion, claim.kind = "v1", "PersistentVolumeClaim"
        core.claim(claim)


TABLE: dict[type, Callable[[Any], None]] = {
    apps.Deployment: _deployment,
    apps.ReplicaSet: _replica_set,
    apps.DaemonSet: _daemon_set,
    apps.StatefulSet: _stateful_set,
}
