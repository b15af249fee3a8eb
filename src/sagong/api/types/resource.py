"""Types of the Kubernetes API group version resource.k8s.io/v1, attributes spelled as on the wire."""

from types import NoneType
from typing import Annotated as A
from typing import Any

from msgspec import field

from sagong.api.types.base import ATOMIC, REQUIRED, ApiStruct, Int64, ListMap, Patch, Quantity, Time
from sagong.api.types.core import NodeSelector
from sagong.api.types.meta import Condition, ListMeta, ObjectMeta


class ResourcePool(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    generation: A[Int64, 2, REQUIRED] = field(default_factory=int)
    resourceSliceCount: A[Int64, 3, REQUIRED] = field(default_factory=int)


class Counter(ApiStruct):
    value: A[Quantity, 1, REQUIRED] = field(default_factory=str)


class CounterSet(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    counters: A[dict[str, Counter], 2, REQUIRED] = field(default_factory=dict)


class NodeAllocatableResourceMapping(ApiStruct):
    capacityKey: A[str | None, 1] = None
    allocationMultiplier: A[Quantity | None, 2] = None


class DeviceCounterConsumption(ApiStruct):
    counterSet: A[str, 1, REQUIRED] = field(default_factory=str)
    counters: A[dict[str, Counter], 2, REQUIRED] = field(default_factory=dict)


class CapacityRequestPolicyRange(ApiStruct):
    min: A[Quantity | None, 1, REQUIRED] = None
    max: A[Quantity | None, 2] = None
    step: A[Quantity | None, 3] = None


class CapacityRequestPolicy(ApiStruct):
    default: A[Quantity | None, 1] = field(default_factory=NoneType)
    validValues: A[list[Quantity], 3, ATOMIC] = field(default_factory=list)
    validRange: A[CapacityRequestPolicyRange | None, 4] = None


class DeviceCapacity(ApiStruct):
    value: A[Quantity, 1, REQUIRED] = field(default_factory=str)
    requestPolicy: A[CapacityRequestPolicy | None, 2] = None


class DeviceAttribute(ApiStruct):
    int_: A[Int64 | None, 2] = field(default=None, name="int")
    bool_: A[bool | None, 3] = field(default=None, name="bool")
    string: A[str | None, 4] = None
    version: A[str | None, 5] = None
    ints: A[list[Int64], 6, ATOMIC] = field(default_factory=list)
    bools: A[list[bool], 7, ATOMIC] = field(default_factory=list)
    strings: A[list[str], 8, ATOMIC] = field(default_factory=list)
    versions: A[list[str], 9, ATOMIC] = field(default_factory=list)


class DeviceTaint(ApiStruct):
    key: A[str, 1, REQUIRED] = field(default_factory=str)
    value: A[str, 2] = ""
    effect: A[str, 3, REQUIRED] = field(default_factory=str)
    timeAdded: A[Time | None, 4] = None


class Device(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    attributes: A[dict[str, DeviceAttribute], 2] = field(default_factory=dict)
    capacity: A[dict[str, DeviceCapacity], 3] = field(default_factory=dict)
    consumesCounters: A[list[DeviceCounterConsumption], 4, ATOMIC] = field(default_factory=list)
    nodeName: A[str | None, 5] = None
    nodeSelector: A[NodeSelector | None, 6] = None
    allNodes: A[bool | None, 7] = None
    taints: A[list[DeviceTaint], 8, ATOMIC] = field(default_factory=list)
    bindsToNode: A[bool | None, 9] = None
    bindingConditions: A[list[str], 10, ATOMIC] = field(default_factory=list)
    bindingFailureConditions: A[list[str], 11, ATOMIC] = field(default_factory=list)
    allowMultipleAllocations: A[bool | None, 12] = None
    nodeAllocatableResourceMappings: A[dict[str, NodeAllocatableResourceMapping], 13] = field(default_factory=dict)


class ResourceSliceSpec(ApiStruct):
    driver: A[str, 1, REQUIRED] = field(default_factory=str)
    pool: A[ResourcePool, 2, REQUIRED] = field(default_factory=ResourcePool)
    nodeName: A[str | None, 3] = None
    nodeSelector: A[NodeSelector | None, 4] = None
    allNodes: A[bool | None, 5] = None
    devices: A[list[Device], 6, ATOMIC] = field(default_factory=list)
    perDeviceNodeSelection: A[bool | None, 7] = None
    sharedCounters: A[list[CounterSet], 8, ATOMIC] = field(default_factory=list)


class ResourceSlice(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[ResourceSliceSpec, 2, REQUIRED] = field(default_factory=ResourceSliceSpec)


class ResourceSliceList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[ResourceSlice], 2, REQUIRED] = field(default_factory=list)


class CapacityRequirements(ApiStruct):
    requests: A[dict[str, Quantity], 1] = field(default_factory=dict)


class CELDeviceSelector(ApiStruct):
    expression: A[str, 1, REQUIRED] = field(default_factory=str)


class DeviceSelector(ApiStruct):
    cel: A[CELDeviceSelector | None, 1] = None


class DeviceToleration(ApiStruct):
    key: A[str, 1] = ""
    operator: A[str, 2] = ""
    value: A[str, 3] = ""
    effect: A[str, 4] = ""
    tolerationSeconds: A[Int64 | None, 5] = None


class ExactDeviceRequest(ApiStruct):
    deviceClassName: A[str, 1, REQUIRED] = field(default_factory=str)
    selectors: A[list[DeviceSelector], 2, ATOMIC] = field(default_factory=list)
    allocationMode: A[str, 3] = ""
    count: A[Int64, 4] = 0
    adminAccess: A[bool | None, 5] = None
    tolerations: A[list[DeviceToleration], 6, ATOMIC] = field(default_factory=list)
    capacity: A[CapacityRequirements | None, 7] = None


class DeviceSubRequest(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    deviceClassName: A[str, 2, REQUIRED] = field(default_factory=str)
    selectors: A[list[DeviceSelector], 3, ATOMIC] = field(default_factory=list)
    allocationMode: A[str, 4] = ""
    count: A[Int64, 5] = 0
    tolerations: A[list[DeviceToleration], 6, ATOMIC] = field(default_factory=list)
    capacity: A[CapacityRequirements | None, 7] = None


class DeviceRequest(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    exactly: A[ExactDeviceRequest | None, 2] = None
    firstAvailable: A[list[DeviceSubRequest], 3, ATOMIC] = field(default_factory=list)


class DeviceConstraint(ApiStruct):
    requests: A[list[str], 1, ATOMIC] = field(default_factory=list)
    matchAttribute: A[str | None, 2] = None
    distinctAttribute: A[str | None, 3] = None


class OpaqueDeviceConfiguration(ApiStruct):
    driver: A[str, 1, REQUIRED] = field(default_factory=str)
    parameters: A[Any, 2, REQUIRED] = None


class DeviceClaimConfiguration(ApiStruct):
    requests: A[list[str], 1, ATOMIC] = field(default_factory=list)
    opaque: A[OpaqueDeviceConfiguration | None, 1] = None


class DeviceClaim(ApiStruct):
    requests: A[list[DeviceRequest] | None, 1, ATOMIC] = field(default_factory=NoneType)
    constraints: A[list[DeviceConstraint], 2, ATOMIC] = field(default_factory=list)
    config: A[list[DeviceClaimConfiguration], 3, ATOMIC] = field(default_factory=list)


class ResourceClaimSpec(ApiStruct):
    devices: A[DeviceClaim, 1] = field(default_factory=DeviceClaim)


class ResourceClaimConsumerReference(ApiStruct):
    apiGroup: A[str, 1] = ""
    resource: A[str, 3, REQUIRED] = field(default_factory=str)
    name: A[str, 4, REQUIRED] = field(default_factory=str)
    uid: A[str, 5, REQUIRED] = field(default_factory=str)


class DeviceRequestAllocationResult(ApiStruct):
    request: A[str, 1, REQUIRED] = field(default_factory=str)
    driver: A[str, 2, REQUIRED] = field(default_factory=str)
    pool: A[str, 3, REQUIRED] = field(default_factory=str)
    device: A[str, 4, REQUIRED] = field(default_factory=str)
    adminAccess: A[bool | None, 5] = None
    tolerations: A[list[DeviceToleration], 6, ATOMIC] = field(default_factory=list)
    bindingConditions: A[list[str], 7, ATOMIC] = field(default_factory=list)
    bindingFailureConditions: A[list[str], 8, ATOMIC] = field(default_factory=list)
    shareID: A[str | None, 9] = None
    consumedCapacity: A[dict[str, Quantity], 10] = field(default_factory=dict)


class DeviceAllocationConfiguration(ApiStruct):
    source: A[str, 1, REQUIRED] = field(default_factory=str)
    requests: A[list[str], 2, ATOMIC] = field(default_factory=list)
    opaque: A[OpaqueDeviceConfiguration | None, 1] = None


class DeviceAllocationResult(ApiStruct):
    results: A[list[DeviceRequestAllocationResult], 1, ATOMIC] = field(default_factory=list)
    config: A[list[DeviceAllocationConfiguration], 2, ATOMIC] = field(default_factory=list)


class AllocationResult(ApiStruct):
    devices: A[DeviceAllocationResult, 1] = field(default_factory=DeviceAllocationResult)
    nodeSelector: A[NodeSelector | None, 3] = None
    allocationTimestamp: A[Time | None, 5] = None


class NetworkDeviceData(ApiStruct):
    interfaceName: A[str, 1] = ""
    ips: A[list[str], 2, ATOMIC] = field(default_factory=list)
    hardwareAddress: A[str, 3] = ""


class AllocatedDeviceStatus(ApiStruct):
    driver: A[str, 1, REQUIRED] = field(default_factory=str)
    pool: A[str, 2, REQUIRED] = field(default_factory=str)
    device: A[str, 3, REQUIRED] = field(default_factory=str)
    shareID: A[str | None, 7] = None
    conditions: A[list[Condition] | None, 4, ListMap("type")] = field(default_factory=NoneType)
    data: A[Any | None, 5] = None
    networkData: A[NetworkDeviceData | None, 6] = None


class ResourceClaimStatus(ApiStruct):
    allocation: A[AllocationResult | None, 1] = None
    reservedFor: A[list[ResourceClaimConsumerReference], 2, ListMap("uid"), Patch("merge", "uid")] = field(default_factory=list)
    devices: A[list[AllocatedDeviceStatus], 4, ListMap("driver", "device", "pool", "shareID")] = field(default_factory=list)


class ResourceClaim(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[ResourceClaimSpec, 2, REQUIRED] = field(default_factory=ResourceClaimSpec)
    status: A[ResourceClaimStatus, 3] = field(default_factory=ResourceClaimStatus)


class ResourceClaimList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[ResourceClaim], 2, REQUIRED] = field(default_factory=list)


class DeviceClassConfiguration(ApiStruct):
    opaque: A[OpaqueDeviceConfiguration | None, 1] = None


class DeviceClassSpec(ApiStruct):
    selectors: A[list[DeviceSelector], 1, ATOMIC] = field(default_factory=list)
    config: A[list[DeviceClassConfiguration], 2, ATOMIC] = field(default_factory=list)
    extendedResourceName: A[str | None, 4] = None


class DeviceClass(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[DeviceClassSpec, 2, REQUIRED] = field(default_factory=DeviceClassSpec)


class DeviceClassList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[DeviceClass], 2, REQUIRED] = field(default_factory=list)


class ResourceClaimTemplateSpec(ApiStruct):
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[ResourceClaimSpec, 2, REQUIRED] = field(default_factory=ResourceClaimSpec)


class ResourceClaimTemplate(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[ResourceClaimTemplateSpec, 2, REQUIRED] = field(default_factory=ResourceClaimTemplateSpec)


class ResourceClaimTemplateList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[ResourceClaimTemplate], 2, REQUIRED] = field(default_factory=list)
