"""Judging a node by its heartbeats: the lease that its kubelet renews (KEP-589) and the status that it posts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sagong.api import nodes
from sagong.api.clock import format_time, parse_time
from sagong.api.types.coordination import Lease
from sagong.api.types.core import Node, NodeCondition

GRACE, STARTUP_GRACE = timedelta(seconds=50), timedelta(seconds=60)
LEASE_NAMESPACE = "kube-node-lease"
JUDGED = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")


@dataclass(slots=True)
class Heartbeats:
    """When each node was last heard of, by our clock: theirs may differ."""

    _heard: dict[str, datetime] = field(default_factory=dict)
    _marks: dict[str, tuple[str, str]] = field(default_factory=dict)

    def hear_lease(self, lease: Lease, now: datetime) -> None:
        """Note a renewal."""
        if lease.metadata.namespace == LEASE_NAMESPACE:
            self._hear(lease.metadata.name, "lease", lease.spec.renewTime or "", now)

    def hear_status(self, node: Node, now: datetime) -> None:
        """Note a posted status. Our own verdict keeps the heartbeat's time, so it does not count."""
        ready = nodes.condition(node, "Ready")
        if ready is not None:
            self._hear(node.metadata.name, "status", ready.lastHeartbeatTime or "", now)

    def last(self, node: Node, now: datetime) -> datetime:
        """Return when the node was last heard of: its creation, if it never reported."""
        if nodes.condition(node, "Ready") is None:
            created = parse_time(node.metadata.creationTimestamp or format_time(now))
            return max(self._heard.get(node.metadata.name, created), created)
        return self._heard.setdefault(node.metadata.name, now)

    def forget(self, name: str) -> None:
        """Forget a node that is gone."""
        self._heard.pop(name, None)
        self._marks.pop(name, None)

    def _hear(self, name: str, kind: str, mark: str, now: datetime) -> None:
        before = self._marks.get(name, ("", ""))
        fresh = (mark, before[1]) if kind == "lease" else (before[0], mark)
        if fresh != before:
            self._marks[name], self._heard[name] = fresh, now


def silent_for(node: Node, heard: datetime, now: datetime) -> timedelta:
    """Return how much longer than allowed a node has been silent; negative: so much is left."""
    grace = STARTUP_GRACE if nodes.condition(node, "Ready") is None else GRACE
    return now - heard - grace


def as_unknown(node: Node, now: datetime) -> Node:
    """Return the node with the conditions that a silent node has."""
    changed = node.copy()
    for kind in JUDGED:
        current = nodes.condition(changed, kind)
        if current is None:
            changed.status.conditions.append(
                NodeCondition(
                    type=kind,
                    status="Unknown",
                    reason="NodeStatusNeverUpdated",
                    message="Kubelet never posted node status.",
                    lastHeartbeatTime=node.metadata.creationTimestamp,
                    lastTransitionTime=format_time(now),
                )
            )
        elif current.status != "Unknown":
            current.status, current.reason = "Unknown", "NodeStatusUnknown"
            current.message = "Kubelet stopped posting node status."
            current.lastTransitionTime = format_time(now)
    return changed
