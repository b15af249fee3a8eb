"""Types of the Kubernetes API group version storage.k8s.io/v1, attributes spelled as on the wire."""

from types import NoneType
from typing import Annotated as A

from msgspec import field

from sagong.api.types.base import ATOMIC, REQUIRED, SET, ApiStruct, Int32, Int64, ListMap, Patch, Quantity, Time
from sagong.api.types.core import PersistentVolumeSpec, TopologySelectorTerm
from sagong.api.types.meta import LabelSelector, ListMeta, ObjectMeta


class StorageClass(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    provisioner: A[str, 2, REQUIRED] = field(default_factory=str)
    parameters: A[dict[str, str], 3] = field(default_factory=dict)
    reclaimPolicy: A[str | None, 4] = None
    mountOptions: A[list[str], 5, ATOMIC] = field(default_factory=list)
    allowVolumeExpansion: A[bool | None, 6] = None
    volumeBindingMode: A[str | None, 7] = None
    allowedTopologies: A[list[TopologySelectorTerm], 8, ATOMIC] = field(default_factory=list)


class StorageClassList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[StorageClass], 2, REQUIRED] = field(default_factory=list)


class VolumeAttachmentSource(ApiStruct):
    persistentVolumeName: A[str | None, 1] = None
    inlineVolumeSpec: A[PersistentVolumeSpec | None, 2] = None


class VolumeAttachmentSpec(ApiStruct):
    attacher: A[str, 1, REQUIRED] = field(default_factory=str)
    source: A[VolumeAttachmentSource, 2, REQUIRED] = field(default_factory=VolumeAttachmentSource)
    nodeName: A[str, 3, REQUIRED] = field(default_factory=str)


class VolumeError(ApiStruct):
    time: A[Time | None, 1] = field(default_factory=NoneType)
    message: A[str, 2] = ""
    errorCode: A[Int32 | None, 3] = None


class VolumeAttachmentStatus(ApiStruct):
    attached: A[bool, 1, REQUIRED] = field(default_factory=bool)
    attachmentMetadata: A[dict[str, str], 2] = field(default_factory=dict)
    attachError: A[VolumeError | None, 3] = None
    detachError: A[VolumeError | None, 4] = None


class VolumeAttachment(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[VolumeAttachmentSpec, 2, REQUIRED] = field(default_factory=VolumeAttachmentSpec)
    status: A[VolumeAttachmentStatus, 3] = field(default_factory=VolumeAttachmentStatus)


class VolumeAttachmentList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[VolumeAttachment], 2, REQUIRED] = field(default_factory=list)


class TokenRequest(ApiStruct):
    audience: A[str, 1, REQUIRED] = field(default_factory=str)
    expirationSeconds: A[Int64 | None, 2] = None


class CSIDriverSpec(ApiStruct):
    attachRequired: A[bool | None, 1] = None
    podInfoOnMount: A[bool | None, 2] = None
    volumeLifecycleModes: A[list[str], 3, SET] = field(default_factory=list)
    storageCapacity: A[bool | None, 4] = None
    fsGroupPolicy: A[str | None, 5] = None
    tokenRequests: A[list[TokenRequest], 6, ATOMIC] = field(default_factory=list)
    requiresRepublish: A[bool | None, 7] = None
    seLinuxMount: A[bool | None, 8] = None
    nodeAllocatableUpdatePeriodSeconds: A[Int64 | None, 9] = None
    serviceAccountTokenInSecrets: A[bool | None, 10] = None
    preventPodSchedulingIfMissing: A[bool | None, 11] = None


class CSIDriver(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[CSIDriverSpec, 2, REQUIRED] = field(default_factory=CSIDriverSpec)


class CSIDriverList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[CSIDriver], 2, REQUIRED] = field(default_factory=list)


class VolumeNodeResources(ApiStruct):
    count: A[Int32 | None, 1] = None


class CSINodeDriver(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    nodeID: A[str, 2, REQUIRED] = field(default_factory=str)
    topologyKeys: A[list[str] | None, 3, ATOMIC] = field(default_factory=NoneType)
    allocatable: A[VolumeNodeResources | None, 4] = None


class CSINodeSpec(ApiStruct):
    drivers: A[list[CSINodeDriver] | None, 1, REQUIRED, ListMap("name"), Patch("merge", "name")] = field(default_factory=NoneType)


class CSINode(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[CSINodeSpec, 2, REQUIRED] = field(default_factory=CSINodeSpec)


class CSINodeList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[CSINode], 2, REQUIRED] = field(default_factory=list)


class CSIStorageCapacity(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    nodeTopology: A[LabelSelector | None, 2] = None
    storageClassName: A[str, 3, REQUIRED] = field(default_factory=str)
    capacity: A[Quantity | None, 4] = None
    maximumVolumeSize: A[Quantity | None, 5] = None


class CSIStorageCapacityList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[CSIStorageCapacity], 2, REQUIRED] = field(default_factory=list)


class VolumeAttributesClass(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    driverName: A[str, 2, REQUIRED] = field(default_factory=str)
    parameters: A[dict[str, str], 3] = field(default_factory=dict)


class VolumeAttributesClassList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[VolumeAttributesClass], 2, REQUIRED] = field(default_factory=list)
