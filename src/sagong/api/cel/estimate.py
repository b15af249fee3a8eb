"""The least and most an expression can cost, judged from its types and the sizes that schemas allow, before any evaluation.

A CustomResourceDefinition is refused when a rule may cost too much, so the numbers are upstream's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sagong.api.cel import costs
from sagong.api.cel.estimate_rules import rule_of
from sagong.api.cel.macros import ACCUMULATOR
from sagong.api.cel.program import Program
from sagong.api.cel.schema_types import Declared
from sagong.api.cel.sizes import ANY, LIMITLESS, NOTHING, ONE, Entries, Outcome, Part, Path, Range, fixed
from sagong.api.cel.syntax import Call, Comprehension, Ident, ListNode, Literal, MapNode, Node, Select, StructNode
from sagong.api.cel.types import Type, is_optional

_SCALARS = frozenset({"bool", "double", "duration", "int", "timestamp", "uint"})
_SIZED_LITERALS = (str, bytes)
_NO_ELEMENTS = Range(LIMITLESS, 0)


@dataclass(frozen=True, slots=True)
class _Local:
    path: Path
    size: Range | None
    entries: Entries | None


def estimate(program: Program, variables: Mapping[str, Declared]) -> Range:
    """Return the range of what the program may cost; `variables` are those whose sizes a schema bounds."""
    return _Estimator(variables).cost(program.root)


class _Estimator:
    def __init__(self, variables: Mapping[str, Declared]) -> None:
        self._variables = variables
        self._paths: dict[int, Path] = {}
        self._sizes: dict[int, Range] = {}
        self._entries: dict[int, Entries] = {}
        self._locals: dict[str, list[_Local]] = {}

    # what a node costs

    def cost(self, node: Node) -> Range:
        rules: dict[type[Node], Callable[[Any], Range]] = {
            Ident: self._ident,
            Select: self._select,
            Call: self._call,
            ListNode: self._list,
            MapNode: self._map,
            StructNode: self._struct,
            Comprehension: self._comprehension,
        }
        rule = rules.get(type(node))
        return rule(node) if rule else NOTHING

    def _ident(self, node: Ident) -> Range:
        if node.constant is None:
            local = self._local(node.name)
            self._paths[id(node)] = local.path if local else (node.name,)
        return ONE

    def _struct(self, node: StructNode) -> Range:
        return self._sum(node).plus(fixed(costs.STRUCT))

    def _comprehension(self, node: Comprehension) -> Range:
        bound = isinstance(node.range, ListNode) and not node.range.elements and node.accumulator != ACCUMULATOR
        return self._binding(node) if bound else self._loop(node)

    def _sum(self, node: Node) -> Range:
        total = NOTHING
        for child in node.children():
            total = total.plus(self.cost(child))
        return total

    def _select(self, node: Select) -> Range:
        operand = self.cost(node.operand)
        if node.test:
            return operand
        self._paths[id(node)] = (*self._path(node.operand), node.field)
        return operand.plus(ONE) if node.operand.type.kind in ("map", "struct", "param") else operand

    def _list(self, node: ListNode) -> Range:
        total = self._sum(node)
        size = _NO_ELEMENTS if node.elements else NOTHING
        for element in node.elements:
            size = size.either(self._size_or_any(element))
        self._entries[id(node)] = Entries(ONE, size, is_list=True)
        return total.plus(fixed(costs.LIST))

    def _map(self, node: MapNode) -> Range:
        total = self._sum(node)
        key = value = _NO_ELEMENTS if node.entries else NOTHING
        for entry in node.entries:
            key, value = key.either(self._size_or_any(entry.key)), value.either(self._size_or_any(entry.value))
        self._entries[id(node)] = Entries(key, value, is_list=False)
        return total.plus(fixed(costs.MAP))

    # loops

    def _loop(self, node: Comprehension) -> Range:
        total = self.cost(node.range).plus(self.cost(node.init))
        init = _Local(self._path(node.init), self._size(node.init), self._entries_of(node.init))
        self._push(node.accumulator, init)
        first, second = self._iterated(node)
        self._push(node.variable, first)
        if node.second:
            self._push(node.second, second)
        each = self.cost(node.condition).plus(self.cost(node.step))
        for name in filter(None, (node.second, node.variable)):
            self._locals[name].pop()
        total = total.plus(self.cost(node.result))
        self._locals[node.accumulator].pop()
        count = self._size_or_any(node.range)
        if isinstance(node.init, Literal):
            self._sizes[id(node)] = self._size(node.init) or ANY
        elif isinstance(node.init, (ListNode, MapNode)):
            self._sizes[id(node)] = count
            entries = self._entries_of(node.step)
            if entries:
                self._entries[id(node)] = entries
        return total.plus(count.times(each))

    def _iterated(self, node: Comprehension) -> tuple[_Local, _Local]:
        """Return what is known of the loop's variables."""
        entries, path = self._entries_of(node.range), self._path(node.range)
        is_list = entries.is_list if entries else node.range.type.kind == "list"
        key = _Local((*path, "@indices" if is_list else "@keys"), entries.key if entries else None, None)
        value = _Local((*path, "@items" if is_list else "@values"), entries.value if entries else None, None)
        return (value if is_list and not node.second else key), value

    def _binding(self, node: Comprehension) -> Range:
        total = self.cost(node.range).plus(self.cost(node.init))
        self._push(node.accumulator, _Local(self._path(node.init), self._size(node.init), self._entries_of(node.init)))
        total = total.plus(self.cost(node.result))
        self._locals[node.accumulator].pop()
        self._copy(node, node.result)
        return total

    def _push(self, name: str, local: _Local) -> None:
        self._locals.setdefault(name, []).append(local)

    def _local(self, name: str) -> _Local | None:
        stack = self._locals.get(name)
        return stack[-1] if stack else None

    # sizes

    def _path(self, node: Node) -> Path:
        if isinstance(node, Ident):
            local = self._local(node.name)
            if local:
                return local.path
        return self._paths.get(id(node), ())

    def _declared(self, path: Path) -> Range | None:
        declared = self._variables.get(path[0]) if path else None
        found = declared.at(path[1:]) if declared else None
        return None if found is None else Range(0, found.most or 0)  # what no schema can bound counts as nothing, as upstream has it

    def _size(self, node: Node) -> Range | None:
        known = self._sizes.get(id(node))
        if known is not None:
            return known
        if isinstance(node, Literal):
            return fixed(len(node.value)) if isinstance(node.value, _SIZED_LITERALS) else ONE
        if isinstance(node, (ListNode, MapNode)):
            return fixed(len(node.elements if isinstance(node, ListNode) else node.entries))
        declared = self._declared(self._path(node))
        if declared is not None:
            self._sizes[id(node)] = declared
            return declared
        if _is_scalar(node.type):
            return ONE
        local = self._local(node.name) if isinstance(node, Ident) else None
        return local.size if local else None

    def _size_or_any(self, node: Node) -> Range:
        return self._size(node) or ANY

    def _entries_of(self, node: Node) -> Entries | None:
        known = self._entries.get(id(node))
        if known is None and isinstance(node, Ident):
            local = self._local(node.name)
            known = local.entries if local else None
        return known

    def _copy(self, to: Node, source: Node) -> None:
        size, entries = self._size(source), self._entries_of(source)
        if size is not None:
            self._sizes[id(to)] = size
        if entries is not None:
            self._entries[id(to)] = entries

    # calls

    def _call(self, node: Call) -> Range:
        if node.function == "dyn":
            inner = self.cost(node.arguments[0])
            self._copy(node, node.arguments[0])
            return inner.plus(ONE)
        argument_costs = [self.cost(argument) for argument in node.arguments]
        parts = [self._part(argument) for argument in node.arguments]
        total = self.cost(node.target) if node.target is not None else NOTHING
        target = self._part(node.target) if node.target is not None else None
        if not node.overloads:
            return total
        cost = Range(LIMITLESS, 0)
        size: Range | None = None
        for overload in node.overloads:
            outcome = self._outcome(node, overload.id, target, parts, argument_costs)
            cost = cost.either(outcome.cost)
            if outcome.size is not None:
                size = outcome.size if size is None else size.either(outcome.size)
            size = self._indexed(node, overload.id, size)
            if size is None:
                size = self._size(node)
        if size is not None:
            self._sizes[id(node)] = size
        return total.plus(cost)

    def _indexed(self, node: Call, overload: str, size: Range | None) -> Range | None:
        step = {"index_list": "@items", "index_map": "@values"}.get(overload)
        if step is None:
            return size
        entries = self._entries_of(node.arguments[0])
        self._paths[id(node)] = (*self._path(node.arguments[0]), step)
        return entries.value if entries else None

    def _part(self, node: Node) -> Part:
        path = self._path(node)
        return Part(node, node.type, () if path[:1] == (ACCUMULATOR,) else path, self._size(node))

    def _outcome(self, node: Call, overload: str, target: Part | None, parts: list[Part], argument_costs: list[Range]) -> Outcome:
        if overload in ("logical_and", "logical_or"):
            left, right = argument_costs
            return Outcome(Range(left.least, left.plus(right).most))
        if overload == "conditional":
            return self._conditional(node, argument_costs)
        arguments = NOTHING
        for cost in argument_costs:
            arguments = arguments.plus(cost)
        rule = rule_of(node.function, overload)
        own = rule(self, node, target, parts) if rule else None
        own = own or Outcome(ONE)
        return Outcome(own.cost.plus(arguments), own.size)

    def _conditional(self, node: Call, argument_costs: list[Range]) -> Outcome:
        _, yes, no = node.arguments
        size = self._size_or_any(yes).either(self._size_or_any(no))
        entries = _entries_either(self._entries_of(yes), self._entries_of(no))
        if entries:
            self._entries[id(node)] = entries
        return Outcome(argument_costs[0].plus(argument_costs[1].either(argument_costs[2])), size)

    def size_of(self, part: Part) -> Range:
        """Return the size of an argument."""
        return part.known or self._declared(part.path) or ANY

    def element_of(self, part: Part) -> Part | None:
        """Return the elements of a list, None for anything else."""
        if not part.type.parameters:
            return None
        return Part(part.node, part.type.parameters[0], (*part.path, "@items") if part.path else (), None)

    def added(self, node: Call, parts: list[Part]) -> Range:
        """Return the size of two things put together, and remember what is inside."""
        entries = _entries_either(self._entries_of(parts[0].node), self._entries_of(parts[1].node))
        if entries:
            self._entries[id(node)] = entries
        return parts[0].size.plus(parts[1].size)


def _is_scalar(kind: Type) -> bool:
    return kind.kind in _SCALARS or (is_optional(kind) and _is_scalar(kind.parameters[0]))


def _entries_either(left: Entries | None, right: Entries | None) -> Entries | None:
    return None if left is None or right is None else left.either(right)
