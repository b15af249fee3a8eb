"""Types of the Kubernetes API group version meta/v1, attributes spelled as on the wire."""

from types import NoneType
from typing import Annotated as A
from typing import Any, ClassVar

from msgspec import Raw, field

from sagong.api.types.base import ATOMIC, REQUIRED, SET, ApiStruct, Int32, Int64, ListMap, Patch, Time


class GroupResource(ApiStruct):
    group: A[str, 1, REQUIRED] = field(default_factory=str)
    resource: A[str, 2, REQUIRED] = field(default_factory=str)


class ShardInfo(ApiStruct):
    selector: A[str, 1, REQUIRED] = field(default_factory=str)


class ListMeta(ApiStruct):
    selfLink: A[str, 1] = ""
    resourceVersion: A[str, 2] = ""
    continue_: A[str, 3] = field(default="", name="continue")
    remainingItemCount: A[Int64 | None, 4] = None
    shardInfo: A[ShardInfo | None, 5] = None


class OwnerReference(ApiStruct):
    atomic: ClassVar[bool] = True

    apiVersion: A[str, 5, REQUIRED] = field(default_factory=str)
    kind: A[str, 1, REQUIRED] = field(default_factory=str)
    name: A[str, 3, REQUIRED] = field(default_factory=str)
    uid: A[str, 4, REQUIRED] = field(default_factory=str)
    controller: A[bool | None, 6] = None
    blockOwnerDeletion: A[bool | None, 7] = None


class ManagedFieldsEntry(ApiStruct):
    manager: A[str, 1] = ""
    operation: A[str, 2] = ""
    apiVersion: A[str, 3] = ""
    time: A[Time | None, 4] = None
    fieldsType: A[str, 6] = ""
    fieldsV1: A[Raw, 7] = Raw(b"")
    subresource: A[str, 8] = ""


class ObjectMeta(ApiStruct):
    name: A[str, 1] = ""
    generateName: A[str, 2] = ""
    namespace: A[str, 3] = ""
    selfLink: A[str, 4] = ""
    uid: A[str, 5] = ""
    resourceVersion: A[str, 6] = ""
    generation: A[Int64, 7] = 0
    creationTimestamp: A[Time, 8] = ""
    deletionTimestamp: A[Time | None, 9] = None
    deletionGracePeriodSeconds: A[Int64 | None, 10] = None
    labels: A[dict[str, str], 11] = field(default_factory=dict)
    annotations: A[dict[str, str], 12] = field(default_factory=dict)
    ownerReferences: A[list[OwnerReference], 13, ListMap("uid"), Patch("merge", "uid")] = field(default_factory=list)
    finalizers: A[list[str], 14, SET, Patch("merge")] = field(default_factory=list)
    managedFields: A[list[ManagedFieldsEntry], 17, ATOMIC] = field(default_factory=list)


class Preconditions(ApiStruct):
    uid: A[str | None, 1] = None
    resourceVersion: A[str | None, 2] = None


