"""What the node lifecycle loop counts: zones, their health, and nodes whose pods have to leave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sagong.api import nodes
from sagong.api.exposition import Counts, Family, Histogram, Metric, exponential
from sagong.api.types.core import Node
from sagong.client.plan import Patch
from sagong.controllers.declaration import Key
from sagong.controllers.meter import Attempt, Meter
from sagong.controllers.node_lifecycle.taints import NOT_READY, UNREACHABLE, has_no_execute, no_execute_key, zone_of
from sagong.controllers.view import View

_KEYS = (NOT_READY, UNREACHABLE)


class NodeMeter(Meter):
    """Counts under upstream's names (node_collector_*)."""

    def __init__(self) -> None:
        self._evictions = Counts(
            "node_collector_evictions_total",
            "How many nodes became not ready or unreachable for so long that their pods were told to leave, by zone.",
            ("zone",),
        )

        self._seconds = Histogram(
            "node_collector_update_node_health_duration_seconds", "How long a look at a node takes.", (), exponential(0.001, 4, 8)
        )

    def before(self, view: View, key: Key) -> Node | None:
        """Return the node."""
        return view.get(Node, "", key.name)

    def after(self, attempt: Attempt) -> None:
        """Count a look, and a node that got a NoExecute taint."""
        self._seconds.observe(attempt.seconds)
        node: Node | None = attempt.before
        if node is None or has_no_execute(node):
            return
        for write in attempt.outcome.written:
            taints = (
                write.action.patch.get("spec", {}).get("taints") if isinstance(write.action, Patch) and write.action.kind is Node else None
            )
            if any(taint.effect == "NoExecute" and taint.key in _KEYS for taint in taints or ()):
                self._evictions.add((_label(node),))

    def families(self, view: View) -> Iterable[Family]:
        """Return them, with the state of each zone now."""
        zones: dict[str, list[Node]] = defaultdict(list)
        for node in view.list(Node):
            zones[_label(node)].append(node)
        size = Metric("node_collector_zone_size", "gauge", "Gauge measuring number of registered Nodes per zones.")
        health = Metric("node_collector_zone_health", "gauge", "Gauge measuring percentage of healthy nodes per zone.")
        unhealthy = Metric("node_collector_unhealthy_nodes_in_zone", "gauge", "Gauge measuring number of not Ready Nodes per zones.")
        for zone, found in zones.items():
            silent = sum(no_execute_key(node) is not None or nodes.condition(node, "Ready") is None for node in found)
            size.add(len(found), zone=zone)
            health.add(100 * (len(found) - silent) / len(found), zone=zone)
            unhealthy.add(silent, zone=zone)
        return self._evictions, self._seconds, size, health, unhealthy


def _label(node: Node) -> str:
    """Return the zone as upstream's label spells it: region and zone with a NUL between, "" for a node that has neither."""
    zone = zone_of(node)
    return "" if zone == ":" else zone.replace(":", ":\0:", 1)
