"""ttl: tells kubelets how long they may keep Secrets and ConfigMaps, by the size of the cluster."""

from __future__ import annotations

from collections.abc import Iterable

from sagong.api.types.core import Node
from sagong.client.plan import NOTHING, Patch, Plan
from sagong.controllers.declaration import Controller, Key, Watch, updated, writes
from sagong.controllers.view import View

ANNOTATION = "node.alpha.kubernetes.io/ttl"
STEPS = ((100, 0), (500, 15), (1000, 30), (2000, 60))  # up to so many nodes, seconds
LARGEST = 300


def plan(node: Node, count: int) -> Plan:
    """Plan one of `count` nodes."""
    seconds = str(_seconds(count))
    if node.metadata.annotations.get(ANNOTATION) == seconds:
        return NOTHING
    return Plan((Patch(Node, node.metadata.name, "", {"metadata": {"annotations": {ANNOTATION: seconds}}}, "strategic"),))


def reconcile(view: View, key: Key) -> Plan:
    """Look at one node."""
    node = view.get(Node, "", key.name)
    return plan(node, len(view.list(Node))) if node is not None else NOTHING


def _seconds(count: int) -> int:
    return next((seconds for limit, seconds in STEPS if count <= limit), LARGEST)


def _concerned(view: View, node: Node) -> Iterable[Key]:
    """Name the node, and all of them where a node more or less makes a step."""
    nodes = view.list(Node)
    if _seconds(len(nodes) - 1) == _seconds(len(nodes) + 1):
        return [Key("", node.metadata.name)]
    return [Key("", other.metadata.name) for other in nodes] or [Key("", node.metadata.name)]


CONTROLLER = Controller(
    name="ttl",
    account="ttl-controller",
    watches=(Watch(Node, _concerned, updated(lambda _old, _new: False)),),
    writes=writes(("patch", Node)),
    reconcile=reconcile,
    workers=1,
)
