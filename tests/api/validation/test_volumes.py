from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import CLUSTER_META, META, problems

from sagong.api.types import core


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


CLAIM: dict[str, Any] = {"metadata": META, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
VOLUME: dict[str, Any] = {
    "metadata": CLUSTER_META,
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
        "hostPath": {"path": "/a"},
        "persistentVolumeReclaimPolicy": "Retain",
    },
}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (spec(accessModes=[]), ["spec.accessModes: Required value: at least 1 access mode is required"]),
        (
            spec(accessModes=["X"]),
            [
                (
                    'spec.accessModes: Unsupported value: "X": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", '
                    '"ReadWriteOncePod"'
                )
            ],
        ),
        (
            spec(accessModes=["ReadWriteOnce", "ReadWriteOncePod"]),
            ["spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"],
        ),
        (spec(resources={"requests": None}), ["spec.resources[storage]: Required value"]),
        (spec(resources={"requests": {"storage": "0"}}), ['spec.resources[storage]: Invalid value: "0": must be greater than zero']),
        (spec(storageClassName="A"), ['spec.storageClassName: Invalid value: "A": <subdomain>']),
        (spec(volumeMode="X"), ['spec.volumeMode: Unsupported value: "X": supported values: "Block", "Filesystem"']),
        (spec(selector={"matchLabels": {"a b": "c"}}), ['spec.selector.matchLabels: Invalid value: "a b": name part <key>']),
        (
            spec(dataSource={"kind": "", "name": ""}),
            [
                "spec.dataSource.name: Required value",
                "spec.dataSource.kind: Required value",
                "spec.dataSource: Invalid value: \"\": must be 'PersistentVolumeClaim' when referencing the default apiGroup",
            ],
        ),
        (spec(dataSource={"kind": "PersistentVolumeClaim", "name": "x"}), []),
        (
            spec(dataSource={"kind": "Pod", "name": "x"}),
            ["spec.dataSource: Invalid value: \"Pod\": must be 'PersistentVolumeClaim' when referencing the default apiGroup"],
        ),
        (
            spec(dataSource={"kind": "PersistentVolumeClaim", "name": "x"}, dataSourceRef={"kind": "PersistentVolumeClaim", "name": "y"}),
            ["spec: Invalid value: {}: must match dataSourceRef"],
        ),
        (spec(volumeAttributesClassName="A"), ['spec.volumeAttributesClassName: Invalid value: "A": <subdomain>']),
    ],
)
def test_claims(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.PersistentVolumeClaim, CLAIM, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            spec(accessModes=["ReadOnlyMany"]),
            ["spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"],
        ),
        (
            "",
            spec(resources={"requests": {"storage": "2Gi"}}),
            ["spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"],
        ),
        (
            "status",
            {"status": {"phase": "Bound", "accessModes": ["X"], "capacity": {"storage": "-1"}}},
            ["status.capacity[storage]: Invalid value: -1: must be a valid resource quantity"],
        ),
    ],
)
def test_changes_of_claims(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.PersistentVolumeClaim, CLAIM, change, subresource) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        ("", spec(resources={"requests": {"storage": "2Gi"}}), []),
        (
            "",
            spec(resources={"requests": {"storage": "512Mi"}}),
            ["spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"],
        ),
    ],
)
def test_changes_of_bound_claims(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert (
        problems(
            core.PersistentVolumeClaim,
            {**CLAIM, "spec": {**CLAIM["spec"], "volumeName": "v"}, "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}},
            change,
            subresource,
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (spec(accessModes=[]), ["spec.accessModes: Required value"]),
        (spec(capacity=None), ["spec.capacity: Required value", 'spec.capacity: Unsupported value: null: supported values: "storage"']),
        (
            spec(capacity={"storage": "0", "x": "1"}),
            [
                'spec.capacity: Unsupported value: {"storage":"0","x":"1"}: supported values: "storage"',
                'spec.capacity[storage]: Invalid value: "0": must be greater than zero',
            ],
        ),
        (spec(hostPath=None), ["spec: Required value: must specify a volume type"]),
        (spec(nfs={"server": "s", "path": "/p"}), ["spec.nfs: Forbidden: may not specify more than 1 volume type"]),
        (spec(hostPath={"path": ""}), ["spec.hostPath.path: Required value"]),
        (
            spec(hostPath={"path": "/"}, persistentVolumeReclaimPolicy="Recycle"),
            ["spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"],
        ),
        (
            spec(persistentVolumeReclaimPolicy="X"),
            ['spec.persistentVolumeReclaimPolicy: Unsupported value: "X": supported values: "Delete", "Recycle", "Retain"'],
        ),
        (spec(volumeMode="X"), ['spec.volumeMode: Unsupported value: "X": supported values: "Block", "Filesystem"']),
        (spec(storageClassName="A"), ['spec.storageClassName: Invalid value: "A": <subdomain>']),
        (spec(hostPath=None, local={"path": "/a"}), ["spec.nodeAffinity: Required value: Local volume requires node affinity"]),
        (spec(nodeAffinity={}), ["spec.nodeAffinity.required: Required value: must specify required node constraints"]),
        (
            spec(nodeAffinity={"required": {"nodeSelectorTerms": []}}),
            ["spec.nodeAffinity.required.nodeSelectorTerms: Required value: must have at least one node selector term"],
        ),
        (
            spec(hostPath=None, csi={"driver": "", "volumeHandle": ""}),
            ["spec.csi.driver: Required value", "spec.csi.volumeHandle: Required value"],
        ),
        (
            spec(hostPath=None, nfs={"server": "", "path": "x"}),
            ["spec.nfs.server: Required value", 'spec.nfs.path: Invalid value: "x": must be an absolute path'],
        ),
        (
            spec(hostPath=None, iscsi={"targetPortal": "", "iqn": "x", "lun": 256}),
            [
                "spec.iscsi.targetPortal: Required value",
                'spec.iscsi.iqn: Invalid value: "x": must be valid format',
                "spec.iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive",
            ],
        ),
    ],
)
def test_volumes(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.PersistentVolume, VOLUME, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            spec(hostPath={"path": "/b"}),
            ["spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation"],
        ),
        ("", spec(volumeMode="Block"), ['volumeMode: Invalid value: "Block": field is immutable']),
    ],
)
def test_changes_of_volumes(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.PersistentVolume, VOLUME, change, subresource) == wanted
