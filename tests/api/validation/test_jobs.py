from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import META, problems

from sagong.api.types import batch

SELECTOR: dict[str, Any] = {"matchLabels": {"a": "b"}}


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


def status(**fields: Any) -> dict[str, Any]:
    return {"status": fields}


LABELS: dict[str, Any] = {
    "batch.kubernetes.io/controller-uid": "u",
    "batch.kubernetes.io/job-name": "x",
    "controller-uid": "u",
    "job-name": "x",
}
JOB: dict[str, Any] = {
    "metadata": META,
    "spec": {
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}},
        "template": {"metadata": {"labels": LABELS}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}},
    },
}


def failure_rule(**fields: Any) -> dict[str, Any]:
    return {"spec": {"podFailurePolicy": {"rules": [fields]}}}


def success_rule(**fields: Any) -> dict[str, Any]:
    return {"spec": {"completionMode": "Indexed", "completions": 3, "successPolicy": {"rules": [fields]}}}


CRON: dict[str, Any] = {
    "metadata": META,
    "spec": {
        "schedule": "* * * * *",
        "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}},
    },
}
INDEXED: dict[str, Any] = {"completionMode": "Indexed", "completions": 3, "parallelism": 2}


def condition(kind: str, value: str = "True") -> dict[str, Any]:
    return {"type": kind, "status": value}


