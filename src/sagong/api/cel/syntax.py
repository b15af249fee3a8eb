"""The parts of an expression after parsing. `offset` is a code point offset into the text; the checker fills in `type`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sagong.api.cel.types import ERROR, Type


@dataclass(slots=True, eq=False)
class Node:
    """Any part."""

    offset: int
    type: Type = field(default=ERROR, kw_only=True)

    def children(self) -> Iterator[Node]:
        """Yield the parts directly below."""
        yield from ()


@dataclass(slots=True, eq=False)
class Literal(Node):
    """A constant."""

    value: Any


@dataclass(slots=True, eq=False)
class Ident(Node):
    """A name. After checking, `constant` holds the type that it names, if it names one."""

    name: str
    constant: Any = None


@dataclass(slots=True, eq=False)
class Select(Node):
    """`operand.field`, or `has(operand.field)`. `key` is how the field is spelled in JSON, filled in by the checker."""

    operand: Node
    field: str
    test: bool = False
    key: str = ""

    def children(self) -> Iterator[Node]:
        """Yield the operand."""
        yield self.operand


@dataclass(slots=True, eq=False)
class Call(Node):
    """A function or an operator. After checking, `overloads` are the signatures that its argument types allow."""

    function: str
    target: Node | None
    arguments: list[Node]
    overloads: tuple[Any, ...] = ()

    def children(self) -> Iterator[Node]:
        """Yield the target and the arguments."""
        if self.target is not None:
            yield self.target
        yield from self.arguments


@dataclass(slots=True, eq=False)
class ListNode(Node):
    """`[a, ?b]`; `optional` are the positions marked so."""

    elements: list[Node]
    optional: frozenset[int] = frozenset()

    def children(self) -> Iterator[Node]:
        """Yield the elements."""
        yield from self.elements


@dataclass(slots=True, eq=False)
class Entry:
    """One `key: value` of a map or `field: value` of a struct."""

    offset: int
    key: Any
    value: Node
    optional: bool


@dataclass(slots=True, eq=False)
class MapNode(Node):
    """`{key: value}`."""

    entries: list[Entry]

    def children(self) -> Iterator[Node]:
        """Yield keys and values."""
        for entry in self.entries:
            yield entry.key
            yield entry.value


@dataclass(slots=True, eq=False)
class StructNode(Node):
    """`Name{field: value}`."""

    name: str
    fields: list[Entry]

    def children(self) -> Iterator[Node]:
        """Yield the values."""
        for entry in self.fields:
            yield entry.value


@dataclass(slots=True, eq=False)
class Comprehension(Node):
    """A loop over `range` that folds into `accumulator`; every macro that loops becomes one."""

    range: Node
    variable: str
    second: str  # "" when the loop has one variable
    accumulator: str
    init: Node
    condition: Node
    step: Node
    result: Node

    def children(self) -> Iterator[Node]:
        """Yield the parts in the order in which they are looked at."""
        yield from (self.range, self.init, self.condition, self.step, self.result)


def qualified_name(node: Node) -> str | None:
    """Return `a.b.c` when the node is nothing but names."""
    if isinstance(node, Ident):
        return node.name
    if isinstance(node, Select) and not node.test:
        prefix = qualified_name(node.operand)
        return None if prefix is None else f"{prefix}.{node.field}"
    return None
