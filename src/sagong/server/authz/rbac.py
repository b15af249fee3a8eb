"""RBAC: a request is allowed when a rule of a role that is bound to the user allows it."""

from __future__ import annotations

from sagong.api.types.rbac import PolicyRule, RoleRef
from sagong.server.authz.rbac_index import RbacIndex, RoleMissingError
from sagong.server.authz.rules import allows
from sagong.server.contract import Attributes, Decision, User


class Rbac:
    """Decides by the roles and bindings in the store. `partial`: see `contract.RuleLister`."""

    partial = ""

    def __init__(self, index: RbacIndex) -> None:
        self._index = index

    def decide(self, attributes: Attributes) -> Decision:
        """Decide; the reason names the binding that allows, or the roles that bindings miss."""
        missing: list[str] = []
        for grant in self._index.grants(attributes.user, attributes.namespace):
            try:
                rules = self._index.rules(grant.role, grant.namespace)
            except RoleMissingError as error:
                missing.append(str(error))
                continue
            for rule in rules:
                if allows(rule, attributes):
                    return Decision(allowed=True, reason=f"RBAC: allowed by {grant}")
        return Decision(allowed=False, reason=f"RBAC: {_aggregate(missing)}" if missing else "")

    def rules_of(self, user: User, namespace: str) -> tuple[list[PolicyRule], str]:
        """Return every rule that applies to a user in a namespace, and what went wrong in finding them ("" if nothing)."""
        self._index.refresh()
        rules: list[PolicyRule] = []
        missing: list[str] = []
        for grant in self._index.grants(user, namespace):
            try:
                rules += self._index.rules(grant.role, grant.namespace)
            except RoleMissingError as error:
                missing.append(str(error))
        return rules, _aggregate(missing)

    def rules_of_role(self, role: RoleRef, namespace: str) -> list[PolicyRule]:
        """Return the rules of a role. Raises RoleMissingError."""
        self._index.refresh()
        return self._index.rules(role, namespace)


def _aggregate(messages: list[str]) -> str:
    distinct = list(dict.fromkeys(messages))
    return distinct[0] if len(distinct) == 1 else f"[{', '.join(distinct)}]" if distinct else ""
