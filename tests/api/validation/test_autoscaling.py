from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import CLUSTER_META, META, problems

from sagong.api.types import autoscaling, autoscaling_v1, policy, scheduling

AUTOSCALER: dict[str, Any] = {
    "metadata": META,
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
        "minReplicas": 1,
        "maxReplicas": 5,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}],
    },
}
AUTOSCALER_1: dict[str, Any] = {
    "metadata": META,
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
        "minReplicas": 1,
        "maxReplicas": 5,
        "targetCPUUtilizationPercentage": 50,
    },
}


def metric(**fields: Any) -> dict[str, Any]:
    return {"spec": {"metrics": [fields]}}


def behavior(**fields: Any) -> dict[str, Any]:
    return {"spec": {"behavior": {"scaleUp": fields}}}


def target(**fields: Any) -> dict[str, Any]:
    return {"spec": {"scaleTargetRef": fields}}


BUDGET: dict[str, Any] = {"metadata": META, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}}
PRIORITY: dict[str, Any] = {"metadata": CLUSTER_META, "value": 10, "preemptionPolicy": "Never"}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"spec": {"minReplicas": 0}},
            [
                "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
                "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas",
            ],
        ),
        (
            {"spec": {"maxReplicas": 0}},
            [
                "spec.maxReplicas: Required value: must be set and greater than 0",
                "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
            ],
        ),
        (
            {"spec": {"maxReplicas": -1}},
            [
                "spec.maxReplicas: Invalid value: -1: must be greater than or equal to 1",
                "spec.maxReplicas: Invalid value: -1: must be greater than or equal to `minReplicas`",
            ],
        ),
        ({"spec": {"minReplicas": 6}}, ["spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`"]),
        (target(kind="", name=""), ["spec.scaleTargetRef.kind: Required value", "spec.scaleTargetRef.name: Required value"]),
        (
            target(kind="a/b", name="%"),
            [
                "spec.scaleTargetRef.kind: Invalid value: \"a/b\": may not contain '/'",
                "spec.scaleTargetRef.name: Invalid value: \"%\": may not contain '%'",
            ],
        ),
        (target(apiVersion="a/b/c"), ['spec.scaleTargetRef.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c']),
        (target(apiVersion="v1"), ['spec.scaleTargetRef.apiVersion: Invalid value: "v1": apiVersion must specify API group']),
        (target(apiVersion="v1", kind="ReplicationController"), []),
        (
            metric(),
            [
                "spec.metrics[0].type: Required value: must specify a metric source type",
                (
                    'spec.metrics[0].type: Unsupported value: "": supported values: "ContainerResource", "External", "Object", "Pods", '
                    '"Resource"'
                ),
            ],
        ),
        (
            metric(type="X"),
            [
                (
                    'spec.metrics[0].type: Unsupported value: "X": supported values: "ContainerResource", "External", "Object", "Pods", '
                    '"Resource"'
                )
            ],
        ),
        (metric(type="Pods"), ["spec.metrics[0].pods: Required value: must populate information for the given metric source"]),
        (
            metric(type="Resource", resource={"name": "", "target": {}}),
            [
                "spec.metrics[0].resource.name: Required value: must specify a resource name",
                "spec.metrics[0].resource.target.type: Required value: must specify a metric target type",
                'spec.metrics[0].resource.target.type: Invalid value: "": must be either Utilization, Value, or AverageValue',
                (
                    "spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target "
                    "utilization"
                ),
            ],
        ),
        (
            metric(type="Resource", resource={"name": "cpu", "target": {"type": "Value", "averageUtilization": 0, "averageValue": "-1"}}),
            [
                'spec.metrics[0].resource.target.averageValue: Invalid value: "-1": must be positive',
                "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0",
                "spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization",
            ],
        ),
        (
            metric(type="Pods", pods={"metric": {"name": ""}, "target": {"type": "X"}}),
            [
                "spec.metrics[0].pods.metric.name: Required value: must specify a metric name",
                'spec.metrics[0].pods.target.type: Invalid value: "X": must be either Utilization, Value, or AverageValue',
                "spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue",
            ],
        ),
        (
            metric(
                type="Object",
                object={"describedObject": {"kind": "K", "name": "n"}, "metric": {"name": "a/b"}, "target": {"type": "Value"}},
            ),
            [
                "spec.metrics[0].object.metric.name: Invalid value: \"a/b\": may not contain '/'",
                "spec.metrics[0].object.target.averageValue: Required value: must set either a target value or averageValue",
            ],
        ),
        (
            metric(type="External", external={"metric": {"name": "m"}, "target": {"type": "Value"}}),
            ["spec.metrics[0].external.target.averageValue: Required value: must set either a target value for metric or a per-pod target"],
        ),
        (
            metric(type="External", external={"metric": {"name": "m"}, "target": {"type": "Value", "value": "1", "averageValue": "1"}}),
            ["spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target"],
        ),
        (
            metric(
                type="ContainerResource",
                containerResource={"name": "cpu", "container": "", "target": {"type": "Utilization", "averageUtilization": 5}},
            ),
            ["spec.metrics[0].containerResource.container: Required value: must specify a container"],
        ),
        (
            metric(
                type="ContainerResource",
                containerResource={"name": "a b", "container": "A", "target": {"type": "Utilization", "averageUtilization": 5}},
            ),
            [
                'spec.metrics[0].containerResource.name: Invalid value: "a b": name part <key>',
                'spec.metrics[0].containerResource.name: Invalid value: "a b": must be a standard resource for containers',
                'spec.metrics[0].containerResource.container: Invalid value: "A": <label>',
            ],
        ),
        (
            metric(
                type="Resource",
                resource={"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 5}},
                pods={"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "1"}},
            ),
            ["spec.metrics[0].pods: Forbidden: must populate the given metric source only"],
        ),
        (behavior(policies=[]), []),
        (
            behavior(policies=[{"type": "X", "value": 0, "periodSeconds": 0}], stabilizationWindowSeconds=-1, selectPolicy="X"),
            [
                "spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: -1: must be greater than or equal to zero",
                'spec.behavior.scaleUp.selectPolicy: Unsupported value: "X": supported values: "Disabled", "Max", "Min"',
                'spec.behavior.scaleUp.policies[0].type: Unsupported value: "X": supported values: "Percent", "Pods"',
                "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
                "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 0: must be greater than zero",
            ],
        ),
        (
            behavior(policies=[{"type": "Pods", "value": 1, "periodSeconds": 1801}], stabilizationWindowSeconds=3601, tolerance="-1"),
            [
                "spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600",
                "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800",
                'spec.behavior.scaleUp.tolerance: Invalid value: "-1": must be greater than or equal to 0',
            ],
        ),
    ],
)
def test_autoscalers(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(autoscaling.HorizontalPodAutoscaler, AUTOSCALER, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "status",
            {"status": {"currentReplicas": -1, "desiredReplicas": -1}},
            [
                "status.currentReplicas: Invalid value: -1: must be greater than or equal to 0",
                "status.desiredReplicas: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        ("", target(name="e"), []),
        (
            "",
            {"spec": {"minReplicas": 0}},
            [
                "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
                "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas",
            ],
        ),
    ],
)
def test_changes_of_autoscalers(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(autoscaling.HorizontalPodAutoscaler, AUTOSCALER, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"spec": {"minReplicas": 0, "targetCPUUtilizationPercentage": 0}},
            [
                "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
                "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0",
            ],
        ),
    ],
)
def test_autoscalers_of_version_1(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(autoscaling_v1.HorizontalPodAutoscaler, AUTOSCALER_1, change) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"), [({}, []), ({"spec": {"replicas": -1}}, ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"])]
)
def test_scales(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(autoscaling_v1.Scale, {"metadata": META}, change) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"spec": {"maxUnavailable": 1}},
            [
                (
                    "spec: Invalid value: "
                    '{"MinAvailable":1,"Selector":{"matchLabels":{"a":"b"}},"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: '
                    "minAvailable and maxUnavailable cannot be both set"
                )
            ],
        ),
        ({"spec": {"minAvailable": -1}}, ["spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"]),
        ({"spec": {"minAvailable": "101%"}}, ['spec.minAvailable: Invalid value: "101%": must not be greater than 100%']),
        ({"spec": {"minAvailable": "x"}}, ['spec.minAvailable: Invalid value: "x": <percent>']),
        (
            {"spec": {"unhealthyPodEvictionPolicy": "X"}},
            ['spec.unhealthyPodEvictionPolicy: Unsupported value: "X": supported values: "AlwaysAllow", "IfHealthyBudget"'],
        ),
        ({"spec": {"selector": {"matchLabels": {"a": "b c"}}}}, ['spec.selector.matchLabels: Invalid value: "b c": <value>']),
    ],
)
def test_disruption_budgets(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(policy.PodDisruptionBudget, BUDGET, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "status",
            {"status": {"disruptionsAllowed": -1, "conditions": [{"type": "A", "status": "X"}]}},
            [
                'status.conditions[0].status: Unsupported value: "X": supported values: "False", "True", "Unknown"',
                "status.conditions[0].lastTransitionTime: Required value",
                "status.conditions[0].reason: Required value",
                "status.disruptionsAllowed: Invalid value: -1: must be greater than or equal to 0",
            ],
        )
    ],
)
def test_changes_of_disruption_budgets(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(policy.PodDisruptionBudget, BUDGET, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"value": 1000000001}, ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"]),
        (
            {"metadata": {"name": "system-a"}},
            [
                (
                    "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: "
                    "system-a is not a known system priority class"
                )
            ],
        ),
        (
            {"metadata": {"name": "system-node-critical"}},
            [
                (
                    "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: value "
                    "of system-node-critical PriorityClass must be 2000001000"
                )
            ],
        ),
        ({"metadata": {"name": "system-node-critical"}, "value": 2000001000}, []),
        (
            {"metadata": {"name": "system-cluster-critical"}, "value": 2000000000, "globalDefault": True},
            [
                (
                    "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: "
                    "globalDefault of system-cluster-critical PriorityClass must be false"
                )
            ],
        ),
        ({"preemptionPolicy": "X"}, ['preemptionPolicy: Unsupported value: "X": supported values: "PreemptLowerPriority", "Never"']),
    ],
)
def test_priority_classes(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(scheduling.PriorityClass, PRIORITY, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            {"value": 11, "preemptionPolicy": "PreemptLowerPriority"},
            [
                "value: Forbidden: may not be changed in an update.",
                'preemptionPolicy: Invalid value: "PreemptLowerPriority": field is immutable',
            ],
        )
    ],
)
def test_changes_of_priority_classes(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(scheduling.PriorityClass, PRIORITY, change, subresource) == wanted
