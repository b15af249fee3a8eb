"""Types of the Kubernetes API group version batch/v1, attributes spelled as on the wire."""

from types import NoneType
from typing import Annotated as A

from msgspec import field

from sagong.api.types.base import ATOMIC, REQUIRED, SET, ApiStruct, Int32, Int64, Patch, Time
from sagong.api.types.core import ObjectReference, PodTemplateSpec
from sagong.api.types.meta import LabelSelector, ListMeta, ObjectMeta


class PodFailurePolicyOnExitCodesRequirement(ApiStruct):
    containerName: A[str | None, 1] = None
    operator: A[str, 2, REQUIRED] = field(default_factory=str)
    values: A[list[Int32], 3, REQUIRED, SET] = field(default_factory=list)


class PodFailurePolicyOnPodConditionsPattern(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    status: A[str, 2] = field(default_factory=str)


class PodFailurePolicyRule(ApiStruct):
    action: A[str, 1, REQUIRED] = field(default_factory=str)
    onExitCodes: A[PodFailurePolicyOnExitCodesRequirement | None, 2] = None
    onPodConditions: A[list[PodFailurePolicyOnPodConditionsPattern], 3, ATOMIC] = field(default_factory=list)


class PodFailurePolicy(ApiStruct):
    rules: A[list[PodFailurePolicyRule] | None, 1, REQUIRED, ATOMIC] = field(default_factory=NoneType)


class SuccessPolicyRule(ApiStruct):
    succeededIndexes: A[str | None, 1] = None
    succeededCount: A[Int32 | None, 2] = None


class SuccessPolicy(ApiStruct):
    rules: A[list[SuccessPolicyRule], 1, REQUIRED, ATOMIC] = field(default_factory=list)


class JobSpec(ApiStruct):
    parallelism: A[Int32 | None, 1] = None
    completions: A[Int32 | None, 2] = None
    activeDeadlineSeconds: A[Int64 | None, 3] = None
    podFailurePolicy: A[PodFailurePolicy | None, 11] = None
    successPolicy: A[SuccessPolicy | None, 16] = None
    backoffLimit: A[Int32 | None, 7] = None
    backoffLimitPerIndex: A[Int32 | None, 12] = None
    maxFailedIndexes: A[Int32 | None, 13] = None
    selector: A[LabelSelector | None, 4] = None
    manualSelector: A[bool | None, 5] = None
    template: A[PodTemplateSpec, 6, REQUIRED] = field(default_factory=PodTemplateSpec)
    ttlSecondsAfterFinished: A[Int32 | None, 8] = None
    completionMode: A[str | None, 9] = None
    suspend: A[bool | None, 10] = None
    podReplacementPolicy: A[str | None, 14] = None
    managedBy: A[str | None, 15] = None


class UncountedTerminatedPods(ApiStruct):
    succeeded: A[list[str], 1, SET] = field(default_factory=list)
    failed: A[list[str], 2, SET] = field(default_factory=list)


class JobCondition(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    status: A[str, 2, REQUIRED] = field(default_factory=str)
    lastProbeTime: A[Time | None, 3] = field(default_factory=NoneType)
    lastTransitionTime: A[Time | None, 4] = field(default_factory=NoneType)
    reason: A[str, 5] = ""
    message: A[str, 6] = ""


class JobStatus(ApiStruct):
    conditions: A[list[JobCondition], 1, ATOMIC, Patch("merge", "type")] = field(default_factory=list)
    startTime: A[Time | None, 2] = None
    completionTime: A[Time | None, 3] = None
    active: A[Int32, 4] = 0
    succeeded: A[Int32, 5] = 0
    failed: A[Int32, 6] = 0
    terminating: A[Int32 | None, 11] = None
    completedIndexes: A[str, 7] = ""
    failedIndexes: A[str | None, 10] = None
    uncountedTerminatedPods: A[UncountedTerminatedPods | None, 8] = None
    ready: A[Int32 | None, 9] = None


class Job(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[JobSpec, 2] = field(default_factory=JobSpec)
    status: A[JobStatus, 3] = field(default_factory=JobStatus)


class JobList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[Job], 2, REQUIRED] = field(default_factory=list)


class JobTemplateSpec(ApiStruct):
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[JobSpec, 2] = field(default_factory=JobSpec)


class CronJobSpec(ApiStruct):
    schedule: A[str, 1, REQUIRED] = field(default_factory=str)
    timeZone: A[str | None, 8] = None
    startingDeadlineSeconds: A[Int64 | None, 2] = None
    concurrencyPolicy: A[str, 3] = ""
    suspend: A[bool | None, 4] = None
    jobTemplate: A[JobTemplateSpec, 5, REQUIRED] = field(default_factory=JobTemplateSpec)
    successfulJobsHistoryLimit: A[Int32 | None, 6] = None
    failedJobsHistoryLimit: A[Int32 | None, 7] = None


class CronJobStatus(ApiStruct):
    active: A[list[ObjectReference], 1, ATOMIC] = field(default_factory=list)
    lastScheduleTime: A[Time | None, 4] = None
    lastSuccessfulTime: A[Time | None, 5] = None


class CronJob(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[CronJobSpec, 2, REQUIRED] = field(default_factory=CronJobSpec)
    status: A[CronJobStatus, 3] = field(default_factory=CronJobStatus)


class CronJobList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[CronJob], 2, REQUIRED] = field(default_factory=list)
