"""Calls that are no calls: `has`, the loops (one and two variables), `optMap` and `optFlatMap`."""

from __future__ import annotations

import copy
from collections.abc import Callable

from sagong.api.cel.syntax import Call, Comprehension, Ident, ListNode, Literal, MapNode, Node, Select

ACCUMULATOR = "@result"
_TAKEN = (ACCUMULATOR, "__result__")


class MacroError(Exception):
    """The arguments do not fit the macro."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


Expander = Callable[[int, Node, list[Node]], Node]


def expand(function: str, offset: int, target: Node | None, arguments: list[Node]) -> Node | None:
    """Expand the call if it is a macro; None when it is none. Raises MacroError."""
    if target is None:
        return _has(offset, arguments[0]) if function == "has" and len(arguments) == 1 else None
    expander = _MACROS.get((function, len(arguments)))
    return expander(offset, target, arguments) if expander else None


def _has(offset: int, argument: Node) -> Node:
    if not isinstance(argument, Select):
        raise MacroError(argument.offset, "invalid argument to has() macro")
    return Select(offset, argument.operand, argument.field, test=True)


def _one(node: Node) -> tuple[str, str]:
    if not isinstance(node, Ident):
        raise MacroError(node.offset, "argument is not an identifier")
    if node.name in _TAKEN:
        raise MacroError(node.offset, "iteration variable overwrites accumulator variable")
    return node.name, ""


def _quantifier_variable(node: Node) -> tuple[str, str]:
    if not isinstance(node, Ident):
        raise MacroError(node.offset, "argument must be a simple name")
    return _one(node)


def _two(first: Node, second: Node) -> tuple[str, str]:
    for node in (first, second):
        if not isinstance(node, Ident):
            raise MacroError(node.offset, "argument must be a simple name")
    if isinstance(first, Ident) and isinstance(second, Ident) and first.name == second.name:
        raise MacroError(second.offset, f"duplicate variable name: {first.name}")
    return _one(first)[0], _one(second)[0]


def _loop(offset: int, span: Node, names: tuple[str, str], init: Node, step: Node) -> Comprehension:
    result = Ident(offset, ACCUMULATOR)
    return Comprehension(offset, span, *names, ACCUMULATOR, init, Literal(offset, value=True), step, result)


def _call(offset: int, function: str, *arguments: Node) -> Call:
    return Call(offset, function, None, list(arguments))


def _every(offset: int, span: Node, names: tuple[str, str], predicate: Node) -> Node:
    going_on = _call(offset, "@not_strictly_false", Ident(offset, ACCUMULATOR))
    step = _call(offset, "_&&_", Ident(offset, ACCUMULATOR), predicate)
    loop = _loop(offset, span, names, Literal(offset, value=True), step)
    loop.condition = going_on
    return loop


def _any(offset: int, span: Node, names: tuple[str, str], predicate: Node) -> Node:
    going_on = _call(offset, "@not_strictly_false", _call(offset, "!_", Ident(offset, ACCUMULATOR)))
    step = _call(offset, "_||_", Ident(offset, ACCUMULATOR), predicate)
    loop = _loop(offset, span, names, Literal(offset, value=False), step)
    loop.condition = going_on
    return loop


def _exactly_one(offset: int, span: Node, names: tuple[str, str], predicate: Node) -> Node:
    more = _call(offset, "_+_", Ident(offset, ACCUMULATOR), Literal(offset, 1))
    loop = _loop(offset, span, names, Literal(offset, 0), _call(offset, "_?_:_", predicate, more, Ident(offset, ACCUMULATOR)))
    loop.result = _call(offset, "_==_", Ident(offset, ACCUMULATOR), Literal(offset, 1))
    return loop


def _kept_if(keep: Node | None, step: Node) -> Node:
    return step if keep is None else _call(step.offset, "_?_:_", keep, step, Ident(step.offset, ACCUMULATOR))


def _listed(offset: int, span: Node, names: tuple[str, str], value: Node, keep: Node | None = None) -> Node:
    step = _call(offset, "_+_", Ident(offset, ACCUMULATOR), ListNode(offset, [value]))
    return _loop(offset, span, names, ListNode(offset, []), _kept_if(keep, step))


def _mapped(offset: int, span: Node, names: tuple[str, str], entry: list[Node], keep: Node | None) -> Node:
    step = _call(offset, "cel.@mapInsert", Ident(offset, ACCUMULATOR), *entry)
    return _loop(offset, span, names, MapNode(offset, []), _kept_if(keep, step))


def _opt_map(offset: int, target: Node, arguments: list[Node], *, flat: bool) -> Node:
    name = arguments[0]
    if not isinstance(name, Ident):
        raise MacroError(name.offset, f"{'optFlatMap' if flat else 'optMap'}() variable name must be a simple identifier")
    value = Call(offset, "value", copy.deepcopy(target), [])
    bound: Node = _bound(offset, name.name, value, arguments[1])
    if not flat:
        bound = _call(offset, "optional.of", bound)
    return _call(offset, "_?_:_", Call(offset, "hasValue", target, []), bound, _call(offset, "optional.none"))


def _sort_by(offset: int, target: Node, arguments: list[Node]) -> Node:
    name = "@__sortBy_input__"
    keys = _listed(offset, Ident(offset, name), _one(arguments[0]), arguments[1])
    ordered = Call(offset, "@sortByAssociatedKeys", Ident(offset, name), [keys])
    return _bound(offset, name, target, ordered)


def _bound(offset: int, name: str, value: Node, body: Node) -> Comprehension:
    """Return `body` with a variable: a loop that never runs."""
    return Comprehension(offset, ListNode(offset, []), "#unused", "", name, value, Literal(offset, value=False), Ident(offset, name), body)


_MACROS: dict[tuple[str, int], Expander] = {
    ("all", 2): lambda o, t, a: _every(o, t, _quantifier_variable(a[0]), a[1]),
    ("exists", 2): lambda o, t, a: _any(o, t, _quantifier_variable(a[0]), a[1]),
    ("exists_one", 2): lambda o, t, a: _exactly_one(o, t, _quantifier_variable(a[0]), a[1]),
    ("existsOne", 2): lambda o, t, a: _exactly_one(o, t, _quantifier_variable(a[0]), a[1]),
    ("map", 2): lambda o, t, a: _listed(o, t, _one(a[0]), a[1]),
    ("map", 3): lambda o, t, a: _listed(o, t, _one(a[0]), a[2], a[1]),
    ("filter", 2): lambda o, t, a: _listed(o, t, _one(a[0]), Ident(a[0].offset, _one(a[0])[0]), a[1]),
    ("all", 3): lambda o, t, a: _every(o, t, _two(a[0], a[1]), a[2]),
    ("exists", 3): lambda o, t, a: _any(o, t, _two(a[0], a[1]), a[2]),
    ("exists_one", 3): lambda o, t, a: _exactly_one(o, t, _two(a[0], a[1]), a[2]),
    ("existsOne", 3): lambda o, t, a: _exactly_one(o, t, _two(a[0], a[1]), a[2]),
    ("transformList", 3): lambda o, t, a: _listed(o, t, _two(a[0], a[1]), a[2]),
    ("transformList", 4): lambda o, t, a: _listed(o, t, _two(a[0], a[1]), a[3], a[2]),
    ("transformMap", 3): lambda o, t, a: _mapped(o, t, _two(a[0], a[1]), [Ident(o, _two(a[0], a[1])[0]), a[2]], None),
    ("transformMap", 4): lambda o, t, a: _mapped(o, t, _two(a[0], a[1]), [Ident(o, _two(a[0], a[1])[0]), a[3]], a[2]),
    ("transformMapEntry", 3): lambda o, t, a: _mapped(o, t, _two(a[0], a[1]), [a[2]], None),
    ("transformMapEntry", 4): lambda o, t, a: _mapped(o, t, _two(a[0], a[1]), [a[3]], a[2]),
    ("sortBy", 2): _sort_by,
    ("optMap", 2): lambda o, t, a: _opt_map(o, t, a, flat=False),
    ("optFlatMap", 2): lambda o, t, a: _opt_map(o, t, a, flat=True),
}
