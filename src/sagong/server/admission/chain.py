"""The admission chain: plugins in upstream's order, first those that may change the object, then those that only judge."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from sagong.server.admission.plugin import Plugin, Review


class Chain:
    """Plugins in order, made with the first write. Which of them a kind of write concerns is worked out once."""

    def __init__(self, make: Callable[[], Sequence[Plugin]]) -> None:
        self._make = functools.cache(make)
        self._mutating: dict[tuple[str | bool, ...], tuple[Plugin, ...]] = {}
        self._validating: dict[tuple[str | bool, ...], tuple[Plugin, ...]] = {}

    async def mutate(self, review: Review) -> None:
        """Let the plugins change the object, and once more when one of them asks for it. Raises ForbiddenError."""
        plugins = self._concerned(self._mutating, "mutate", review)
        for plugin in plugins:
            await plugin.mutate(review)
        if review.again:
            review.round = 1
            for plugin in plugins:
                await plugin.mutate(review)

    async def validate(self, review: Review) -> None:
        """Let the plugins judge it. Raises ForbiddenError."""
        for plugin in self._concerned(self._validating, "validate", review):
            await plugin.validate(review)

    def _concerned(self, known: dict[tuple[str | bool, ...], tuple[Plugin, ...]], method: str, review: Review) -> tuple[Plugin, ...]:
        row, subresource = review.row, review.call.subresource
        key = (review.operation, row.group, row.plural, row.namespaced, subresource)
        plugins = known.get(key)
        if plugins is None:
            able = [plugin for plugin in self._make() if getattr(type(plugin), method) is not getattr(Plugin, method)]
            plugins = known[key] = tuple(plugin for plugin in able if plugin.handles(review.operation, row, subresource))
        return plugins
