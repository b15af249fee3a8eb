"""The chain of authorizers: members of system:masters may do anything, then the Node authorizer, then RBAC.

A decision of RBAC depends on the question and on the roles and bindings alone, so it is kept until one of those changes.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from sagong.api.errors import ForbiddenError, forbidden
from sagong.api.field_errors import quote
from sagong.server.authz.decisions import Decisions
from sagong.server.authz.node import NodeAuthorizer
from sagong.server.authz.rbac import Rbac
from sagong.server.authz.rbac_index import RbacIndex
from sagong.server.contract import Attributes, Authorizer, Decision
from sagong.store.base import Store

MASTERS = "system:masters"
_MOST_DECISIONS, _LONGEST_PATH = 20_000, 1000

_ANYTHING = Decision(allowed=True)


class _Step(Struct, frozen=True):
    """An authorizer of one function that does not wait."""

    decide: Callable[[Attributes], Decision]

    async def authorize(self, attributes: Attributes) -> Decision:
        """Decide."""
        return self.decide(attributes)


class ChainAuthorizer:
    """The `Authorizer` of the server. `rbac` answers rules reviews and escalation checks."""

    def __init__(self, store: Store) -> None:
        self._index = RbacIndex(store)
        self.rbac = Rbac(self._index)
        self._node = NodeAuthorizer(store)
        self._decisions: dict[tuple[object, ...], Decision] = {}
        self._version = -1
        self.decisions = Decisions()

    async def authorize(self, attributes: Attributes) -> Decision:
        """Decide."""
        return self.decide(attributes)

    def node_alone(self) -> Authorizer:
        """Return the Node authorizer as a step of its own."""
        return _Step(self._by_node)

    def rbac_alone(self) -> Authorizer:
        """Return RBAC as a step of its own."""
        return _Step(self._by_rbac)

    def decide(self, attributes: Attributes) -> Decision:
        """Decide, without waiting for anything."""
        user = attributes.user
        if MASTERS in user.groups:
            return _ANYTHING
        node = self._node.decide(attributes) if user.name.startswith("system:node:") else None
        if node is not None and node.allowed:
            self.decisions.allowed["Node"] += 1
            return node
        rbac = self._by_rbac(attributes)
        if rbac.allowed or node is None or not node.reason:
            return rbac
        return Decision(allowed=False, reason="\n".join(filter(None, (node.reason, rbac.reason))))

    def _by_node(self, attributes: Attributes) -> Decision:
        decision = self._node.decide(attributes) or Decision(allowed=False)
        if decision.allowed:
            self.decisions.allowed["Node"] += 1
        return decision

    def _by_rbac(self, attributes: Attributes) -> Decision:
        if self._version != self._index.refresh() or len(self._decisions) > _MOST_DECISIONS:
            self._decisions.clear()
            self._version = self._index.version
        asked = attributes
        name = asked.name if asked.name in self._index.names else None  # to all other names the same applies
        what = (asked.group, asked.resource, asked.subresource, asked.namespace, name) if asked.resource_request else (asked.path,)
        key = (asked.user.name, asked.user.groups, asked.verb, *what)
        decision = self._decisions.get(key)
        if decision is None:
            decision = self.rbac.decide(attributes)
            if len(asked.path) <= _LONGEST_PATH:  # clients say what the key is made of
                self._decisions[key] = decision
        if decision.allowed:
            self.decisions.allowed["RBAC"] += 1
        return decision


def forbidden_error(attributes: Attributes, reason: str) -> ForbiddenError:
    """Return `pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"`."""
    message = _sanitized(_refusal(attributes)) + (f": {reason}" if reason else "")
    if not attributes.resource_request:
        return ForbiddenError(f"forbidden: {message}")
    return forbidden(attributes.group, attributes.resource, attributes.name, message)


def _refusal(asked: Attributes) -> str:
    who = f"User {quote(asked.user.name)} cannot {asked.verb}"
    if not asked.resource_request:
        return f"{who} path {quote(asked.path)}"
    resource = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
    scope = f"in the namespace {quote(asked.namespace)}" if asked.namespace else "at the cluster scope"
    return f"{who} resource {quote(resource)} in API group {quote(asked.group)} {scope}"


def _sanitized(text: str) -> str:
    """Escape what a browser could take for HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
