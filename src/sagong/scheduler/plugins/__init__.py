"""Scheduler plugins, one file each, and the table of the default profile: upstream's default plugins, in order, with weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sagong.scheduler.plugins.balanced_allocation import BalancedAllocation
from sagong.scheduler.plugins.image_locality import ImageLocality
from sagong.scheduler.plugins.node_affinity import NodeAffinity
from sagong.scheduler.plugins.node_name import NodeName
from sagong.scheduler.plugins.node_ports import NodePorts
from sagong.scheduler.plugins.node_unschedulable import NodeUnschedulable
from sagong.scheduler.plugins.resources_fit import ResourcesFit
from sagong.scheduler.plugins.scheduling_gates import SchedulingGates
from sagong.scheduler.plugins.taint_toleration import TaintToleration

P = TypeVar("P")


class Profile:
    """A scheduler name and its plugins with weights; the plugins of a point come in the table's order."""

    def __init__(self, name: str, plugins: Sequence[tuple[Any, int]]) -> None:
        self.name = name
        self.plugins = tuple(plugin for plugin, _ in plugins)
        self._weights = {plugin.name: weight for plugin, weight in plugins}
        self._found: dict[type[Any], tuple[Any, ...]] = {}

    def at(self, point: type[P]) -> tuple[P, ...]:
        """Return the plugins that take part in an extension point (a Protocol of `framework`)."""
        if point not in self._found:
            self._found[point] = tuple(plugin for plugin in self.plugins if isinstance(plugin, point))
        return self._found[point]

    def name_of(self, plugin: object) -> str:
        """Return a plugin's name."""
        return str(getattr(plugin, "name", ""))

    def weight_of(self, plugin: object) -> int:
        """Return the weight of a plugin's ratings."""
        return self._weights[self.name_of(plugin)]


def default_profile(name: str = "default-scheduler") -> Profile:
    """Return upstream's default plugins."""
    return Profile(
        name,
        (
            (SchedulingGates(), 0),
            (NodeUnschedulable(), 0),
            (NodeName(), 0),
            (TaintToleration(), 3),
            (NodeAffinity(), 2),
            (NodePorts(), 0),
            (ResourcesFit(), 1),
            (BalancedAllocation(), 1),
            (ImageLocality(), 1),
        ),
    )
