"""A profile: a scheduler name and its plugins, with weights. One scheduler can serve several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

P = TypeVar("P")


class Profile:
    """The plugins of a point come in the table's order."""

    def __init__(self, name: str, plugins: Sequence[tuple[Any, int]], *, percentage_of_nodes_to_score: int = 0) -> None:
        self.name = name
        self.percentage_of_nodes_to_score = percentage_of_nodes_to_score
        self.plugins = tuple(plugin for plugin, _ in plugins)
        self._weights = {plugin.name: weight for plugin, weight in plugins}
        self._found: dict[type[Any], tuple[Any, ...]] = {}

    def at(self, point: type[P]) -> tuple[P, ...]:
        """Return the plugins that take part in an extension point (a Protocol of `framework`)."""
        if point not in self._found:
            self._found[point] = tuple(plugin for plugin in self.plugins if isinstance(plugin, point))
        return self._found[point]

    def weight_of(self, name: str) -> int:
        """Return the weight of a plugin's ratings."""
        return self._weights[name]
