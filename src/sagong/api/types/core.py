"""Types of the Kubernetes API group version v1, attributes spelled as on the wire."""

from types import NoneType
from typing import Annotated as A
from typing import ClassVar

from msgspec import field

from sagong.api.types.base import ATOMIC, REQUIRED, SET, ApiStruct, Int32, Int64, IntOrString, ListMap, MicroTime, Patch, Quantity, Time
from sagong.api.types.meta import Condition, LabelSelector, ListMeta, ObjectMeta


class PersistentVolumeClaimVolumeSource(ApiStruct):
    claimName: A[str, 1, REQUIRED] = field(default_factory=str)
    readOnly: A[bool, 2] = False


class HostPathVolumeSource(ApiStruct):
    path: A[str, 1, REQUIRED] = field(default_factory=str)
    type: A[str | None, 2] = None


class EmptyDirVolumeSource(ApiStruct):
    medium: A[str, 1] = ""
    sizeLimit: A[Quantity | None, 2] = None


class GlusterfsVolumeSource(ApiStruct):
    endpoints: A[str, 1, REQUIRED] = field(default_factory=str)
    path: A[str, 2, REQUIRED] = field(default_factory=str)
    readOnly: A[bool, 3] = False


class LocalObjectReference(ApiStruct):
    atomic: ClassVar[bool] = True

    name: A[str, 1] = ""


class RBDVolumeSource(ApiStruct):
    monitors: A[list[str], 1, REQUIRED, ATOMIC] = field(default_factory=list)
    image: A[str, 2, REQUIRED] = field(default_factory=str)
    fsType: A[str, 3] = ""
    pool: A[str, 4] = ""
    user: A[str, 5] = ""
    keyring: A[str, 6] = ""
    secretRef: A[LocalObjectReference | None, 7] = None
    readOnly: A[bool, 8] = False


class CinderVolumeSource(ApiStruct):
    volumeID: A[str, 1, REQUIRED] = field(default_factory=str)
    fsType: A[str, 2] = ""
    readOnly: A[bool, 3] = False
    secretRef: A[LocalObjectReference | None, 4] = None


class CephFSVolumeSource(ApiStruct):
    monitors: A[list[str], 1, REQUIRED, ATOMIC] = field(default_factory=list)
    path: A[str, 2] = ""
    user: A[str, 3] = ""
    secretFile: A[str, 4] = ""
    secretRef: A[LocalObjectReference | None, 5] = None
    readOnly: A[bool, 6] = False


class FlockerVolumeSource(ApiStruct):
    datasetName: A[str, 1] = ""
    datasetUUID: A[str, 2] = ""


class GCEPersistentDiskVolumeSource(ApiStruct):
    pdName: A[str, 1, REQUIRED] = field(default_factory=str)
    fsType: A[str, 2] = ""
    partition: A[Int32, 3] = 0
    readOnly: A[bool, 4] = False


class QuobyteVolumeSource(ApiStruct):
    registry: A[str, 1, REQUIRED] = field(default_factory=str)
    volume: A[str, 2, REQUIRED] = field(default_factory=str)
    readOnly: A[bool, 3] = False
    user: A[str, 4] = ""
    group: A[str, 5] = ""
    tenant: A[str, 6] = ""


class FlexVolumeSource(ApiStruct):
    driver: A[str, 1, REQUIRED] = field(default_factory=str)
    fsType: A[str, 2] = ""
    secretRef: A[LocalObjectReference | None, 3] = None
    readOnly: A[bool, 4] = False
    options: A[dict[str, str], 5] = field(default_factory=dict)


class AWSElasticBlockStoreVolumeSource(ApiStruct):
    volumeID: A[str, 1, REQUIRED] = field(default_factory=str)
    fsType: A[str, 2] = ""
    partition: A[Int32, 3] = 0
    readOnly: A[bool, 4] = False


class GitRepoVolumeSource(ApiStruct):
    repository: A[str, 1, REQUIRED] = field(default_factory=str)
    revision: A[str, 2] = ""
    directory: A[str, 3] = ""


class KeyToPath(ApiStruct):
    key: A[str, 1, REQUIRED] = field(default_factory=str)
    path: A[str, 2, REQUIRED] = field(default_factory=str)
    mode: A[Int32 | None, 3] = None


class SecretVolumeSource(ApiStruct):
    secretName: A[str, 1] = ""
    items: A[list[KeyToPath], 2, ATOMIC] = field(default_factory=list)
    defaultMode: A[Int32 | None, 3] = None
    optional: A[bool | None, 4] = None


class NFSVolumeSource(ApiStruct):
    server: A[str, 1, REQUIRED] = field(default_factory=str)
    path: A[str, 2, REQUIRED] = field(default_factory=str)
    readOnly: A[bool, 3] = False


class ISCSIVolumeSource(ApiStruct):
    targetPortal: A[str, 1, REQUIRED] = field(default_factory=str)
    iqn: A[str, 2, REQUIRED] = field(default_factory=str)
    lun: A[Int32, 3, REQUIRED] = field(default_factory=int)
    iscsiInterface: A[str, 4] = ""
    fsType: A[str, 5] = ""
    readOnly: A[bool, 6] = False
    portals: A[list[str], 7, ATOMIC] = field(default_factory=list)
    chapAuthDiscovery: A[bool, 8] = False
    chapAuthSession: A[bool, 11] = False
    secretRef: A[LocalObjectReference | None, 10] = None
    initiatorName: A[str | None, 12] = None


class FCVolumeSource(ApiStruct):
    targetWWNs: A[list[str], 1, ATOMIC] = field(default_factory=list)
    lun: A[Int32 | None, 2] = None
    fsType: A[str, 3] = ""
    readOnly: A[bool, 4] = False
    wwids: A[list[str], 5, ATOMIC] = field(default_factory=list)


class AzureFileVolumeSource(ApiStruct):
    secretName: A[str, 1, REQUIRED] = field(default_factory=str)
    shareName: A[str, 2, REQUIRED] = field(default_factory=str)
    readOnly: A[bool, 3] = False


class VsphereVirtualDiskVolumeSource(ApiStruct):
    volumePath: A[str, 1, REQUIRED] = field(default_factory=str)
    fsType: A[str, 2] = ""
    storagePolicyName: A[str, 3] = ""
    storagePolicyID: A[str, 4] = ""


class PhotonPersistentDiskVolumeSource(ApiStruct):
    pdID: A[str, 1, REQUIRED] = field(default_factory=str)
    fsType: A[str, 2] = ""


class AzureDiskVolumeSource(ApiStruct):
    diskName: A[str, 1, REQUIRED] = field(default_factory=str)
    diskURI: A[str, 2, REQUIRED] = field(default_factory=str)
    cachingMode: A[str | None, 3] = None
    fsType: A[str | None, 4] = None
    readOnly: A[bool | None, 5] = None
    kind: A[str | None, 6] = None


class PortworxVolumeSource(ApiStruct):
    volumeID: A[str, 1, REQUIRED] = field(default_factory=str)
    fsType: A[str, 2] = ""
    readOnly: A[bool, 3] = False


class ScaleIOVolumeSource(ApiStruct):
    gateway: A[str, 1, REQUIRED] = field(default_factory=str)
    system: A[str, 2, REQUIRED] = field(default_factory=str)
    secretRef: A[LocalObjectReference | None, 3, REQUIRED] = field(default_factory=NoneType)
    sslEnabled: A[bool, 4] = False
    protectionDomain: A[str, 5] = ""
    storagePool: A[str, 6] = ""
    storageMode: A[str, 7] = ""
    volumeName: A[str, 8] = ""
    fsType: A[str, 9] = ""
    readOnly: A[bool, 10] = False


class StorageOSVolumeSource(ApiStruct):
    volumeName: A[str, 1] = ""
    volumeNamespace: A[str, 2] = ""
    fsType: A[str, 3] = ""
    readOnly: A[bool, 4] = False
    secretRef: A[LocalObjectReference | None, 5] = None


class ConfigMapVolumeSource(ApiStruct):
    name: A[str, 1] = ""
    items: A[list[KeyToPath], 2, ATOMIC] = field(default_factory=list)
    defaultMode: A[Int32 | None, 3] = None
    optional: A[bool | None, 4] = None


class SecretProjection(ApiStruct):
    name: A[str, 1] = ""
    items: A[list[KeyToPath], 2, ATOMIC] = field(default_factory=list)
    optional: A[bool | None, 4] = None


class ConfigMapProjection(ApiStruct):
    name: A[str, 1] = ""
    items: A[list[KeyToPath], 2, ATOMIC] = field(default_factory=list)
    optional: A[bool | None, 4] = None


