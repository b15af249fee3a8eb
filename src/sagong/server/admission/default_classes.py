"""DefaultStorageClass and DefaultIngressClass: who names no class gets the one that is marked as default, of several the newest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sagong.api.types.networking import IngressClass
from sagong.api.types.storage import StorageClass
from sagong.server.admission.plugin import CLAIMS, Plugin, Review
from sagong.server.contract import Objects

_STORAGE_MARKS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_INGRESS_MARKS = ("ingressclass.kubernetes.io/is-default-class",)


class DefaultStorageClass(Plugin):
    """Asked about new claims."""

    resources = (CLAIMS,)

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def mutate(self, review: Review) -> None:
        """Name the default class."""
        claim = review.obj
        if claim.spec.storageClassName is None and "volume.beta.kubernetes.io/storage-class" not in claim.metadata.annotations:
            claim.spec.storageClassName = _default(self._objects.list(StorageClass), _STORAGE_MARKS)


class DefaultIngressClass(Plugin):
    """Asked about new ingresses."""

    resources = (("networking.k8s.io", "ingresses"),)

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def mutate(self, review: Review) -> None:
        """Name the default class."""
        ingress = review.obj
        if ingress.spec.ingressClassName is None and "kubernetes.io/ingress.class" not in ingress.metadata.annotations:
            ingress.spec.ingressClassName = _default(self._objects.list(IngressClass), _INGRESS_MARKS)


def _default(classes: Iterable[Any], marks: tuple[str, ...]) -> str | None:
    marked = [found.metadata for found in classes if any(found.metadata.annotations.get(mark) == "true" for mark in marks)]
    marked.sort(key=lambda meta: meta.name)
    newest = max(marked, key=lambda meta: meta.creationTimestamp, default=None)
    return newest.name if newest else None
