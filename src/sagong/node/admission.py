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


def admit(pod: Pod, others: Sequence[Pod], allocatable: Mapping[str, str], node: Node | None) -> Rejection | None:
    """Return why the pod cannot run beside the others, or None; while `node` is not known only resources and ports count."""
    if pod.spec.os is not None and pod.spec.os.name not in ("", "linux"):
        return Rejection("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")
    return _fits(pod, others, allocatable) or (_matches(pod, node) if node is not None else None) or _ports(pod, others)


def _fits(pod: Pod, others: Sequence[Pod], allocatable: Mapping[str, str]) -> Rejection | None:
    limit = parse(allocatable.get("pods", "110")).value()
    if len(others) + 1 > limit:
        return _insufficient("pods", 1, len(others), limit)
    sums = [requests(other) for other in others]
    for resource, amount in sorted(requests(pod).items()):
        if resource not in allocatable:
            continue  # a cluster-level resource: not the node's to count
        asked, capacity = _number(resource, amount), _number(resource, parse(allocatable[resource]))
        used = sum(_number(resource, found[resource]) for found in sums if resource in found)
        if asked and asked + used > capacity:
            return _insufficient(resource, asked, used, capacity)
    return None


def _number(resource: str, amount: Quantity) -> int:
    return amount.milli_value() if resource == "cpu" else amount.value()


def _insufficient(resource: str, asked: int, used: int, capacity: int) -> Rejection:
    text = f"Node didn't have enough resource: {resource}, requested: {asked}, used: {used}, capacity: {capacity}"
    return Rejection(_REASONS.get(resource, f"OutOf{resource}"), text)


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