class ServiceAccountTokenProjection(ApiStruct):
    audience: A[str, 1] = ""
    expirationSeconds: A[Int64 | None, 2] = None
    path: A[str, 3, REQUIRED] = field(default_factory=str)


class ClusterTrustBundleProjection(ApiStruct):
    name: A[str | None, 1] = None
    signerName: A[str | None, 2] = None
    labelSelector: A[LabelSelector | None, 3] = None
    optional: A[bool | None, 5] = None
    path: A[str, 4, REQUIRED] = field(default_factory=str)


class PodCertificateProjection(ApiStruct):
    signerName: A[str, 1, REQUIRED] = ""
    keyType: A[str, 2, REQUIRED] = ""
    maxExpirationSeconds: A[Int32 | None, 3] = None
    credentialBundlePath: A[str, 4] = ""
    keyPath: A[str, 5] = ""
    certificateChainPath: A[str, 6] = ""
    userAnnotations: A[dict[str, str], 7] = field(default_factory=dict)


class ObjectFieldSelector(ApiStruct):
    atomic: ClassVar[bool] = True

    apiVersion: A[str, 1] = ""
    fieldPath: A[str, 2, REQUIRED] = field(default_factory=str)


class ResourceFieldSelector(ApiStruct):
    atomic: ClassVar[bool] = True

    containerName: A[str, 1] = ""
    resource: A[str, 2, REQUIRED] = field(default_factory=str)
    divisor: A[Quantity, 3] = ""


class DownwardAPIVolumeFile(ApiStruct):
    path: A[str, 1, REQUIRED] = field(default_factory=str)
    fieldRef: A[ObjectFieldSelector | None, 2] = None
    resourceFieldRef: A[ResourceFieldSelector | None, 3] = None
    mode: A[Int32 | None, 4] = None


class DownwardAPIProjection(ApiStruct):
    items: A[list[DownwardAPIVolumeFile], 1, ATOMIC] = field(default_factory=list)


class VolumeProjection(ApiStruct):
    secret: A[SecretProjection | None, 1] = None
    downwardAPI: A[DownwardAPIProjection | None, 2] = None
    configMap: A[ConfigMapProjection | None, 3] = None
    serviceAccountToken: A[ServiceAccountTokenProjection | None, 4] = None
    clusterTrustBundle: A[ClusterTrustBundleProjection | None, 5] = None
    podCertificate: A[PodCertificateProjection | None, 6] = None


class ProjectedVolumeSource(ApiStruct):
    sources: A[list[VolumeProjection] | None, 1, ATOMIC] = field(default_factory=NoneType)
    defaultMode: A[Int32 | None, 2] = None


class CSIVolumeSource(ApiStruct):
    driver: A[str, 1, REQUIRED] = field(default_factory=str)
    readOnly: A[bool | None, 2] = None
    fsType: A[str | None, 3] = None
    volumeAttributes: A[dict[str, str], 4] = field(default_factory=dict)
    nodePublishSecretRef: A[LocalObjectReference | None, 5] = None


class VolumeResourceRequirements(ApiStruct):
    limits: A[dict[str, Quantity], 1] = field(default_factory=dict)
    requests: A[dict[str, Quantity], 2] = field(default_factory=dict)


class TypedObjectReference(ApiStruct):
    apiGroup: A[str | None, 1] = field(default_factory=NoneType)
    kind: A[str, 2, REQUIRED] = field(default_factory=str)
    name: A[str, 3, REQUIRED] = field(default_factory=str)
    namespace: A[str | None, 4] = None


class TypedLocalObjectReference(ApiStruct):
    atomic: ClassVar[bool] = True

    apiGroup: A[str | None, 1] = field(default_factory=NoneType)
    kind: A[str, 2, REQUIRED] = field(default_factory=str)
    name: A[str, 3, REQUIRED] = field(default_factory=str)


class PersistentVolumeClaimSpec(ApiStruct):
    accessModes: A[list[str], 1, ATOMIC] = field(default_factory=list)
    selector: A[LabelSelector | None, 4] = None
    resources: A[VolumeResourceRequirements, 2] = field(default_factory=VolumeResourceRequirements)
    volumeName: A[str, 3] = ""
    storageClassName: A[str | None, 5] = None
    volumeMode: A[str | None, 6] = None
    dataSource: A[TypedLocalObjectReference | None, 7] = None
    dataSourceRef: A[TypedObjectReference | None, 8] = None
    volumeAttributesClassName: A[str | None, 9] = None


class PersistentVolumeClaimTemplate(ApiStruct):
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[PersistentVolumeClaimSpec, 2, REQUIRED] = field(default_factory=PersistentVolumeClaimSpec)


class EphemeralVolumeSource(ApiStruct):
    volumeClaimTemplate: A[PersistentVolumeClaimTemplate | None, 1] = None


class DownwardAPIVolumeSource(ApiStruct):
    items: A[list[DownwardAPIVolumeFile], 1, ATOMIC] = field(default_factory=list)
    defaultMode: A[Int32 | None, 2] = None


class ImageVolumeSource(ApiStruct):
    reference: A[str, 1] = ""
    pullPolicy: A[str, 2] = ""


