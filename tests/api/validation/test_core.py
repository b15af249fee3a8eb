from __future__ import annotations

import base64
from typing import Any

import pytest
from tests.api.validation.support import CLUSTER_META, META, problems

from sagong.api.types import core


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


def port(**fields: Any) -> dict[str, Any]:
    return {"spec": {"ports": {0: fields}}}


MAP: dict[str, Any] = {"metadata": META, "data": {"a": "b"}}
SECRET: dict[str, Any] = {"metadata": META, "type": "Opaque", "data": {"a": "YQ=="}}
NAMESPACE: dict[str, Any] = {"metadata": CLUSTER_META}
NODE: dict[str, Any] = {"metadata": CLUSTER_META, "spec": {"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"]}}
ENDPOINTS: dict[str, Any] = {"metadata": META, "subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]}
POD: dict[str, Any] = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
CONTROLLER: dict[str, Any] = {"metadata": META, "spec": {"replicas": 1, "selector": {"a": "b"}, "template": POD}}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"data": {"a b": "c"}}, ['data[a b]: Invalid value: "a b": <config key>']),
        (
            {"data": {"..": "c", "..a": "d"}},
            ["data[..]: Invalid value: \"..\": must not be '..'", "data[..a]: Invalid value: \"..a\": must not start with '..'"],
        ),
        ({"binaryData": {"a": "YQ=="}}, ['data[a]: Invalid value: "a": duplicate of key present in binaryData']),
        ({"binaryData": {"/": "YQ=="}}, ['binaryData[/]: Invalid value: "/": <config key>']),
        ({"data": {"a": "x" * 1048577}}, ["[]: Too long: may not be more than 1048576 bytes"]),
        (
            {"metadata": {"labels": {"a b": "c d"}, "annotations": {"a b": "c"}}},
            [
                'metadata.labels: Invalid value: "a b": name part <key>',
                'metadata.labels: Invalid value: "c d": <value>',
                'metadata.annotations: Invalid value: "a b": name part <key>',
            ],
        ),
        ({"metadata": {"annotations": {"a": "x" * 262144}}}, ["metadata.annotations: Too long: may not be more than 262144 bytes"]),
        (
            {"metadata": {"finalizers": ["x", "a b"]}},
            [
                'metadata.finalizers: Invalid value: "a b": name part <key>',
                'metadata.finalizers[0]: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified',
                'metadata.finalizers[1]: Invalid value: "a b": name is neither a standard finalizer name nor is it fully qualified',
            ],
        ),
        (
            {
                "metadata": {
                    "ownerReferences": [
                        {"apiVersion": "", "kind": "", "name": "", "uid": ""},
                        {"apiVersion": "v1", "kind": "Event", "name": "e", "uid": "u"},
                    ]
                }
            },
            [
                'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty',
                'metadata.ownerReferences.kind: Invalid value: "": must not be empty',
                'metadata.ownerReferences.name: Invalid value: "": must not be empty',
                'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
                (
                    'metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"e","uid":"u"}: /v1, Kind=Event is '
                    "disallowed from being an owner"
                ),
            ],
        ),
        (
            {
                "metadata": {
                    "ownerReferences": [
                        {"apiVersion": "v1", "kind": "A", "name": "a", "uid": "u", "controller": True},
                        {"apiVersion": "v1", "kind": "B", "name": "b", "uid": "v", "controller": True},
                    ]
                }
            },
            [
                (
                    "metadata.ownerReferences: Invalid value: "
                    '[{"apiVersion":"v1","kind":"A","name":"a","uid":"u","controller":true},{"apiVersion":"v1","kind":"B","name":"b",'
                    '"uid":"v","controller":true}]: Only one reference can have Controller set to true. Found "true" in references for A/a '
                    "and B/b"
                )
            ],
        ),
        ({"metadata": {"name": "", "generateName": "A-"}}, ["metadata.name: Required value: name or generateName is required"]),
        ({"metadata": {"name": "a-b", "generateName": "a-"}}, []),
        ({"metadata": {"namespace": ""}}, ["metadata.namespace: Required value"]),
        ({"metadata": {"generation": -1}}, ["metadata.generation: Invalid value: -1: must be greater than or equal to 0"]),
    ],
)
def test_config_maps(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.ConfigMap, MAP, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        ("", {"immutable": True}, []),
        (
            "",
            {"metadata": {"uid": "v", "resourceVersion": ""}},
            [
                'metadata.resourceVersion: Invalid value: "": must be specified for an update',
                'metadata.uid: Invalid value: "v": field is immutable',
            ],
        ),
        (
            "",
            {"metadata": {"name": "y", "namespace": "other", "creationTimestamp": "2020-01-01T00:00:00Z"}},
            [
                'metadata.name: Invalid value: "y": field is immutable',
                'metadata.namespace: Invalid value: "other": field is immutable',
                'metadata.creationTimestamp: Invalid value: "2020-01-01T00:00:00Z": field is immutable',
            ],
        ),
    ],
)
def test_changes_of_config_maps(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.ConfigMap, MAP, change, subresource) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        ("", {"immutable": False}, ["immutable: Forbidden: field is immutable when `immutable` is set"]),
        (
            "",
            {"immutable": None, "data": {"a": "c"}, "binaryData": {"b": "YQ=="}},
            [
                "immutable: Forbidden: field is immutable when `immutable` is set",
                "data: Forbidden: field is immutable when `immutable` is set",
                "binaryData: Forbidden: field is immutable when `immutable` is set",
            ],
        ),
    ],
)
def test_changes_of_immutable_config_maps(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.ConfigMap, {**MAP, "immutable": True}, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"data": {"a b": "YQ=="}}, ['data[a b]: Invalid value: "a b": <config key>']),
        ({"data": {"a": encoded("x" * 1048577)}}, ["data: Too long: may not be more than 1048576 bytes"]),
        ({"type": "kubernetes.io/service-account-token"}, ["metadata.annotations[kubernetes.io/service-account.name]: Required value"]),
        ({"type": "kubernetes.io/dockercfg"}, ["data[.dockercfg]: Required value"]),
        (
            {"type": "kubernetes.io/dockercfg", "data": {".dockercfg": encoded("x")}},
            ["data[.dockercfg]: Invalid value: \"<secret contents redacted>\": invalid character 'x' looking for beginning of value"],
        ),
        (
            {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": encoded("[]")}},
            [
                (
                    'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": json: cannot unmarshal array into Go value of '
                    "type map[string]interface {}"
                )
            ],
        ),
        ({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": encoded("{}")}}, []),
        ({"type": "kubernetes.io/basic-auth"}, ["data[username]: Required value", "data[password]: Required value"]),
        ({"type": "kubernetes.io/ssh-auth"}, ["data[ssh-privatekey]: Required value"]),
        ({"type": "kubernetes.io/tls"}, ["data[tls.crt]: Required value", "data[tls.key]: Required value"]),
    ],
)
def test_secrets(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.Secret, SECRET, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"), [("", {"type": "x"}, ['type: Invalid value: "x": field is immutable']), ("", {"type": ""}, [])]
)
def test_changes_of_secrets(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.Secret, SECRET, change, subresource) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        ("", {"immutable": None}, ["immutable: Forbidden: field is immutable when `immutable` is set"]),
        ("", {"data": {"a": "Yg=="}}, ["data: Forbidden: field is immutable when `immutable` is set"]),
    ],
)
def test_changes_of_immutable_secrets(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.Secret, {**SECRET, "immutable": True}, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"metadata": {"name": "a.b"}}, ['metadata.name: Invalid value: "a.b": must not contain dots']),
        ({"metadata": {"namespace": "x"}}, ["metadata.namespace: Forbidden: not allowed on this type"]),
        (
            {"spec": {"finalizers": ["x"]}},
            ['spec.finalizers: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified'],
        ),
    ],
)
def test_namespaces(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.Namespace, NAMESPACE, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "status",
            {"status": {"phase": "Terminating"}},
            ["status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"],
        ),
        (
            "finalize",
            {"spec": {"finalizers": ["x"]}},
            ['spec.finalizers[0]: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified'],
        ),
    ],
)
def test_changes_of_namespaces(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.Namespace, NAMESPACE, change, subresource) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "status",
            {"status": {"phase": "Active"}},
            ["status.Phase: Invalid value: \"Active\": may only be 'Terminating' if `deletionTimestamp` is not empty"],
        ),
        (
            "",
            {"metadata": {"finalizers": ["a/b", "c/d"]}},
            [
                (
                    "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers "
                    '[]string{"c/d"}'
                )
            ],
        ),
    ],
)
def test_changes_of_terminating_namespaces(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert (
        problems(
            core.Namespace,
            {
                "metadata": {**CLUSTER_META, "deletionTimestamp": "2020-01-01T00:00:00Z", "finalizers": ["a/b"]},
                "status": {"phase": "Terminating"},
            },
            change,
            subresource,
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"metadata": {"name": "A"}}, ['metadata.name: Invalid value: "A": <subdomain>']),
        (
            spec(podCIDRs=["10.0.0.0/24", "10.1.0.0/24"]),
            ['spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.1.0.0/24"]: may specify no more than one CIDR for each IP family'],
        ),
        (spec(podCIDRs=["x"]), []),
        (
            spec(
                taints=[
                    {"key": "a b", "value": "_", "effect": "X"},
                    {"key": "a", "effect": "NoSchedule"},
                    {"key": "a", "effect": "NoSchedule"},
                ]
            ),
            [
                'metadata.taints[0].key: Invalid value: "a b": name part <key>',
                'metadata.taints[0].value: Invalid value: "_": <value>',
                'metadata.taints[0].effect: Unsupported value: "X": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
                (
                    'metadata.taints[2]: Duplicate value: {"Key":"a","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints must be '
                    "unique by key and effect pair"
                ),
            ],
        ),
    ],
)
def test_nodes(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.Node, NODE, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            spec(podCIDR="10.1.0.0/24", podCIDRs=["10.1.0.0/24"], providerID="x"),
            ['spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid'],
        ),
        (
            "status",
            {"status": {"capacity": {"cpu": "-1"}}},
            [
                'status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0',
                'status.allocatable.cpu: Invalid value: "-1": must be greater than or equal to 0',
            ],
        ),
        ("", spec(unschedulable=True), []),
    ],
)
def test_changes_of_nodes(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.Node, NODE, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"subsets": [{}]}, ["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"]),
        (
            {
                "subsets": {
                    0: {
                        "addresses": [{"ip": "x"}, {"ip": "127.0.0.1", "hostname": "a.b", "nodeName": "A"}],
                        "ports": [{"port": 0}, {"name": "A", "port": 80, "protocol": "X", "appProtocol": "a b"}],
                    }
                }
            },
            [
                'subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
                'subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address',
                'subsets[0].addresses[1].hostname: Invalid value: "a.b": must not contain dots',
                'subsets[0].addresses[1].nodeName: Invalid value: "A": <subdomain>',
                'subsets[0].addresses[1].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
                "subsets[0].ports[0].name: Required value",
                "subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                'subsets[0].ports[1].name: Invalid value: "A": <label>',
                'subsets[0].ports[1].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
                'subsets[0].ports[1].appProtocol: Invalid value: "a b": name part <key>',
            ],
        ),
    ],
)
def test_endpoints(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.Endpoints, ENDPOINTS, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"), [("", {"subsets": [{"addresses": [{"ip": "10.0.0.1", "nodeName": "n"}]}]}, [])]
)
def test_changes_of_endpoints(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.Endpoints, ENDPOINTS, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"), [({}, []), ({"template": {"spec": {"containers": []}}}, ["template.spec.containers: Required value"])]
)
def test_pod_templates(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.PodTemplate, {"metadata": META, "template": POD}, change) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            spec(replicas=-1, minReadySeconds=-1),
            [
                "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
                "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        (spec(template=None), ["spec.template: Required value"]),
        (
            spec(selector={"a": "c"}),
            ['spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`'],
        ),
        (
            spec(template={"spec": {"restartPolicy": "Never", "activeDeadlineSeconds": 5}}),
            [
                'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
                "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicationController is not Supported",
            ],
        ),
    ],
)
def test_replication_controllers(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.ReplicationController, CONTROLLER, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "status",
            {"status": {"replicas": 1, "readyReplicas": 2, "availableReplicas": 3, "fullyLabeledReplicas": -1}},
            [
                "status.fullyLabeledReplicas: Invalid value: -1: must be greater than or equal to 0",
                "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
                "status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas",
                "status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas",
            ],
        )
    ],
)
def test_changes_of_replication_controllers(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.ReplicationController, CONTROLLER, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"), [({}, []), ({"metadata": {"name": "A"}}, ['metadata.name: Invalid value: "A": <subdomain>'])]
)
def test_service_accounts(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.ServiceAccount, {"metadata": META}, change) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"target": {"kind": "Pod", "name": ""}},
            ['target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"', "target.name: Required value"],
        ),
    ],
)
def test_bindings(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.Binding, {"metadata": META, "target": {"kind": "Node", "name": "n"}}, change) == wanted
