"""A checked expression as a chain of closures, each of which adds what it costs to the frame it runs in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sagong.api.cel import costs
from sagong.api.cel.errors import CostExceeded, EvaluationError
from sagong.api.cel.macros import ACCUMULATOR
from sagong.api.cel.standard import index_list, index_map, optional_index
from sagong.api.cel.syntax import Call, Comprehension, Ident, ListNode, Literal, MapNode, Node, Select, StructNode
from sagong.api.cel.values import NONE, Host, Optional, Struct, contains, display, is_a, lookup, no_such_overload, type_of_value

_MISSING: Any = object()
_SIZED = frozenset({str, bytes, list})


class Frame:
    """One evaluation: its variables, what it has cost, and how much it may; and how much more it may make."""

    __slots__ = ("cost", "limit", "room", "variables")

    def __init__(self, variables: dict[str, Any], limit: int) -> None:
        self.variables = variables
        self.cost = 0
        self.limit = limit
        self.room = costs.ROOM

    def made(self, value: Any, arguments: tuple[Any, ...]) -> Any:
        """Return what a call made, after a look at its size: costs alone do not keep memory from being filled. Raises CostExceeded."""
        if value.__class__ in _SIZED and value is not arguments[0]:
            self.room -= len(value)
            if self.room < 0:
                raise CostExceeded
        return value

    def spend(self, cost: int) -> None:
        """Add a cost. Raises CostExceeded."""
        self.cost += cost
        if self.cost > self.limit:
            raise CostExceeded


Step = Callable[[Frame], Any]


def plan(node: Node) -> Step:
    """Return what evaluates the node."""
    return _PLANS[type(node)](node)


def _literal(node: Any) -> Step:
    value = node.value
    return lambda _: value


def _constant(value: Any) -> Step:
    return lambda _: value


def _deferred(node: Node) -> Step:
    """Return a constant; if making it fails, that is what evaluating it does."""
    try:
        return _constant(_folded(node))
    except EvaluationError as error:
        failure = error

    def fail(_: Frame) -> Any:
        raise failure

    return fail


def _ident(node: Ident) -> Step:
    if node.constant is not None:
        return _constant(node.constant)
    return _accumulated if node.name == ACCUMULATOR else _variable(node.name)


def _variable(name: str) -> Step:
    def read(frame: Frame) -> Any:
        frame.cost += costs.SELECT
        if frame.cost > frame.limit:
            raise CostExceeded
        try:
            return frame.variables[name]
        except KeyError:
            raise EvaluationError(f"no such attribute(s): {name}") from None

    return read


def _accumulated(frame: Frame) -> Any:
    """Return what a loop has come to so far, which may be an error."""
    frame.spend(costs.SELECT)
    value = frame.variables[ACCUMULATOR]
    if isinstance(value, EvaluationError):
        raise value
    return value


# Fields


def field_of(operand: Any, key: str) -> Any:
    """Return a field of a map, an object or an optional. Raises EvaluationError."""
    if isinstance(operand, dict):
        found = operand.get(key, _MISSING)
        if found is _MISSING:
            raise EvaluationError(f"no such key: {key}")
        return found
    if isinstance(operand, Host):
        return operand.select(key)
    if isinstance(operand, Optional):
        return _optional_field(operand, key)
    if isinstance(operand, list):
        raise EvaluationError("unsupported index type 'string' in list")
    raise EvaluationError(f"no such key: {key}")


def _optional_field(operand: Any, key: str) -> Optional:
    if isinstance(operand, Optional):
        return _optional_field(operand.value, key) if operand.present else NONE
    if isinstance(operand, dict):
        found = operand.get(key, _MISSING)
        return NONE if found is _MISSING else Optional(found, present=True)
    if isinstance(operand, Host) and operand.has(key):
        return Optional(operand.select(key), present=True)
    return NONE


def has_field(operand: Any, key: str) -> bool:
    """Say whether a field is there."""
    if isinstance(operand, dict):
        return key in operand
    if isinstance(operand, Optional):
        return operand.present and has_field(operand.value, key)
    if isinstance(operand, list):
        raise EvaluationError("unsupported index type 'string' in list")
    return isinstance(operand, Host) and operand.has(key)


def _select(node: Select) -> Step:
    operand, key = plan(node.operand), node.key

    def read(frame: Frame) -> Any:
        value = operand(frame)
        frame.cost += costs.SELECT
        if frame.cost > frame.limit:
            raise CostExceeded
        if type(value) is dict:
            found = value.get(key, _MISSING)
            if found is not _MISSING:
                return found
        return field_of(value, key)

    return (lambda frame: has_field(operand(frame), key)) if node.test else read


# Calls


def _call(node: Call) -> Step:
    special = _SPECIAL.get(node.function)
    if special and not (node.function in ("or", "orValue") and node.target is None):
        return special(node)
    return _ordinary(node)


def _ordinary(node: Call) -> Step:
    if _is_constant(node):
        return _deferred(node)
    parts = list(node.children())
    steps = [plan(part) for part in parts]
    cost = costs.of_call(node.function, tuple(overload.id for overload in node.overloads))
    if node.function in ("_==_", "_!=_") and any(part.type.kind in _SINGLE for part in parts):
        cost = None
    if cost is None and len(steps) in _FLAT and (node.type.kind in _SINGLE or node.function in _ARITHMETIC):
        return _FLAT[len(steps)](_dispatch(node, parts), steps)
    choose = _choice(node, parts)

    def call(frame: Frame) -> Any:
        arguments = tuple([step(frame) for step in steps])
        run = choose(arguments)
        frame.spend(1 if cost is None else cost(arguments))
        return frame.made(run(*arguments), arguments)

    return call


def _unary(run: Callable[..., Any], steps: list[Step]) -> Step:
    (only,) = steps

    def call(frame: Frame) -> Any:
        result = run(only(frame))
        frame.cost += 1
        if frame.cost > frame.limit:
            raise CostExceeded
        return result

    return call


def _binary(run: Callable[..., Any], steps: list[Step]) -> Step:
    left, right = steps

    def call(frame: Frame) -> Any:
        result = run(left(frame), right(frame))
        frame.cost += 1
        if frame.cost > frame.limit:
            raise CostExceeded
        return result

    return call


_FLAT: dict[int, Callable[[Callable[..., Any], list[Step]], Step]] = {1: _unary, 2: _binary}
_SINGLE = frozenset({"bool", "int", "uint", "double", "null", "timestamp", "duration"})  # of size one, whatever they are compared with
_ARITHMETIC = frozenset({"_-_", "_*_", "_/_", "_%_", "-_"})


def _dispatch(node: Call, parts: list[Node]) -> Callable[..., Any]:
    """Return the implementation, behind a look at the arguments where the checker could not know their types."""
    if _certain(node, parts):
        run: Callable[..., Any] = node.overloads[0].run
        return run
    choose = _choice(node, parts)
    return lambda *arguments: choose(arguments)(*arguments)


def _choice(node: Call, parts: list[Node]) -> Callable[[tuple[Any, ...]], Callable[..., Any]]:
    """Return what chooses the implementation for arguments."""
    overloads = node.overloads
    if _certain(node, parts):
        only: Callable[..., Any] = overloads[0].run
        return lambda _: only

    def choose(arguments: tuple[Any, ...]) -> Callable[..., Any]:
        for overload in overloads:
            if all(map(is_a, arguments, overload.parameters)):
                run: Callable[..., Any] = overload.run
                return run
        raise no_such_overload()

    return choose


def _certain(node: Call, parts: list[Node]) -> bool:
    return node.function in ("_==_", "_!=_") or (len(node.overloads) == 1 and all(map(_known, parts)))


def _known(part: Node) -> bool:
    return part.type.kind not in ("dyn", "error", "param", "null")


def _truth(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise no_such_overload()


def _logic(node: Call) -> Step:
    """`&&` and `||`: a side that decides wins over an error of the other."""
    left, right = (plan(argument) for argument in node.arguments)
    decides = node.function == "_||_"
    other = not decides

    def both(frame: Frame) -> Any:
        failure: EvaluationError | None = None
        try:
            value = left(frame)
            if value is decides:
                return decides
            if value is not other:
                raise no_such_overload()
        except EvaluationError as error:
            failure = error
        value = right(frame)
        if value is decides:
            return decides
        if value is not other:
            raise no_such_overload()
        if failure is not None:
            raise failure
        return other

    return both


def _conditional(node: Call) -> Step:
    condition, yes, no = (plan(argument) for argument in node.arguments)
    return lambda frame: yes(frame) if _truth(condition(frame)) else no(frame)


def _not_strictly_false(node: Call) -> Step:
    inner = plan(node.arguments[0])

    def going_on(frame: Frame) -> bool:
        try:
            value = inner(frame)
        except EvaluationError:
            value = True
        frame.cost += 1
        if frame.cost > frame.limit:
            raise CostExceeded
        return value is not False

    return going_on


def _optional_select(node: Call) -> Step:
    operand = plan(node.arguments[0])
    field = node.arguments[1]
    assert isinstance(field, Literal)
    key = str(field.value)

    def read(frame: Frame) -> Any:
        value = operand(frame)
        frame.spend(costs.SELECT)
        return _optional_field(value, key)

    return read


def _optional_or(node: Call) -> Step:
    assert node.target is not None
    left, right = plan(node.target), plan(node.arguments[0])
    unwrap = node.function == "orValue"

    def first(frame: Frame) -> Any:
        value = left(frame)
        if not isinstance(value, Optional):
            raise no_such_overload()
        if value.present:
            return value.value if unwrap else value
        return right(frame)

    return first


def _index(node: Call) -> Step:
    container, at = (plan(argument) for argument in node.arguments)
    optional = node.function == "_[?_]"

    def read(frame: Frame) -> Any:
        held, key = container(frame), at(frame)
        frame.spend(costs.SELECT)
        if optional or isinstance(held, Optional):
            return optional_index(held, key)
        return index_list(held, key) if isinstance(held, list) else index_map(held, key)

    return read


def _in(node: Call) -> Step:
    value, container = (plan(argument) for argument in node.arguments)

    def member(frame: Frame) -> bool:
        wanted, held = value(frame), container(frame)
        if not isinstance(held, (list, dict)):
            raise no_such_overload()
        frame.spend(len(held) if isinstance(held, list) else 1)
        return contains(held, wanted)

    listed = node.arguments[1]
    if isinstance(listed, ListNode) and _is_constant(listed) and all(isinstance(element, Literal) for element in listed.elements):
        fixed = _folded(listed)
        return lambda frame: contains(fixed, value(frame))
    return member


# Containers


def _list(node: ListNode) -> Step:
    if _is_constant(node):
        return _deferred(node)
    steps = [plan(element) for element in node.elements]
    optional = node.optional

    def build(frame: Frame) -> list[Any]:
        items: list[Any] = []
        for position, step in enumerate(steps):
            item = step(frame)
            if position in optional:
                if not isinstance(item, Optional):
                    raise EvaluationError(f"cannot initialize optional list element from non-optional value {display(item)}")
                if not item.present:
                    continue
                item = item.value
            items.append(item)
        frame.spend(costs.LIST)
        return items

    return build


def _is_constant(node: Node) -> bool:
    """Say whether the value is known beforehand, so that it costs nothing."""
    if isinstance(node, Literal):
        return True
    if isinstance(node, ListNode):
        return not node.optional and all(map(_is_constant, node.elements))
    if isinstance(node, MapNode):
        return not any(entry.optional for entry in node.entries) and all(map(_is_constant, node.children()))
    return isinstance(node, Call) and node.function in _CONVERSIONS and len(node.arguments) == 1 and _is_constant(node.arguments[0])


def _folded(node: Node) -> Any:
    """Return the value of a constant. Raises EvaluationError."""
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, ListNode):
        return [_folded(element) for element in node.elements]
    if isinstance(node, MapNode):
        return _filled([(_constant(_folded(entry.key)), _constant(_folded(entry.value)), False) for entry in node.entries], Frame({}, 0))
    assert isinstance(node, Call)
    return _dispatch(node, list(node.children()))(_folded(node.arguments[0]))


def _map(node: MapNode) -> Step:
    if _is_constant(node):
        return _deferred(node)
    entries = [(plan(entry.key), plan(entry.value), entry.optional) for entry in node.entries]

    def build(frame: Frame) -> dict[Any, Any]:
        made = _filled(entries, frame)
        frame.spend(costs.MAP)
        return made

    return build


def _filled(entries: Iterable[tuple[Step, Step, bool]], frame: Frame) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for key_step, value_step, optional in entries:
        key, value = key_step(frame), value_step(frame)
        if isinstance(key, (list, dict, float)) or key is None:
            raise EvaluationError(f"unsupported key type: {type_of_value(key).runtime_name}")
        if optional:
            if not isinstance(value, Optional):
                raise EvaluationError(f"cannot initialize optional entry '{display(key)}' from non-optional value {display(value)}")
            if not value.present:
                continue
            value = value.value
        if lookup(made, key, _MISSING) is not _MISSING:
            raise EvaluationError(f"Failed with repeated key: {display(key)}")
        made[key] = value
    return made


def _struct(node: StructNode) -> Step:
    entries = [(_constant(entry.key), plan(entry.value), entry.optional) for entry in node.fields]

    def build(frame: Frame) -> Struct:
        made = Struct(node.type.name, _filled(entries, frame))
        frame.spend(costs.STRUCT)
        return made

    return build


# Loops


def _comprehension(node: Comprehension) -> Step:
    span, init, result = plan(node.range), plan(node.init), plan(node.result)
    condition, step = plan(node.condition), plan(_in_place(node))
    names = tuple(filter(None, (node.accumulator, node.variable, node.second)))
    always = isinstance(node.condition, Literal) and node.condition.value is True
    absorbs = not always  # all and exists go on after an error, which a later element may make irrelevant
    variable, second, accumulator = node.variable, node.second, node.accumulator

    def loop(frame: Frame) -> Any:
        held = span(frame)
        if not isinstance(held, (list, dict)):
            raise EvaluationError(f"got '{type_of_value(held).runtime_name}', expected iterable type")
        variables = frame.variables
        shadowed = [(name, variables.get(name, _MISSING)) for name in names]
        accumulated = init(frame)
        variables[accumulator] = accumulated.copy() if isinstance(accumulated, (list, dict)) and not accumulated else accumulated
        try:
            for first, item in _pairs(held, two=bool(second)):
                if second:
                    variables[second] = item
                variables[variable] = first
                if not always and condition(frame) is not True:
                    break
                try:
                    variables[accumulator] = step(frame)
                except EvaluationError as error:
                    if not absorbs:
                        raise
                    variables[accumulator] = error
            return result(frame)
        finally:
            for name, before in shadowed:
                if before is _MISSING:
                    variables.pop(name, None)
                else:
                    variables[name] = before

    return loop


def _pairs(held: Any, *, two: bool) -> Iterable[tuple[Any, Any]]:
    if two:
        return held.items() if isinstance(held, dict) else enumerate(held)
    return ((item, None) for item in held)


class _Growing(Node):
    """A step that adds to an accumulator which only the loop can see, so that it may grow in place."""

    __slots__ = ("call",)

    def __init__(self, call: Call) -> None:
        super().__init__(call.offset, type=call.type)
        self.call = call


def _in_place(node: Comprehension) -> Node:
    step = node.step
    if not isinstance(node.init, (ListNode, MapNode)) or list(node.init.children()):
        return step
    if isinstance(step, Call) and step.function == "_?_:_":
        step.arguments[1] = _growing(step.arguments[1], node.accumulator)
        return step
    return _growing(step, node.accumulator)


def _growing(step: Node, accumulator: str) -> Node:
    if isinstance(step, Call) and step.function in ("_+_", "cel.@mapInsert"):
        first = step.arguments[0]
        if isinstance(first, Ident) and first.name == accumulator:
            return _Growing(step)
    return step


def _grow(node: _Growing) -> Step:
    accumulator, *rest = (plan(argument) for argument in node.call.arguments)
    if node.call.function == "_+_":
        more = rest[0]

        def extend(frame: Frame) -> list[Any]:
            items: list[Any] = accumulator(frame)
            items.extend(more(frame))
            frame.spend(1)
            return items

        return extend

    def insert(frame: Frame) -> dict[Any, Any]:
        made: dict[Any, Any] = accumulator(frame)
        values = [step(frame) for step in rest]
        added = values[0] if len(values) == 1 else {values[0]: values[1]}
        for key, value in added.items():
            if contains(made, key):
                raise EvaluationError(f"insert failed: key {display(key)} already exists")
            made[key] = value
        frame.spend(1)
        return made

    return insert


_CONVERSIONS = frozenset({"bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"})
_SPECIAL: dict[str, Callable[[Call], Step]] = {
    "_&&_": _logic,
    "_||_": _logic,
    "_?_:_": _conditional,
    "@not_strictly_false": _not_strictly_false,
    "_?._": _optional_select,
    "or": _optional_or,
    "orValue": _optional_or,
    "_[_]": _index,
    "_[?_]": _index,
    "@in": _in,
}
_PLANS: dict[type, Callable[[Any], Step]] = {
    Literal: _literal,
    Ident: _ident,
    Select: _select,
    Call: _call,
    ListNode: _list,
    MapNode: _map,
    StructNode: _struct,
    Comprehension: _comprehension,
    _Growing: _grow,
}
