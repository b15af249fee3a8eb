"""Where a daemon set's pods belong: which nodes fit, and which pod is meant for which node.

The scheduler binds daemon pods. Each is made for one node by a required node affinity on metadata.name, and tolerates what
a node's troubles put on it.
"""

from __future__ import annotations

from collections.abc import Iterable

from sagong.api.nodes import matches_required_affinity, untolerated
from sagong.api.types.apps import DaemonSet
from sagong.api.types.core import (
    Affinity,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    Pod,
    PodSpec,
    Toleration,
)
from sagong.controllers.history import HASH_LABEL
from sagong.controllers.pod_template import pod_from_template

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
GENERATION_LABEL = "pod-template-generation"
_TOLERATED = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
_TOLERATED_ON_HOST_NETWORK = (("node.kubernetes.io/network-unavailable", "NoSchedule"),)


def should_run(node: Node, ds: DaemonSet) -> tuple[bool, bool]:
    """Say whether a pod should be started on the node, and whether one that runs there may go on."""
    spec = ds.spec.template.spec
    if spec.nodeName not in ("", node.metadata.name) or not matches_required_affinity(Pod(spec=spec), node):
        return False, False
    tolerations = [*spec.tolerations, *_tolerations(spec)]
    if untolerated(node.spec.taints, tolerations) is None:
        return True, True
    return False, untolerated(node.spec.taints, tolerations, ("NoExecute",)) is None


def pod_for(ds: DaemonSet, node: str, digest: str) -> Pod:
    """Return the pod to create for a node."""
    pod = pod_from_template(ds.spec.template, ds)
    added = _tolerations(pod.spec)
    pod.spec.tolerations = [kept for kept in pod.spec.tolerations if not any(_same_taint(kept, new) for new in added)] + added
    pod.metadata.labels[HASH_LABEL] = digest
    if generation := template_generation(ds):
        pod.metadata.labels[GENERATION_LABEL] = generation
    _pin(pod.spec, node)
    return pod


def target_node(pod: Pod) -> str:
    """Return the node that a pod is on or meant for; empty when it says neither."""
    if pod.spec.nodeName:
        return pod.spec.nodeName
    affinity = pod.spec.affinity.nodeAffinity if pod.spec.affinity else None
    required = affinity.requiredDuringSchedulingIgnoredDuringExecution if affinity else None
    for term in required.nodeSelectorTerms if required else ():
        for field in term.matchFields:
            if field.key == "metadata.name" and field.operator == "In" and len(field.values) == 1:
                return field.values[0]
    return ""


def template_generation(ds: DaemonSet) -> str:
    """Return the generation that pods of extensions/v1beta1 were labelled with, if the set still says it."""
    text = ds.metadata.annotations.get(TEMPLATE_GENERATION, "")
    return text if text.lstrip("-").isdigit() else ""


def is_current(pod: Pod, ds: DaemonSet, digest: str) -> bool:
    """Say whether a pod is of the present template."""
    labels, generation = pod.metadata.labels, template_generation(ds)
    return (bool(digest) and labels.get(HASH_LABEL) == digest) or (bool(generation) and labels.get(GENERATION_LABEL) == generation)


def by_node(pods: Iterable[Pod]) -> dict[str, list[Pod]]:
    """Group pods by the node they are for: bound before unbound, old before young."""
    found: dict[str, list[Pod]] = {}
    for pod in sorted(pods, key=lambda pod: (not pod.spec.nodeName, pod.metadata.creationTimestamp, pod.metadata.name)):
        if node := target_node(pod):
            found.setdefault(node, []).append(pod)
    return found


def _tolerations(spec: PodSpec) -> list[Toleration]:
    wanted = _TOLERATED + (_TOLERATED_ON_HOST_NETWORK if spec.hostNetwork else ())
    return [Toleration(key=key, operator="Exists", effect=effect) for key, effect in wanted]


def _same_taint(left: Toleration, right: Toleration) -> bool:
    return (left.key, left.effect, left.operator, left.value) == (right.key, right.effect, right.operator, right.value)


def _pin(spec: PodSpec, node: str) -> None:
    term = NodeSelectorTerm(matchFields=[NodeSelectorRequirement(key="metadata.name", operator="In", values=[node])])
    spec.affinity = spec.affinity or Affinity()
    spec.affinity.nodeAffinity = spec.affinity.nodeAffinity or NodeAffinity()
    spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution = NodeSelector(nodeSelectorTerms=[term])