class DeleteOptions(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    gracePeriodSeconds: A[Int64 | None, 1] = None
    preconditions: A[Preconditions | None, 2] = None
    orphanDependents: A[bool | None, 3] = None
    propagationPolicy: A[str | None, 4] = None
    dryRun: A[list[str], 5, ATOMIC] = field(default_factory=list)
    ignoreStoreReadErrorWithClusterBreakingPotential: A[bool | None, 6] = None


class StatusCause(ApiStruct):
    reason: A[str, 1] = ""
    message: A[str, 2] = ""
    field: A[str, 3] = ""


class StatusDetails(ApiStruct):
    name: A[str, 1] = ""
    group: A[str, 2] = ""
    kind: A[str, 3] = ""
    uid: A[str, 6] = ""
    causes: A[list[StatusCause], 4, ATOMIC] = field(default_factory=list)
    retryAfterSeconds: A[Int32, 5] = 0


class Status(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    status: A[str, 2] = ""
    message: A[str, 3] = ""
    reason: A[str, 4] = ""
    details: A[StatusDetails | None, 5] = None
    code: A[Int32, 6] = 0


class ServerAddressByClientCIDR(ApiStruct):
    clientCIDR: A[str, 1, REQUIRED] = field(default_factory=str)
    serverAddress: A[str, 2, REQUIRED] = field(default_factory=str)


class APIVersions(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    versions: A[list[str], 1, REQUIRED, ATOMIC] = field(default_factory=list)
    serverAddressByClientCIDRs: A[list[ServerAddressByClientCIDR], 2, REQUIRED, ATOMIC] = field(default_factory=list)


class GroupVersionForDiscovery(ApiStruct):
    groupVersion: A[str, 1, REQUIRED] = field(default_factory=str)
    version: A[str, 2, REQUIRED] = field(default_factory=str)


class APIGroup(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    versions: A[list[GroupVersionForDiscovery], 2, REQUIRED, ATOMIC] = field(default_factory=list)
    preferredVersion: A[GroupVersionForDiscovery, 3] = field(default_factory=GroupVersionForDiscovery)
    serverAddressByClientCIDRs: A[list[ServerAddressByClientCIDR], 4, ATOMIC] = field(default_factory=list)


class APIGroupList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    groups: A[list[APIGroup], 1, REQUIRED, ATOMIC] = field(default_factory=list)


class APIResource(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    singularName: A[str, 6, REQUIRED] = field(default_factory=str)
    namespaced: A[bool, 2, REQUIRED] = field(default_factory=bool)
    group: A[str, 8] = ""
    version: A[str, 9] = ""
    kind: A[str, 3, REQUIRED] = field(default_factory=str)
    verbs: A[list[str], 4, REQUIRED] = field(default_factory=list)
    shortNames: A[list[str], 5, ATOMIC] = field(default_factory=list)
    categories: A[list[str], 7, ATOMIC] = field(default_factory=list)
    storageVersionHash: A[str, 10] = ""


class APIResourceList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    groupVersion: A[str, 1, REQUIRED] = field(default_factory=str)
    resources: A[list[APIResource], 2, REQUIRED, ATOMIC] = field(default_factory=list)


class LabelSelectorRequirement(ApiStruct):
    key: A[str, 1, REQUIRED] = field(default_factory=str)
    operator: A[str, 2, REQUIRED] = field(default_factory=str)
    values: A[list[str], 3, ATOMIC] = field(default_factory=list)


class LabelSelector(ApiStruct):
    atomic: ClassVar[bool] = True

    matchLabels: A[dict[str, str], 1] = field(default_factory=dict)
    matchExpressions: A[list[LabelSelectorRequirement], 2, ATOMIC] = field(default_factory=list)


class FieldSelectorRequirement(ApiStruct):
    key: A[str, 1, REQUIRED] = field(default_factory=str)
    operator: A[str, 2, REQUIRED] = field(default_factory=str)
    values: A[list[str], 3, ATOMIC] = field(default_factory=list)


class Condition(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    status: A[str, 2, REQUIRED] = field(default_factory=str)
    observedGeneration: A[Int64, 3] = 0
    lastTransitionTime: A[Time | None, 4, REQUIRED] = field(default_factory=NoneType)
    reason: A[str, 5, REQUIRED] = field(default_factory=str)
    message: A[str, 6, REQUIRED] = field(default_factory=str)


class TableColumnDefinition(ApiStruct):
    name: str = field(default_factory=str)
    type: str = field(default_factory=str)
    format: str = field(default_factory=str)
    description: str = field(default_factory=str)
    priority: Int32 = field(default_factory=int)


class TableRowCondition(ApiStruct):
    type: str = field(default_factory=str)
    status: str = field(default_factory=str)
    reason: str = ""
    message: str = ""


class TableRow(ApiStruct):
    cells: list[Any] = field(default_factory=list)
    conditions: list[TableRowCondition] = field(default_factory=list)
    object: Any = None


class Table(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: ListMeta = field(default_factory=ListMeta)
    columnDefinitions: list[TableColumnDefinition] = field(default_factory=list)
    rows: list[TableRow] = field(default_factory=list)


class PartialObjectMetadata(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)


class PartialObjectMetadataList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[PartialObjectMetadata], 2] = field(default_factory=list)


class GroupVersionKind(ApiStruct):
    group: A[str, 1] = field(default_factory=str)
    version: A[str, 2] = field(default_factory=str)
    kind: A[str, 3] = field(default_factory=str)


class GroupVersionResource(ApiStruct):
    group: A[str, 1] = field(default_factory=str)
    version: A[str, 2] = field(default_factory=str)
    resource: A[str, 3] = field(default_factory=str)
