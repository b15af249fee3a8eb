"""The Node authorizer: a kubelet may read what its own pods need, and little else.

What it may write is limited further by NodeRestriction admission.

`system:node:<name>` in the group system:nodes is a node. Resources in `_QUESTIONS` are decided object by object; the rest by
the rules of the cluster role system:node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sagong.api import field_selectors
from sagong.api.field_errors import quote
from sagong.api.selectors import SelectorError
from sagong.server.authz.node_graph import NodeGraph
from sagong.server.authz.rules import allows
from sagong.server.bootstrap.rbac_policy import rules as read_rules
from sagong.server.bootstrap.rbac_roles import CLUSTER_ROLES
from sagong.server.contract import Attributes, Decision, User
from sagong.store.base import Store

_PREFIX = "system:node:"
_NODE_RULES = read_rules(CLUSTER_ROLES["system:node"])
_OBJECT_VERBS = ("get", "create", "update", "patch", "delete")
_READS = ("get", "list", "watch")
_WRITES = ("create", "update", "patch")

# None: allowed; text: not allowed, and why ("" when there is nothing to say).
Answer = str | None
Question = Callable[[NodeGraph, str, Attributes], Answer]


class NodeAuthorizer:
    """Decides about nodes; has no opinion on anybody else."""

    def __init__(self, store: Store) -> None:
        self._graph = NodeGraph(store)

    def decide(self, attributes: Attributes) -> Decision | None:
        """Decide; None when the user is no node."""
        node = node_name(attributes.user)
        if node is None:
            return None
        if not node:
            return Decision(allowed=False, reason=f"unknown node for user {quote(attributes.user.name)}")
        answer = self._answer(node, attributes)
        return Decision(allowed=answer is None, reason=answer or "")

    def _answer(self, node: str, asked: Attributes) -> Answer:
        question = _QUESTIONS.get((asked.group, asked.resource)) if asked.resource_request else None
        if question is not None:
            return question(self._graph, node, asked)
        return None if any(allows(rule, asked) for rule in _NODE_RULES) else ""


def node_name(user: User) -> str | None:
    """Return the name of the node that a user is, None when it is none."""
    if user.name.startswith(_PREFIX) and "system:nodes" in user.groups:
        return user.name.removeprefix(_PREFIX)
    return None


def _related(graph: NodeGraph, node: str, asked: Attributes) -> Answer:
    if not asked.name:
        return "No Object name found"
    if graph.leads_to(node, (asked.resource, asked.namespace, asked.name)):
        return None
    return f"no relationship found between node '{node}' and this object"


def _read(graph: NodeGraph, node: str, asked: Attributes) -> Answer:
    if asked.verb not in _READS:
        return "can only read resources of this type"
    if asked.subresource:
        return "cannot read subresource"
    if not asked.namespace:
        return "can only read namespaced object of this type"
    return _related(graph, node, asked)


def _get(graph: NodeGraph, node: str, asked: Attributes) -> Answer:
    if asked.verb != "get":
        return "can only get individual resources of this type"
    if asked.subresource:
        return "cannot get subresource"
    return _related(graph, node, asked)


def _claim(graph: NodeGraph, node: str, asked: Attributes) -> Answer:
    if asked.subresource != "status":
        return _get(graph, node, asked)
    if asked.verb not in ("update", "patch"):
        return "can only get/update/patch this type"
    return _related(graph, node, asked)


def _service_account(graph: NodeGraph, node: str, asked: Attributes) -> Answer:
    if asked.verb == "get" and not asked.subresource:
        return _read(graph, node, asked)
    if asked.verb != "create" or not asked.name:
        return "can only create tokens for individual service accounts"
    if asked.subresource != "token":
        return "can only create token subresource of serviceaccount"
    return _related(graph, node, asked)


def _lease(_graph: NodeGraph, node: str, asked: Attributes) -> Answer:
    if asked.verb not in _OBJECT_VERBS:
        return "can only get, create, update, patch, or delete a node lease"
    if asked.namespace != "kube-node-lease":
        return 'can only access leases in the "kube-node-lease" system namespace'
    if asked.verb != "create" and asked.name != node:
        return "can only access node lease with the same name as the requesting node"
    return None


def _csi_node(_graph: NodeGraph, node: str, asked: Attributes) -> Answer:
    if asked.verb not in _OBJECT_VERBS:
        return "can only get, create, update, patch, or delete a CSINode"
    if asked.subresource:
        return "cannot authorize CSINode subresources"
    if asked.verb != "create" and asked.name != node:
        return "can only access CSINode with the same name as the requesting node"
    return None


def _resource_slice(graph: NodeGraph, node: str, asked: Attributes) -> Answer:
    if asked.subresource:
        return "cannot authorize ResourceSlice subresources"
    if asked.verb == "create":
        return None
    if asked.verb in _OBJECT_VERBS:
        return _related(graph, node, asked)
    if asked.verb in ("watch", "list", "deletecollection"):
        if _selects(asked, "spec.nodeName", node):
            return None
        return "can only list/watch/deletecollection resourceslices with nodeName field selector"
    verbs = "get, watch, list, create, update, patch, delete, deletecollection"
    return f"only the following verbs are allowed for a ResourceSlice: {verbs}"


def _node(_graph: NodeGraph, node: str, asked: Attributes) -> Answer:
    if asked.subresource == "status":
        return None if asked.verb in ("update", "patch") else ""
    if asked.subresource:
        return ""
    if asked.verb in _WRITES:
        return None
    if asked.verb not in _READS:
        return ""
    if not asked.name:
        return f"node '{node}' cannot read all nodes, only its own Node object"
    return None if asked.name == node else f"node '{node}' cannot read '{asked.name}', only its own Node object"


def _pod(graph: NodeGraph, node: str, asked: Attributes) -> Answer:
    if asked.subresource:
        verbs = {"status": ("update", "patch"), "eviction": ("create",)}.get(asked.subresource, ())
        return None if asked.verb in verbs else ""
    if asked.verb == "get":
        return _get(graph, node, asked)
    if asked.verb in ("list", "watch"):
        if _selects(asked, "spec.nodeName", node):
            return None
        return _related(graph, node, asked) if asked.name else "can only list/watch pods with spec.nodeName field selector"
    return None if asked.verb in ("create", "delete") else ""


def _selects(asked: Attributes, field: str, value: str) -> bool:
    try:
        return field_selectors.parse(asked.field_selector).exact(field) == value
    except SelectorError:
        return False


_QUESTIONS: Mapping[tuple[str, str], Question] = {
    ("", "secrets"): _read,
    ("", "configmaps"): _read,
    ("", "persistentvolumeclaims"): _claim,
    ("", "persistentvolumes"): _get,
    ("", "serviceaccounts"): _service_account,
    ("", "nodes"): _node,
    ("", "pods"): _pod,
    ("coordination.k8s.io", "leases"): _lease,
    ("storage.k8s.io", "csinodes"): _csi_node,
    ("storage.k8s.io", "volumeattachments"): _get,
    ("resource.k8s.io", "resourceclaims"): _get,
    ("resource.k8s.io", "resourceslices"): _resource_slice,
}
