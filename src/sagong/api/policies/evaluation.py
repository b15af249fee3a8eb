"""Evaluation of the expressions of one policy, webhook or request: what they see, what they may cost, what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sagong.api import cel
from sagong.api.cel.library.authz import Authorizer, Decide, Question, ResourceCheck
from sagong.api.policies.environment import Environment, ExpressionError
from sagong.api.types.admissionregistration import MatchCondition, Variable

BUDGET = 10_000_000
CONDITIONS_BUDGET = BUDGET // 4
_COSTLY = 50_000  # some ten milliseconds
OUT_OF_BUDGET = "validation failed due to running out of cost budget, no further validation rules will be run"


class OutOfBudgetError(Exception):
    """The expressions together cost too much."""

    def __init__(self) -> None:
        super().__init__(OUT_OF_BUDGET)


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression, and its program or why there is none."""

    expression: str
    program: cel.Program | None = None
    error: str = ""


def compiled(environment: Environment, expression: str, results: Sequence[cel.Type], **allowed: bool) -> Compiled:
    """Compile for evaluation: an expression that does not compile fails each time it is needed."""
    try:
        return Compiled(expression, environment.compile(expression, results, **allowed))
    except ExpressionError as error:
        return Compiled(expression, error=str(error))


def compiled_variables(environment: Environment, variables: Iterable[Variable], **allowed: bool) -> dict[str, Compiled]:
    """Compile a policy's variables, each of which may use those before it."""
    found: dict[str, Compiled] = {}
    for variable in variables:
        found[variable.name] = made = compiled(environment, variable.expression, (), **allowed)
        environment.declare(variable.name, made.program)
    return found


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an expression came to: a value, or upstream's words for the failure."""

    value: Any = None
    error: str = ""


@dataclass(slots=True)
class Activation:
    """The values of the variables for one evaluation."""

    object: Any
    old: Any
    request: Mapping[str, Any]
    namespace: Any = None
    params: Any = None
    decide: Decide | None = None
    variables: Mapping[str, Compiled] = field(default_factory=dict)

    def bindings(self, budget: cel.Budget) -> dict[str, Any]:
        """Return them by name; `variables` are evaluated when they are asked for, once, from the same budget."""
        found = {
            "object": self.object,
            "oldObject": self.old,
            "request": self.request,
            "namespaceObject": self.namespace,
            "params": self.params,
        }
        if self.decide is not None:
            found["authorizer"] = Authorizer(self.decide)
            found["authorizer.requestResource"] = ResourceCheck(self.decide, _about(self.request))
        found["variables"] = _Variables(self.variables, found, budget)
        return found


def _about(request: Mapping[str, Any]) -> Question:
    resource = request["requestResource"]
    return Question(
        group=resource["group"],
        resource=resource["resource"],
        subresource=request.get("requestSubResource", ""),
        namespace=request.get("namespace", ""),
        name=request.get("name", ""),
    )


class _Variables(cel.Host):
    """`variables`: each is evaluated when it is first asked for."""

    __slots__ = ("_bindings", "_budget", "_compiled", "_known")

    def __init__(self, variables: Mapping[str, Compiled], bindings: dict[str, Any], budget: cel.Budget) -> None:
        self._compiled, self._bindings, self._budget = variables, bindings, budget
        self._known: dict[str, Any] = {}

    def has(self, field: str) -> bool:
        """Say whether there is such a variable."""
        return field in self._compiled

    def select(self, field: str) -> Any:
        """Return a variable's value. Raises EvaluationError, CostExceeded."""
        if field not in self._compiled:
            raise cel.EvaluationError(f"no such key: {field}")
        if field not in self._known:
            self._known[field] = self._evaluated(field)
        value = self._known[field]
        if isinstance(value, cel.EvaluationError):
            raise value
        return value

    def _evaluated(self, name: str) -> Any:
        made = self._compiled[name]
        if made.program is None:
            return cel.EvaluationError(f'composited variable "{name}" fails to compile: {made.error}')
        try:
            return made.program.evaluate(self._bindings, self._budget)
        except cel.EvaluationError as error:
            return cel.EvaluationError(f'composited variable "{name}" fails to evaluate: {error}')
        except cel.CostExceeded as error:
            if error.budget:
                raise
            return cel.EvaluationError(f'composited variable "{name}" fails to evaluate: {error}')


class Evaluator:
    """Evaluates expressions on one activation, from one budget."""

    def __init__(self, activation: Activation, budget: int = BUDGET) -> None:
        self._whole = budget
        self._budget = cel.Budget(budget)
        self._bindings = activation.bindings(self._budget)

    @property
    def costly(self) -> bool:
        """Whether so much was spent that others should not have to wait for it."""
        return self._whole - self._budget.remaining > _COSTLY

    def evaluate(self, expression: Compiled) -> Outcome:
        """Evaluate one. Raises OutOfBudgetError."""
        if expression.program is None:
            return Outcome(error=f"compilation error: {expression.error}")
        try:
            return Outcome(expression.program.evaluate(self._bindings, self._budget))
        except cel.EvaluationError as error:
            return Outcome(error=f"expression '{expression.expression}' resulted in error: {error}")
        except cel.CostExceeded as error:
            if error.budget:
                raise OutOfBudgetError from None
            return Outcome(error=f"expression '{expression.expression}' resulted in error: {error}")


@dataclass(frozen=True, slots=True)
class Conditions:
    """Compiled match conditions. Upstream's rule: one that is false ends it, errors count only when none is."""

    compiled: tuple[tuple[str, Compiled], ...]

    @classmethod
    def of(cls, environment: Environment, conditions: Iterable[MatchCondition]) -> Conditions:
        """Compile them."""
        return cls(tuple((found.name, compiled(environment, found.expression, (cel.BOOL,))) for found in conditions))

    def hold(self, activation: Activation) -> bool:
        """Say whether all hold. Raises ConditionError when that cannot be said."""
        if not self.compiled:
            return True
        evaluator = Evaluator(activation, CONDITIONS_BUDGET)
        errors: list[str] = []
        for _, condition in self.compiled:
            try:
                outcome = evaluator.evaluate(condition)
            except OutOfBudgetError as error:
                raise ConditionError(str(error)) from error
            if outcome.error:
                errors.append(outcome.error)
            elif outcome.value is False:
                return False
        if errors:
            raise ConditionError(errors[0] if len(errors) == 1 else f"[{', '.join(dict.fromkeys(errors))}]")
        return True


class ConditionError(Exception):
    """The conditions could not be evaluated; what that means is for the failure policy. The text is upstream's."""
