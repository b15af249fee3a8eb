"""Types for every part of an expression, and upstream's words for what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sagong.api.cel import types
from sagong.api.cel.declarations import Functions, Overload
from sagong.api.cel.errors import CompileError, Issue
from sagong.api.cel.literals import faults
from sagong.api.cel.syntax import Call, Comprehension, Ident, ListNode, Literal, MapNode, Node, Select, StructNode, qualified_name
from sagong.api.cel.types import BOOL, DYN, ERROR, Type, list_of, map_of, optional_of, type_of, unwrapped
from sagong.api.cel.unify import Bindings, most_general
from sagong.api.cel.values import type_of_value


class Provider(Protocol):
    """Who knows the fields of struct types."""

    def fields(self, name: str) -> Mapping[str, tuple[Type, str]] | None:
        """Return the fields of a type by the names that expressions use: their types, and how JSON spells them. None: no such type."""


class NoStructs:
    """No struct types."""

    def fields(self, name: str) -> Mapping[str, tuple[Type, str]] | None:
        """Return None."""
        del name
        return None


class Checker:
    """Checks one expression: `node.type`, `Call.overloads`, `Select.key` are filled in, names are resolved in place."""

    def __init__(self, source: str, variables: Mapping[str, Type], functions: Functions, structs: Provider) -> None:
        self._source = source
        self._functions = functions
        self._structs = structs
        self._scopes: list[dict[str, Type]] = [dict(variables)]
        self._bindings = Bindings()
        self._issues: list[Issue] = []
        self._fresh = 0

    def check(self, node: Node) -> Node:
        """Check it all; the node returned may be another. Raises CompileError."""
        node = self._check(node)
        self._finish(node)
        if not self._issues:
            self._issues.extend(faults(node))
        if self._issues:
            raise CompileError(self._source, self._issues)
        return node

    def _report(self, offset: int, message: str) -> Type:
        self._issues.append(Issue(offset, message))
        return ERROR

    def _undeclared(self, offset: int, name: str) -> Type:
        return self._report(offset, f"undeclared reference to '{name}' (in container '')")

    def _finish(self, node: Node) -> None:
        node.type = self._bindings.substitute(node.type, free_to_dyn=True)
        for child in node.children():
            self._finish(child)

    # names

    def _variable(self, name: str) -> Type | None:
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        return None

    def _is_local(self, name: str) -> bool:
        """Say whether it is the variable of a loop, which hides what is called `name.anything` outside of it."""
        return any(name in scope for scope in self._scopes[1:])

    def _named(self, name: str) -> tuple[Type, Any] | None:
        """Return the type of a name and what it stands for, when that is fixed."""
        plain = name.removeprefix(".")
        found = self._variable(plain)
        if found is not None:
            return found, None
        made = self._functions.named_type(plain)
        if made is None and self._structs.fields(plain) is not None:
            made = types.struct(plain)
        return (type_of(made), made) if made else None

    # parts

    def _check(self, node: Node) -> Node:
        if isinstance(node, Select):
            return self._select(node)
        if isinstance(node, Literal):
            node.type = type_of_value(node.value)
        elif isinstance(node, Ident):
            self._ident(node)
        elif isinstance(node, Call):
            self._call(node)
        elif isinstance(node, ListNode):
            self._list(node)
        elif isinstance(node, MapNode):
            self._map(node)
        elif isinstance(node, StructNode):
            self._struct(node)
        elif isinstance(node, Comprehension):
            self._comprehension(node)
        return node

    def _ident(self, node: Ident) -> None:
        found = self._named(node.name)
        if found is None:
            node.type = self._undeclared(node.offset, node.name)
            return
        node.type, node.constant = found
        node.name = node.name.removeprefix(".")

    def _select(self, node: Select) -> Node:
        name = qualified_name(node)
        found = self._named(name) if name and not self._is_local(name.partition(".")[0]) else None
        if name and found:
            return Ident(node.offset, name.removeprefix("."), found[1], type=found[0])
        node.operand = self._check(node.operand)
        kind, node.key = self._field(node.offset, node.operand.type, node.field)
        node.type = BOOL if node.test else self._bindings.substitute(kind)
        return node

    def _field(self, offset: int, operand: Type, field: str, *, optional: bool = False) -> tuple[Type, str]:
        target, was_optional = unwrapped(self._bindings.substitute(operand))
        kind, key = DYN, field
        if target.kind == "map":
            kind = target.parameters[1]
        elif target.kind == "struct":
            found = self._fields_of(target).get(field)
            if found is None:
                kind = self._report(offset, f"undefined field '{field}'")
            else:
                kind, key = found
        elif target.kind == "param":
            self._bindings.assignable(DYN, target)
        elif target.kind not in ("dyn", "error"):
            self._report(offset, f"type '{target}' does not support field selection")
        return (optional_of(kind) if was_optional or optional else kind), key

    def _fields_of(self, kind: Type) -> Mapping[str, tuple[Type, str]]:
        found = self._structs.fields(kind.name)
        return {} if found is None else found

    def _call(self, node: Call) -> None:
        if node.function == "_?._":
            self._optional_select(node)
            return
        node.arguments = [self._check(argument) for argument in node.arguments]
        if node.target is not None:
            prefix = qualified_name(node.target)
            namespaced = f"{prefix}.{node.function}".removeprefix(".") if prefix else ""
            if namespaced and self._functions.get(namespaced):
                node.function, node.target = namespaced, None
            else:
                node.target = self._check(node.target)
        overloads = self._functions.get(node.function.removeprefix("."))
        if not overloads:
            node.type = self._undeclared(node.offset, node.function)
            return
        node.function = node.function.removeprefix(".")
        self._resolve(node, overloads)

    def _optional_select(self, node: Call) -> None:
        operand, field = node.arguments
        node.arguments[0] = operand = self._check(operand)
        assert isinstance(field, Literal)
        kind, field.value = self._field(node.offset, operand.type, field.value, optional=True)
        field.type = types.STRING
        node.type = self._bindings.substitute(kind)
        node.overloads = self._functions.get(node.function)

    def _resolve(self, node: Call, overloads: tuple[Overload, ...]) -> None:
        arguments = [argument.type for argument in node.children()]
        if node.function in ("_&&_", "_||_"):
            self._logic(node, overloads)
            return
        result: Type | None = None
        chosen: list[Overload] = []
        for overload in overloads:
            if overload.member != (node.target is not None):
                continue
            parameters, returns = self._instance(overload)
            if not self._bindings.all_assignable(arguments, parameters):
                continue
            chosen.append(overload)
            returned = self._bindings.substitute(returns)
            if result is None:
                result = returned
            elif result.kind != "dyn" and returned != result:
                result = DYN
        if result is None:
            shown = [str(self._bindings.substitute(kind, free_to_dyn=True)) for kind in arguments]
            receiver = f"{shown.pop(0)}." if node.target is not None else ""
            applied = f"{receiver}({', '.join(shown)})"
            node.type = self._report(node.offset, f"found no matching overload for '{node.function}' applied to '{applied}'")
            return
        node.type, node.overloads = result, tuple(chosen)

    def _logic(self, node: Call, overloads: tuple[Overload, ...]) -> None:
        node.type, node.overloads = BOOL, overloads
        for argument in node.arguments:
            if not self._bindings.assignable(argument.type, BOOL):
                node.type = self._mismatch(argument.offset, BOOL, argument.type)

    def _instance(self, overload: Overload) -> tuple[tuple[Type, ...], Type]:
        """Return parameters and result, with type parameters of this call's own."""
        if not overload.generic:
            return overload.parameters, overload.result
        self._fresh += 1
        return tuple(self._own(kind) for kind in overload.parameters), self._own(overload.result)

    def _own(self, kind: Type) -> Type:
        if kind.kind == "param":
            return Type("param", f"{kind.name}{self._fresh}")
        return Type(kind.kind, kind.name, tuple(map(self._own, kind.parameters))) if kind.parameters else kind

    def _new_parameter(self) -> Type:
        self._fresh += 1
        return Type("param", f"_var{self._fresh}")

    def _mismatch(self, offset: int, expected: Type, found: Type) -> Type:
        return self._report(offset, f"expected type '{expected}' but found '{found}'")

    def _joined(self, before: Type | None, now: Type) -> Type:
        if before is None:
            return now
        return most_general(before, now) if self._bindings.assignable(before, now) else DYN

    def _held(self, node: Node, *, optional: bool) -> Type:
        """Return the type of an element, that inside it when it is marked optional."""
        if not optional:
            return node.type
        inner, is_one = unwrapped(self._bindings.substitute(node.type))
        if not is_one and inner.kind != "dyn":
            self._mismatch(node.offset, optional_of(inner), inner)
        return inner

    def _list(self, node: ListNode) -> None:
        element: Type | None = None
        for position, part in enumerate(node.elements):
            node.elements[position] = part = self._check(part)  # noqa: PLW2901 - the checked part takes its place
            element = self._joined(element, self._held(part, optional=position in node.optional))
        node.type = list_of(element or self._new_parameter())

    def _map(self, node: MapNode) -> None:
        key: Type | None = None
        value: Type | None = None
        for entry in node.entries:
            entry.key, entry.value = self._check(entry.key), self._check(entry.value)
            key = self._joined(key, entry.key.type)
            value = self._joined(value, self._held(entry.value, optional=entry.optional))
        node.type = map_of(key or self._new_parameter(), value or self._new_parameter())

    def _struct(self, node: StructNode) -> None:
        found = self._named(node.name)
        made = found[1] if found else None
        if found is None:
            node.type = self._undeclared(node.offset, node.name)
            return
        if not isinstance(made, Type):
            node.type = self._report(node.offset, f"'{found[0]}' is not a type")
        elif made.kind != "struct" or self._structs.fields(made.name) is None:
            node.type = self._report(node.offset, f"'{made}' is not a message type")
        else:
            node.type, node.name = made, made.name
        fields = self._fields_of(node.type)
        for entry in node.fields:
            entry.value = self._check(entry.value)
            self._initializer(node, entry.offset, fields, entry)

    def _initializer(self, node: StructNode, offset: int, fields: Mapping[str, tuple[Type, str]], entry: Any) -> None:
        if entry.key not in fields:
            if node.type.kind != "error":
                self._report(offset, f"undefined field '{entry.key}'")
            return
        wanted, name = fields[entry.key]
        given = self._held(entry.value, optional=entry.optional)
        if not self._bindings.assignable(wanted, given):
            found = self._bindings.substitute(given, free_to_dyn=True)
            self._report(offset, f"expected type of field '{entry.key}' is '{wanted}' but provided type is '{found}'")
        entry.key = name

    def _comprehension(self, node: Comprehension) -> None:
        node.range = self._check(node.range)
        node.init = self._check(node.init)
        span = self._bindings.substitute(node.range.type)
        first, second = self._loop_types(node, span)
        self._scopes.append({node.accumulator: node.init.type})
        names = {node.variable: second if span.kind == "list" and not node.second else first}
        if node.second:
            names[node.second] = second
        self._scopes.append(names)
        node.condition = self._check(node.condition)
        self._must_be(node.condition, BOOL)
        node.step = self._check(node.step)
        self._must_be(node.step, node.init.type)
        self._scopes.pop()
        node.result = self._check(node.result)
        self._scopes.pop()
        node.type = self._bindings.substitute(node.result.type)

    def _loop_types(self, node: Comprehension, span: Type) -> tuple[Type, Type]:
        """Return the types of index and element, or of key and value."""
        if span.kind == "list":
            return types.INT, span.parameters[0]
        if span.kind == "map":
            return span.parameters[0], span.parameters[1]
        if span.kind in ("dyn", "error", "param"):
            self._bindings.assignable(DYN, span)
            return DYN, DYN
        self._report(node.range.offset, f"expression of type '{span}' cannot be range of a comprehension (must be list, map, or dynamic)")
        return ERROR, ERROR

    def _must_be(self, node: Node, wanted: Type) -> None:
        if not self._bindings.assignable(wanted, node.type):
            self._mismatch(node.offset, wanted, self._bindings.substitute(node.type, free_to_dyn=True))
