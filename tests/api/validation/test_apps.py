from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import META, problems

from sagong.api.types import apps

POD: dict[str, Any] = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
SELECTOR: dict[str, Any] = {"matchLabels": {"a": "b"}}
DEPLOYMENT: dict[str, Any] = {"metadata": META, "spec": {"replicas": 1, "selector": SELECTOR, "template": POD}}


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


def status(**fields: Any) -> dict[str, Any]:
    return {"status": fields}


def strategy(**fields: Any) -> dict[str, Any]:
    return {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": fields}}}


def update_strategy(**fields: Any) -> dict[str, Any]:
    return {"spec": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": fields}}}


SET: dict[str, Any] = {"metadata": META, "spec": {"replicas": 1, "selector": SELECTOR, "serviceName": "s", "template": POD}}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            spec(replicas=-1, minReadySeconds=-1, revisionHistoryLimit=-1, progressDeadlineSeconds=-1),
            [
                "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
                "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
                "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
                "spec.progressDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
                "spec.progressDeadlineSeconds: Invalid value: -1: must be greater than minReadySeconds",
            ],
        ),
        (spec(minReadySeconds=600), ["spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds"]),
        (
            spec(selector=None),
            [
                "spec.selector: Required value",
                'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`',
            ],
        ),
        (spec(selector={"matchLabels": None}), ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"]),
        (
            spec(selector={"matchLabels": {"a": "c"}}),
            ['spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`'],
        ),
        (
            spec(template={"metadata": {"labels": None}}),
            ["spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`"],
        ),
        (
            spec(template={"spec": {"restartPolicy": "Never"}}),
            ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
        ),
        (
            spec(strategy={"type": "X"}),
            ['spec.strategy: Unsupported value: {"Type":"X","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate"'],
        ),
        (
            spec(strategy={"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}),
            ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
        ),
        (
            strategy(maxSurge=0, maxUnavailable=0),
            ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
        ),
        (
            strategy(maxSurge="x", maxUnavailable="101%"),
            [
                'spec.strategy.rollingUpdate.maxSurge: Invalid value: "x": <percent>',
                'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
            ],
        ),
        (
            strategy(maxSurge=-1, maxUnavailable="0%"),
            ["spec.strategy.rollingUpdate.maxSurge: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (strategy(maxSurge=1, maxUnavailable=""), ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "": <percent>']),
    ],
)
def test_deployments(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(apps.Deployment, DEPLOYMENT, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            spec(selector={"matchLabels": {"c": "d"}}, template={"metadata": {"labels": {"c": "d"}}}),
            ['spec.selector: Invalid value: {"matchLabels":{"a":"b","c":"d"}}: field is immutable'],
        ),
        (
            "status",
            status(replicas=1, readyReplicas=2, updatedReplicas=2, availableReplicas=3, unavailableReplicas=-1, collisionCount=-1),
            [
                "status.unavailableReplicas: Invalid value: -1: must be greater than or equal to 0",
                "status.updatedReplicas: Invalid value: 2: cannot be greater than status.replicas",
                "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
                "status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas",
                "status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas",
                "status.collisionCount: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
    ],
)
def test_changes_of_deployments(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(apps.Deployment, DEPLOYMENT, change, subresource) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [("status", status(collisionCount=2), ["status.collisionCount: Invalid value: 2: cannot be decremented"])],
)
def test_changes_of_collided_deployments(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(apps.Deployment, {**DEPLOYMENT, "status": {"collisionCount": 3}}, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            spec(replicas=-1, minReadySeconds=-1),
            [
                "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
                "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        (
            spec(template={"spec": {"activeDeadlineSeconds": 1}}),
            ["spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported"],
        ),
    ],
)
def test_replica_sets(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(apps.ReplicaSet, DEPLOYMENT, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            spec(selector={"matchLabels": {"c": "d"}}, template={"metadata": {"labels": {"a": "b", "c": "d"}}}),
            ['spec.selector: Invalid value: {"matchLabels":{"a":"b","c":"d"}}: field is immutable'],
        ),
        (
            "status",
            status(replicas=1, fullyLabeledReplicas=2, readyReplicas=-1),
            [
                "status.readyReplicas: Invalid value: -1: must be greater than or equal to 0",
                "status.fullyLabeledReplicas: Invalid value: 2: cannot be greater than status.replicas",
                "status.availableReplicas: Invalid value: 0: cannot be greater than readyReplicas",
            ],
        ),
    ],
)
def test_changes_of_replica_sets(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(apps.ReplicaSet, DEPLOYMENT, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (spec(selector={"matchLabels": None}), ["spec.selector: Invalid value: {}: empty selector is invalid for daemonset"]),
        (spec(selector=None), ['spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`']),
        (
            spec(updateStrategy={"type": "X"}),
            ['spec.updateStrategy: Unsupported value: {"Type":"X","RollingUpdate":null}: supported values: "RollingUpdate", "OnDelete"'],
        ),
        (spec(updateStrategy={"type": "OnDelete"}), []),
        (
            update_strategy(maxUnavailable=0),
            ["spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"],
        ),
        (
            update_strategy(maxUnavailable=1, maxSurge=1),
            ["spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"],
        ),
        (
            update_strategy(maxUnavailable="101%"),
            ['spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
        ),
        (
            update_strategy(maxUnavailable=-1, maxSurge="x"),
            [
                "spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: -1: must be greater than or equal to 0",
                'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "x": <percent>',
            ],
        ),
        (spec(revisionHistoryLimit=-1), ["spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0"]),
    ],
)
def test_daemon_sets(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(apps.DaemonSet, {"metadata": META, "spec": {"selector": SELECTOR, "template": POD}}, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "status",
            status(numberReady=-1, observedGeneration=-1),
            [
                "status.numberReady: Invalid value: -1: must be greater than or equal to 0",
                "status.observedGeneration: Invalid value: -1: must be greater than or equal to 0",
            ],
        )
    ],
)
def test_changes_of_daemon_sets(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(apps.DaemonSet, {"metadata": META, "spec": {"selector": SELECTOR, "template": POD}}, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"metadata": {"name": "a.b"}}, ['metadata.name: Invalid value: "a.b": must not contain dots']),
        (spec(podManagementPolicy="X"), ["spec.podManagementPolicy: Invalid value: \"X\": must be 'OrderedReady' or 'Parallel'"]),
        (
            spec(updateStrategy={"type": "X"}),
            ['spec.updateStrategy: Invalid value: {"Type":"X","RollingUpdate":null}: must be \'RollingUpdate\' or \'OnDelete\''],
        ),
        (
            spec(updateStrategy={"type": "OnDelete", "rollingUpdate": {"partition": 1}}),
            [
                (
                    'spec.updateStrategy.rollingUpdate: Invalid value: {"Partition":1,"MaxUnavailable":null}: only allowed for '
                    "updateStrategy 'RollingUpdate'"
                )
            ],
        ),
        (
            update_strategy(partition=-1, maxUnavailable=0),
            [
                "spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0",
                "spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0",
            ],
        ),
        (
            update_strategy(maxUnavailable="101%"),
            ['spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
        ),
        (
            spec(persistentVolumeClaimRetentionPolicy={"whenDeleted": "X", "whenScaled": "Y"}),
            [
                'spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "X": supported values: "Retain", "Delete"',
                'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Y": supported values: "Retain", "Delete"',
            ],
        ),
        (spec(ordinals={"start": -1}), ["spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0"]),
        (spec(serviceName="A"), ['spec.serviceName: Invalid value: "A": <label>']),
        (
            spec(
                volumeClaimTemplates=[{"metadata": {"name": "v"}, "spec": {"accessModes": [], "resources": {"requests": {"storage": "1"}}}}]
            ),
            ["spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required"],
        ),
        (
            spec(template={"spec": {"containers": {0: {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}}}}),
            ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "v"'],
        ),
        (
            spec(
                volumeClaimTemplates=[
                    {"metadata": {"name": "v"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1"}}}}
                ],
                template={"spec": {"containers": {0: {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}}}},
            ),
            [],
        ),
        (
            spec(template={"spec": {"restartPolicy": "OnFailure"}}),
            ['spec.template.spec.restartPolicy: Unsupported value: "OnFailure": supported values: "Always"'],
        ),
    ],
)
def test_stateful_sets(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(apps.StatefulSet, SET, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            spec(serviceName="t"),
            [
                (
                    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
                    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
                )
            ],
        ),
        ("", spec(replicas=5, minReadySeconds=3, template={"metadata": {"labels": {"x": "y"}}}), []),
        (
            "status",
            status(replicas=1, readyReplicas=2, currentReplicas=-1),
            [
                "status.currentReplicas: Invalid value: -1: must be greater than or equal to 0",
                "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
            ],
        ),
    ],
)
def test_changes_of_stateful_sets(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(apps.StatefulSet, SET, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"revision": -1, "data": None},
            ["revision: Invalid value: -1: must be greater than or equal to 0", "data: Required value: data is mandatory"],
        ),
        ({"data": [1]}, ["data: Required value: data must be a valid JSON object"]),
    ],
)
def test_controller_revisions(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(apps.ControllerRevision, {"metadata": META, "data": {"a": 1}, "revision": 1}, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"), [("", {"data": {"a": 2}}, ['data: Invalid value: {"a":2}: field is immutable'])]
)
def test_changes_of_controller_revisions(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(apps.ControllerRevision, {"metadata": META, "data": {"a": 1}, "revision": 1}, change, subresource) == wanted
