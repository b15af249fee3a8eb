"""A validating policy, compiled, and its judgement of one write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sagong.api import cel
from sagong.api.cel.values import type_of_value
from sagong.api.policies.environment import Environment, shown
from sagong.api.policies.evaluation import (
    BUDGET,
    Activation,
    ConditionError,
    Conditions,
    Evaluator,
    Outcome,
    OutOfBudgetError,
    compiled,
    compiled_variables,
)  # fmt: skip
from sagong.api.types.admissionregistration import ValidatingAdmissionPolicy, Validation

_LONGEST_MESSAGE = 5 * 1024


@dataclass(frozen=True, slots=True)
class Denial:
    """One validation that failed, or could not be evaluated. `index` is its place among the policy's validations."""

    index: int
    message: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a policy says to a write: denials, annotations for the audit, and complaints about annotations that deny it too.

    `excused` are the errors of a policy that may fail.
    """

    denials: Sequence[Denial] = ()
    annotations: Sequence[tuple[str, str]] = ()
    complaints: Sequence[str] = ()
    excused: Sequence[str] = ()


class ValidatingProgram:
    """A policy whose expressions are compiled; what does not compile fails when it is evaluated."""

    def __init__(self, policy: ValidatingAdmissionPolicy) -> None:
        spec = policy.spec
        self.fails_open = spec.failurePolicy == "Ignore"
        self.costly = False  # whether its last evaluation was
        environment = Environment(params=spec.paramKind is not None)
        self.variables = compiled_variables(environment, spec.variables)
        self._conditions = Conditions.of(environment, spec.matchConditions)
        self._validations = [(found, compiled(environment, found.expression, (cel.BOOL,))) for found in spec.validations]
        self._messages = [
            compiled(environment, found.messageExpression, (cel.STRING,), authorizer=False) if found.messageExpression else None
            for found in spec.validations
        ]
        self._annotations = [
            (found.key, compiled(environment, found.valueExpression, (cel.STRING, cel.NULL))) for found in spec.auditAnnotations
        ]

    def judge(self, activation: Activation, conditions: Activation) -> Judgement:
        """Evaluate the policy; `conditions` is what match conditions see."""
        try:
            if not self._conditions.hold(conditions):
                return Judgement()
            evaluator = Evaluator(activation, BUDGET)
            try:
                outcomes = [evaluator.evaluate(program) for _, program in self._validations]
                denials = self._denials(evaluator, outcomes)
            finally:
                self.costly = evaluator.costly
            annotations, complaints = self._annotated(Evaluator(activation, BUDGET))
        except (ConditionError, OutOfBudgetError) as error:
            return Judgement(excused=[str(error)]) if self.fails_open else Judgement([Denial(0, str(error))])
        excused = [outcome.error for outcome in outcomes if outcome.error] if self.fails_open else []
        return Judgement(denials, annotations, complaints, excused)

    def _denials(self, evaluator: Evaluator, outcomes: Sequence[Outcome]) -> list[Denial]:
        denials: list[Denial] = []
        messages: list[str] | None = None
        for index, (outcome, (validation, _)) in enumerate(zip(outcomes, self._validations, strict=True)):
            if outcome.error:
                if not self.fails_open:
                    denials.append(Denial(index, outcome.error))
            elif outcome.value is not True:
                try:
                    messages = messages or self._evaluated_messages(evaluator)
                except OutOfBudgetError as error:
                    return [] if self.fails_open else [Denial(index, f"failed messageExpression: {error}")]
                denials.append(Denial(index, messages[index] or _own_message(validation), validation.reason or "Invalid"))
        return denials

    def _evaluated_messages(self, evaluator: Evaluator) -> list[str]:
        """Return what the message expressions say; "" where there is none, it fails, or its text is no message."""
        return [_message(evaluator.evaluate(program)) if program else "" for program in self._messages]

    def _annotated(self, evaluator: Evaluator) -> tuple[list[tuple[str, str]], list[str]]:
        annotations: list[tuple[str, str]] = []
        complaints: list[str] = []
        for key, program in self._annotations:
            outcome = evaluator.evaluate(program)
            if isinstance(outcome.value, str):
                if outcome.value.strip():
                    annotations.append((key, outcome.value.strip()))
            elif outcome.error:
                if not self.fails_open:
                    complaints.append(outcome.error)
            elif outcome.value is not None:
                kind = shown(type_of_value(outcome.value))
                complaints.append(
                    f"valueExpression '{program.expression}' resulted in unsupported return type: {kind}. "
                    "Return type must be either string or null."
                )
        return annotations, complaints


def _message(outcome: Outcome) -> str:
    text = outcome.value.strip() if isinstance(outcome.value, str) else ""
    return "" if "\n" in text or len(text.encode()) > _LONGEST_MESSAGE else text


def _own_message(validation: Validation) -> str:
    return validation.message.strip() or f"failed expression: {validation.expression.strip()}"
