"""A mutating policy, compiled, and what its mutations make of an object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sagong.api import cel
from sagong.api.cel.values import Struct
from sagong.api.policies.environment import OBJECT, PATCH, Environment
from sagong.api.policies.evaluation import (
    BUDGET,
    Activation,
    Compiled,
    Conditions,
    Evaluator,
    Outcome,
    OutOfBudgetError,
    compiled,
    compiled_variables,
)  # fmt: skip
from sagong.api.types.admissionregistration import MutatingAdmissionPolicy, Mutation

PatchType = Literal["ApplyConfiguration", "JSONPatch"]
Json = dict[str, Any]


class MutationError(Exception):
    """A mutation failed; the text is upstream's."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a mutation asks for: an object to apply, or JSON patch operations."""

    kind: PatchType
    content: Any


class MutatingProgram:
    """A policy whose expressions are compiled."""

    def __init__(self, policy: MutatingAdmissionPolicy) -> None:
        spec = policy.spec
        self.fails_open = spec.failurePolicy == "Ignore"
        self.costly = False  # whether its last evaluation was
        self.reinvoked = spec.reinvocationPolicy == "IfNeeded"
        environment = Environment(params=spec.paramKind is not None)
        self.variables = compiled_variables(environment, spec.variables)
        self.conditions = Conditions.of(environment, spec.matchConditions)
        self.mutations = [_compiled(environment, mutation) for mutation in spec.mutations]

    def change(self, index: int, activation: Activation) -> Change:
        """Evaluate a mutation. Raises MutationError."""
        kind, program = self.mutations[index]
        if program.error:
            raise MutationError(program.error)
        evaluator = Evaluator(activation, BUDGET)
        try:
            outcome = evaluator.evaluate(program)
        except OutOfBudgetError as error:
            raise MutationError(str(error)) from error
        finally:
            self.costly = evaluator.costly
        return _asked(kind, outcome)


def _compiled(environment: Environment, mutation: Mutation) -> tuple[PatchType, Compiled]:
    if mutation.patchType == "JSONPatch":
        expression = mutation.jsonPatch.expression if mutation.jsonPatch else ""
        return "JSONPatch", compiled(environment, expression, (cel.list_of(PATCH),), patches=True)
    expression = mutation.applyConfiguration.expression if mutation.applyConfiguration else ""
    return "ApplyConfiguration", compiled(environment, expression, (OBJECT,), patches=True)


def _asked(kind: PatchType, outcome: Outcome) -> Change:
    if outcome.error:
        raise MutationError(outcome.error)
    if kind == "ApplyConfiguration":
        return Change(kind, _json(_checked(outcome.value)))
    return Change(kind, [_operation(found) for found in outcome.value])


def _operation(patch: Json) -> Json:
    operation = {"op": patch.get("op", ""), "path": patch.get("path", "")}
    if patch.get("from"):
        operation["from"] = patch["from"]
    if "value" in patch:
        try:
            operation["value"] = _json(_checked(patch["value"]))
        except cel.EvaluationError as error:
            raise MutationError(f"JSONPath valueExpression evaluated to a type that could not marshal to JSON: {error}") from error
    return operation


def _json(value: Any) -> Any:
    return cel.to_json(value)


def _checked(value: Any) -> Any:
    """Refuse an object whose parts are called otherwise than where they are. Raises MutationError."""
    if isinstance(value, Struct):
        wrong = list(_misnamed(value, value.name))
        if wrong:
            raise MutationError("type mismatch: " + "\n".join(wrong))
    return value


def _misnamed(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Struct):
        if value.name != path:
            yield f'unexpected type name "{value.name}", expected "{path}", which matches field name path from root Object type'
        for name, part in value.items():
            yield from _misnamed(part, f"{path}.{name}")
    elif isinstance(value, list):
        for part in value:
            yield from _misnamed(part, path)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _misnamed(part, path)
