"""The taints that follow from a node's conditions, and how fast nodes may be tainted so that pods leave.

NoSchedule taints follow at once. NoExecute taints are rationed by zone, since many silent nodes at once are more likely a
broken network: one each ten seconds, none in a small zone most of which is silent, none at all when every node is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sagong.api import nodes
from sagong.api.clock import format_time
from sagong.api.types.core import Node, Taint

NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
_BY_CONDITION: Mapping[tuple[str, str], str] = {
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
}
_MANAGED = frozenset({*_BY_CONDITION.values(), UNSCHEDULABLE})
RATE, SLOW_RATE = 0.1, 0.01  # nodes a second
LARGE_ZONE, UNHEALTHY_SHARE, UNHEALTHY_COUNT = 50, 0.55, 2
EXCLUDED = "node.kubernetes.io/exclude-disruption"


def no_schedule(node: Node, now: datetime) -> list[Taint]:
    """Return the node's taints with those of effect NoSchedule that its conditions call for, and no other managed ones."""
    wanted = [key for entry in node.status.conditions if (key := _BY_CONDITION.get((entry.type, entry.status)))]
    if node.spec.unschedulable:
        wanted.append(UNSCHEDULABLE)
    kept = [taint for taint in node.spec.taints if not (taint.effect == "NoSchedule" and taint.key in _MANAGED and taint.key not in wanted)]
    present = {taint.key for taint in kept if taint.effect == "NoSchedule"}
    return kept + [Taint(key=key, effect="NoSchedule", timeAdded=format_time(now)) for key in wanted if key not in present]


def no_execute_key(node: Node) -> str | None:
    """Return the key of the NoExecute taint that a node is to have."""
    ready = nodes.condition(node, "Ready")
    return {"False": NOT_READY, "Unknown": UNREACHABLE}.get(ready.status) if ready is not None else None


def with_no_execute(taints: Iterable[Taint], key: str | None, now: datetime) -> list[Taint]:
    """Return the taints with this one of the two NoExecute taints, or with neither."""
    other = [taint for taint in taints if not (taint.effect == "NoExecute" and taint.key in (NOT_READY, UNREACHABLE) and taint.key != key)]
    if key is None or any(taint.key == key and taint.effect == "NoExecute" for taint in other):
        return other
    return [*other, Taint(key=key, effect="NoExecute", timeAdded=format_time(now))]


def has_no_execute(node: Node) -> bool:
    """Say whether the node has one of the two."""
    return any(taint.effect == "NoExecute" and taint.key in (NOT_READY, UNREACHABLE) for taint in node.spec.taints)


def zone_of(node: Node) -> str:
    """Return what names the node's zone: region and zone."""
    labels = node.metadata.labels
    return f"{labels.get('topology.kubernetes.io/region', '')}:{labels.get('topology.kubernetes.io/zone', '')}"


@dataclass(slots=True)
class Ration:
    """How many more nodes of each zone may be tainted now."""

    _next: dict[str, datetime] = field(default_factory=dict)

    def wait(self, node: Node, every: Iterable[Node], now: datetime) -> float | None:
        """Return the seconds until the node may be tainted, 0 taking its turn; None: not while things are as they are."""
        zone = zone_of(node)
        counted = [other for other in every if EXCLUDED not in other.metadata.labels]
        if not any(nodes.is_ready(other) for other in counted):
            return None
        rate = _rate([other for other in counted if zone_of(other) == zone])
        if not rate:
            return None
        left = (self._next.get(zone, now) - now).total_seconds()
        if left > 0:
            return left
        self._next[zone] = datetime.fromtimestamp(now.timestamp() + 1 / rate, now.tzinfo)
        return 0.0


def _rate(zone: list[Node]) -> float:
    silent = sum(not nodes.is_ready(node) for node in zone)
    if silent == len(zone) or silent <= UNHEALTHY_COUNT or silent / len(zone) < UNHEALTHY_SHARE:
        return RATE
    return SLOW_RATE if len(zone) > LARGE_ZONE else 0.0
