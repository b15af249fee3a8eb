from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import CLUSTER_META, META, problems

from sagong.api.types import resource

CLAIM: dict[str, Any] = {"metadata": META, "spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}]}}}


def request(**fields: Any) -> dict[str, Any]:
    return {"spec": {"devices": {"requests": [{"name": "r", **fields}]}}}


def exactly(**fields: Any) -> dict[str, Any]:
    return request(exactly={"deviceClassName": "c", **fields})


def devices(**fields: Any) -> dict[str, Any]:
    return {"spec": {"devices": fields}}


RESULT: dict[str, Any] = {"request": "r", "driver": "d.example.com", "pool": "p", "device": "x"}
ALLOCATION: dict[str, Any] = {"devices": {"results": [RESULT]}}
CONSUMER: dict[str, Any] = {"resource": "pods", "name": "p", "uid": "u"}


def status(**fields: Any) -> dict[str, Any]:
    return {"status": fields}


OPAQUE: dict[str, Any] = {"driver": "d.example.com", "parameters": {"a": 1}}
TEMPLATE: dict[str, Any] = {"metadata": META, "spec": {"spec": CLAIM["spec"]}}
CLASS: dict[str, Any] = {"metadata": CLUSTER_META, "spec": {}}
SLICE: dict[str, Any] = {
    "metadata": CLUSTER_META,
    "spec": {
        "driver": "d.example.com",
        "nodeName": "n",
        "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1},
        "devices": [{"name": "x"}],
    },
}


def device(**fields: Any) -> dict[str, Any]:
    return {"spec": {"devices": {0: fields}}}


def policy(**fields: Any) -> dict[str, Any]:
    return device(allowMultipleAllocations=True, capacity={"c": {"value": "10", "requestPolicy": fields}})


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            request(name="A"),
            [
                'spec.devices.requests[0].name: Invalid value: "A": <label>',
                "spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required",
            ],
        ),
        (request(), ["spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required"]),
        (
            request(exactly={"deviceClassName": "c"}, firstAvailable=[{"name": "a", "deviceClassName": "c"}]),
            [
                (
                    "spec.devices.requests[0]: Invalid value: null: exactly one of `exactly` or `firstAvailable` is required, but multiple "
                    "fields are set"
                )
            ],
        ),
        (
            request(firstAvailable=[{"name": "a", "deviceClassName": ""}, {"name": "a", "deviceClassName": "C"}]),
            [
                "spec.devices.requests[0].firstAvailable[0].deviceClassName: Required value",
                'spec.devices.requests[0].firstAvailable[1].deviceClassName: Invalid value: "C": <subdomain>',
                'spec.devices.requests[0].firstAvailable[1]: Duplicate value: "a"',
            ],
        ),
        (exactly(deviceClassName=""), ["spec.devices.requests[0].exactly.deviceClassName: Required value"]),
        (
            exactly(allocationMode="All", count=1),
            ["spec.devices.requests[0].exactly.count: Invalid value: 1: must not be specified when allocationMode is 'All'"],
        ),
        (
            exactly(allocationMode="ExactCount", count=-1),
            ["spec.devices.requests[0].exactly.count: Invalid value: -1: must be greater than zero"],
        ),
        (
            exactly(allocationMode="X"),
            ['spec.devices.requests[0].exactly.allocationMode: Unsupported value: "X": supported values: "All", "ExactCount"'],
        ),
        (
            exactly(selectors=[{}, {"cel": {"expression": "x" * 10241}}]),
            [
                "spec.devices.requests[0].exactly.selectors[0].cel: Required value",
                "spec.devices.requests[0].exactly.selectors[1].cel.expression: Too long: may not be more than 10240 bytes",
            ],
        ),
        (
            exactly(
                tolerations=[
                    {"operator": "Exists", "value": "x", "key": "a b"},
                    {"operator": "Equal", "value": "_"},
                    {"operator": "X", "effect": "Y"},
                ]
            ),
            [
                'spec.devices.requests[0].exactly.tolerations[0].key: Invalid value: "a b": name part <key>',
                'spec.devices.requests[0].exactly.tolerations[0].value: Invalid value: "x": must be empty for operator `Exists`',
                'spec.devices.requests[0].exactly.tolerations[1].value: Invalid value: "_": <value>',
                'spec.devices.requests[0].exactly.tolerations[2].operator: Unsupported value: "X": supported values: "Equal", "Exists"',
                (
                    'spec.devices.requests[0].exactly.tolerations[2].effect: Unsupported value: "Y": supported values: "NoExecute", '
                    '"NoSchedule", "None"'
                ),
            ],
        ),
        (
            {
                "spec": {
                    "devices": {
                        "requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}, {"name": "r", "exactly": {"deviceClassName": "c"}}]
                    }
                }
            },
            ['spec.devices.requests[1]: Duplicate value: "r"'],
        ),
        (
            devices(
                constraints=[
                    {"requests": ["r", "r", "x", "a/b/c"], "matchAttribute": "a"},
                    {"matchAttribute": "a.b/c"},
                    {"matchAttribute": "/"},
                    {"distinctAttribute": "A_/b c"},
                    {},
                ]
            ),
            [
                (
                    'spec.devices.constraints[0].requests[2]: Invalid value: "x": must be the name of a request in the claim or the name '
                    "of a request and a subrequest separated by '/'"
                ),
                (
                    'spec.devices.constraints[0].requests[3]: Invalid value: "a/b/c": must be the name of a request in the claim or the '
                    "name of a request and a subrequest separated by '/'"
                ),
                (
                    'spec.devices.constraints[0].requests[3]: Invalid value: "a/b/c": must be the name of a request in the claim or the '
                    "name of a request and a subrequest separated by '/'"
                ),
                'spec.devices.constraints[0].requests[1]: Duplicate value: "r"',
                (
                    'spec.devices.constraints[0].matchAttribute: Invalid value: "a": a fully qualified name must be a domain and a name '
                    "separated by a slash"
                ),
                'spec.devices.constraints[2].matchAttribute: Invalid value: "": the domain must not be empty',
                'spec.devices.constraints[2].matchAttribute: Invalid value: "": the name must not be empty',
                'spec.devices.constraints[3].distinctAttribute: Invalid value: "A_": <subdomain>',
                'spec.devices.constraints[3].distinctAttribute: Invalid value: "b c": <identifier>',
                (
                    'spec.devices.constraints[4]: Required value: exactly one of "matchAttribute" or "distinctAttribute" is required, but '
                    "multiple fields are set"
                ),
            ],
        ),
        (
            devices(
                config=[
                    {},
                    {"opaque": {"driver": "", "parameters": [1]}},
                    {"opaque": OPAQUE, "requests": ["r"]},
                    {"opaque": {"driver": "d"}},
                ]
            ),
            [
                "spec.devices.config[0].opaque: Required value",
                "spec.devices.config[1].opaque.driver: Required value",
                'spec.devices.config[1].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object',
                "spec.devices.config[3].opaque.parameters: Required value",
            ],
        ),
    ],
)
def test_claims(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(resource.ResourceClaim, CLAIM, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            exactly(count=2),
            [
                (
                    "spec: Invalid value: "
                    '{"Devices":{"Requests":[{"Name":"r","Exactly":{"DeviceClassName":"c","Selectors":null,"AllocationMode":"ExactCount",'
                    '"Count":2,"AdminAccess":null,"Tolerations":null,"Capacity":null},"FirstAvailable":null}],"Constraints":null,'
                    '"Config":null}}: field is immutable'
                )
            ],
        ),
        ("status", status(allocation=ALLOCATION, reservedFor=[CONSUMER]), []),
        (
            "status",
            status(reservedFor=[CONSUMER, CONSUMER, {}]),
            [
                "status.reservedFor[2].resource: Required value",
                "status.reservedFor[2].name: Required value",
                "status.reservedFor[2].uid: Required value",
                'status.reservedFor[1]: Duplicate value: "u"',
                "status.reservedFor: Forbidden: may not be specified when `allocated` is not set",
            ],
        ),
        (
            "status",
            status(
                allocation={
                    "devices": {
                        "results": [
                            {
                                **RESULT,
                                "request": "z",
                                "driver": "",
                                "pool": "",
                                "device": "X",
                                "shareID": "x",
                                "bindingConditions": ["a", "a", "a b"],
                            }
                        ],
                        "config": [{"source": "", "opaque": OPAQUE}, {"source": "X", "opaque": OPAQUE, "requests": ["r"]}],
                    }
                }
            ),
            [
                (
                    'status.allocation.devices.results[0].request: Invalid value: "z": must be the name of a request in the claim or the '
                    "name of a request and a subrequest separated by '/'"
                ),
                "status.allocation.devices.results[0].driver: Required value",
                "status.allocation.devices.results[0].pool: Required value",
                'status.allocation.devices.results[0].device: Invalid value: "X": <label>',
                'status.allocation.devices.results[0].shareID: Invalid value: "x": error validating uid: invalid UUID length: 1',
                'status.allocation.devices.results[0].bindingConditions[2]: Invalid value: "a b": name part <key>',
                'status.allocation.devices.results[0].bindingConditions[1]: Duplicate value: "a"',
                (
                    "status.allocation.devices.results[0].bindingFailureConditions: Invalid value: null: bindingFailureConditions are "
                    "required to use bindingConditions"
                ),
                "status.allocation.devices.config[0].source: Required value",
                'status.allocation.devices.config[1].source: Unsupported value: "X": supported values: "FromClaim", "FromClass"',
            ],
        ),
        (
            "status",
            status(
                allocation=ALLOCATION,
                devices=[
                    {
                        "driver": "d.example.com",
                        "pool": "p",
                        "device": "x",
                        "data": [1],
                        "networkData": {"interfaceName": "i" * 257, "ips": ["10.0.0.1/24", "10.0.0.1", "10.0.0.01/24", "10.0.0.1/24"]},
                    },
                    {"driver": "d.example.com", "pool": "p/A", "device": "y"},
                ],
            ),
            [
                'status.devices[0].data: Invalid value: "<value omitted>": must be a valid JSON object',
                "status.devices[0].networkData.interfaceName: Too long: may not be more than 256 bytes",
                (
                    'status.devices[0].networkData.ips[1]: Invalid value: "10.0.0.1": must be a valid address in CIDR form, (e.g. '
                    "10.9.8.7/24 or 2001:db8::1/64)"
                ),
                'status.devices[0].networkData.ips[2]: Invalid value: "10.0.0.01/24": must be in canonical form ("10.0.0.1/24")',
                'status.devices[0].networkData.ips[3]: Duplicate value: "10.0.0.1/24"',
                'status.devices[1].pool: Invalid value: "A": <subdomain>',
                'status.devices[1]: Invalid value: "d.example.com/p/A/y": must be an allocated device in the claim',
            ],
        ),
    ],
)
def test_changes_of_claims(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(resource.ResourceClaim, CLAIM, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"spec": {"metadata": {"name": "x", "labels": {"a b": "c"}}}},
            ['spec.metadata.labels: Invalid value: "a b": name part <key>', "spec.metadata.name: Forbidden: cannot be set"],
        ),
    ],
)
def test_claim_templates(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(resource.ResourceClaimTemplate, TEMPLATE, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            {"spec": {"spec": {"devices": {"requests": []}}}},
            ['spec: Invalid value: {"Spec":{"Devices":{"Requests":null,"Constraints":null,"Config":null}}}: field is immutable'],
        )
    ],
)
def test_changes_of_claim_templates(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(resource.ResourceClaimTemplate, TEMPLATE, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"spec": {"selectors": [{}], "config": [{}], "extendedResourceName": "cpu"}},
            [
                "spec.selectors[0].cel: Required value",
                "spec.config[0].opaque: Required value",
                'spec.extendedResourceName: Invalid value: "cpu": must be a valid extended resource name',
            ],
        ),
        ({"spec": {"extendedResourceName": "example.com/gpu"}}, []),
    ],
)
def test_device_classes(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(resource.DeviceClass, CLASS, change) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"spec": {"driver": "", "pool": {"name": "", "generation": -1, "resourceSliceCount": 0}}},
            [
                "spec.driver: Required value",
                "spec.pool.name: Required value",
                "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero",
                "spec.pool.generation: Invalid value: -1: must be greater than or equal to zero",
            ],
        ),
        (
            {"spec": {"nodeName": None}},
            ["spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"],
        ),
        (
            {"spec": {"nodeName": ""}},
            [
                'spec.nodeName: Invalid value: "": must be either unset or set to a non-empty string',
                "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required",
            ],
        ),
        (
            {"spec": {"allNodes": True}},
            [
                (
                    'spec: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, `allNodes`, '
                    "`perDeviceNodeSelection` is required, but multiple fields are set"
                )
            ],
        ),
        (
            {"spec": {"allNodes": False, "perDeviceNodeSelection": False}},
            [
                "spec.allNodes: Invalid value: false: must be either unset or set to true",
                "spec.perDeviceNodeSelection: Invalid value: false: must be either unset or set to true",
            ],
        ),
        (
            {"spec": {"nodeName": None, "nodeSelector": {"nodeSelectorTerms": []}}},
            [
                "spec.nodeSelector.nodeSelectorTerms: Required value: must have at least one node selector term",
                "spec.nodeSelector.nodeSelectorTerms: Invalid value: null: must have exactly one node selector term",
            ],
        ),
        (
            {"spec": {"sharedCounters": [{"name": "", "counters": {}}]}},
            [
                'spec: Invalid value: "": only one of `sharedCounters` or `devices` is allowed',
                "spec.sharedCounters[0].name: Required value",
                "spec.sharedCounters[0].counters: Required value",
            ],
        ),
        (
            {"spec": {"devices": [], "sharedCounters": [{"name": "", "counters": {}}, {"name": "A", "counters": {"B": {"value": "1"}}}]}},
            [
                "spec.sharedCounters[0].name: Required value",
                "spec.sharedCounters[0].counters: Required value",
                'spec.sharedCounters[1].name: Invalid value: "A": <label>',
                'spec.sharedCounters[1].counters: Invalid value: "B": <label>',
            ],
        ),
        ({"spec": {"devices": {1: {"name": "x"}}}}, ['spec.devices[1]: Duplicate value: "x"']),
        ({"spec": {"devices": [{"name": f"x{i}"} for i in range(129)]}}, ["spec.devices: Too many: 129: must have at most 128 items"]),
        (
            {"spec": {"devices": [{"name": f"x{i}", "taints": [{"key": "a", "effect": "None"}]} for i in range(65)]}},
            ["spec.devices: Too many: 65: must have at most 64 items"],
        ),
        (device(name="A"), ['spec.devices[0].name: Invalid value: "A": <label>']),
        (
            device(
                attributes={
                    "a": {},
                    "b": {"string": "x" * 65},
                    "c": {"version": "1.0"},
                    "d.e/f": {"int": 1, "bool": True},
                    "a b": {"int": 1},
                    "/x": {"int": 1},
                    "x/": {"int": 1},
                    "y" * 33: {"int": 1},
                }
            ),
            [
                'spec.devices[0].attributes: Invalid value: "a b": <identifier>',
                'spec.devices[0].attributes: Invalid value: "": the domain must not be empty',
                'spec.devices[0].attributes: Invalid value: "": the name must not be empty',
                "spec.devices[0].attributes: Too long: may not be more than 32 bytes",
                'spec.devices[0].attributes[a]: Invalid value: "": exactly one value must be specified',
                "spec.devices[0].attributes[b].string: Too long: may not be more than 64 bytes",
                'spec.devices[0].attributes[c].version: Invalid value: "1.0": must be a string compatible with semver.org spec 2.0.0',
                (
                    "spec.devices[0].attributes[d.e/f]: Invalid value: "
                    '{"Int":1,"Bool":true,"String":null,"Version":null,"Ints":null,"Bools":null,"Strings":null,"Versions":null}: '
                    "exactly one value must be specified"
                ),
            ],
        ),
        (
            device(attributes={f"a{i}": {"int": 1} for i in range(33)}),
            ["spec.devices[0]: Invalid value: 33: the total number of attributes and capacities must not exceed 32"],
        ),
        (
            device(taints=[{"key": "a b", "value": "_", "effect": ""}, {"key": "a", "effect": "X"}]),
            [
                'spec.devices[0].taints[0].key: Invalid value: "a b": name part <key>',
                'spec.devices[0].taints[0].value: Invalid value: "_": <value>',
                "spec.devices[0].taints[0].effect: Required value",
                'spec.devices[0].taints[1].effect: Unsupported value: "X": supported values: "NoExecute", "NoSchedule", "None"',
            ],
        ),
        (
            device(consumesCounters=[{"counterSet": "", "counters": {}}, {"counterSet": "s", "counters": {"A": {"value": "1"}}}]),
            [
                "spec.devices[0].consumesCounters[0].counterSet: Required value",
                "spec.devices[0].consumesCounters[0].counters: Required value",
                'spec.devices[0].consumesCounters[1].counters: Invalid value: "A": <label>',
            ],
        ),
        (
            device(
                consumesCounters=[
                    {"counterSet": "s", "counters": {"a": {"value": "1"}}},
                    {"counterSet": "s", "counters": {"a": {"value": "1"}}},
                ]
            ),
            ['spec.devices[0].consumesCounters[1]: Duplicate value: "s"'],
        ),
        (
            device(nodeName="n"),
            [
                (
                    "spec.devices[0]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if "
                    "`perDeviceNodeSelection` is set to true in the ResourceSlice spec"
                )
            ],
        ),
        (
            {"spec": {"nodeName": None, "perDeviceNodeSelection": True}},
            [
                (
                    "spec.devices[0]: Required value: exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when "
                    "`perDeviceNodeSelection` is set to true in the ResourceSlice spec"
                )
            ],
        ),
        (
            {"spec": {"nodeName": None, "perDeviceNodeSelection": True, "devices": {0: {"nodeName": "", "allNodes": False}}}},
            [
                'spec.devices[0].nodeName: Invalid value: "": must not be empty',
                "spec.devices[0].allNodes: Invalid value: false: must be either unset or set to true",
                (
                    "spec.devices[0]: Required value: exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when "
                    "`perDeviceNodeSelection` is set to true in the ResourceSlice spec"
                ),
            ],
        ),
        (
            {"spec": {"nodeName": None, "perDeviceNodeSelection": True, "devices": {0: {"nodeName": "n", "allNodes": True}}}},
            [
                (
                    'spec.devices[0]: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, or `allNodes` '
                    "is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec"
                )
            ],
        ),
        (
            device(bindingConditions=["a"], bindingFailureConditions=["a"]),
            [
                (
                    'spec.devices[0].bindingFailureConditions[0]: Invalid value: "a": bindingFailureConditions must not overlap with '
                    "bindingConditions"
                )
            ],
        ),
        (
            device(bindingFailureConditions=["b", "b"]),
            [
                'spec.devices[0].bindingFailureConditions[1]: Duplicate value: "b"',
                "spec.devices[0].bindingConditions: Invalid value: null: bindingConditions are required to use bindingFailureConditions",
            ],
        ),
        (
            device(capacity={"c": {"value": "1", "requestPolicy": {"default": "1"}}}),
            ["spec.devices[0].capacity[c].requestPolicy: Forbidden: allowMultipleAllocations must be true"],
        ),
        (policy(), []),
        (
            policy(validValues=["1"], validRange={"min": "1"}),
            [
                (
                    "spec.devices[0].capacity[c].requestPolicy: Forbidden: exactly one policy can be specified, cannot specify "
                    '"validValues" and "validRange" at the same time'
                )
            ],
        ),
        (
            policy(validValues=["1"]),
            ["spec.devices[0].capacity[c].requestPolicy.default: Required value: required when validValues is defined"],
        ),
        (
            policy(default="5", validValues=["2", "1", "11"]),
            [
                'spec.devices[0].capacity[c].requestPolicy.validValues[1]: Invalid value: "1": values must be sorted in ascending order',
                'spec.devices[0].capacity[c].requestPolicy.validValues[2]: Invalid value: "11": option is larger than capacity value: 10',
                (
                    'spec.devices[0].capacity[c].requestPolicy.validValues: Invalid value: "5": default value is not valid according to '
                    "the requestPolicy"
                ),
            ],
        ),
        (policy(default="1", validValues=["1", "2"]), []),
        (
            policy(default="1", validRange={}),
            ["spec.devices[0].capacity[c].requestPolicy.validRange.min: Required value: required when validRange is defined"],
        ),
        (
            policy(default="1", validRange={"min": "2"}),
            ['spec.devices[0].capacity[c].requestPolicy.validRange.min: Invalid value: "1": default is less than min: 2'],
        ),
        (
            policy(default="20", validRange={"min": "11", "max": "12"}),
            [
                'spec.devices[0].capacity[c].requestPolicy.validRange.min: Invalid value: "11": min is larger than capacity value: 10',
                'spec.devices[0].capacity[c].requestPolicy.validRange.max: Invalid value: "12": max is larger than capacity value: 10',
                'spec.devices[0].capacity[c].requestPolicy.validRange.max: Invalid value: "20": default is more than max: 12',
            ],
        ),
        (
            policy(default="5", validRange={"min": "6", "max": "5"}),
            [
                'spec.devices[0].capacity[c].requestPolicy.validRange.min: Invalid value: "5": default is less than min: 6',
                'spec.devices[0].capacity[c].requestPolicy.validRange.max: Invalid value: "6": min is larger than max: 5',
            ],
        ),
        (
            policy(default="4", validRange={"min": "1", "max": "10", "step": "2"}),
            [
                (
                    'spec.devices[0].capacity[c].requestPolicy.validRange.step: Invalid value: "4": value is not a multiple of a given '
                    "step (2) from (1)"
                ),
                (
                    'spec.devices[0].capacity[c].requestPolicy.validRange.step: Invalid value: "10": value is not a multiple of a given '
                    "step (2) from (1)"
                ),
            ],
        ),
        (
            policy(default="1", validRange={"min": "1", "step": "10"}),
            [
                (
                    'spec.devices[0].capacity[c].requestPolicy.validRange.step: Invalid value: "10": one step 11 is larger than capacity '
                    "value: 10"
                )
            ],
        ),
    ],
)
def test_slices(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(resource.ResourceSlice, SLICE, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            {"spec": {"driver": "e", "nodeName": "m", "pool": {"name": "q"}}},
            [
                'spec.pool.name: Invalid value: "q": field is immutable',
                'spec.driver: Invalid value: "e": field is immutable',
                'spec.nodeName: Invalid value: "m": field is immutable',
            ],
        )
    ],
)
def test_changes_of_slices(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(resource.ResourceSlice, SLICE, change, subresource) == wanted
