"""PersistentVolumeClaimResize: claims grow only where their class allows it, and once they are bound."""

from __future__ import annotations

from sagong.api import quantity
from sagong.api.types.core import PersistentVolumeClaim
from sagong.api.types.storage import StorageClass
from sagong.server.admission.plugin import CLAIMS, Plugin, Review
from sagong.server.contract import Objects


class PersistentVolumeClaimResize(Plugin):
    """Asked about changed claims."""

    operations = ("UPDATE",)
    resources = (CLAIMS,)

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def validate(self, review: Review) -> None:
        """Judge."""
        new: PersistentVolumeClaim = review.obj
        old: PersistentVolumeClaim = review.old
        sizes = [claim.spec.resources.requests.get("storage", "0") for claim in (new, old)]
        if quantity.compare(*sizes) <= 0:
            return
        if old.status.phase != "Bound":
            raise review.forbidden("Only bound persistent volume claims can be expanded")
        name = new.spec.storageClassName
        found = self._objects.get(StorageClass, name) if name and name == old.spec.storageClassName else None
        if found is None or not found.allowVolumeExpansion:
            text = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
            raise review.forbidden(text)
