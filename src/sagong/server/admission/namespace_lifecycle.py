"""NamespaceLifecycle: nothing is created in a namespace that is not there or is going; the system's namespaces stay."""

from __future__ import annotations

from sagong.api.errors import Cause, not_found
from sagong.api.resources import Resource
from sagong.api.types.core import Namespace
from sagong.server.admission.plugin import Operation, Plugin, Review
from sagong.server.contract import Objects

IMMORTAL = ("default", "kube-system", "kube-public")


class NamespaceLifecycle(Plugin):
    """Asked about every namespaced object, and about namespaces that are to be deleted."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def handles(self, operation: Operation, row: Resource, subresource: str) -> bool:
        """Say so; access reviews would tell who may not see a namespace whether it is there."""
        del subresource
        if (row.group, row.plural) == ("", "namespaces"):
            return operation == "DELETE"
        return row.namespaced and operation in ("CREATE", "UPDATE") and row.plural != "localsubjectaccessreviews"

    async def mutate(self, review: Review) -> None:
        """Judge; upstream does so in its mutating phase, so that the client hears of the namespace first."""
        if review.operation == "DELETE":
            if review.call.name in IMMORTAL:
                raise review.forbidden("this namespace may not be deleted")
            return
        name = review.namespace
        namespace = self._objects.get(Namespace, name)
        if namespace is None:
            raise not_found("", "namespaces", name)
        if review.operation == "CREATE" and namespace.status.phase == "Terminating":
            cause = Cause("NamespaceTerminating", f"namespace {name} is being terminated", "metadata.namespace")
            raise review.forbidden(f"unable to create new content in namespace {name} because it is being terminated", [cause])
