"""The node's last word before a pod starts: what the scheduler checked, checked again, since static pods have no scheduler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sagong.api.nodes import matches_required_affinity, untolerated
from sagong.api.pods import host_ports, is_static, requests
from sagong.api.quantity import Quantity, parse
from sagong.api.types.core import Node, Pod

_REASONS = {"cpu": "OutOfcpu", "memory": "OutOfmemory", "ephemeral-storage": "OutOfephemeral-storage", "pods": "OutOfpods"}
_EVERYWHERE = ("", "0.0.0.0")


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a pod is not run: the pod's status gets the reason, and `Pod was rejected: ` before the message."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Lack:
    """A resource of which the node has too little left for a pod: thousandths of a CPU, bytes, pods."""

    resource: str
    asked: int
    used: int
    capacity: int

    @property
    def missing(self) -> int:
        """Return how much would have to become free."""
        return self.asked + self.used - self.capacity

    def rejection(self) -> Rejection:
        """Return the rejection of a pod that nobody makes room for."""
        amounts = f"requested: {self.asked}, used: {self.used}, capacity: {self.capacity}"
        text = f"Node didn't have enough resource: {self.resource}, {amounts}"
        return Rejection(_REASONS.get(self.resource, f"OutOf{self.resource}"), text)


def admit(
    pod: Pod, others: Sequence[Pod], allocatable: Mapping[str, str], node: Node | None, *, strict_groups: bool = True
) -> Rejection | None:
    """Return why the pod cannot run beside the others, or None; while `node` is not known only resources and ports count.

    `strict_groups`: the runtime can leave out the groups that an image adds (supplementalGroupsPolicy: Strict).
    """
    lacks = lacking(pod, others, allocatable)
    return unsuited(pod, strict_groups=strict_groups) or (lacks[0].rejection() if lacks else None) or misplaced(pod, others, node)


def unsuited(pod: Pod, *, strict_groups: bool) -> Rejection | None:
    """Return what the pod asks for that this node never has, or None."""
    if pod.metadata.labels.get("kubernetes.io/os", "linux") != "linux":
        text = "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label"
        return Rejection("PodOSSelectorNodeLabelDoesNotMatch", text)
    if pod.spec.os is not None and pod.spec.os.name not in ("", "linux"):
        return Rejection("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")
    context = pod.spec.securityContext
    if context is not None and context.supplementalGroupsPolicy == "Strict" and not strict_groups:
        return Rejection("SupplementalGroupsPolicyNotSupported", "SupplementalGroupsPolicy=Strict is not supported in this node")
    return None


def lacking(pod: Pod, others: Sequence[Pod], allocatable: Mapping[str, str]) -> Sequence[Lack]:
    """Return the resources that do not suffice for the pod beside the others."""
    limit = parse(allocatable.get("pods", "110")).value()
    found = [Lack("pods", 1, len(others), limit)] if len(others) + 1 > limit else []
    sums = [requests(other) for other in others]
    for resource, amount in sorted(requests(pod).items()):
        if resource not in allocatable:
            continue  # a cluster-level resource: not the node's to count
        asked, capacity = _number(resource, amount), _number(resource, parse(allocatable[resource]))
        used = sum(_number(resource, known[resource]) for known in sums if resource in known)
        if asked and asked + used > capacity:
            found.append(Lack(resource, asked, used, capacity))
    return found


def misplaced(pod: Pod, others: Sequence[Pod], node: Node | None) -> Rejection | None:
    """Return why the pod does not belong on this node, or whose ports it would take, or None."""
    return (_matches(pod, node) if node is not None else None) or _ports(pod, others)


def _number(resource: str, amount: Quantity) -> int:
    return amount.milli_value() if resource == "cpu" else amount.value()


def _matches(pod: Pod, node: Node) -> Rejection | None:
    if pod.spec.nodeName and pod.spec.nodeName != node.metadata.name:
        return _predicate("NodeName", "node(s) didn't match the requested node name")
    if not matches_required_affinity(pod, node):
        return _predicate("NodeAffinity", "node(s) didn't match Pod's node affinity/selector")
    if not is_static(pod) and untolerated(node.spec.taints, pod.spec.tolerations, ("NoExecute",)):
        return _predicate("TaintToleration", "node(s) had taints that the pod didn't tolerate")
    return None


def _ports(pod: Pod, others: Sequence[Pod]) -> Rejection | None:
    taken = [port for other in others for port in host_ports(other)]
    for port in host_ports(pod):
        for other in taken:
            same_address = port.ip == other.ip or port.ip in _EVERYWHERE or other.ip in _EVERYWHERE
            if same_address and (port.protocol, port.port) == (other.protocol, other.port):
                return _predicate("NodePorts", "node(s) didn't have free ports for the requested pod ports")
    return None


def _predicate(name: str, text: str) -> Rejection:
    return Rejection(name, f"Predicate {name} failed: {text}")
