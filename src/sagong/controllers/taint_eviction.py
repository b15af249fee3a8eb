"""taint-eviction: pods that do not tolerate a NoExecute taint of their node leave, at once or after tolerationSeconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sagong.api.nodes import tolerates
from sagong.api.types.core import Node, ObjectReference, Pod, Taint
from sagong.client.plan import NOTHING, Emit, Plan
from sagong.controllers.declaration import Controller, Key, Watch, writes
from sagong.controllers.meters import TaintEvictionMeter
from sagong.controllers.pod_conditions import evict
from sagong.controllers.view import View, on_node

REASON, MESSAGE = "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint"


def plan(pod: Pod, taints: Sequence[Taint], since: datetime | None, now: datetime) -> Plan:
    """Plan one pod. `since` is when its eviction was first seen to be coming; None: it was not."""
    wait = tolerated_seconds(pod, taints)
    name = f"{pod.metadata.namespace}/{pod.metadata.name}"
    about = ObjectReference(apiVersion="v1", kind="Pod", namespace=pod.metadata.namespace, name=pod.metadata.name)
    if wait is None:
        if since is None:
            return NOTHING
        return Plan((Emit(about, "Normal", "TaintManagerEviction", f"Cancelling deletion of Pod {name}"),))
    left = wait - (now - since).total_seconds() if since is not None else wait
    if left > 0:
        return Plan(requeue_after=left)
    said = Emit(about, "Normal", "TaintManagerEviction", f"Marking for deletion Pod {name}")
    return Plan((said, *evict(pod, REASON, MESSAGE, now)))


def tolerated_seconds(pod: Pod, taints: Iterable[Taint]) -> float | None:
    """Return how long the pod may stay from when the taints came: None for ever, 0 not at all."""
    least: float | None = None
    for taint in taints:
        matching = [toleration for toleration in pod.spec.tolerations if tolerates(toleration, taint)]
        if not matching:
            return 0.0
        limits = [max(found.tolerationSeconds, 0) for found in matching if found.tolerationSeconds is not None]
        if limits:
            least = min([*limits, *([] if least is None else [least])])
    return least


def controller() -> Controller:
    """Return the loop with its memory of when each pod's time began."""
    since: dict[str, datetime] = {}

    def reconcile(view: View, key: Key) -> Plan:
        pod = view.get(Pod, *key)
        if pod is None or pod.metadata.deletionTimestamp is not None:
            since.pop(str(key), None)
            return NOTHING
        node = view.get(Node, "", pod.spec.nodeName)
        taints = _no_execute(node) if node is not None else []
        began = since.get(str(key))
        if tolerated_seconds(pod, taints) is None:
            since.pop(str(key), None)
        else:
            since.setdefault(str(key), view.now)
        return plan(pod, taints, began, view.now)

    def due(view: View, key: Key) -> datetime | None:
        pod = view.get(Pod, *key)
        node = view.get(Node, "", pod.spec.nodeName) if pod is not None else None
        wait = tolerated_seconds(pod, _no_execute(node)) if pod is not None else None
        return since.get(str(key), view.now) + timedelta(seconds=wait) if wait is not None else None

    def of_tainted(view: View, pod: Pod) -> Iterable[Key]:
        key = Key(pod.metadata.namespace, pod.metadata.name)
        node = view.get(Node, "", pod.spec.nodeName) if pod.spec.nodeName else None
        return (key,) if str(key) in since or (node is not None and _no_execute(node)) else ()

    return Controller(
        name="taint-eviction",
        account="node-controller",
        component="taint-eviction-controller",
        watches=(
            Watch(Pod, of_tainted, _placement_changed),
            Watch(Node, _pods_on, lambda old, new: _no_execute(old) != _no_execute(new)),
        ),
        writes=writes(("patch", Pod, "status"), ("delete", Pod)),
        reconcile=reconcile,
        workers=8,
        meter=lambda: TaintEvictionMeter(due),
    )


def _placement_changed(old: Pod | None, new: Pod | None) -> bool:
    if old is None or new is None:
        return True
    return old.spec.nodeName != new.spec.nodeName or old.spec.tolerations != new.spec.tolerations


def _no_execute(node: Node | None) -> list[Taint]:
    return [taint for taint in node.spec.taints if taint.effect == "NoExecute"] if node is not None else []


def _pods_on(view: View, node: Node) -> Iterable[Key]:
    return [Key(pod.metadata.namespace, pod.metadata.name) for pod in on_node(view, Pod, node.metadata.name)]
