"""Types of the Kubernetes API group version apps/v1, attributes spelled as on the wire."""

from types import NoneType
from typing import Annotated as A
from typing import Any

from msgspec import field

from sagong.api.types.base import ATOMIC, REQUIRED, ApiStruct, Int32, Int64, IntOrString, ListMap, Patch, Time
from sagong.api.types.core import PersistentVolumeClaim, PodTemplateSpec
from sagong.api.types.meta import LabelSelector, ListMeta, ObjectMeta


class RollingUpdateStatefulSetStrategy(ApiStruct):
    partition: A[Int32 | None, 1] = None
    maxUnavailable: A[IntOrString | None, 2] = None


class StatefulSetUpdateStrategy(ApiStruct):
    type: A[str, 1] = ""
    rollingUpdate: A[RollingUpdateStatefulSetStrategy | None, 2] = None


class StatefulSetPersistentVolumeClaimRetentionPolicy(ApiStruct):
    whenDeleted: A[str, 1] = ""
    whenScaled: A[str, 2] = ""


class StatefulSetOrdinals(ApiStruct):
    start: A[Int32, 1] = field(default_factory=int)


class StatefulSetSpec(ApiStruct):
    replicas: A[Int32 | None, 1] = None
    selector: A[LabelSelector | None, 2, REQUIRED] = None
    template: A[PodTemplateSpec, 3, REQUIRED] = field(default_factory=PodTemplateSpec)
    volumeClaimTemplates: A[list[PersistentVolumeClaim], 4, ATOMIC] = field(default_factory=list)
    serviceName: A[str, 5] = field(default_factory=str)
    podManagementPolicy: A[str, 6] = ""
    updateStrategy: A[StatefulSetUpdateStrategy, 7] = field(default_factory=StatefulSetUpdateStrategy)
    revisionHistoryLimit: A[Int32 | None, 8] = None
    minReadySeconds: A[Int32, 9] = 0
    persistentVolumeClaimRetentionPolicy: A[StatefulSetPersistentVolumeClaimRetentionPolicy | None, 10] = None
    ordinals: A[StatefulSetOrdinals | None, 11] = None


