"""No plugin upstream but part of RBAC's storage: nobody grants by a role or binding what they do not hold."""

from __future__ import annotations

from sagong.server.admission.plugin import Plugin, Review
from sagong.server.authz.escalation import EscalationCheck

_GROUP = "rbac.authorization.k8s.io"


class RbacEscalation(Plugin):
    """Asked about roles and bindings."""

    operations = ("CREATE", "UPDATE")
    resources = tuple((_GROUP, plural) for plural in ("roles", "clusterroles", "rolebindings", "clusterrolebindings"))

    def __init__(self, check: EscalationCheck) -> None:
        self._check = check

    async def validate(self, review: Review) -> None:
        """Judge. Raises ForbiddenError."""
        await self._check.check(review.call.user, review.namespace, review.obj, review.old)
