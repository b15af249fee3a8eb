from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import META, problems

from sagong.api.types import core


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


LIMITS: dict[str, Any] = {"metadata": META, "spec": {"limits": [{"type": "Container", "max": {"cpu": "2"}, "min": {"cpu": "1"}}]}}


def limits(**fields: Any) -> dict[str, Any]:
    return {"spec": {"limits": [fields]}}


QUOTA: dict[str, Any] = {"metadata": META, "spec": {"hard": {"pods": "5"}}}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"spec": {"limits": {1: {"type": "Container"}}}}, ['spec.limits[1].type: Duplicate value: "Container"']),
        (limits(type="a b"), ['spec.limits[0].type: Invalid value: "a b": name part <key>']),
        (
            limits(type="Pod", default={"cpu": "1"}, defaultRequest={"cpu": "1"}),
            [
                "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
                "spec.limits[0].defaultRequest: Forbidden: may not be specified when `type` is 'Pod'",
            ],
        ),
        (
            limits(type="Container", max={"cpu": "1"}, min={"cpu": "2"}),
            [
                'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
                'spec.limits[0].defaultRequest[cpu]: Invalid value: "1": min value 2 is greater than default request value 1',
                'spec.limits[0].default[cpu]: Invalid value: "2": min value 2 is greater than default value 1',
            ],
        ),
        (
            limits(type="Container", min={"cpu": "2"}, max={"cpu": "5"}, defaultRequest={"cpu": "1"}, default={"cpu": "6"}),
            [
                'spec.limits[0].defaultRequest[cpu]: Invalid value: "1": min value 2 is greater than default request value 1',
                'spec.limits[0].default[cpu]: Invalid value: "5": default value 6 is greater than max value 5',
            ],
        ),
        (
            limits(type="Container", default={"cpu": "1"}, defaultRequest={"cpu": "2"}),
            ['spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than default limit value 1'],
        ),
        (
            limits(type="Container", max={"cpu": "2"}, min={"cpu": "1"}, maxLimitRequestRatio={"cpu": "3"}),
            ['spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000'],
        ),
        (
            limits(type="Container", maxLimitRequestRatio={"cpu": "0.5"}),
            ['spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1'],
        ),
        (
            limits(type="PersistentVolumeClaim"),
            ["spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided"],
        ),
        (
            limits(type="Container", max={"a b": "1"}),
            [
                'spec.limits[0].max[a b]: Invalid value: "a b": name part <key>',
                'spec.limits[0].max[a b]: Invalid value: "a b": must be a standard resource for containers',
                'spec.limits[0].default[a b]: Invalid value: "a b": name part <key>',
                'spec.limits[0].default[a b]: Invalid value: "a b": must be a standard resource for containers',
                'spec.limits[0].defaultRequest[a b]: Invalid value: "a b": name part <key>',
                'spec.limits[0].defaultRequest[a b]: Invalid value: "a b": must be a standard resource for containers',
            ],
        ),
    ],
)
def test_limit_ranges(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.LimitRange, LIMITS, change) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            spec(hard={"x": "1", "cpu": "-1", "pods": "1.5"}),
            [
                'spec.hard[pods]: Invalid value: "1500m": must be an integer',
                'spec.hard[x]: Invalid value: "x": must be a standard resource type or fully qualified',
                'spec.hard[x]: Invalid value: "x": must be a standard resource for quota',
                'spec.hard[cpu]: Invalid value: "-1": must be greater than or equal to 0',
            ],
        ),
        (
            spec(scopes=["X", "BestEffort", "NotBestEffort", "Terminating", "NotTerminating"]),
            [
                'spec.scopes: Invalid value: ["X","BestEffort","NotBestEffort","Terminating","NotTerminating"]: unsupported scope',
                'spec.scopes: Invalid value: ["X","BestEffort","NotBestEffort","Terminating","NotTerminating"]: conflicting scopes',
                'spec.scopes: Invalid value: ["X","BestEffort","NotBestEffort","Terminating","NotTerminating"]: conflicting scopes',
            ],
        ),
        (
            spec(
                scopeSelector={
                    "matchExpressions": [
                        {"scopeName": "PriorityClass", "operator": "In"},
                        {"scopeName": "BestEffort", "operator": "In", "values": ["x"]},
                        {"scopeName": "X", "operator": "Y"},
                    ]
                }
            ),
            [
                (
                    "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or "
                    "'NotIn' for scope selector"
                ),
                (
                    "spec.scopeSelector.matchExpressions.operator: Invalid value: \"In\": must be 'Exists' when scope is any of "
                    "ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
                    "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
                ),
                'spec.scopeSelector.matchExpressions.scopeName: Invalid value: "X": unsupported scope',
                'spec.scopeSelector.matchExpressions.operator: Invalid value: "Y": not a valid selector operator',
            ],
        ),
        (
            spec(scopes=["BestEffort"], hard={"cpu": "1"}),
            ['spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource'],
        ),
    ],
)
def test_quotas(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.ResourceQuota, QUOTA, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        ("", spec(scopes=["Terminating"]), ['spec.scopes: Invalid value: ["Terminating"]: field is immutable']),
        (
            "status",
            {"status": {"hard": {"x": "1"}, "used": {"pods": "-1"}}},
            [
                'status.hard[x]: Invalid value: "x": must be a standard resource type or fully qualified',
                'status.hard[x]: Invalid value: "x": must be a standard resource for quota',
                'status.used[pods]: Invalid value: "-1": must be greater than or equal to 0',
            ],
        ),
    ],
)
def test_changes_of_quotas(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.ResourceQuota, QUOTA, change, subresource) == wanted
