"""A profile: a scheduler name and its plugins, with weights. One scheduler can serve several.

Plugins take part in every extension point whose methods they have, in the profile's order, unless the configuration lists a point's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

P = TypeVar("P")


class Profile:
    """`points`: which plugins take part in a point (a Protocol of `framework`), in order, where that is not all."""

    def __init__(
        self,
        name: str,
        plugins: Sequence[tuple[Any, int]],
        *,
        percentage_of_nodes_to_score: int = 0,
        points: Mapping[type[Any], Sequence[Any]] | None = None,
    ) -> None:
        self.name = name
        self.percentage_of_nodes_to_score = percentage_of_nodes_to_score
        self.plugins = tuple(plugin for plugin, _ in plugins)
        self._weights = {plugin.name: weight for plugin, weight in plugins}
        self._found: dict[type[Any], tuple[Any, ...]] = {point: tuple(own) for point, own in (points or {}).items()}

    def at(self, point: type[P]) -> tuple[P, ...]:
        """Return the plugins that take part in an extension point (a Protocol of `framework`)."""
        if point not in self._found:
            self._found[point] = tuple(plugin for plugin in self.plugins if isinstance(plugin, point))
        return self._found[point]

    def weight_of(self, name: str) -> int:
        """Return the weight of a plugin's ratings."""
        return self._weights[name]
