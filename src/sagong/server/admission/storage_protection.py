"""StorageObjectInUseProtection: volumes, claims and attribute classes get the finalizer that keeps them while they are used."""

from __future__ import annotations

from sagong.server.admission.plugin import CLAIMS, GroupResource, Plugin, Review

_FINALIZERS: dict[GroupResource, str] = {
    ("", "persistentvolumes"): "kubernetes.io/pv-protection",
    CLAIMS: "kubernetes.io/pvc-protection",
    ("storage.k8s.io", "volumeattributesclasses"): "kubernetes.io/vac-protection",
}


class StorageObjectInUseProtection(Plugin):
    """Asked about new objects of storage."""

    resources = tuple(_FINALIZERS)

    async def mutate(self, review: Review) -> None:
        """Add the finalizer."""
        finalizer = _FINALIZERS[review.row.group, review.row.plural]
        if finalizer not in review.obj.metadata.finalizers:
            review.obj.metadata.finalizers.append(finalizer)
