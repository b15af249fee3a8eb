"""Nobody grants by a role or a binding what they do not hold, unless they may `escalate` or `bind`."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.api.errors import ApiError, ForbiddenError, forbidden
from sagong.api.field_errors import quote
from sagong.api.types.base import ApiStruct
from sagong.api.types.rbac import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef
from sagong.server.authz.authorizer import MASTERS
from sagong.server.authz.rbac import Rbac
from sagong.server.authz.rbac_index import RoleMissingError
from sagong.server.authz.rules import compact, describe, quoted, uncovered
from sagong.server.contract import Attributes, Authorizer, User

_GROUP = "rbac.authorization.k8s.io"
_EVERYTHING = (
    PolicyRule(verbs=["*"], apiGroups=["*"], resources=["*"]),
    PolicyRule(verbs=["*"], nonResourceURLs=["*"]),
)
_PLURALS = {"Role": "roles", "ClusterRole": "clusterroles"}


class EscalationCheck:
    """Asked before a role or binding is written, with the old object on updates."""

    def __init__(self, authorizer: Authorizer, rbac: Rbac) -> None:
        self._authorizer, self._rbac = authorizer, rbac

    async def check(self, user: User, namespace: str, new: ApiStruct, old: ApiStruct | None) -> None:
        """Pass other kinds. Raises ForbiddenError."""
        if MASTERS in user.groups:
            return
        if isinstance(new, Role | ClusterRole):
            if not _only_for_deletion(new, old):
                await self._check_role(user, namespace, new, old)
        elif isinstance(new, RoleBinding | ClusterRoleBinding) and not _only_for_deletion(new, old):
            await self._check_binding(user, namespace, new)

    async def _check_role(self, user: User, namespace: str, new: Role | ClusterRole, old: ApiStruct | None) -> None:
        plural, name = _PLURALS[type(new).__name__], new.metadata.name
        asked = old.metadata.name if isinstance(old, Role | ClusterRole) else ""
        if await self._may(user, "escalate", plural, namespace, asked):
            return
        self._check_held(user, namespace, new.rules or (), plural, name)
        if _aggregates(new) or _aggregates(old):
            try:
                self._check_held(user, namespace, _EVERYTHING, plural, name)
            except ForbiddenError as error:
                raise forbidden(_GROUP, plural, name, "must have cluster-admin privileges to use the aggregationRule") from error

    async def _check_binding(self, user: User, namespace: str, new: RoleBinding | ClusterRoleBinding) -> None:
        role = new.roleRef
        if role.kind in _PLURALS and await self._may(user, "bind", _PLURALS[role.kind], namespace, role.name):
            return
        plural = "rolebindings" if isinstance(new, RoleBinding) else "clusterrolebindings"
        self._check_held(user, namespace, self._rules(role, namespace), plural, new.metadata.name)

    def _rules(self, role: RoleRef, namespace: str) -> Sequence[PolicyRule]:
        try:
            return self._rbac.rules_of_role(role, namespace)
        except RoleMissingError as error:
            raise ApiError(str(error), reason="NotFound", code=404, group=_GROUP, kind=role.kind.lower(), name=role.name) from error

    async def _may(self, user: User, verb: str, plural: str, namespace: str, name: str) -> bool:
        asked = Attributes(user, verb, group=_GROUP, version="*", resource=plural, namespace=namespace, name=name)
        return (await self._authorizer.authorize(asked)).allowed

    def _check_held(self, user: User, namespace: str, wanted: Sequence[PolicyRule], plural: str, name: str) -> None:
        held, errors = self._rbac.rules_of(user, namespace)
        missing = uncovered(held, wanted)
        if missing:
            who = f"user {quote(user.name)} (groups={quoted(user.groups)})"
            listed = "\n".join(sorted({describe(rule) for rule in compact(missing)}))
            message = f"{who} is attempting to grant RBAC permissions not currently held:\n{listed}"
            raise forbidden(_GROUP, plural, name, message + (f"; resolution errors: {errors}" if errors else ""))


def _aggregates(role: ApiStruct | None) -> bool:
    return isinstance(role, ClusterRole) and role.aggregationRule is not None and bool(role.aggregationRule.clusterRoleSelectors)


def _only_for_deletion(new: Role | ClusterRole | RoleBinding | ClusterRoleBinding, old: ApiStruct | None) -> bool:
    """Say whether an update touches only what the garbage collector touches: finalizers, owner references."""
    if not isinstance(old, type(new)):
        return False
    left, right = new.copy(), old.copy()
    for obj in (left, right):
        obj.metadata.finalizers, obj.metadata.ownerReferences, obj.metadata.managedFields = [], [], []
        obj.metadata.resourceVersion = ""
    return left == right
