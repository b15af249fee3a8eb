"""The edges of the node graph that an object declares: what a kubelet needs to read to run a pod or to mount a volume."""

from __future__ import annotations

from collections.abc import Iterator

from sagong.api.pod_references import WITH_SECRET_REF, pod_references
from sagong.api.types.core import PersistentVolume, Pod
from sagong.api.types.resource import ResourceSlice
from sagong.api.types.storage import VolumeAttachment

Vertex = tuple[str, str, str]  # plural, namespace, name
Edge = tuple[Vertex, Vertex]  # from, to

_MIRROR = "kubernetes.io/config.mirror"
_CSI_NODE_SECRETS = ("nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef")
# Of these, a reference without a namespace means the claim's.
_IN_CLAIMS_NAMESPACE = ("cephfs", "flexVolume", "rbd", "scaleIO", "iscsi")


def pod_edges(pod: Pod) -> Iterator[Edge]:
    """Yield a bound pod's edge to its node, and those from what it refers to.

    A mirror pod has no more than the first: a node makes mirror pods, and must not grant itself anything by them.
    """
    if not pod.spec.nodeName:
        return
    namespace = pod.metadata.namespace
    vertex = ("pods", namespace, pod.metadata.name)
    yield vertex, ("nodes", "", pod.spec.nodeName)
    if _MIRROR in pod.metadata.annotations:
        return
    for plural, name in pod_references(pod):
        if name:
            yield (plural, namespace, name), vertex


def volume_edges(volume: PersistentVolume) -> Iterator[Edge]:
    """Yield a bound PersistentVolume's edge to its claim, and those from its secrets."""
    claim = volume.spec.claimRef
    if claim is None:
        return
    vertex = ("persistentvolumes", "", volume.metadata.name)
    yield vertex, ("persistentvolumeclaims", claim.namespace, claim.name)
    for namespace, name in _volume_secrets(volume, claim.namespace):
        if name:
            yield ("secrets", namespace, name), vertex


def attachment_edges(attachment: VolumeAttachment) -> Iterator[Edge]:
    """Yield the edge to the node that a volume is attached to."""
    if attachment.spec.nodeName:
        yield ("volumeattachments", "", attachment.metadata.name), ("nodes", "", attachment.spec.nodeName)


def slice_edges(resources: ResourceSlice) -> Iterator[Edge]:
    """Yield the edge to the node whose devices a slice lists."""
    if resources.spec.nodeName:
        yield ("resourceslices", "", resources.metadata.name), ("nodes", "", resources.spec.nodeName)


def _volume_secrets(volume: PersistentVolume, claim_namespace: str) -> Iterator[tuple[str, str]]:
    """Yield namespace and name of each secret that the node needs."""
    spec = volume.spec
    if spec.azureFile:
        yield spec.azureFile.secretNamespace or claim_namespace, spec.azureFile.secretName
    for kind in WITH_SECRET_REF:
        reference = getattr(getattr(spec, kind), "secretRef", None)
        if reference:
            yield reference.namespace or (claim_namespace if kind in _IN_CLAIMS_NAMESPACE else ""), reference.name
    for field in _CSI_NODE_SECRETS if spec.csi else ():
        reference = getattr(spec.csi, field)
        if reference:
            yield reference.namespace, reference.name