class Volume(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    hostPath: A[HostPathVolumeSource | None, 1] = None
    emptyDir: A[EmptyDirVolumeSource | None, 2] = None
    gcePersistentDisk: A[GCEPersistentDiskVolumeSource | None, 3] = None
    awsElasticBlockStore: A[AWSElasticBlockStoreVolumeSource | None, 4] = None
    gitRepo: A[GitRepoVolumeSource | None, 5] = None
    secret: A[SecretVolumeSource | None, 6] = None
    nfs: A[NFSVolumeSource | None, 7] = None
    iscsi: A[ISCSIVolumeSource | None, 8] = None
    glusterfs: A[GlusterfsVolumeSource | None, 9] = None
    persistentVolumeClaim: A[PersistentVolumeClaimVolumeSource | None, 10] = None
    rbd: A[RBDVolumeSource | None, 11] = None
    flexVolume: A[FlexVolumeSource | None, 12] = None
    cinder: A[CinderVolumeSource | None, 13] = None
    cephfs: A[CephFSVolumeSource | None, 14] = None
    flocker: A[FlockerVolumeSource | None, 15] = None
    downwardAPI: A[DownwardAPIVolumeSource | None, 16] = None
    fc: A[FCVolumeSource | None, 17] = None
    azureFile: A[AzureFileVolumeSource | None, 18] = None
    configMap: A[ConfigMapVolumeSource | None, 19] = None
    vsphereVolume: A[VsphereVirtualDiskVolumeSource | None, 20] = None
    quobyte: A[QuobyteVolumeSource | None, 21] = None
    azureDisk: A[AzureDiskVolumeSource | None, 22] = None
    photonPersistentDisk: A[PhotonPersistentDiskVolumeSource | None, 23] = None
    projected: A[ProjectedVolumeSource | None, 26] = None
    portworxVolume: A[PortworxVolumeSource | None, 24] = None
    scaleIO: A[ScaleIOVolumeSource | None, 25] = None
    storageos: A[StorageOSVolumeSource | None, 27] = None
    csi: A[CSIVolumeSource | None, 28] = None
    ephemeral: A[EphemeralVolumeSource | None, 29] = None
    image: A[ImageVolumeSource | None, 30] = None


class NodeSelectorRequirement(ApiStruct):
    key: A[str, 1, REQUIRED] = field(default_factory=str)
    operator: A[str, 2, REQUIRED] = field(default_factory=str)
    values: A[list[str], 3, ATOMIC] = field(default_factory=list)


class NodeSelectorTerm(ApiStruct):
    atomic: ClassVar[bool] = True

    matchExpressions: A[list[NodeSelectorRequirement], 1, ATOMIC] = field(default_factory=list)
    matchFields: A[list[NodeSelectorRequirement], 2, ATOMIC] = field(default_factory=list)


class NodeSelector(ApiStruct):
    atomic: ClassVar[bool] = True

    nodeSelectorTerms: A[list[NodeSelectorTerm], 1, REQUIRED, ATOMIC] = field(default_factory=list)


class VolumeNodeAffinity(ApiStruct):
    required: A[NodeSelector | None, 1] = None


class GlusterfsPersistentVolumeSource(ApiStruct):
    endpoints: A[str, 1, REQUIRED] = field(default_factory=str)
    path: A[str, 2, REQUIRED] = field(default_factory=str)
    readOnly: A[bool, 3] = False
    endpointsNamespace: A[str | None, 4] = None


class SecretReference(ApiStruct):
    atomic: ClassVar[bool] = True

    name: A[str, 1] = ""
    namespace: A[str, 2] = ""


class RBDPersistentVolumeSource(ApiStruct):
    monitors: A[list[str], 1, REQUIRED, ATOMIC] = field(default_factory=list)
    image: A[str, 2, REQUIRED] = field(default_factory=str)
    fsType: A[str, 3] = ""
    pool: A[str, 4] = ""
    user: A[str, 5] = ""
    keyring: A[str, 6] = ""
    secretRef: A[SecretReference | None, 7] = None
    readOnly: A[bool, 8] = False


class CinderPersistentVolumeSource(ApiStruct):
    volumeID: A[str, 1, REQUIRED] = field(default_factory=str)
    fsType: A[str, 2] = ""
    readOnly: A[bool, 3] = False
    secretRef: A[SecretReference | None, 4] = None


class CephFSPersistentVolumeSource(ApiStruct):
    monitors: A[list[str], 1, REQUIRED, ATOMIC] = field(default_factory=list)
    path: A[str, 2] = ""
    user: A[str, 3] = ""
    secretFile: A[str, 4] = ""
    secretRef: A[SecretReference | None, 5] = None
    readOnly: A[bool, 6] = False


class FlexPersistentVolumeSource(ApiStruct):
    driver: A[str, 1, REQUIRED] = field(default_factory=str)
    fsType: A[str, 2] = ""
    secretRef: A[SecretReference | None, 3] = None
    readOnly: A[bool, 4] = False
    options: A[dict[str, str], 5] = field(default_factory=dict)


class ISCSIPersistentVolumeSource(ApiStruct):
    targetPortal: A[str, 1, REQUIRED] = field(default_factory=str)
    iqn: A[str, 2, REQUIRED] = field(default_factory=str)
    lun: A[Int32, 3, REQUIRED] = field(default_factory=int)
    iscsiInterface: A[str, 4] = ""
    fsType: A[str, 5] = ""
    readOnly: A[bool, 6] = False
    portals: A[list[str], 7, ATOMIC] = field(default_factory=list)
    chapAuthDiscovery: A[bool, 8] = False
    chapAuthSession: A[bool, 11] = False
    secretRef: A[SecretReference | None, 10] = None
    initiatorName: A[str | None, 12] = None


class AzureFilePersistentVolumeSource(ApiStruct):
    secretName: A[str, 1, REQUIRED] = field(default_factory=str)
    shareName: A[str, 2, REQUIRED] = field(default_factory=str)
    readOnly: A[bool, 3] = False
    secretNamespace: A[str | None, 4] = field(default_factory=NoneType)


class ScaleIOPersistentVolumeSource(ApiStruct):
    gateway: A[str, 1, REQUIRED] = field(default_factory=str)
    system: A[str, 2, REQUIRED] = field(default_factory=str)
    secretRef: A[SecretReference | None, 3, REQUIRED] = field(default_factory=NoneType)
    sslEnabled: A[bool, 4] = False
    protectionDomain: A[str, 5] = ""
    storagePool: A[str, 6] = ""
    storageMode: A[str, 7] = ""
    volumeName: A[str, 8] = ""
    fsType: A[str, 9] = ""
    readOnly: A[bool, 10] = False


class ObjectReference(ApiStruct):
    atomic: ClassVar[bool] = True

    kind: A[str, 1] = ""
    namespace: A[str, 2] = ""
    name: A[str, 3] = ""
    uid: A[str, 4] = ""
    apiVersion: A[str, 5] = ""
    resourceVersion: A[str, 6] = ""
    fieldPath: A[str, 7] = ""


class StorageOSPersistentVolumeSource(ApiStruct):
    volumeName: A[str, 1] = ""
    volumeNamespace: A[str, 2] = ""
    fsType: A[str, 3] = ""
    readOnly: A[bool, 4] = False
    secretRef: A[ObjectReference | None, 5] = None


class LocalVolumeSource(ApiStruct):
    path: A[str, 1, REQUIRED] = field(default_factory=str)
    fsType: A[str | None, 2] = None


class CSIPersistentVolumeSource(ApiStruct):
    driver: A[str, 1, REQUIRED] = field(default_factory=str)
    volumeHandle: A[str, 2, REQUIRED] = field(default_factory=str)
    readOnly: A[bool, 3] = False
    fsType: A[str, 4] = ""
    volumeAttributes: A[dict[str, str], 5] = field(default_factory=dict)
    controllerPublishSecretRef: A[SecretReference | None, 6] = None
    nodeStageSecretRef: A[SecretReference | None, 7] = None
    nodePublishSecretRef: A[SecretReference | None, 8] = None
    controllerExpandSecretRef: A[SecretReference | None, 9] = None
    nodeExpandSecretRef: A[SecretReference | None, 10] = None


class PersistentVolumeSpec(ApiStruct):
    capacity: A[dict[str, Quantity], 1] = field(default_factory=dict)
    gcePersistentDisk: A[GCEPersistentDiskVolumeSource | None, 1] = None
    awsElasticBlockStore: A[AWSElasticBlockStoreVolumeSource | None, 2] = None
    hostPath: A[HostPathVolumeSource | None, 3] = None
    glusterfs: A[GlusterfsPersistentVolumeSource | None, 4] = None
    nfs: A[NFSVolumeSource | None, 5] = None
    rbd: A[RBDPersistentVolumeSource | None, 6] = None
    iscsi: A[ISCSIPersistentVolumeSource | None, 7] = None
    cinder: A[CinderPersistentVolumeSource | None, 8] = None
    cephfs: A[CephFSPersistentVolumeSource | None, 9] = None
    fc: A[FCVolumeSource | None, 10] = None
    flocker: A[FlockerVolumeSource | None, 11] = None
    flexVolume: A[FlexPersistentVolumeSource | None, 12] = None
    azureFile: A[AzureFilePersistentVolumeSource | None, 13] = None
    vsphereVolume: A[VsphereVirtualDiskVolumeSource | None, 14] = None
    quobyte: A[QuobyteVolumeSource | None, 15] = None
    azureDisk: A[AzureDiskVolumeSource | None, 16] = None
    photonPersistentDisk: A[PhotonPersistentDiskVolumeSource | None, 17] = None
    portworxVolume: A[PortworxVolumeSource | None, 18] = None
    scaleIO: A[ScaleIOPersistentVolumeSource | None, 19] = None
    local: A[LocalVolumeSource | None, 20] = None
    storageos: A[StorageOSPersistentVolumeSource | None, 21] = None
    csi: A[CSIPersistentVolumeSource | None, 22] = None
    accessModes: A[list[str], 3, ATOMIC] = field(default_factory=list)
    claimRef: A[ObjectReference | None, 4] = None
    persistentVolumeReclaimPolicy: A[str, 5] = ""
    storageClassName: A[str, 6] = ""
    mountOptions: A[list[str], 7, ATOMIC] = field(default_factory=list)
    volumeMode: A[str | None, 8] = None
    nodeAffinity: A[VolumeNodeAffinity | None, 9] = None
    volumeAttributesClassName: A[str | None, 10] = None


class PersistentVolumeStatus(ApiStruct):
    phase: A[str, 1] = ""
    message: A[str, 2] = ""
    reason: A[str, 3] = ""
    lastPhaseTransitionTime: A[Time | None, 4] = None


class PersistentVolume(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[PersistentVolumeSpec, 2] = field(default_factory=PersistentVolumeSpec)
    status: A[PersistentVolumeStatus, 3] = field(default_factory=PersistentVolumeStatus)


class PersistentVolumeList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[PersistentVolume], 2, REQUIRED] = field(default_factory=list)


class ModifyVolumeStatus(ApiStruct):
    targetVolumeAttributesClassName: A[str, 1] = ""
    status: A[str, 2, REQUIRED] = field(default_factory=str)


class PersistentVolumeClaimCondition(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    status: A[str, 2, REQUIRED] = field(default_factory=str)
    lastProbeTime: A[Time | None, 3] = field(default_factory=NoneType)
    lastTransitionTime: A[Time | None, 4] = field(default_factory=NoneType)
    reason: A[str, 5] = ""
    message: A[str, 6] = ""


class PersistentVolumeClaimStatus(ApiStruct):
    phase: A[str, 1] = ""
    accessModes: A[list[str], 2, ATOMIC] = field(default_factory=list)
    capacity: A[dict[str, Quantity], 3] = field(default_factory=dict)
    conditions: A[list[PersistentVolumeClaimCondition], 4, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)
    allocatedResources: A[dict[str, Quantity], 5] = field(default_factory=dict)
    allocatedResourceStatuses: A[dict[str, str], 7] = field(default_factory=dict)
    currentVolumeAttributesClassName: A[str | None, 8] = None
    modifyVolumeStatus: A[ModifyVolumeStatus | None, 9] = None


class PersistentVolumeClaim(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[PersistentVolumeClaimSpec, 2] = field(default_factory=PersistentVolumeClaimSpec)
    status: A[PersistentVolumeClaimStatus, 3] = field(default_factory=PersistentVolumeClaimStatus)


class PersistentVolumeClaimList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[PersistentVolumeClaim], 2, REQUIRED] = field(default_factory=list)


class ContainerPort(ApiStruct):
    name: A[str, 1] = ""
    hostPort: A[Int32, 2] = 0
    containerPort: A[Int32, 3, REQUIRED] = field(default_factory=int)
    protocol: A[str, 4] = ""
    hostIP: A[str, 5] = ""


class VolumeMount(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    readOnly: A[bool, 2] = False
    recursiveReadOnly: A[str | None, 7] = None
    mountPath: A[str, 3, REQUIRED] = field(default_factory=str)
    subPath: A[str, 4] = ""
    mountPropagation: A[str | None, 5] = None
    subPathExpr: A[str, 6] = ""


class VolumeDevice(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    devicePath: A[str, 2, REQUIRED] = field(default_factory=str)


class FileKeySelector(ApiStruct):
    atomic: ClassVar[bool] = True

    volumeName: A[str, 1, REQUIRED] = field(default_factory=str)
    path: A[str, 2, REQUIRED] = field(default_factory=str)
    key: A[str, 3, REQUIRED] = field(default_factory=str)
    optional: A[bool | None, 4] = None


class ConfigMapKeySelector(ApiStruct):
    atomic: ClassVar[bool] = True

    name: A[str, 1] = ""
    key: A[str, 2, REQUIRED] = field(default_factory=str)
    optional: A[bool | None, 3] = None


class SecretKeySelector(ApiStruct):
    atomic: ClassVar[bool] = True

    name: A[str, 1] = ""
    key: A[str, 2, REQUIRED] = field(default_factory=str)
    optional: A[bool | None, 3] = None


class EnvVarSource(ApiStruct):
    fieldRef: A[ObjectFieldSelector | None, 1] = None
    resourceFieldRef: A[ResourceFieldSelector | None, 2] = None
    configMapKeyRef: A[ConfigMapKeySelector | None, 3] = None
    secretKeyRef: A[SecretKeySelector | None, 4] = None
    fileKeyRef: A[FileKeySelector | None, 5] = None


class EnvVar(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    value: A[str, 2] = ""
    valueFrom: A[EnvVarSource | None, 3] = None


class ConfigMapEnvSource(ApiStruct):
    name: A[str, 1] = ""
    optional: A[bool | None, 2] = None


class SecretEnvSource(ApiStruct):
    name: A[str, 1] = ""
    optional: A[bool | None, 2] = None


class EnvFromSource(ApiStruct):
    prefix: A[str, 1] = ""
    configMapRef: A[ConfigMapEnvSource | None, 2] = None
    secretRef: A[SecretEnvSource | None, 3] = None


class HTTPHeader(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    value: A[str, 2, REQUIRED] = field(default_factory=str)


class HTTPGetAction(ApiStruct):
    path: A[str, 1] = ""
    port: A[IntOrString, 2, REQUIRED] = field(default_factory=int)
    host: A[str, 3] = ""
    scheme: A[str, 4] = ""
    httpHeaders: A[list[HTTPHeader], 5, ATOMIC] = field(default_factory=list)


class TCPSocketAction(ApiStruct):
    port: A[IntOrString, 1, REQUIRED] = field(default_factory=int)
    host: A[str, 2] = ""


class GRPCAction(ApiStruct):
    port: A[Int32, 1, REQUIRED] = field(default_factory=int)
    service: A[str | None, 2] = field(default_factory=NoneType)


class ExecAction(ApiStruct):
    command: A[list[str], 1, ATOMIC] = field(default_factory=list)


class SleepAction(ApiStruct):
    seconds: A[Int64, 1, REQUIRED] = field(default_factory=int)


class Probe(ApiStruct):
    exec: A[ExecAction | None, 1] = None
    httpGet: A[HTTPGetAction | None, 2] = None
    tcpSocket: A[TCPSocketAction | None, 3] = None
    grpc: A[GRPCAction | None, 4] = None
    initialDelaySeconds: A[Int32, 2] = 0
    timeoutSeconds: A[Int32, 3] = 0
    periodSeconds: A[Int32, 4] = 0
    successThreshold: A[Int32, 5] = 0
    failureThreshold: A[Int32, 6] = 0
    terminationGracePeriodSeconds: A[Int64 | None, 7] = None


class ContainerResizePolicy(ApiStruct):
    resourceName: A[str, 1, REQUIRED] = field(default_factory=str)
    restartPolicy: A[str, 2, REQUIRED] = field(default_factory=str)


class Capabilities(ApiStruct):
    add: A[list[str], 1, ATOMIC] = field(default_factory=list)
    drop: A[list[str], 2, ATOMIC] = field(default_factory=list)


class ResourceClaim(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    request: A[str, 2] = ""


class ResourceRequirements(ApiStruct):
    limits: A[dict[str, Quantity], 1] = field(default_factory=dict)
    requests: A[dict[str, Quantity], 2] = field(default_factory=dict)
    claims: A[list[ResourceClaim], 3, ListMap("name")] = field(default_factory=list)


class LifecycleHandler(ApiStruct):
    exec: A[ExecAction | None, 1] = None
    httpGet: A[HTTPGetAction | None, 2] = None
    tcpSocket: A[TCPSocketAction | None, 3] = None
    sleep: A[SleepAction | None, 4] = None


class Lifecycle(ApiStruct):
    postStart: A[LifecycleHandler | None, 1] = None
    preStop: A[LifecycleHandler | None, 2] = None
    stopSignal: A[str | None, 3] = None


class ContainerRestartRuleOnExitCodes(ApiStruct):
    operator: A[str, 1, REQUIRED] = ""
    values: A[list[Int32], 2, SET] = field(default_factory=list)


class ContainerRestartRule(ApiStruct):
    action: A[str, 1, REQUIRED] = ""
    exitCodes: A[ContainerRestartRuleOnExitCodes | None, 2] = None


class SeccompProfile(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    localhostProfile: A[str | None, 2] = None


class AppArmorProfile(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    localhostProfile: A[str | None, 2] = None


class SELinuxOptions(ApiStruct):
    user: A[str, 1] = ""
    role: A[str, 2] = ""
    type: A[str, 3] = ""
    level: A[str, 4] = ""


class WindowsSecurityContextOptions(ApiStruct):
    gmsaCredentialSpecName: A[str | None, 1] = None
    gmsaCredentialSpec: A[str | None, 2] = None
    runAsUserName: A[str | None, 3] = None
    hostProcess: A[bool | None, 4] = None


class SecurityContext(ApiStruct):
    capabilities: A[Capabilities | None, 1] = None
    privileged: A[bool | None, 2] = None
    seLinuxOptions: A[SELinuxOptions | None, 3] = None
    windowsOptions: A[WindowsSecurityContextOptions | None, 10] = None
    runAsUser: A[Int64 | None, 4] = None
    runAsGroup: A[Int64 | None, 8] = None
    runAsNonRoot: A[bool | None, 5] = None
    readOnlyRootFilesystem: A[bool | None, 6] = None
    allowPrivilegeEscalation: A[bool | None, 7] = None
    procMount: A[str | None, 9] = None
    seccompProfile: A[SeccompProfile | None, 11] = None
    appArmorProfile: A[AppArmorProfile | None, 12] = None


class Container(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    image: A[str, 2] = ""
    command: A[list[str], 3, ATOMIC] = field(default_factory=list)
    args: A[list[str], 4, ATOMIC] = field(default_factory=list)
    workingDir: A[str, 5] = ""
    ports: A[list[ContainerPort], 6, ListMap("containerPort", "protocol"), Patch("merge", "containerPort")] = field(default_factory=list)
    envFrom: A[list[EnvFromSource], 19, ATOMIC] = field(default_factory=list)
    env: A[list[EnvVar], 7, ListMap("name"), Patch("merge", "name")] = field(default_factory=list)
    resources: A[ResourceRequirements, 8] = field(default_factory=ResourceRequirements)
    resizePolicy: A[list[ContainerResizePolicy], 23, ATOMIC] = field(default_factory=list)
    restartPolicy: A[str | None, 24] = None
    restartPolicyRules: A[list[ContainerRestartRule], 25, ATOMIC] = field(default_factory=list)
    volumeMounts: A[list[VolumeMount], 9, ListMap("mountPath"), Patch("merge", "mountPath")] = field(default_factory=list)
    volumeDevices: A[list[VolumeDevice], 21, ListMap("devicePath"), Patch("merge", "devicePath")] = field(default_factory=list)
    livenessProbe: A[Probe | None, 10] = None
    readinessProbe: A[Probe | None, 11] = None
    startupProbe: A[Probe | None, 22] = None
    lifecycle: A[Lifecycle | None, 12] = None
    terminationMessagePath: A[str, 13] = ""
    terminationMessagePolicy: A[str, 20] = ""
    imagePullPolicy: A[str, 14] = ""
    securityContext: A[SecurityContext | None, 15] = None
    stdin: A[bool, 16] = False
    stdinOnce: A[bool, 17] = False
    tty: A[bool, 18] = False


class ContainerStateWaiting(ApiStruct):
    reason: A[str, 1] = ""
    message: A[str, 2] = ""


class ContainerStateRunning(ApiStruct):
    startedAt: A[Time | None, 1] = field(default_factory=NoneType)


class ContainerStateTerminated(ApiStruct):
    exitCode: A[Int32, 1, REQUIRED] = field(default_factory=int)
    signal: A[Int32, 2] = 0
    reason: A[str, 3] = ""
    message: A[str, 4] = ""
    startedAt: A[Time | None, 5] = field(default_factory=NoneType)
    finishedAt: A[Time | None, 6] = field(default_factory=NoneType)
    containerID: A[str, 7] = ""


class ContainerState(ApiStruct):
    waiting: A[ContainerStateWaiting | None, 1] = None
    running: A[ContainerStateRunning | None, 2] = None
    terminated: A[ContainerStateTerminated | None, 3] = None


class ResourceHealth(ApiStruct):
    resourceID: A[str, 1, REQUIRED] = field(default_factory=str)
    health: A[str, 2] = ""
    message: A[str | None, 6] = None


class ResourceStatus(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    resources: A[list[ResourceHealth], 2, ListMap("resourceID")] = field(default_factory=list)


class LinuxContainerUser(ApiStruct):
    uid: A[Int64, 1, REQUIRED] = field(default_factory=int)
    gid: A[Int64, 2, REQUIRED] = field(default_factory=int)
    supplementalGroups: A[list[Int64], 3, ATOMIC] = field(default_factory=list)


class ContainerUser(ApiStruct):
    linux: A[LinuxContainerUser | None, 1] = None


class ImageVolumeStatus(ApiStruct):
    imageRef: A[str, 1, REQUIRED] = ""


class VolumeStatus(ApiStruct):
    image: A[ImageVolumeStatus | None, 1] = None


class VolumeMountStatus(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    mountPath: A[str, 2, REQUIRED] = field(default_factory=str)
    readOnly: A[bool, 3] = False
    recursiveReadOnly: A[str | None, 4] = None
    volumeStatus: A[VolumeStatus | None, 5] = None


class ContainerStatus(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    state: A[ContainerState, 2] = field(default_factory=ContainerState)
    lastState: A[ContainerState, 3] = field(default_factory=ContainerState)
    ready: A[bool, 4, REQUIRED] = field(default_factory=bool)
    restartCount: A[Int32, 5, REQUIRED] = field(default_factory=int)
    image: A[str, 6, REQUIRED] = field(default_factory=str)
    imageID: A[str, 7, REQUIRED] = field(default_factory=str)
    containerID: A[str, 8] = ""
    started: A[bool | None, 9] = None
    allocatedResources: A[dict[str, Quantity], 10] = field(default_factory=dict)
    resources: A[ResourceRequirements | None, 11] = None
    volumeMounts: A[list[VolumeMountStatus], 12, ListMap("mountPath"), Patch("merge", "mountPath")] = field(default_factory=list)
    user: A[ContainerUser | None, 13] = None
    allocatedResourcesStatus: A[list[ResourceStatus], 14, ListMap("name"), Patch("merge", "name")] = field(default_factory=list)
    stopSignal: A[str | None, 15] = None


class PodCondition(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    observedGeneration: A[Int64, 7] = 0
    status: A[str, 2, REQUIRED] = field(default_factory=str)
    lastProbeTime: A[Time | None, 3] = field(default_factory=NoneType)
    lastTransitionTime: A[Time | None, 4] = field(default_factory=NoneType)
    reason: A[str, 5] = ""
    message: A[str, 6] = ""


class TopologySelectorLabelRequirement(ApiStruct):
    key: A[str, 1, REQUIRED] = field(default_factory=str)
    values: A[list[str], 2, REQUIRED, ATOMIC] = field(default_factory=list)


class TopologySelectorTerm(ApiStruct):
    atomic: ClassVar[bool] = True

    matchLabelExpressions: A[list[TopologySelectorLabelRequirement], 1, ATOMIC] = field(default_factory=list)


class PodAffinityTerm(ApiStruct):
    labelSelector: A[LabelSelector | None, 1] = None
    namespaces: A[list[str], 2, ATOMIC] = field(default_factory=list)
    topologyKey: A[str, 3, REQUIRED] = field(default_factory=str)
    namespaceSelector: A[LabelSelector | None, 4] = None
    matchLabelKeys: A[list[str], 5, ATOMIC] = field(default_factory=list)
    mismatchLabelKeys: A[list[str], 6, ATOMIC] = field(default_factory=list)


class WeightedPodAffinityTerm(ApiStruct):
    weight: A[Int32, 1, REQUIRED] = field(default_factory=int)
    podAffinityTerm: A[PodAffinityTerm, 2, REQUIRED] = field(default_factory=PodAffinityTerm)


class PodAffinity(ApiStruct):
    requiredDuringSchedulingIgnoredDuringExecution: A[list[PodAffinityTerm], 1, ATOMIC] = field(default_factory=list)
    preferredDuringSchedulingIgnoredDuringExecution: A[list[WeightedPodAffinityTerm], 2, ATOMIC] = field(default_factory=list)


class PodAntiAffinity(ApiStruct):
    requiredDuringSchedulingIgnoredDuringExecution: A[list[PodAffinityTerm], 1, ATOMIC] = field(default_factory=list)
    preferredDuringSchedulingIgnoredDuringExecution: A[list[WeightedPodAffinityTerm], 2, ATOMIC] = field(default_factory=list)


class PreferredSchedulingTerm(ApiStruct):
    weight: A[Int32, 1, REQUIRED] = field(default_factory=int)
    preference: A[NodeSelectorTerm, 2, REQUIRED] = field(default_factory=NodeSelectorTerm)


class NodeAffinity(ApiStruct):
    requiredDuringSchedulingIgnoredDuringExecution: A[NodeSelector | None, 1] = None
    preferredDuringSchedulingIgnoredDuringExecution: A[list[PreferredSchedulingTerm], 2, ATOMIC] = field(default_factory=list)


class Affinity(ApiStruct):
    nodeAffinity: A[NodeAffinity | None, 1] = None
    podAffinity: A[PodAffinity | None, 2] = None
    podAntiAffinity: A[PodAntiAffinity | None, 3] = None


class Taint(ApiStruct):
    key: A[str, 1, REQUIRED] = field(default_factory=str)
    value: A[str, 2] = ""
    effect: A[str, 3, REQUIRED] = field(default_factory=str)
    timeAdded: A[Time | None, 4] = None


class Toleration(ApiStruct):
    key: A[str, 1] = ""
    operator: A[str, 2] = ""
    value: A[str, 3] = ""
    effect: A[str, 4] = ""
    tolerationSeconds: A[Int64 | None, 5] = None


class PodReadinessGate(ApiStruct):
    conditionType: A[str, 1, REQUIRED] = field(default_factory=str)


class PodResourceClaim(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    resourceClaimName: A[str | None, 3] = None
    resourceClaimTemplateName: A[str | None, 4] = None


class PodOS(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)


class PodSchedulingGate(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)


class PodSchedulingGroup(ApiStruct):
    podGroupName: A[str | None, 1] = None


class TopologySpreadConstraint(ApiStruct):
    maxSkew: A[Int32, 1, REQUIRED] = field(default_factory=int)
    topologyKey: A[str, 2, REQUIRED] = field(default_factory=str)
    whenUnsatisfiable: A[str, 3, REQUIRED] = field(default_factory=str)
    labelSelector: A[LabelSelector | None, 4] = None
    minDomains: A[Int32 | None, 5] = None
    nodeAffinityPolicy: A[str | None, 6] = None
    nodeTaintsPolicy: A[str | None, 7] = None
    matchLabelKeys: A[list[str], 8, ATOMIC] = field(default_factory=list)


class HostAlias(ApiStruct):
    ip: A[str, 1, REQUIRED] = field(default_factory=str)
    hostnames: A[list[str], 2, ATOMIC] = field(default_factory=list)


class Sysctl(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    value: A[str, 2, REQUIRED] = field(default_factory=str)


class PodSecurityContext(ApiStruct):
    seLinuxOptions: A[SELinuxOptions | None, 1] = None
    windowsOptions: A[WindowsSecurityContextOptions | None, 8] = None
    runAsUser: A[Int64 | None, 2] = None
    runAsGroup: A[Int64 | None, 6] = None
    runAsNonRoot: A[bool | None, 3] = None
    supplementalGroups: A[list[Int64], 4, ATOMIC] = field(default_factory=list)
    supplementalGroupsPolicy: A[str | None, 12] = None
    fsGroup: A[Int64 | None, 5] = None
    sysctls: A[list[Sysctl], 7, ATOMIC] = field(default_factory=list)
    fsGroupChangePolicy: A[str | None, 9] = None
    seccompProfile: A[SeccompProfile | None, 10] = None
    appArmorProfile: A[AppArmorProfile | None, 11] = None
    seLinuxChangePolicy: A[str | None, 13] = None


class PodDNSConfigOption(ApiStruct):
    name: A[str, 1] = ""
    value: A[str | None, 2] = None


class PodDNSConfig(ApiStruct):
    nameservers: A[list[str], 1, ATOMIC] = field(default_factory=list)
    searches: A[list[str], 2, ATOMIC] = field(default_factory=list)
    options: A[list[PodDNSConfigOption], 3, ATOMIC] = field(default_factory=list)


class EphemeralContainer(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    image: A[str, 2] = ""
    command: A[list[str], 3, ATOMIC] = field(default_factory=list)
    args: A[list[str], 4, ATOMIC] = field(default_factory=list)
    workingDir: A[str, 5] = ""
    ports: A[list[ContainerPort], 6, ListMap("containerPort", "protocol"), Patch("merge", "containerPort")] = field(default_factory=list)
    envFrom: A[list[EnvFromSource], 19, ATOMIC] = field(default_factory=list)
    env: A[list[EnvVar], 7, ListMap("name"), Patch("merge", "name")] = field(default_factory=list)
    resources: A[ResourceRequirements, 8] = field(default_factory=ResourceRequirements)
    resizePolicy: A[list[ContainerResizePolicy], 23, ATOMIC] = field(default_factory=list)
    restartPolicy: A[str | None, 24] = None
    restartPolicyRules: A[list[ContainerRestartRule], 25, ATOMIC] = field(default_factory=list)
    volumeMounts: A[list[VolumeMount], 9, ListMap("mountPath"), Patch("merge", "mountPath")] = field(default_factory=list)
    volumeDevices: A[list[VolumeDevice], 21, ListMap("devicePath"), Patch("merge", "devicePath")] = field(default_factory=list)
    livenessProbe: A[Probe | None, 10] = None
    readinessProbe: A[Probe | None, 11] = None
    startupProbe: A[Probe | None, 22] = None
    lifecycle: A[Lifecycle | None, 12] = None
    terminationMessagePath: A[str, 13] = ""
    terminationMessagePolicy: A[str, 20] = ""
    imagePullPolicy: A[str, 14] = ""
    securityContext: A[SecurityContext | None, 15] = None
    stdin: A[bool, 16] = False
    stdinOnce: A[bool, 17] = False
    tty: A[bool, 18] = False
    targetContainerName: A[str, 2] = ""


class PodSpec(ApiStruct):
    volumes: A[list[Volume], 1, ListMap("name"), Patch("merge,retainKeys", "name")] = field(default_factory=list)
    initContainers: A[list[Container], 20, ListMap("name"), Patch("merge", "name")] = field(default_factory=list)
    containers: A[list[Container], 2, REQUIRED, ListMap("name"), Patch("merge", "name")] = field(default_factory=list)
    ephemeralContainers: A[list[EphemeralContainer], 34, ListMap("name"), Patch("merge", "name")] = field(default_factory=list)
    restartPolicy: A[str, 3] = ""
    terminationGracePeriodSeconds: A[Int64 | None, 4] = None
    activeDeadlineSeconds: A[Int64 | None, 5] = None
    dnsPolicy: A[str, 6] = ""
    nodeSelector: A[dict[str, str], 7, ATOMIC] = field(default_factory=dict)
    serviceAccountName: A[str, 8] = ""
    serviceAccount: A[str, 9] = ""
    automountServiceAccountToken: A[bool | None, 21] = None
    nodeName: A[str, 10] = ""
    hostNetwork: A[bool, 11] = False
    hostPID: A[bool, 12] = False
    hostIPC: A[bool, 13] = False
    shareProcessNamespace: A[bool | None, 27] = None
    securityContext: A[PodSecurityContext | None, 14] = None
    imagePullSecrets: A[list[LocalObjectReference], 15, ListMap("name"), Patch("merge", "name")] = field(default_factory=list)
    hostname: A[str, 16] = ""
    subdomain: A[str, 17] = ""
    affinity: A[Affinity | None, 18] = None
    schedulerName: A[str, 19] = ""
    tolerations: A[list[Toleration], 22, ATOMIC] = field(default_factory=list)
    hostAliases: A[list[HostAlias], 23, ListMap("ip"), Patch("merge", "ip")] = field(default_factory=list)
    priorityClassName: A[str, 24] = ""
    priority: A[Int32 | None, 25] = None
    dnsConfig: A[PodDNSConfig | None, 26] = None
    readinessGates: A[list[PodReadinessGate], 28, ATOMIC] = field(default_factory=list)
    runtimeClassName: A[str | None, 29] = None
    enableServiceLinks: A[bool | None, 30] = None
    preemptionPolicy: A[str | None, 31] = None
    overhead: A[dict[str, Quantity], 32] = field(default_factory=dict)
    topologySpreadConstraints: A[
        list[TopologySpreadConstraint], 33, ListMap("topologyKey", "whenUnsatisfiable"), Patch("merge", "topologyKey")
    ] = field(default_factory=list)
    setHostnameAsFQDN: A[bool | None, 35] = None
    os: A[PodOS | None, 36] = None
    hostUsers: A[bool | None, 37] = None
    schedulingGates: A[list[PodSchedulingGate], 38, ListMap("name"), Patch("merge", "name")] = field(default_factory=list)
    resourceClaims: A[list[PodResourceClaim], 39, ListMap("name"), Patch("merge,retainKeys", "name")] = field(default_factory=list)
    resources: A[ResourceRequirements | None, 40] = None
    hostnameOverride: A[str | None, 41] = None
    schedulingGroup: A[PodSchedulingGroup | None, 43] = None


class PodResourceClaimStatus(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    resourceClaimName: A[str | None, 2] = None


class ContainerExtendedResourceRequest(ApiStruct):
    containerName: A[str, 1, REQUIRED] = field(default_factory=str)
    resourceName: A[str, 2, REQUIRED] = field(default_factory=str)
    requestName: A[str, 3, REQUIRED] = field(default_factory=str)


class PodExtendedResourceClaimStatus(ApiStruct):
    requestMappings: A[list[ContainerExtendedResourceRequest] | None, 1, REQUIRED, ATOMIC] = field(default_factory=NoneType)
    resourceClaimName: A[str, 2, REQUIRED] = field(default_factory=str)


class PodIP(ApiStruct):
    ip: A[str, 1, REQUIRED] = field(default_factory=str)


class HostIP(ApiStruct):
    ip: A[str, 1, REQUIRED] = field(default_factory=str)


class NodeAllocatableResourceClaimStatus(ApiStruct):
    resourceClaimName: A[str, 1, REQUIRED] = field(default_factory=str)
    containers: A[list[str], 2, SET] = field(default_factory=list)
    resources: A[dict[str, Quantity] | None, 3, REQUIRED] = field(default_factory=NoneType)


class PodStatus(ApiStruct):
    observedGeneration: A[Int64, 17] = 0
    phase: A[str, 1] = ""
    conditions: A[list[PodCondition], 2, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)
    message: A[str, 3] = ""
    reason: A[str, 4] = ""
    nominatedNodeName: A[str, 11] = ""
    hostIP: A[str, 5] = ""
    hostIPs: A[list[HostIP], 16, ATOMIC, Patch("merge", "ip")] = field(default_factory=list)
    podIP: A[str, 6] = ""
    podIPs: A[list[PodIP], 12, ListMap("ip"), Patch("merge", "ip")] = field(default_factory=list)
    startTime: A[Time | None, 7] = None
    initContainerStatuses: A[list[ContainerStatus], 10, ATOMIC] = field(default_factory=list)
    containerStatuses: A[list[ContainerStatus], 8, ATOMIC] = field(default_factory=list)
    qosClass: A[str, 9] = ""
    ephemeralContainerStatuses: A[list[ContainerStatus], 13, ATOMIC] = field(default_factory=list)
    resize: A[str, 14] = ""
    resourceClaimStatuses: A[list[PodResourceClaimStatus], 15, ListMap("name"), Patch("merge,retainKeys", "name")] = field(
        default_factory=list
    )
    extendedResourceClaimStatus: A[PodExtendedResourceClaimStatus | None, 18] = None
    allocatedResources: A[dict[str, Quantity], 19] = field(default_factory=dict)
    resources: A[ResourceRequirements | None, 20] = None
    nodeAllocatableResourceClaimStatuses: A[list[NodeAllocatableResourceClaimStatus], 21, ATOMIC] = field(default_factory=list)


class Pod(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[PodSpec, 2] = field(default_factory=PodSpec)
    status: A[PodStatus, 3] = field(default_factory=PodStatus)


class PodList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[Pod], 2, REQUIRED] = field(default_factory=list)


class PodTemplateSpec(ApiStruct):
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[PodSpec, 2] = field(default_factory=PodSpec)


class PodTemplate(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    template: A[PodTemplateSpec, 2] = field(default_factory=PodTemplateSpec)


class PodTemplateList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[PodTemplate], 2, REQUIRED] = field(default_factory=list)


class ReplicationControllerSpec(ApiStruct):
    replicas: A[Int32 | None, 1] = None
    minReadySeconds: A[Int32, 4] = 0
    selector: A[dict[str, str], 2, ATOMIC] = field(default_factory=dict)
    template: A[PodTemplateSpec | None, 3] = None


class ReplicationControllerCondition(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    status: A[str, 2, REQUIRED] = field(default_factory=str)
    lastTransitionTime: A[Time | None, 3] = field(default_factory=NoneType)
    reason: A[str, 4] = ""
    message: A[str, 5] = ""


class ReplicationControllerStatus(ApiStruct):
    replicas: A[Int32, 1, REQUIRED] = field(default_factory=int)
    fullyLabeledReplicas: A[Int32, 2] = 0
    readyReplicas: A[Int32, 4] = 0
    availableReplicas: A[Int32, 5] = 0
    observedGeneration: A[Int64, 3] = 0
    conditions: A[list[ReplicationControllerCondition], 6, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)


class ReplicationController(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[ReplicationControllerSpec, 2] = field(default_factory=ReplicationControllerSpec)
    status: A[ReplicationControllerStatus, 3] = field(default_factory=ReplicationControllerStatus)


class ReplicationControllerList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[ReplicationController], 2, REQUIRED] = field(default_factory=list)


class ClientIPConfig(ApiStruct):
    timeoutSeconds: A[Int32 | None, 1] = None


class SessionAffinityConfig(ApiStruct):
    clientIP: A[ClientIPConfig | None, 1] = None


class PortStatus(ApiStruct):
    port: A[Int32, 1, REQUIRED] = field(default_factory=int)
    protocol: A[str, 2, REQUIRED] = field(default_factory=str)
    error: A[str | None, 3] = None


class LoadBalancerIngress(ApiStruct):
    ip: A[str, 1] = ""
    hostname: A[str, 2] = ""
    ipMode: A[str | None, 3] = None
    ports: A[list[PortStatus], 4, ATOMIC] = field(default_factory=list)


class LoadBalancerStatus(ApiStruct):
    ingress: A[list[LoadBalancerIngress], 1, ATOMIC] = field(default_factory=list)


class ServiceStatus(ApiStruct):
    loadBalancer: A[LoadBalancerStatus, 1] = field(default_factory=LoadBalancerStatus)
    conditions: A[list[Condition], 2, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)


class ServicePort(ApiStruct):
    name: A[str, 1] = ""
    protocol: A[str, 2] = ""
    appProtocol: A[str | None, 6] = None
    port: A[Int32, 3, REQUIRED] = field(default_factory=int)
    targetPort: A[IntOrString, 4] = 0
    nodePort: A[Int32, 5] = 0


class ServiceSpec(ApiStruct):
    ports: A[list[ServicePort], 1, ListMap("port", "protocol"), Patch("merge", "port")] = field(default_factory=list)
    selector: A[dict[str, str], 2, ATOMIC] = field(default_factory=dict)
    clusterIP: A[str, 3] = ""
    clusterIPs: A[list[str], 18, ATOMIC] = field(default_factory=list)
    type: A[str, 4] = ""
    externalIPs: A[list[str], 5, ATOMIC] = field(default_factory=list)
    sessionAffinity: A[str, 7] = ""
    loadBalancerIP: A[str, 8] = ""
    loadBalancerSourceRanges: A[list[str], 9, ATOMIC] = field(default_factory=list)
    externalName: A[str, 10] = ""
    externalTrafficPolicy: A[str, 11] = ""
    healthCheckNodePort: A[Int32, 12] = 0
    publishNotReadyAddresses: A[bool, 13] = False
    sessionAffinityConfig: A[SessionAffinityConfig | None, 14] = None
    ipFamilies: A[list[str], 19, ATOMIC] = field(default_factory=list)
    ipFamilyPolicy: A[str | None, 17] = None
    allocateLoadBalancerNodePorts: A[bool | None, 20] = None
    loadBalancerClass: A[str | None, 21] = None
    internalTrafficPolicy: A[str | None, 22] = None
    trafficDistribution: A[str | None, 23] = None


class Service(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[ServiceSpec, 2] = field(default_factory=ServiceSpec)
    status: A[ServiceStatus, 3] = field(default_factory=ServiceStatus)


class ServiceList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[Service], 2, REQUIRED] = field(default_factory=list)


class ServiceAccount(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    secrets: A[list[ObjectReference], 2, ListMap("name"), Patch("merge", "name")] = field(default_factory=list)
    imagePullSecrets: A[list[LocalObjectReference], 3, ATOMIC] = field(default_factory=list)
    automountServiceAccountToken: A[bool | None, 4] = None


class ServiceAccountList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[ServiceAccount], 2, REQUIRED] = field(default_factory=list)


class EndpointAddress(ApiStruct):
    atomic: ClassVar[bool] = True

    ip: A[str, 1, REQUIRED] = field(default_factory=str)
    hostname: A[str, 3] = ""
    nodeName: A[str | None, 4] = None
    targetRef: A[ObjectReference | None, 2] = None


class EndpointPort(ApiStruct):
    atomic: ClassVar[bool] = True

    name: A[str, 1] = ""
    port: A[Int32, 2, REQUIRED] = field(default_factory=int)
    protocol: A[str, 3] = ""
    appProtocol: A[str | None, 4] = None


class EndpointSubset(ApiStruct):
    addresses: A[list[EndpointAddress], 1, ATOMIC] = field(default_factory=list)
    notReadyAddresses: A[list[EndpointAddress], 2, ATOMIC] = field(default_factory=list)
    ports: A[list[EndpointPort], 3, ATOMIC] = field(default_factory=list)


class Endpoints(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    subsets: A[list[EndpointSubset], 2, ATOMIC] = field(default_factory=list)


class EndpointsList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[Endpoints], 2, REQUIRED] = field(default_factory=list)


class ConfigMapNodeConfigSource(ApiStruct):
    namespace: A[str, 1, REQUIRED] = field(default_factory=str)
    name: A[str, 2, REQUIRED] = field(default_factory=str)
    uid: A[str, 3] = ""
    resourceVersion: A[str, 4] = ""
    kubeletConfigKey: A[str, 5, REQUIRED] = field(default_factory=str)


class NodeConfigSource(ApiStruct):
    configMap: A[ConfigMapNodeConfigSource | None, 2] = None


class NodeSpec(ApiStruct):
    podCIDR: A[str, 1] = ""
    podCIDRs: A[list[str], 7, SET, Patch("merge")] = field(default_factory=list)
    providerID: A[str, 3] = ""
    unschedulable: A[bool, 4] = False
    taints: A[list[Taint], 5, ATOMIC] = field(default_factory=list)
    configSource: A[NodeConfigSource | None, 6] = None
    externalID: A[str, 2] = ""


class DaemonEndpoint(ApiStruct):
    Port: A[Int32, 1, REQUIRED] = field(default_factory=int)


class NodeDaemonEndpoints(ApiStruct):
    kubeletEndpoint: A[DaemonEndpoint, 1] = field(default_factory=DaemonEndpoint)


class NodeRuntimeHandlerFeatures(ApiStruct):
    recursiveReadOnlyMounts: A[bool | None, 1] = None
    userNamespaces: A[bool | None, 2] = None


class NodeRuntimeHandler(ApiStruct):
    name: A[str, 1] = field(default_factory=str)
    features: A[NodeRuntimeHandlerFeatures | None, 2] = None


class NodeFeatures(ApiStruct):
    supplementalGroupsPolicy: A[bool | None, 1] = None


class NodeSwapStatus(ApiStruct):
    capacity: A[Int64 | None, 1] = None


class NodeSystemInfo(ApiStruct):
    machineID: A[str, 1, REQUIRED] = field(default_factory=str)
    systemUUID: A[str, 2, REQUIRED] = field(default_factory=str)
    bootID: A[str, 3, REQUIRED] = field(default_factory=str)
    kernelVersion: A[str, 4, REQUIRED] = field(default_factory=str)
    osImage: A[str, 5, REQUIRED] = field(default_factory=str)
    containerRuntimeVersion: A[str, 6, REQUIRED] = field(default_factory=str)
    kubeletVersion: A[str, 7, REQUIRED] = field(default_factory=str)
    kubeProxyVersion: A[str, 8, REQUIRED] = field(default_factory=str)
    operatingSystem: A[str, 9, REQUIRED] = field(default_factory=str)
    architecture: A[str, 10, REQUIRED] = field(default_factory=str)
    swap: A[NodeSwapStatus | None, 11] = None


class NodeConfigStatus(ApiStruct):
    assigned: A[NodeConfigSource | None, 1] = None
    active: A[NodeConfigSource | None, 2] = None
    lastKnownGood: A[NodeConfigSource | None, 3] = None
    error: A[str, 4] = ""


class AttachedVolume(ApiStruct):
    name: A[str, 1, REQUIRED] = field(default_factory=str)
    devicePath: A[str, 2, REQUIRED] = field(default_factory=str)


class ContainerImage(ApiStruct):
    names: A[list[str] | None, 1, ATOMIC] = field(default_factory=NoneType)
    sizeBytes: A[Int64, 2] = 0


class NodeCondition(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    status: A[str, 2, REQUIRED] = field(default_factory=str)
    lastHeartbeatTime: A[Time | None, 3] = field(default_factory=NoneType)
    lastTransitionTime: A[Time | None, 4] = field(default_factory=NoneType)
    reason: A[str, 5] = ""
    message: A[str, 6] = ""


class NodeAddress(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    address: A[str, 2, REQUIRED] = field(default_factory=str)


class NodeStatus(ApiStruct):
    capacity: A[dict[str, Quantity], 1] = field(default_factory=dict)
    allocatable: A[dict[str, Quantity], 2] = field(default_factory=dict)
    phase: A[str, 3] = ""
    conditions: A[list[NodeCondition], 4, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)
    addresses: A[list[NodeAddress], 5, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)
    daemonEndpoints: A[NodeDaemonEndpoints, 6] = field(default_factory=NodeDaemonEndpoints)
    nodeInfo: A[NodeSystemInfo, 7] = field(default_factory=NodeSystemInfo)
    images: A[list[ContainerImage], 8, ATOMIC] = field(default_factory=list)
    volumesInUse: A[list[str], 9, ATOMIC] = field(default_factory=list)
    volumesAttached: A[list[AttachedVolume], 10, ATOMIC] = field(default_factory=list)
    config: A[NodeConfigStatus | None, 11] = None
    runtimeHandlers: A[list[NodeRuntimeHandler], 12, ATOMIC] = field(default_factory=list)
    features: A[NodeFeatures | None, 13] = None
    declaredFeatures: A[list[str], 14, ATOMIC] = field(default_factory=list)


class Node(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[NodeSpec, 2] = field(default_factory=NodeSpec)
    status: A[NodeStatus, 3] = field(default_factory=NodeStatus)


class NodeList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[Node], 2, REQUIRED] = field(default_factory=list)


class NamespaceSpec(ApiStruct):
    finalizers: A[list[str], 1, ATOMIC] = field(default_factory=list)


class NamespaceCondition(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    status: A[str, 2, REQUIRED] = field(default_factory=str)
    lastTransitionTime: A[Time | None, 4] = field(default_factory=NoneType)
    reason: A[str, 5] = ""
    message: A[str, 6] = ""


class NamespaceStatus(ApiStruct):
    phase: A[str, 1] = ""
    conditions: A[list[NamespaceCondition], 2, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)


class Namespace(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[NamespaceSpec, 2] = field(default_factory=NamespaceSpec)
    status: A[NamespaceStatus, 3] = field(default_factory=NamespaceStatus)


class NamespaceList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[Namespace], 2, REQUIRED] = field(default_factory=list)


class Binding(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    target: A[ObjectReference, 2, REQUIRED] = field(default_factory=ObjectReference)


class EventSource(ApiStruct):
    component: A[str, 1] = ""
    host: A[str, 2] = ""


class EventSeries(ApiStruct):
    count: A[Int32, 1] = 0
    lastObservedTime: A[MicroTime | None, 2] = field(default_factory=NoneType)


class Event(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1, REQUIRED] = field(default_factory=ObjectMeta)
    involvedObject: A[ObjectReference, 2, REQUIRED] = field(default_factory=ObjectReference)
    reason: A[str, 3] = ""
    message: A[str, 4] = ""
    source: A[EventSource, 5] = field(default_factory=EventSource)
    firstTimestamp: A[Time | None, 6] = field(default_factory=NoneType)
    lastTimestamp: A[Time | None, 7] = field(default_factory=NoneType)
    count: A[Int32, 8] = 0
    type: A[str, 9] = ""
    eventTime: A[MicroTime | None, 10] = field(default_factory=NoneType)
    series: A[EventSeries | None, 11] = None
    action: A[str, 12] = ""
    related: A[ObjectReference | None, 13] = None
    reportingComponent: A[str, 14] = field(default_factory=str)
    reportingInstance: A[str, 15] = field(default_factory=str)


class EventList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[Event], 2, REQUIRED] = field(default_factory=list)


class LimitRangeItem(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    max: A[dict[str, Quantity], 2] = field(default_factory=dict)
    min: A[dict[str, Quantity], 3] = field(default_factory=dict)
    default: A[dict[str, Quantity], 4] = field(default_factory=dict)
    defaultRequest: A[dict[str, Quantity], 5] = field(default_factory=dict)
    maxLimitRequestRatio: A[dict[str, Quantity], 6] = field(default_factory=dict)


class LimitRangeSpec(ApiStruct):
    limits: A[list[LimitRangeItem] | None, 1, REQUIRED, ATOMIC] = field(default_factory=NoneType)


class LimitRange(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[LimitRangeSpec, 2] = field(default_factory=LimitRangeSpec)


class LimitRangeList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[LimitRange], 2, REQUIRED] = field(default_factory=list)


class ScopedResourceSelectorRequirement(ApiStruct):
    scopeName: A[str, 1, REQUIRED] = field(default_factory=str)
    operator: A[str, 2, REQUIRED] = field(default_factory=str)
    values: A[list[str], 3, ATOMIC] = field(default_factory=list)


class ScopeSelector(ApiStruct):
    atomic: ClassVar[bool] = True

    matchExpressions: A[list[ScopedResourceSelectorRequirement], 1, ATOMIC] = field(default_factory=list)


class ResourceQuotaSpec(ApiStruct):
    hard: A[dict[str, Quantity], 1] = field(default_factory=dict)
    scopes: A[list[str], 2, ATOMIC] = field(default_factory=list)
    scopeSelector: A[ScopeSelector | None, 3] = None


class ResourceQuotaStatus(ApiStruct):
    hard: A[dict[str, Quantity], 1] = field(default_factory=dict)
    used: A[dict[str, Quantity], 2] = field(default_factory=dict)


class ResourceQuota(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    spec: A[ResourceQuotaSpec, 2] = field(default_factory=ResourceQuotaSpec)
    status: A[ResourceQuotaStatus, 3] = field(default_factory=ResourceQuotaStatus)


class ResourceQuotaList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[ResourceQuota], 2, REQUIRED] = field(default_factory=list)


class Secret(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    immutable: A[bool | None, 5] = None
    data: A[dict[str, bytes], 2] = field(default_factory=dict)
    stringData: A[dict[str, str], 4] = field(default_factory=dict)
    type: A[str, 3] = ""


class SecretList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[Secret], 2, REQUIRED] = field(default_factory=list)


class ConfigMap(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    immutable: A[bool | None, 4] = None
    data: A[dict[str, str], 2] = field(default_factory=dict)
    binaryData: A[dict[str, bytes], 3] = field(default_factory=dict)


class ConfigMapList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[ConfigMap], 2, REQUIRED] = field(default_factory=list)


class ComponentCondition(ApiStruct):
    type: A[str, 1, REQUIRED] = field(default_factory=str)
    status: A[str, 2, REQUIRED] = field(default_factory=str)
    message: A[str, 3] = ""
    error: A[str, 4] = ""


class ComponentStatus(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ObjectMeta, 1] = field(default_factory=ObjectMeta)
    conditions: A[list[ComponentCondition], 2, ListMap("type"), Patch("merge", "type")] = field(default_factory=list)


class ComponentStatusList(ApiStruct):
    apiVersion: str = ""
    kind: str = ""
    metadata: A[ListMeta, 1] = field(default_factory=ListMeta)
    items: A[list[ComponentStatus], 2, REQUIRED] = field(default_factory=list)
