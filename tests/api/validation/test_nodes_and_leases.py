from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import CLUSTER_META, META, problems

from sagong.api.types import coordination, node

LEASE: dict[str, Any] = {"metadata": META, "spec": {"holderIdentity": "h", "leaseDurationSeconds": 5}}
RUNTIME: dict[str, Any] = {"metadata": CLUSTER_META, "handler": "runc"}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}},
            [
                "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
                "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        ({"spec": {"strategy": "X"}}, ['spec.strategy.strategy: Unsupported value: "X": supported values: "OldestEmulationVersion"']),
        ({"spec": {"strategy": "a/b c"}}, ['spec.strategy.strategy: Invalid value: "a/b c": name part <key>']),
        ({"spec": {"preferredHolder": "h"}}, ["spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined"]),
    ],
)
def test_leases(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(coordination.Lease, LEASE, change) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"handler": ""}, ["handler: Required value"]),
        ({"handler": "a.b"}, ['handler: Invalid value: "a.b": must not contain dots']),
        (
            {"overhead": {"podFixed": {"cpu": "-1", "x": "1"}}},
            [
                'overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
                'overhead.limits[x]: Invalid value: "x": must be a standard resource type or fully qualified',
                'overhead.limits[x]: Invalid value: "x": must be a standard resource for containers',
            ],
        ),
        (
            {"scheduling": {"nodeSelector": {"a b": "c"}, "tolerations": [{"operator": "Exists"}, {"operator": "Exists"}]}},
            [
                'scheduling.nodeSelector: Invalid value: "a b": name part <key>',
                (
                    "scheduling.tolerations[1]: Duplicate value: "
                    '{"Key":"","Operator":"Exists","Value":"","Effect":"","TolerationSeconds":null}'
                ),
            ],
        ),
    ],
)
def test_runtime_classes(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(node.RuntimeClass, RUNTIME, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        ("", {"handler": "crun"}, ['handler: Invalid value: "crun": field is immutable']),
        ("", {"handler": ""}, ["handler: Required value", 'handler: Invalid value: "": field is immutable']),
    ],
)
def test_changes_of_runtime_classes(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(node.RuntimeClass, RUNTIME, change, subresource) == wanted