START = "2020-01-01T00:00:00Z"
END = "2020-01-01T00:01:00Z"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            spec(parallelism=-1, completions=-1, activeDeadlineSeconds=-1, backoffLimit=-1, ttlSecondsAfterFinished=-1),
            [
                "spec.parallelism: Invalid value: -1: must be greater than or equal to 0",
                "spec.completions: Invalid value: -1: must be greater than or equal to 0",
                "spec.activeDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
                "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0",
                "spec.ttlSecondsAfterFinished: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        (
            spec(selector=None),
            [
                "spec.selector: Required value",
                (
                    "spec.template.metadata.labels: Invalid value: "
                    '{"batch.kubernetes.io/controller-uid":"u","batch.kubernetes.io/job-name":"x","controller-uid":"u",'
                    '"job-name":"x"}: `selector` does not match template `labels`'
                ),
            ],
        ),
        (
            spec(template={"metadata": {"labels": {"job-name": "y"}}}),
            [
                (
                    "spec.template.metadata.labels[job-name]: Invalid value: "
                    '{"batch.kubernetes.io/controller-uid":"u","batch.kubernetes.io/job-name":"x","controller-uid":"u","job-name":"y"}: '
                    "must be 'x'"
                )
            ],
        ),
        (
            spec(template={"spec": {"restartPolicy": "Always"}}),
            ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
        ),
        (spec(completionMode="X"), ['spec.completionMode: Unsupported value: "X": supported values: "NonIndexed", "Indexed"']),
        (spec(completionMode="Indexed"), []),
        (
            spec(completionMode="Indexed", completions=3, parallelism=100001),
            ["spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed"],
        ),
        (spec(completionMode="Indexed", completions=100001, parallelism=10001), []),
        (spec(backoffLimitPerIndex=1), ["spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"]),
        (spec(**INDEXED, backoffLimitPerIndex=-1), ["spec.backoffLimitPerIndex: Invalid value: -1: must be greater than or equal to 0"]),
        (
            spec(maxFailedIndexes=1),
            [
                "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
                "spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode",
            ],
        ),
        (
            spec(**INDEXED, maxFailedIndexes=5, backoffLimitPerIndex=1),
            ["spec.maxFailedIndexes: Invalid value: 5: must be less than or equal to completions"],
        ),
        (
            spec(podReplacementPolicy="X"),
            ['spec.podReplacementPolicy: Unsupported value: "X": supported values: "Failed", "TerminatingOrFailed"'],
        ),
        (spec(managedBy="x"), ['spec.managedBy: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")']),
        (spec(managedBy="kubernetes.io/job-controller"), []),
        (
            failure_rule(action="X"),
            [
                (
                    'spec.podFailurePolicy.rules[0].action: Unsupported value: "X": supported values: "Count", "FailIndex", "FailJob", '
                    '"Ignore"'
                ),
                "spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required",
            ],
        ),
        (
            failure_rule(action="FailJob"),
            ["spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required"],
        ),
        (
            failure_rule(action="FailJob", onExitCodes={"operator": "In", "values": [0]}),
            ["spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator"],
        ),
        (
            failure_rule(action="FailJob", onExitCodes={"operator": "X", "values": []}),
            [
                'spec.podFailurePolicy.rules[0].onExitCodes.operator: Unsupported value: "X": supported values: "In", "NotIn"',
                "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: null: at least one value is required",
            ],
        ),
        (
            failure_rule(action="FailJob", onExitCodes={"operator": "In", "values": [2, 1, 1], "containerName": "z"}),
            [
                (
                    'spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "z": must be one of the container or '
                    "initContainer names in the pod template"
                ),
                "spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 1",
                "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [2,1,1]: must be ordered",
            ],
        ),
        (
            failure_rule(action="Ignore", onExitCodes={"operator": "In", "values": [1]}, onPodConditions=[{"type": "A", "status": "True"}]),
            ["spec.podFailurePolicy.rules[0]: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported"],
        ),
        (
            failure_rule(action="Ignore", onPodConditions=[{"type": "", "status": "X"}]),
            [
                'spec.podFailurePolicy.rules[0].onPodConditions[0].type: Invalid value: "": name part must be non-empty',
                'spec.podFailurePolicy.rules[0].onPodConditions[0].type: Invalid value: "": name part <key>',
                (
                    'spec.podFailurePolicy.rules[0].onPodConditions[0].status: Unsupported value: "X": supported values: "False", "True", '
                    '"Unknown"'
                ),
            ],
        ),
        (
            failure_rule(action="FailIndex", onExitCodes={"operator": "In", "values": [1]}),
            ['spec.podFailurePolicy.rules[0].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set'],
        ),
        (
            {
                "spec": {
                    "podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "A", "status": "True"}]}]},
                    "template": {"spec": {"restartPolicy": "OnFailure"}},
                }
            },
            ['spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified'],
        ),
        (
            spec(successPolicy={"rules": []}, **INDEXED),
            ["spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified"],
        ),
        (
            spec(successPolicy={"rules": [{"succeededCount": 1}]}),
            [
                (
                    'spec.successPolicy: Invalid value: {"Rules":[{"SucceededIndexes":null,"SucceededCount":1}]}: requires indexed '
                    "completion mode"
                )
            ],
        ),
        (
            success_rule(),
            ["spec.successPolicy.rules[0]: Required value: at least one of succeededCount or succeededIndexes must be specified"],
        ),
        (success_rule(succeededCount=0), []),
        (
            success_rule(succeededCount=4),
            [
                (
                    "spec.successPolicy.rules[0].succeededCount: Invalid value: 4: must be less than or equal to 3 (the number of "
                    "specified completions)"
                )
            ],
        ),
        (
            success_rule(succeededIndexes="0,2,5"),
            ['spec.successPolicy.rules[0].succeededIndexes: Invalid value: "0,2,5": error parsing succeededIndexes: too large index: "5"'],
        ),
        (
            success_rule(succeededIndexes="2-1"),
            [
                (
                    'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "2-1": error parsing succeededIndexes: non-increasing '
                    "order, previous: 2, current: 1"
                )
            ],
        ),
        (
            success_rule(succeededIndexes="x"),
            [
                (
                    'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "x": error parsing succeededIndexes: cannot convert '
                    'string to integer for index: "x"'
                )
            ],
        ),
        (
            success_rule(succeededIndexes="0-1", succeededCount=3),
            [
                (
                    "spec.successPolicy.rules[0].succeededCount: Invalid value: 3: must be less than or equal to 2 (the number of indexes "
                    "in the specified succeededIndexes field)"
                )
            ],
        ),
        (success_rule(succeededIndexes="0-1", succeededCount=1), []),
    ],
)
def test_jobs(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(batch.Job, JOB, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        ("", spec(completions=1, parallelism=3, backoffLimit=1, ttlSecondsAfterFinished=5, activeDeadlineSeconds=5), []),
        ("", spec(completions=3), ["spec.completions: Invalid value: 3: field is immutable"]),
        ("", spec(completionMode="Indexed", completions=1), ['spec.completionMode: Invalid value: "Indexed": field is immutable']),
        (
            "",
            spec(selector={"matchLabels": {"c": "d"}}),
            [
                (
                    'spec.selector: Invalid value: {"matchLabels":{"batch.kubernetes.io/controller-uid":"u","c":"d"}}: '
                    "`selector` not auto-generated"
                ),
                (
                    "spec.template.metadata.labels: Invalid value: "
                    '{"batch.kubernetes.io/controller-uid":"u","batch.kubernetes.io/job-name":"x","controller-uid":"u",'
                    '"job-name":"x"}: `selector` does not match template `labels`'
                ),
                'spec.selector: Invalid value: {"matchLabels":{"batch.kubernetes.io/controller-uid":"u","c":"d"}}: field is immutable',
            ],
        ),
        (
            "status",
            status(active=-1, succeeded=-1, failed=-1),
            [
                "status.active: Invalid value: -1: must be greater than or equal to 0",
                "status.succeeded: Invalid value: -1: must be greater than or equal to 0",
                "status.failed: Invalid value: -1: must be greater than or equal to 0",
                "status.failed: Invalid value: -1: cannot decrease the failed counter",
                "status.succeeded: Invalid value: -1: cannot decrease the succeeded counter",
            ],
        ),
        (
            "status",
            status(conditions=[condition("Complete")]),
            [
                "status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
                "status.completionTime: Required value: completionTime is required for Complete jobs",
                "status.startTime: Required value: startTime is required for finished job",
            ],
        ),
        (
            "status",
            status(startTime=START, conditions=[condition("SuccessCriteriaMet"), condition("Complete")], completionTime=END, succeeded=1),
            [],
        ),
        (
            "status",
            status(startTime=START, conditions=[condition("FailureTarget"), condition("Failed")], completionTime=END),
            [
                (
                    'status.completionTime: Invalid value: "2020-01-01T00:01:00Z": cannot set completionTime when there is no '
                    "Complete=True condition"
                )
            ],
        ),
        (
            "status",
            status(startTime=END, completionTime=START, conditions=[condition("SuccessCriteriaMet"), condition("Complete")]),
            ['status.completionTime: Invalid value: "2020-01-01T00:00:00Z": must be equal to or after `startTime`'],
        ),
        (
            "status",
            status(
                conditions=[condition("Complete"), condition("Failed"), condition("FailureTarget"), condition("SuccessCriteriaMet")],
                startTime=START,
            ),
            [
                "status.conditions: Invalid value: cannot set Complete=True and Failed=true conditions",
                "status.conditions: Invalid value: cannot set Complete=True and FailureTarget=true conditions",
                "status.conditions: Invalid value: cannot set SuccessCriteriaMet=True and Failed=true conditions",
                "status.conditions: Invalid value: cannot set SuccessCriteriaMet=True and FailureTarget=true conditions",
                "status.completionTime: Required value: completionTime is required for Complete jobs",
            ],
        ),
        (
            "status",
            status(completedIndexes="0"),
            ['status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode'],
        ),
        ("status", status(ready=2, active=1), ["status.ready: Invalid value: 2: cannot set more ready pods than active"]),
        (
            "status",
            status(uncountedTerminatedPods={"succeeded": ["a", "a", ""], "failed": ["a"]}),
            [
                'status.uncountedTerminatedPods.succeeded[1]: Duplicate value: "a"',
                'status.uncountedTerminatedPods.succeeded[2]: Invalid value: "": must not be empty',
                'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"',
            ],
        ),
    ],
)
def test_changes_of_jobs(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(batch.Job, JOB, change, subresource) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            spec(
                template={
                    "spec": {"nodeSelector": {"x": "y"}, "tolerations": [{"key": "a", "operator": "Exists"}]},
                    "metadata": {"labels": {"q": "r"}},
                }
            ),
            [],
        ),
        ("", spec(template={"spec": {"containers": {0: {"resources": {"requests": {"cpu": "1"}}}}}}), []),
    ],
)
def test_changes_of_suspended_jobs(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(batch.Job, {**JOB, "spec": {**JOB["spec"], "suspend": True}}, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"metadata": {"name": "a" * 53}},
            ['metadata.name: Invalid value: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": must be no more than 52 characters'],
        ),
        (spec(schedule=""), ["spec.schedule: Required value"]),
        (spec(schedule="x"), ['spec.schedule: Invalid value: "x": expected exactly 5 fields, found 1: [x]']),
        (spec(schedule="@hourly"), []),
        (
            spec(schedule="TZ=UTC * * * * *"),
            ['spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead'],
        ),
        (spec(schedule="60 * * * *"), ['spec.schedule: Invalid value: "60 * * * *": end of range (60) above maximum (59): 60']),
        (spec(timeZone=""), ['spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string']),
        (
            spec(timeZone="local"),
            [
                (
                    'spec.timeZone: Invalid value: "local": timeZone must be an explicit time zone as defined in '
                    "https://www.iana.org/time-zones"
                ),
                'spec.timeZone: Invalid value: "local": unknown time zone local',
            ],
        ),
        (spec(timeZone="Nowhere/City"), ['spec.timeZone: Invalid value: "Nowhere/City": unknown time zone Nowhere/City']),
        (spec(timeZone="Europe/Berlin"), []),
        (spec(concurrencyPolicy="X"), ['spec.concurrencyPolicy: Unsupported value: "X": supported values: "Allow", "Forbid", "Replace"']),
        (
            spec(startingDeadlineSeconds=-1, successfulJobsHistoryLimit=-1, failedJobsHistoryLimit=-1),
            [
                "spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
                "spec.successfulJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
                "spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        (
            spec(jobTemplate={"spec": {"selector": SELECTOR, "manualSelector": True}}),
            [
                'spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: `selector` will be auto-generated',
                'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"',
            ],
        ),
        (
            spec(jobTemplate={"spec": {"template": {"spec": {"restartPolicy": "Always"}}}}),
            ['spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
        ),
    ],
)
def test_cron_jobs(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(batch.CronJob, CRON, change) == wanted


@pytest.mark.parametrize(("subresource", "change", "wanted"), [("", spec(schedule="@daily", suspend=True), [])])
def test_changes_of_cron_jobs(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(batch.CronJob, CRON, change, subresource) == wanted


def test_templates_of_jobs_that_run_do_not_change() -> None:
    (problem,) = problems(batch.Job, JOB, spec(template={"spec": {"containers": {0: {"image": "j"}}}}), "")
    assert problem.startswith('spec.template: Invalid value: {"labels":{"batch.kubernetes.io/controller-uid":"u",')
    assert problem.endswith("}}: field is immutable")
