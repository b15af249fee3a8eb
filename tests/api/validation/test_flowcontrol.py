from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import CLUSTER_META, problems

from sagong.api.types import flowcontrol

FLOW: dict[str, Any] = {"metadata": CLUSTER_META, "spec": {"priorityLevelConfiguration": {"name": "p"}, "matchingPrecedence": 5}}


def rule(**fields: Any) -> dict[str, Any]:
    return {"spec": {"rules": [{"subjects": [{"kind": "User", "user": {"name": "u"}}], **fields}]}}


RESOURCE_RULE: dict[str, Any] = {"verbs": ["get"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"]}
LEVEL: dict[str, Any] = {
    "metadata": CLUSTER_META,
    "spec": {
        "type": "Limited",
        "limited": {
            "nominalConcurrencyShares": 5,
            "limitResponse": {"type": "Queue", "queuing": {"queues": 8, "handSize": 2, "queueLengthLimit": 5}},
        },
    },
}


def queuing(**fields: Any) -> dict[str, Any]:
    return {"spec": {"limited": {"limitResponse": {"queuing": fields}}}}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"spec": {"matchingPrecedence": 0}}, []),
        ({"spec": {"matchingPrecedence": -1}}, ["spec.matchingPrecedence: Invalid value: -1: must be a positive value"]),
        (
            {"spec": {"matchingPrecedence": 1}},
            ["spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1"],
        ),
        ({"spec": {"matchingPrecedence": 10001}}, ["spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000"]),
        (
            {"spec": {"distinguisherMethod": {"type": "X"}, "priorityLevelConfiguration": {"name": ""}}},
            [
                'spec.distinguisherMethod.type: Unsupported value: {"Type":"X"}: supported values: "ByNamespace", "ByUser"',
                "spec.priorityLevelConfiguration.name: Required value: must reference a priority level",
            ],
        ),
        (rule(), ["spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty"]),
        (rule(resourceRules=[RESOURCE_RULE]), []),
        (
            rule(resourceRules=[{"verbs": ["*", "get"], "apiGroups": ["*", "a"], "resources": [], "namespaces": ["A"]}]),
            [
                'spec.rules[0].resourceRules[0].verbs: Invalid value: ["*","get"]: if \'*\' is present, must not specify other verbs',
                (
                    'spec.rules[0].resourceRules[0].apiGroups: Invalid value: ["*","a"]: if \'*\' is present, must not specify other api '
                    "groups"
                ),
                "spec.rules[0].resourceRules[0].resources: Required value: resource rules must supply at least one resource",
                (
                    "spec.rules[0].resourceRules[0].namespaces[0]: Invalid value: \"A\": each member of this list must be '*' or a "
                    "DNS-1123 label; <label>"
                ),
            ],
        ),
        (
            rule(resourceRules=[{"verbs": ["x"]}]),
            [
                (
                    'spec.rules[0].resourceRules[0].verbs: Unsupported value: ["x"]: supported values: "create", "delete", '
                    '"deletecollection", "get", "list", "patch", "proxy", "update", "watch"'
                ),
                "spec.rules[0].resourceRules[0].apiGroups: Required value: resource rules must supply at least one api group",
                "spec.rules[0].resourceRules[0].resources: Required value: resource rules must supply at least one resource",
                (
                    "spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at "
                    "least one namespace"
                ),
            ],
        ),
        (
            rule(nonResourceRules=[{"verbs": [], "nonResourceURLs": ["", "x", "/ ", " //", "/a//", "/*/a", "/a/*", "/"]}]),
            [
                "spec.rules[0].nonResourceRules[0].verbs: Required value: verbs must contain at least one value",
                'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "": must not be empty',
                'spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: "x": must start with slash',
                'spec.rules[0].nonResourceRules[0].nonResourceURLs[2]: Invalid value: "/ ": must not contain white-space',
                'spec.rules[0].nonResourceRules[0].nonResourceURLs[3]: Invalid value: " //": must start with slash',
                'spec.rules[0].nonResourceRules[0].nonResourceURLs[4]: Invalid value: "/a//": must not contain double slash',
                'spec.rules[0].nonResourceRules[0].nonResourceURLs[5]: Invalid value: "/*/a": wildcard can only do suffix matching',
            ],
        ),
        (
            rule(nonResourceRules=[{"verbs": ["get"], "nonResourceURLs": ["*", "/a"]}]),
            [
                (
                    'spec.rules[0].nonResourceRules[0].nonResourceURLs: Invalid value: ["*","/a"]: if \'*\' is present, must not specify '
                    "other non-resource URLs"
                )
            ],
        ),
        (
            {
                "spec": {
                    "rules": [
                        {
                            "subjects": [
                                {"kind": "X"},
                                {"kind": "User", "group": {"name": "g"}},
                                {"kind": "Group", "group": {"name": ""}},
                                {"kind": "ServiceAccount", "serviceAccount": {"name": "", "namespace": ""}},
                                {"kind": "ServiceAccount", "serviceAccount": {"name": "*", "namespace": "A"}},
                            ],
                            "resourceRules": [RESOURCE_RULE],
                        },
                        {},
                    ]
                }
            },
            [
                'spec.rules[0].subjects[0].kind: Unsupported value: "X": supported values: "Group", "ServiceAccount", "User"',
                "spec.rules[0].subjects[1].user: Required value: user is required when subject kind is 'User'",
                "spec.rules[0].subjects[1].group: Forbidden: group is forbidden when subject kind is not 'Group'",
                "spec.rules[0].subjects[2].group.name: Required value",
                "spec.rules[0].subjects[3].serviceAccount.name: Required value",
                "spec.rules[0].subjects[3].serviceAccount.namespace: Required value: must specify namespace for service account",
                'spec.rules[0].subjects[4].serviceAccount.namespace: Invalid value: "A": <label>',
                "spec.rules[1].subjects: Required value: subjects must contain at least one value",
                "spec.rules[1]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty",
            ],
        ),
        (
            {"metadata": {"name": "exempt"}},
            [
                (
                    "spec: Invalid value: "
                    '{"PriorityLevelConfiguration":{"Name":"p"},"MatchingPrecedence":5,"DistinguisherMethod":null,"Rules":null}: spec of '
                    "'exempt' must equal the fixed value"
                )
            ],
        ),
        (
            {"status": {"conditions": [{"type": ""}, {"type": "A"}, {"type": "A"}]}},
            ["status.conditions[0].type: Required value", 'status.conditions[2].type: Duplicate value: "A"'],
        ),
    ],
)
def test_flow_schemas(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(flowcontrol.FlowSchema, FLOW, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [("status", {"status": {"conditions": [{"type": ""}]}}, ["status.conditions[0].type: Required value"])],
)
def test_changes_of_flow_schemas(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(flowcontrol.FlowSchema, FLOW, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"metadata": {"name": "exempt"}},
            [
                "spec.type: Invalid value: \"Limited\": must be 'Exempt' if and only if `name` is 'exempt'",
                (
                    "spec: Invalid value: "
                    '{"Type":"Limited","Limited":{"NominalConcurrencyShares":5,"LimitResponse":{"Type":"Queue","Queuing":{"Queues":8,'
                    '"HandSize":2,"QueueLengthLimit":5}},"LendablePercent":0,"BorrowingLimitPercent":null},"Exempt":null}: spec of '
                    "'exempt' except the 'spec.exempt' field must equal the fixed value"
                ),
            ],
        ),
        (
            {"metadata": {"name": "catch-all"}},
            [
                (
                    "spec: Invalid value: "
                    '{"Type":"Limited","Limited":{"NominalConcurrencyShares":5,"LimitResponse":{"Type":"Queue","Queuing":{"Queues":8,'
                    '"HandSize":2,"QueueLengthLimit":5}},"LendablePercent":0,"BorrowingLimitPercent":null},"Exempt":null}: spec of '
                    "'catch-all' must equal the fixed value"
                )
            ],
        ),
        ({"spec": {"type": "X"}}, ['spec.type: Unsupported value: "X": supported values: "Exempt", "Limited"']),
        (
            {"spec": {"type": "Exempt"}},
            [
                "spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'",
                "spec.limited: Forbidden: must be nil if the type is not Limited",
            ],
        ),
        ({"spec": {"limited": None}}, ["spec.limited: Required value: must not be empty when type is Limited"]),
        ({"spec": {"exempt": {}}}, ["spec.exempt: Forbidden: must be nil if the type is Limited"]),
        (
            {"spec": {"limited": {"nominalConcurrencyShares": -1, "lendablePercent": 101, "borrowingLimitPercent": -1}}},
            [
                "spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer",
                "spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive",
                "spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer",
            ],
        ),
        (
            queuing(queues=-1, handSize=-1, queueLengthLimit=-1),
            [
                "spec.limited.limitResponse.queuing.queueLengthLimit: Invalid value: -1: must be positive",
                "spec.limited.limitResponse.queuing.queues: Invalid value: -1: must be positive",
                "spec.limited.limitResponse.queuing.handSize: Invalid value: -1: must be positive",
            ],
        ),
        (queuing(handSize=9), ["spec.limited.limitResponse.queuing.handSize: Invalid value: 9: should not be greater than queues (8)"]),
        (
            queuing(queues=10000001),
            ["spec.limited.limitResponse.queuing.queues: Invalid value: 10000001: must not be greater than 10000000"],
        ),
        (
            queuing(queues=1000, handSize=7),
            [
                (
                    "spec.limited.limitResponse.queuing.handSize: Invalid value: 7: required entropy bits of deckSize 1000 and handSize 7 "
                    "should not be greater than 60"
                )
            ],
        ),
        (
            {"spec": {"limited": {"limitResponse": {"type": "Reject"}}}},
            ["spec.limited.limitResponse.queuing: Forbidden: must be nil if limited.limitResponse.type is not Limited"],
        ),
        (
            {"spec": {"limited": {"limitResponse": {"type": "X"}}}},
            ['spec.limited.limitResponse.type: Unsupported value: "X": supported values: "Queue", "Reject"'],
        ),
        (
            {"spec": {"limited": {"limitResponse": {"queuing": None}}}},
            ["spec.limited.limitResponse.queuing: Required value: must not be empty if limited.limitResponse.type is Limited"],
        ),
        (
            {"metadata": {"annotations": {"flowcontrol.k8s.io/preserve-zero-concurrency-shares": ""}}},
            ["metadata.annotations: Forbidden: annotation 'flowcontrol.k8s.io/preserve-zero-concurrency-shares' is forbidden"],
        ),
    ],
)
def test_priority_levels(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(flowcontrol.PriorityLevelConfiguration, LEVEL, change) == wanted
