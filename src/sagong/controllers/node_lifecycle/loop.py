"""The node-lifecycle loop. A node is looked at when it changes, and when it would have been silent for too long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sagong.api import nodes
from sagong.api.clock import format_time
from sagong.api.pods import condition, is_ready
from sagong.api.types.coordination import Lease
from sagong.api.types.core import Node, Pod, PodCondition, Taint
from sagong.client.plan import NOTHING, Action, Emit, Patch, Plan, Update
from sagong.controllers.declaration import Controller, Key, Watch, own_key, writes
from sagong.controllers.node_lifecycle.health import Heartbeats, as_unknown, silent_for
from sagong.controllers.node_lifecycle.meter import NodeMeter
from sagong.controllers.node_lifecycle.taints import Ration, has_no_execute, no_execute_key, no_schedule, with_no_execute
from sagong.controllers.pod_conditions import patch_status
from sagong.controllers.view import View, on_node

LABELS = (("kubernetes.io/os", "beta.kubernetes.io/os"), ("kubernetes.io/arch", "beta.kubernetes.io/arch"))


def plan(node: Node, every: Sequence[Node], pods: Iterable[Pod], heard: datetime, ration: Ration, *, now: datetime) -> Plan:
    """Plan one node, last heard of at `heard`. `every` are all nodes, `pods` those bound to it."""
    silence = silent_for(node, heard, now)
    judged = as_unknown(node, now) if silence.total_seconds() > 0 else node
    actions: list[Action] = []
    waits: list[float] = [] if judged is not node else [max(-silence.total_seconds(), 0) + 0.1]
    if judged.status.conditions != node.status.conditions:
        actions.append(Update(judged, "status"))
        if nodes.is_ready(node):
            actions.append(Emit(node, "Normal", "NodeNotReady", f"Node {node.metadata.name} status is now: NodeNotReady"))
    elif judged is not node:
        waits = []  # stays unknown until it reports, which wakes us
    taints, wait = _taints(judged, every, ration, now)
    if wait is not None:
        waits.append(wait)
    patch = {**_spec_patch(node, taints), **_label_patch(node)}
    if patch:
        metadata = {**patch.get("metadata", {}), **({"resourceVersion": node.metadata.resourceVersion} if not actions else {})}
        actions.append(Patch(Node, node.metadata.name, "", {**patch, "metadata": metadata}))
    if nodes.condition(judged, "Ready") is not None and not nodes.is_ready(judged):
        actions += [action for pod in pods for action in _unready(pod, now)]
    return Plan(tuple(actions), min(waits, default=None))


def controller() -> Controller:
    """Return the loop with its memory of heartbeats."""
    heartbeats, ration, known = Heartbeats(), Ration(), set[str]()

    def reconcile(view: View, key: Key) -> Plan:
        node = view.get(Node, "", key.name)
        if node is None:
            heartbeats.forget(key.name)
            known.discard(key.name)
            return NOTHING
        said = _registered(node, known)
        found = plan(node, view.list(Node), on_node(view, Pod, key.name), heartbeats.last(node, view.now), ration, now=view.now)
        return Plan((*said, *found.actions), found.requeue_after)

    def hear_lease(view: View, lease: Lease) -> Iterable[Key]:
        heartbeats.hear_lease(lease, view.now)
        return ()

    def hear_node(view: View, node: Node) -> Iterable[Key]:
        heartbeats.hear_status(node, view.now)
        return own_key(view, node)

    return Controller(
        name="node-lifecycle",
        account="node-controller",
        component="node-controller",
        watches=(Watch(Node, hear_node), Watch(Lease, hear_lease), Watch(Pod, _node_of_ready)),
        writes=writes(("patch", Node), ("update", Node, "status"), ("patch", Pod, "status")),
        reconcile=reconcile,
        workers=4,
        meter=NodeMeter,
    )


def _taints(node: Node, every: Sequence[Node], ration: Ration, now: datetime) -> tuple[list[Taint], float | None]:
    """Return the taints that the node is to have now, and when to look again. `every` has it as it was before it was judged."""
    taints = no_schedule(node, now)
    key = no_execute_key(node)
    if key is None:
        return with_no_execute(taints, None, now), None
    every = [node if other.metadata.uid == node.metadata.uid else other for other in every]
    if not any(nodes.is_ready(other) for other in every):  # all are silent: more likely it is us, so nobody is to leave
        return with_no_execute(taints, None, now), None
    if has_no_execute(node):
        return with_no_execute(taints, key, now), None
    wait = ration.wait(node, every, now)
    return (with_no_execute(taints, key, now), None) if wait == 0 else (taints, wait)


def _registered(node: Node, known: set[str]) -> tuple[Action, ...]:
    if node.metadata.name in known:
        return ()
    known.add(node.metadata.name)
    said = f"Node {node.metadata.name} event: Registered Node {node.metadata.name} in Controller"
    return (Emit(node, "Normal", "RegisteredNode", said),)


def _spec_patch(node: Node, taints: list[Taint]) -> dict[str, Any]:
    return {"spec": {"taints": taints or None}} if taints != node.spec.taints else {}


def _label_patch(node: Node) -> dict[str, Any]:
    labels = node.metadata.labels
    stale = {second: labels[first] for first, second in LABELS if first in labels and labels.get(second) != labels[first]}
    return {"metadata": {"labels": stale}} if stale else {}


def _unready(pod: Pod, now: datetime) -> tuple[Action, ...]:
    """Make the pod of a node that is not ready unready too: services must not send anyone there."""
    found = condition(pod, "Ready")
    if found is None or not is_ready(pod):
        return ()
    unready = PodCondition(type="Ready", status="False", lastTransitionTime=format_time(now))
    return patch_status(pod, conditions=[unready]), Emit(pod, "Warning", "NodeNotReady", "Node is not ready")


def _node_of_ready(view: View, pod: Pod) -> Iterable[Key]:
    """Wake the node when a pod claims to be ready on a node that is not."""
    if not pod.spec.nodeName or not is_ready(pod):
        return ()
    node = view.get(Node, "", pod.spec.nodeName)
    return (Key("", pod.spec.nodeName),) if node is not None and not nodes.is_ready(node) else ()
