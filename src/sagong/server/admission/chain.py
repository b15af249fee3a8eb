"""The admission chain: plugins in upstream's order, first those that may change the object, then those that only judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sagong.api.resources import Resource

Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]


@dataclass(slots=True)
class Review:
    """One write before its chain. `obj` is None for a deletion, `old` for a creation. `call` is the `registry.write.Call`."""

    operation: Operation
    row: Resource
    call: Any
    obj: Any
    old: Any


class Plugin(Protocol):
    """One admission plugin."""

    def handles(self, operation: Operation, row: Resource, subresource: str) -> bool:
        """Say whether it has a say on such writes; asked once for each kind of write."""
        ...

    async def mutate(self, review: Review) -> None:
        """Change `review.obj`, or raise ForbiddenError."""
        ...

    async def validate(self, review: Review) -> None:
        """Raise ForbiddenError for what must not be."""
        ...


class Chain:
    """Plugins in order."""

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self._plugins = tuple(plugins)
        self._by_write: dict[tuple[str, str, str, str], tuple[Plugin, ...]] = {}

    def _concerned(self, review: Review) -> tuple[Plugin, ...]:
        row, subresource = review.row, review.call.subresource
        key = (review.operation, row.group, row.plural, subresource)
        plugins = self._by_write.get(key)
        if plugins is None:
            plugins = tuple(plugin for plugin in self._plugins if plugin.handles(review.operation, row, subresource))
            self._by_write[key] = plugins
        return plugins

    async def mutate(self, review: Review) -> None:
        """Let the plugins change the object. Raises ForbiddenError."""
        for plugin in self._concerned(review):
            await plugin.mutate(review)

    async def validate(self, review: Review) -> None:
        """Let the plugins judge it. Raises ForbiddenError."""
        for plugin in self._concerned(review):
            await plugin.validate(review)