class StatefulSetCondition(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    status: A[str, 2, REQUIRED] = field(default_factory=str)
    lastTransitionTime: A[Time | None, 3] = field(default_factory=NoneType)
    reason: A[str, 4] = ""
    message: A[str, 5] = ""


class StatefulSetStatus(ApiStruct):
    observedGeneration: A[Int64, 1] = 0
    replicas: A[Int32, 2, REQUIRED] = field(default_factory=int)
    readyReplicas: A[Int32, 3] = 0
    currentReplicas: A[Int32, 4] = 0
    updatedReplicas: A[Int32, 5] = 0
    currentRevision: A[str, 6] = ""
    updateRevision: A[str, 7] = ""
    collisionCount: A[Int32 | None, 9] = None
    conditions: A[list[StatefulSetCondition], 10, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)
    availableReplicas: A[Int32, 11] = field(default_factory=int)


class StatefulSet(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[StatefulSetSpec, 2] = field(default_factory=StatefulSetSpec)
    status: A[StatefulSetStatus, 3] = field(default_factory=StatefulSetStatus)


class StatefulSetList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[StatefulSet], 2, REQUIRED] = field(default_factory=list)


class RollingUpdateDeployment(ApiStruct):
    maxUnavailable: A[IntOrString | None, 1] = None
    maxSurge: A[IntOrString | None, 2] = None


class DeploymentStrategy(ApiStruct):
    type: A[str, 1] = ""
    rollingUpdate: A[RollingUpdateDeployment | None, 2] = None


class DeploymentSpec(ApiStruct):
    replicas: A[Int32 | None, 1] = None
    selector: A[LabelSelector | None, 2, REQUIRED] = None
    template: A[PodTemplateSpec, 3, REQUIRED] = field(default_factory=PodTemplateSpec)
    strategy: A[DeploymentStrategy, 4, Patch("retainKeys")] = field(default_factory=DeploymentStrategy)
    minReadySeconds: A[Int32, 5] = 0
    revisionHistoryLimit: A[Int32 | None, 6] = None
    paused: A[bool, 7] = False
    progressDeadlineSeconds: A[Int32 | None, 9] = None


class DeploymentCondition(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    status: A[str, 2, REQUIRED] = field(default_factory=str)
    lastUpdateTime: A[Time | None, 6] = field(default_factory=NoneType)
    lastTransitionTime: A[Time | None, 7] = field(default_factory=NoneType)
    reason: A[str, 4] = ""
    message: A[str, 5] = ""


class DeploymentStatus(ApiStruct):
    observedGeneration: A[Int64, 1] = 0
    replicas: A[Int32, 2] = 0
    updatedReplicas: A[Int32, 3] = 0
    readyReplicas: A[Int32, 7] = 0
    availableReplicas: A[Int32, 4] = 0
    unavailableReplicas: A[Int32, 5] = 0
    terminatingReplicas: A[Int32 | None, 9] = None
    conditions: A[list[DeploymentCondition], 6, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)
    collisionCount: A[Int32 | None, 8] = None


class Deployment(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[DeploymentSpec, 2] = field(default_factory=DeploymentSpec)
    status: A[DeploymentStatus, 3] = field(default_factory=DeploymentStatus)


class DeploymentList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[Deployment], 2, REQUIRED] = field(default_factory=list)


class RollingUpdateDaemonSet(ApiStruct):
    maxUnavailable: A[IntOrString | None, 1] = None
    maxSurge: A[IntOrString | None, 2] = None


class DaemonSetUpdateStrategy(ApiStruct):
    type: A[str, 1] = ""
    rollingUpdate: A[RollingUpdateDaemonSet | None, 2] = None


class DaemonSetSpec(ApiStruct):
    selector: A[LabelSelector | None, 1, REQUIRED] = None
    template: A[PodTemplateSpec, 2, REQUIRED] = field(default_factory=PodTemplateSpec)
    updateStrategy: A[DaemonSetUpdateStrategy, 3] = field(default_factory=DaemonSetUpdateStrategy)
    minReadySeconds: A[Int32, 4] = 0
    revisionHistoryLimit: A[Int32 | None, 6] = None


class DaemonSetCondition(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    status: A[str, 2, REQUIRED] = field(default_factory=str)
    lastTransitionTime: A[Time | None, 3] = field(default_factory=NoneType)
    reason: A[str, 4] = ""
    message: A[str, 5] = ""


class DaemonSetStatus(ApiStruct):
    currentNumberScheduled: A[Int32, 1, REQUIRED] = field(default_factory=int)
    numberMisscheduled: A[Int32, 2, REQUIRED] = field(default_factory=int)
    desiredNumberScheduled: A[Int32, 3, REQUIRED] = field(default_factory=int)
    numberReady: A[Int32, 4, REQUIRED] = field(default_factory=int)
    observedGeneration: A[Int64, 5] = 0
    updatedNumberScheduled: A[Int32, 6] = 0
    numberAvailable: A[Int32, 7] = 0
    numberUnavailable: A[Int32, 8] = 0
    collisionCount: A[Int32 | None, 9] = None
    conditions: A[list[DaemonSetCondition], 10, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)


class DaemonSet(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[DaemonSetSpec, 2] = field(default_factory=DaemonSetSpec)
    status: A[DaemonSetStatus, 3] = field(default_factory=DaemonSetStatus)


class DaemonSetList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[DaemonSet], 2, REQUIRED] = field(default_factory=list)


class ReplicaSetSpec(ApiStruct):
    replicas: A[Int32 | None, 1] = None
    minReadySeconds: A[Int32, 4] = 0
    selector: A[LabelSelector | None, 2, REQUIRED] = None
    template: A[PodTemplateSpec, 3] = field(default_factory=PodTemplateSpec)


class ReplicaSetCondition(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    status: A[str, 2, REQUIRED] = field(default_factory=str)
    lastTransitionTime: A[Time | None, 3] = field(default_factory=NoneType)
    reason: A[str, 4] = ""
    message: A[str, 5] = ""


class ReplicaSetStatus(ApiStruct):
    replicas: A[Int32, 1, REQUIRED] = field(default_factory=int)
    fullyLabeledReplicas: A[Int32, 2] = 0
    readyReplicas: A[Int32, 4] = 0
    availableReplicas: A[Int32, 5] = 0
    terminatingReplicas: A[Int32 | None, 7] = None
    observedGeneration: A[Int64, 3] = 0
    conditions: A[list[ReplicaSetCondition], 6, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)


class ReplicaSet(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[ReplicaSetSpec, 2] = field(default_factory=ReplicaSetSpec)
    status: A[ReplicaSetStatus, 3] = field(default_factory=ReplicaSetStatus)


class ReplicaSetList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[ReplicaSet], 2, REQUIRED] = field(default_factory=list)


class ControllerRevision(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    data: A[Any, 2] = None
    revision: A[Int64, 3, REQUIRED] = field(default_factory=int)


class ControllerRevisionList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[ControllerRevision], 2, REQUIRED] = field(default_factory=list)
