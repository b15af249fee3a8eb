"""x-kubernetes-validations: the rules of a schema, compiled, and what they say of an object.

A rule sees the value that it stands at as `self`, and as `oldSelf` the value that it came from. Rules of a value that did not change
since it was stored only warn (ratcheting), unless they compare it with what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sagong.api import cel
from sagong.api.cel.names import escaped
from sagong.api.cel.syntax import Ident, Node
from sagong.api.cel.values import NONE, Optional
from sagong.api.custom.correlate import Pair, map_key
from sagong.api.custom.rule_paths import rule_path
from sagong.api.custom.schema import Schema
from sagong.api.custom.values import WHOLE
from sagong.api.errors import Cause
from sagong.api.field_errors import OMIT, Errors, quote

BUDGET = 10_000_000
_LONGEST_MESSAGE = 5 * 1024
_HEAVY = 20_000  # units of cost; a million take about a second
_OUT_OF_BUDGET = "validation failed due to running out of cost budget, no further validation rules will be run"
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, compiled; `error` is why it could not be, `message_error` the same of its messageExpression."""

    said: Json
    program: cel.Program | None = None
    message: cel.Program | None = None
    path: str = ""
    uses_old: bool = False
    error: str = ""
    message_error: str = ""

    @property
    def optional_old(self) -> bool:
        """Whether it is evaluated also where there is no old value, which is an optional for it."""
        return bool(self.said.get("optionalOldSelf"))

    @property
    def shown(self) -> str:
        """The rule as messages name it."""
        return str(self.said.get("message") or self.said.get("rule", "")).strip()

    @property
    def failure(self) -> str:
        """What is said when it does not hold."""
        return self.shown if self.said.get("message") else f"failed rule: {self.shown}"


@dataclass(slots=True)
class Rules:
    """The rules at a place of a schema, and those below it."""

    schema: Schema
    declared: cel.Declared
    rules: Sequence[Rule] = ()
    items: Rules | None = None
    values: Rules | None = None
    properties: dict[str, Rules] = field(default_factory=dict)

    @property
    def heavy(self) -> bool:
        """Whether an evaluation may take so long that others should not wait for it."""
        below = [*self.properties.values(), *(rules for rules in (self.items, self.values) if rules is not None)]
        return self.items is not None or self.values is not None or any(map(self._is_heavy, self.rules)) or any(one.heavy for one in below)

    def _is_heavy(self, rule: Rule) -> bool:
        variables = {"self": self.declared, "oldSelf": self.declared}
        return rule.program is not None and cel.estimate(rule.program, variables).most > _HEAVY


def rules_of(schema: Schema, *, resource: bool = True) -> Rules | None:
    """Return the rules of a schema, None when it has none."""
    if not schema.has_rules:
        return None
    types = cel.SchemaTypes()
    declared = types.declare(schema.source, "selfType", resource=resource)
    return _rules(schema, declared, types) if declared is not None else None


def _rules(schema: Schema, declared: cel.Declared | None, types: cel.SchemaTypes) -> Rules | None:
    if declared is None or not schema.has_rules:
        return None
    found = Rules(schema, declared, compiled(schema.source, declared, types))
    if schema.items is not None:
        found.items = _rules(schema.items, declared.element, types)
    if schema.values is not None:
        found.values = _rules(schema.values, declared.element, types)
    for name, below in schema.properties.items():
        rules = _rules(below, declared_field(declared, name, below.source, types), types)
        if rules is not None:
            found.properties[name] = rules
    return found


def declared_field(declared: cel.Declared, name: str, source: Json, types: cel.SchemaTypes) -> cel.Declared | None:
    """Return the type of a field, also of one that expressions cannot name."""
    identifier = escaped(name)
    if identifier:
        return declared.fields.get(identifier)
    return types.declare(source, f"selfType.@{name}", resource=bool(source.get("x-kubernetes-embedded-resource")))


def compiled(source: Json, declared: cel.Declared, types: cel.SchemaTypes) -> list[Rule]:
    """Compile the rules of one place."""
    return [_compiled(rule, source, declared, types) for rule in source.get("x-kubernetes-validations") or ()]


