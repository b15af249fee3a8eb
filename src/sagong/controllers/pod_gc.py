"""pod-garbage-collector: ends pods that nobody else will end.

These are pods of nodes that are gone for 40 seconds, unscheduled pods and pods of out-of-service nodes (KEP-2268) that are
being deleted, and the oldest finished pods when there are too many.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sagong.api import nodes
from sagong.api.errors import NotFoundError
from sagong.api.pods import is_finished
from sagong.api.types.core import Node, Pod
from sagong.client.plan import NOTHING, Plan
from sagong.controllers.declaration import Controller, Key, Watch, vanished, writes
from sagong.controllers.meters import ForcedMeter
from sagong.controllers.pod_conditions import disruption, force_delete
from sagong.controllers.view import Live, View, finished, on_node

QUARANTINE = 40.0
THRESHOLD = 12_500
FINISHED = Key("", "")
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
_NODE = "node:"


def plan_finished(pods: Sequence[Pod], threshold: int = THRESHOLD) -> Plan:
    """Delete the oldest of the finished pods beyond the threshold, evicted ones first."""
    excess = len(pods) - threshold
    if excess <= 0:
        return NOTHING
    order = sorted(pods, key=lambda pod: (pod.status.reason != "Evicted", pod.metadata.creationTimestamp, pod.metadata.name))
    return Plan(tuple(action for pod in order[:excess] for action in force_delete(pod)))


def plan_terminating(pod: Pod, node: Node | None) -> Plan:
    """Delete a pod that is being deleted, if no kubelet will do it."""
    if pod.metadata.deletionTimestamp is None:
        return NOTHING
    lost = node is not None and not nodes.is_ready(node) and any(taint.key == OUT_OF_SERVICE for taint in node.spec.taints)
    return Plan(force_delete(pod)) if not pod.spec.nodeName or lost else NOTHING


def plan_orphans(pods: Iterable[Pod], now: datetime) -> Plan:
    """Delete the pods of a node that is gone."""
    return Plan(
        tuple(
            action for pod in pods for action in force_delete(pod, disruption(pod, "DeletionByPodGC", "PodGC: node no longer exists", now))
        )
    )


def controller() -> Controller:
    """Return the loop with its memory of when nodes were missed first."""
    missed: dict[str, datetime] = {}

    async def reconcile(live: Live, key: Key) -> Plan:
        if key == FINISHED:
            return plan_finished(finished(live))
        if not key.name.startswith(_NODE):
            pod = live.get(Pod, *key)
            return plan_terminating(pod, live.get(Node, "", pod.spec.nodeName)) if pod is not None else NOTHING
        return await of_node(live, key.name.removeprefix(_NODE))

    async def of_node(live: Live, name: str) -> Plan:
        pods = on_node(live, Pod, name)
        if live.get(Node, "", name) is not None or not pods:
            missed.pop(name, None)
            return NOTHING
        left = timedelta(seconds=QUARANTINE) - (live.now - missed.setdefault(name, live.now))
        if left > timedelta():
            return Plan(requeue_after=left.total_seconds())
        try:
            await live.client.get(Node, name)
        except NotFoundError:
            missed.pop(name, None)
            return plan_orphans(pods, live.now)
        return NOTHING

    return Controller(
        name="pod-garbage-collector",
        account="pod-garbage-collector",
        watches=(Watch(Pod, _keys_of_pod), Watch(Node, _key_of_node, vanished), Watch(Node, _lost_pods, _is_lost)),
        writes=writes(("patch", Pod, "status"), ("delete", Pod)),
        reconcile_live=reconcile,
        workers=1,
        meter=lambda: ForcedMeter(_reason),
    )


def _reason(view: View, key: Key) -> str:
    """Return why pods are deleted for a key, in upstream's words."""
    if key == FINISHED:
        return "terminated"
    if key.name.startswith(_NODE):
        return "orphaned"
    pod = view.get(Pod, *key)
    return "unscheduled" if pod is None or not pod.spec.nodeName else "out-of-service"


def _keys_of_pod(view: View, pod: Pod) -> Iterable[Key]:
    if is_finished(pod):
        yield FINISHED
    if pod.metadata.deletionTimestamp is not None:
        yield Key(pod.metadata.namespace, pod.metadata.name)
    if pod.spec.nodeName and view.get(Node, "", pod.spec.nodeName) is None:
        yield Key("", _NODE + pod.spec.nodeName)


def _key_of_node(_view: View, node: Node) -> Iterable[Key]:
    return (Key("", _NODE + node.metadata.name),)


def _lost_pods(view: View, node: Node) -> Iterable[Key]:
    return [Key(pod.metadata.namespace, pod.metadata.name) for pod in on_node(view, Pod, node.metadata.name)]


def _is_lost(_old: Node | None, new: Node | None) -> bool:
    return new is not None and not nodes.is_ready(new) and any(taint.key == OUT_OF_SERVICE for taint in new.spec.taints)
