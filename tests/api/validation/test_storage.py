from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import CLUSTER_META, META, problems

from sagong.api.types import storage

CLASS: dict[str, Any] = {"metadata": CLUSTER_META, "provisioner": "example.com/p"}
ATTACHMENT: dict[str, Any] = {
    "metadata": CLUSTER_META,
    "spec": {"attacher": "example.com", "nodeName": "n", "source": {"persistentVolumeName": "v"}},
}
NODE: dict[str, Any] = {"metadata": CLUSTER_META, "spec": {"drivers": [{"name": "example.com", "nodeID": "n"}]}}


def driver(**fields: Any) -> dict[str, Any]:
    return {"spec": {"drivers": {0: fields}}}


DRIVER: dict[str, Any] = {"metadata": CLUSTER_META, "spec": {}}
CAPACITY: dict[str, Any] = {"metadata": META, "storageClassName": "c"}
ATTRIBUTES: dict[str, Any] = {"metadata": CLUSTER_META, "driverName": "example.com", "parameters": {"a": "b"}}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"provisioner": ""}, ["provisioner: Required value"]),
        ({"provisioner": "a b"}, ['provisioner: Invalid value: "a b": name part <key>']),
        ({"parameters": {"": "x"}}, ['parameters: Invalid value: "": field can not be empty.']),
        ({"parameters": {"a": "x" * 262144}}, ["parameters: Too long: may not be more than 262144 bytes"]),
        ({"parameters": {f"{i}": "" for i in range(513)}}, ["parameters: Too long: may not be more than 512 bytes"]),
        ({"reclaimPolicy": "Recycle"}, ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"']),
        ({"volumeBindingMode": "X"}, ['volumeBindingMode: Unsupported value: "X": supported values: "Immediate", "WaitForFirstConsumer"']),
        (
            {
                "allowedTopologies": [
                    {
                        "matchLabelExpressions": [
                            {"key": "a b", "values": []},
                            {"key": "a", "values": ["x", "x"]},
                            {"key": "a", "values": ["y"]},
                        ]
                    }
                ]
            },
            [
                "allowedTopologies[0].matchLabelExpressions[0].values: Required value",
                'allowedTopologies[0].matchLabelExpressions[0].key: Invalid value: "a b": name part <key>',
                'allowedTopologies[0].matchLabelExpressions[1].values[1]: Duplicate value: "x"',
                'allowedTopologies[0].matchLabelExpressions[2].key: Duplicate value: "a"',
            ],
        ),
        (
            {
                "allowedTopologies": [
                    {"matchLabelExpressions": [{"key": "a", "values": ["x"]}]},
                    {"matchLabelExpressions": [{"key": "a", "values": ["x"]}]},
                ]
            },
            ['allowedTopologies[1].matchLabelExpressions: Duplicate value: ""'],
        ),
    ],
)
def test_storage_classes(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(storage.StorageClass, CLASS, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            {"provisioner": "q", "parameters": {"a": "b"}, "reclaimPolicy": "Retain", "volumeBindingMode": "WaitForFirstConsumer"},
            [
                'parameters: Invalid value: {"a":"b"}: field is immutable',
                'provisioner: Invalid value: "q": field is immutable',
                'reclaimPolicy: Invalid value: "Retain": field is immutable',
                'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
            ],
        )
    ],
)
def test_changes_of_storage_classes(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(storage.StorageClass, CLASS, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"spec": {"attacher": ""}},
            [
                "spec.attacher: Required value",
            ],
        ),
        (
            {"spec": {"source": {"persistentVolumeName": None}}},
            ["spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName"],
        ),
        (
            {"spec": {"source": {"persistentVolumeName": ""}}},
            [
                "spec.source.persistentVolumeName: Required value: must specify non empty persistentVolumeName",
                'spec.source.persistentVolumeName: Invalid value: "": <subdomain>',
            ],
        ),
        (
            {"spec": {"source": {"persistentVolumeName": "A"}, "nodeName": "A"}},
            ['spec.nodeName: Invalid value: "A": <subdomain>', 'spec.source.persistentVolumeName: Invalid value: "A": <subdomain>'],
        ),
        (
            {"spec": {"source": {"inlineVolumeSpec": {}}}},
            ["spec.source: Forbidden: must specify exactly one of inlineVolumeSpec and persistentVolumeName"],
        ),
        (
            {"spec": {"source": {"persistentVolumeName": None, "inlineVolumeSpec": {"accessModes": ["ReadWriteOnce"]}}}},
            [
                "spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes",
                "spec.source.inlineVolumeSpec: Required value: must specify a volume type",
            ],
        ),
        (
            {"status": {"attachError": {"message": "x" * 1025, "errorCode": -1}}},
            [
                "status.attachError.message: Too long: may not be more than 262144 bytes",
                "status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive",
            ],
        ),
    ],
)
def test_volume_attachments(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(storage.VolumeAttachment, ATTACHMENT, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            {"spec": {"nodeName": "m"}},
            [
                (
                    "spec: Invalid value: "
                    '{"Attacher":"example.com","Source":{"PersistentVolumeName":"v","InlineVolumeSpec":null},"NodeName":"m"}: field is '
                    "immutable"
                )
            ],
        ),
        ("status", {"status": {"attached": True}}, []),
    ],
)
def test_changes_of_volume_attachments(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(storage.VolumeAttachment, ATTACHMENT, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            driver(name="", nodeID=""),
            [
                "spec.drivers[0].name: Required value",
                "spec.drivers[0].nodeID: Required value",
            ],
        ),
        (
            driver(nodeID="x" * 257),
            [f'spec.drivers[0].nodeID: Invalid value: "{"x" * 257}": must be 256 characters or less'],
        ),
        (
            driver(allocatable={"count": -1}, topologyKeys=["a b", "c", "c", ""]),
            [
                "spec.drivers[0].allocatable.count: Invalid value: -1: must be greater than or equal to 0",
                'spec.drivers[0]: Invalid value: "a b": name part <key>',
                'spec.drivers[0]: Duplicate value: "c"',
                "spec.drivers[0]: Required value",
                'spec.drivers[0]: Invalid value: "": name part must be non-empty',
                'spec.drivers[0]: Invalid value: "": name part <key>',
            ],
        ),
        ({"spec": {"drivers": {1: {"name": "example.com", "nodeID": "m"}}}}, ['spec.drivers[1].name: Duplicate value: "example.com"']),
    ],
)
def test_csi_nodes(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(storage.CSINode, NODE, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            driver(nodeID="m"),
            ['spec.drivers: Invalid value: {"Name":"example.com","NodeID":"m","TopologyKeys":null,"Allocatable":null}: field is immutable'],
        ),
        ("", driver(allocatable={"count": 5}), []),
    ],
)
def test_changes_of_csi_nodes(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(storage.CSINode, NODE, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {
                "spec": {
                    "fsGroupPolicy": "X",
                    "volumeLifecycleModes": ["X"],
                    "nodeAllocatableUpdatePeriodSeconds": 9,
                    "serviceAccountTokenInSecrets": True,
                }
            },
            [
                'spec.fsGroupPolicy: Unsupported value: "X": supported values: "File", "None", "ReadWriteOnceWithFSType"',
                'spec.volumeLifecycleModes: Unsupported value: "X": supported values: "Persistent", "Ephemeral"',
                "spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 seconds",
                (
                    "spec.serviceAccountTokenInSecrets: Invalid value: true: serviceAccountTokenInSecrets is set but no tokenRequests are "
                    "specified"
                ),
            ],
        ),
        (
            {
                "spec": {
                    "tokenRequests": [
                        {"audience": "a", "expirationSeconds": 599},
                        {"audience": "a"},
                        {"audience": "b", "expirationSeconds": 4294967297},
                    ]
                }
            },
            [
                "spec.tokenRequests[0].expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes",
                'spec.tokenRequests[1].audience: Duplicate value: "a"',
                "spec.tokenRequests[2].expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds",
            ],
        ),
    ],
)
def test_csi_drivers(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(storage.CSIDriver, DRIVER, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            {"spec": {"attachRequired": False, "volumeLifecycleModes": ["Ephemeral"]}},
            [
                "spec.attachedRequired: Invalid value: false: field is immutable",
                'spec.volumeLifecycleModes: Invalid value: ["Ephemeral"]: field is immutable',
            ],
        )
    ],
)
def test_changes_of_csi_drivers(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(storage.CSIDriver, DRIVER, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"storageClassName": "A", "capacity": "-1", "nodeTopology": {"matchLabels": {"a b": "c"}}},
            [
                'nodeTopology.matchLabels: Invalid value: "a b": name part <key>',
                'storageClassName: Invalid value: "A": <subdomain>',
                'capacity: Invalid value: "-1": must be greater than or equal to 0',
            ],
        ),
    ],
)
def test_csi_capacities(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(storage.CSIStorageCapacity, CAPACITY, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            {"storageClassName": "d", "nodeTopology": {}},
            ["nodeTopology: Invalid value: {}: field is immutable", 'storageClassName: Invalid value: "d": field is immutable'],
        )
    ],
)
def test_changes_of_csi_capacities(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(storage.CSIStorageCapacity, CAPACITY, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"driverName": "", "parameters": None},
            ["driverName: Required value", "parameters: Required value: must contain at least one key/value pair"],
        ),
    ],
)
def test_volume_attributes_classes(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(storage.VolumeAttributesClass, ATTRIBUTES, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            {"driverName": "d", "parameters": {"b": "c"}},
            ["driverName: Forbidden: updates to driverName are forbidden.", "parameters: Forbidden: updates to parameters are forbidden."],
        )
    ],
)
def test_changes_of_volume_attributes_classes(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(storage.VolumeAttributesClass, ATTRIBUTES, change, subresource) == wanted