def _compiled(said: Json, source: Json, declared: cel.Declared, types: cel.SchemaTypes) -> Rule:
    if not str(said.get("rule", "")).strip():
        return Rule(said)
    old = cel.optional_of(declared.type) if said.get("optionalOldSelf") else declared.type
    variables = {"self": declared.type, "oldSelf": old}
    try:
        program = cel.compile(said["rule"], variables, structs=types)
    except cel.CompileError as error:
        return Rule(said, error=f"compilation failed: {error}")
    uses_old = any(isinstance(node, Ident) and node.name == "oldSelf" for node in _walk(program.root))
    if program.result is not cel.BOOL:
        return Rule(said, error="cel expression must evaluate to a bool", uses_old=uses_old)
    message, message_error = _compiled_message(said, variables, types)
    return Rule(said, program, message, rule_path(said.get("fieldPath", ""), source), uses_old, message_error=message_error)


def _compiled_message(said: Json, variables: Mapping[str, cel.Type], types: cel.SchemaTypes) -> tuple[cel.Program | None, str]:
    if not said.get("messageExpression"):
        return None, ""
    try:
        message = cel.compile(said["messageExpression"], variables, structs=types)
    except cel.CompileError as error:
        return None, f"messageExpression compilation failed: {error}"
    return (message, "") if message.result is cel.STRING else (None, "messageExpression must evaluate to a string")


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children():
        yield from _walk(child)


class _StopError(Exception):
    """No more rules are to be evaluated."""


class Evaluation:
    """The rules of a schema put to one object. `errors` are what does not hold, `warnings` what is let pass."""

    def __init__(self, budget: int = BUDGET) -> None:
        self.errors, self.warnings = Errors(), list[str]()
        self._budget = cel.Budget(budget)

    @property
    def remaining(self) -> int:
        """What is left of the budget."""
        return self._budget.remaining

    def run(self, rules: Rules, path: str, value: Any, old: Any, pair: Pair | None = None) -> None:
        """Evaluate all rules at and below a value; `old` None: there was none. `pair`: it is an update."""
        try:
            self._at(rules, path, value, old, _Ratchet(pair))
        except _StopError:
            return

    def _at(self, rules: Rules, path: str, value: Any, old: Any, ratchet: _Ratchet) -> None:
        if value is None:
            return
        if rules.rules:
            self._evaluate(rules, path, value, old, ratchet)
        if isinstance(value, list) and rules.items is not None:
            before = _by_key(rules.schema, old)
            for index, item in enumerate(value):
                key = map_key(rules.schema, item) if before else None
                self._at(rules.items, f"{path}[{index}]", item, before.get(key) if key else None, ratchet.item(index))
        elif isinstance(value, dict):
            known = old if isinstance(old, dict) else {}
            for name, item in value.items():
                below = rules.properties.get(name)
                if below is not None:
                    self._at(below, f"{path}.{name}" if path else name, item, known.get(name), ratchet.field(name))
                elif rules.values is not None and name not in rules.schema.properties:
                    self._at(rules.values, f"{path}[{name}]", item, known.get(name), ratchet.field(name))

    def _evaluate(self, rules: Rules, path: str, value: Any, old: Any, ratchet: _Ratchet) -> None:
        kind = rules.schema.kind or "object"
        if self._budget.remaining <= 0:
            self._stop(path, kind, _OUT_OF_BUDGET)
        bindings = _Bindings(rules.declared, value, old)
        for rule in rules.rules:
            if rule.error:
                self.errors.invalid(path or WHOLE, kind, f"rule compile error: {rule.error}")
            elif rule.program is not None and not (rule.uses_old and old is None and not rule.optional_old):
                held = self._holds(rule, rule.program, bindings, path, kind)
                if not held:
                    self._complain(rule, bindings, (path, kind, value), ratchet)

    def _holds(self, rule: Rule, program: cel.Program, bindings: _Bindings, path: str, kind: str) -> bool:
        """Evaluate a rule; what goes wrong in that is told, and counts as held."""
        try:
            return program.evaluate(bindings.of(rule), self._budget) is True
        except cel.CostExceeded as error:
            said = f"'{error}': no further validation rules will be run due to call cost exceeds limit for rule: {rule.shown}"
            self._stop(path, kind, _OUT_OF_BUDGET if error.budget else said)
        except cel.EvaluationError as error:
            text = f"{error} evaluating rule: {rule.shown}"
            if str(error).startswith("no such overload"):
                text = f"'{error}': call arguments did not match a supported operator, function or macro signature for rule: {rule.shown}"
            self.errors.invalid(path or WHOLE, kind, text)
        return True

    def _stop(self, path: str, kind: str, text: str) -> None:
        self.errors.invalid(path or WHOLE, kind, text)
        raise _StopError

    def _complain(self, rule: Rule, bindings: _Bindings, where: tuple[str, str, Any], ratchet: _Ratchet) -> None:
        path, kind, value = where
        at = path
        if rule.path:
            at = f"{path}.{rule.path}" if path and not rule.path.startswith("[") else f"{path}{rule.path}"
        found = Errors()
        stopped = False
        try:
            detail = self._message(rule, bindings) or rule.failure
        except _MessageStopError as error:
            detail, stopped = str(error), True
            found.invalid(at or WHOLE, kind, detail)
        else:
            _add(found, at or WHOLE, OMIT if kind in ("object", "array") else value, detail, rule.said.get("reason"))
        if not rule.uses_old and ratchet.unchanged:
            self.warnings += (f"{cause.field}: {cause.message}" for cause in found)
        else:
            self.errors += found
        if stopped:
            raise _StopError

    def _message(self, rule: Rule, bindings: _Bindings) -> str:
        """Return what the messageExpression says, "" when there is none or it says nothing usable."""
        if rule.message is None:
            return ""
        shown = quote(rule.said["messageExpression"])
        try:
            said = rule.message.evaluate(bindings.of(None), self._budget)
        except cel.CostExceeded as error:
            text = "messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run"
            if not error.budget:
                text = f"no further validation rules will be run due to call cost exceeds limit for messageExpression: {shown}"
            raise _MessageStopError(text) from error
        except cel.EvaluationError:
            return ""
        text = said.strip() if isinstance(said, str) else ""
        return "" if "\n" in text or len(text.encode()) > _LONGEST_MESSAGE else text


