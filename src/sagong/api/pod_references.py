"""What a pod refers to in its namespace: its account, Secrets, ConfigMaps, claims."""

from __future__ import annotations

from collections.abc import Iterator

from sagong.api.pods import all_containers
from sagong.api.types.core import Container, EphemeralContainer, Pod, Volume

Reference = tuple[str, str]  # plural, name

WITH_SECRET_REF = ("cephfs", "cinder", "flexVolume", "rbd", "scaleIO", "iscsi", "storageos")
"""Volumes whose `secretRef` a kubelet follows; of a PersistentVolume too."""
_SECRET_REFERENCES = (*((kind, "secretRef") for kind in WITH_SECRET_REF), ("csi", "nodePublishSecretRef"))
_NAMED_VOLUMES = (
    ("secret", "secretName", "secrets"),
    ("configMap", "name", "configmaps"),
    ("azureFile", "secretName", "secrets"),
    ("persistentVolumeClaim", "claimName", "persistentvolumeclaims"),
)


def pod_references(pod: Pod) -> Iterator[Reference]:
    """Yield what a pod refers to in its namespace: (plural, name); a name may be empty."""
    yield "serviceaccounts", pod.spec.serviceAccountName
    for secret in pod.spec.imagePullSecrets:
        yield "secrets", secret.name
    for container in all_containers(pod):
        yield from _environment(container)
    for volume in pod.spec.volumes:
        yield from _mounted(pod, volume)
    for claim in pod.spec.resourceClaims:
        yield "resourceclaims", claim.resourceClaimName or ""
    for status in pod.status.resourceClaimStatuses:
        yield "resourceclaims", status.resourceClaimName or ""
    if pod.status.extendedResourceClaimStatus:
        yield "resourceclaims", pod.status.extendedResourceClaimStatus.resourceClaimName


def _environment(container: Container | EphemeralContainer) -> Iterator[Reference]:
    for source in container.envFrom:
        if source.secretRef:
            yield "secrets", source.secretRef.name
        if source.configMapRef:
            yield "configmaps", source.configMapRef.name
    for variable in container.env:
        if variable.valueFrom and variable.valueFrom.secretKeyRef:
            yield "secrets", variable.valueFrom.secretKeyRef.name
        if variable.valueFrom and variable.valueFrom.configMapKeyRef:
            yield "configmaps", variable.valueFrom.configMapKeyRef.name


def _mounted(pod: Pod, volume: Volume) -> Iterator[Reference]:
    for kind, field, plural in _NAMED_VOLUMES:
        source = getattr(volume, kind)
        if source:
            yield plural, getattr(source, field)
    for kind, field in _SECRET_REFERENCES:
        reference = getattr(getattr(volume, kind), field, None)
        if reference:
            yield "secrets", reference.name
    for part in volume.projected.sources or () if volume.projected else ():
        if part.secret:
            yield "secrets", part.secret.name
        if part.configMap:
            yield "configmaps", part.configMap.name
    if volume.ephemeral:
        yield "persistentvolumeclaims", f"{pod.metadata.name}-{volume.name}"
