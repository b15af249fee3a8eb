"""Defaults of the batch group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagong.api.defaults import pods
from sagong.api.defaults.fill import fill
from sagong.api.types import batch

_MAX_INT32 = 2**31 - 1


def _job(obj: batch.Job) -> None:
    obj.metadata.labels = obj.metadata.labels or dict(obj.spec.template.metadata.labels)
    _job_spec_of_job(obj.spec)
    _template(obj.spec)


def _job_spec_of_job(spec: batch.JobSpec) -> None:
    if spec.completions is None and spec.parallelism is None:
        spec.completions = 1
    fill(
        spec,
        {
            "parallelism": 1,
            "backoffLimit": 6 if spec.backoffLimitPerIndex is None else _MAX_INT32,
            "completionMode": "NonIndexed",
            "suspend": False,
            "podReplacementPolicy": "TerminatingOrFailed" if spec.podFailurePolicy is None else "Failed",
            "manualSelector": False,
        },
    )


def _template(spec: batch.JobSpec) -> None:
    for rule in spec.podFailurePolicy.rules or () if spec.podFailurePolicy else ():
        for pattern in rule.onPodConditions:
            fill(pattern, {"status": "True"})
    pods.template(spec.template)


def _cron_job(obj: batch.CronJob) -> None:
    fill(obj.spec, {"concurrencyPolicy": "Allow", "suspend": False, "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1})
    _template(obj.spec.jobTemplate.spec)


TABLE: dict[type, Callable[[Any], None]] = {batch.Job: _job, batch.CronJob: _cron_job}