class _MessageStopError(Exception):
    """The message cost too much."""


def _add(errors: Errors, path: str, value: Any, detail: str, reason: str | None) -> None:
    if reason == "FieldValueForbidden":
        errors.forbidden(path, detail)
    elif reason == "FieldValueRequired":
        errors.required(path, detail)
    elif reason == "FieldValueDuplicate":
        errors.append(Cause("FieldValueDuplicate", "Duplicate value", path)) if value is OMIT else errors.duplicate(path, value)
    else:
        errors.invalid(path, value, detail)


def _by_key(schema: Schema, old: Any) -> dict[bytes, Any]:
    """Return the items of an old list of type map by what identifies them."""
    if schema.list_type != "map" or not isinstance(old, list):
        return {}
    return {key: item for item in reversed(old) if (key := map_key(schema, item)) is not None}


class _Bindings:
    """`self` and `oldSelf` of the rules at one place, made ready when the first one asks."""

    __slots__ = ("_before", "_declared", "_new", "_old", "_self")

    def __init__(self, declared: cel.Declared, new: Any, old: Any) -> None:
        self._declared, self._new, self._old = declared, new, old
        self._self: Any = None
        self._before: Any = None

    def of(self, rule: Rule | None) -> dict[str, Any]:
        """Return them for one rule, or for a message (None). Raises EvaluationError for values that are not as the schema says."""
        if self._self is None:
            self._self = self._declared.value(self._new)
        if self._before is None and self._old is not None and (rule is None or rule.uses_old):
            self._before = self._declared.value(self._old)
        if rule is not None and rule.optional_old:
            return {"self": self._self, "oldSelf": NONE if self._old is None else Optional(self._before, present=True)}
        return {"self": self._self} if self._old is None else {"self": self._self, "oldSelf": self._before}


class _Ratchet:
    """How a place compares with what was stored: itself, or the nearest place above that can be compared."""

    __slots__ = ("_above", "_here")

    def __init__(self, here: Pair | None, above: Pair | None = None) -> None:
        self._here, self._above = here, above

    @property
    def unchanged(self) -> bool:
        pair = self._here if self._here is not None else self._above
        return pair is not None and pair.same

    def field(self, name: str) -> _Ratchet:
        if self._here is None:
            return self
        if self._above is None and name in ("apiVersion", "kind"):
            return _Ratchet(None)
        return _Ratchet(self._here.field(name), self._here)

    def item(self, index: int) -> _Ratchet:
        return self if self._here is None else _Ratchet(self._here.item(index), self._here)
