"""An expression from text to value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagong.api.cel import costs
from sagong.api.cel.checker import Checker, NoStructs, Provider
from sagong.api.cel.declarations import Functions
from sagong.api.cel.errors import CompileError, CostExceeded, EvaluationError, Issue
from sagong.api.cel.parser import parse
from sagong.api.cel.planner import Frame, Step, plan
from sagong.api.cel.syntax import Node
from sagong.api.cel.types import Type


class Budget:
    """A cost that several evaluations share: the rules of one object, the expressions of one policy."""

    __slots__ = ("remaining",)

    def __init__(self, total: int) -> None:
        self.remaining = total

    def spend(self, cost: int) -> None:
        """Take from it. Raises CostExceeded when it is used up."""
        self.remaining -= cost
        if self.remaining < 0:
            raise CostExceeded(budget=True)


class Program:
    """A compiled expression. `result` is its type; it may be evaluated any number of times."""

    __slots__ = ("_plan", "root", "source")

    def __init__(self, source: str, root: Node) -> None:
        self.source = source
        self.root = root
        self._plan: Step | None = None

    @property
    def result(self) -> Type:
        """The type of its value."""
        return self.root.type

    def evaluate(self, bindings: Mapping[str, Any], budget: Budget | None = None, *, limit: int = costs.PER_CALL_LIMIT) -> Any:
        """Return the value. Raises EvaluationError; CostExceeded beyond `limit` or the budget."""
        return self.run(bindings, budget, limit=limit)[0]

    def run(self, bindings: Mapping[str, Any], budget: Budget | None = None, *, limit: int = costs.PER_CALL_LIMIT) -> tuple[Any, int]:
        """Return the value and what it cost."""
        if self._plan is None:
            self._plan = plan(self.root)
        frame = Frame(dict(bindings), limit)
        try:
            value = self._plan(frame)
        except RecursionError:
            raise EvaluationError("expression recursion limit exceeded") from None
        except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
            raise EvaluationError(f"internal error: {error}") from error
        finally:
            if budget is not None and frame.cost <= limit:
                budget.spend(frame.cost)
        return value, frame.cost


def compile_with(
    source: str,
    variables: Mapping[str, Type],
    functions: Functions,
    structs: Provider | None = None,
) -> Program:
    """Compile against a table of functions. Raises CompileError."""
    root = parse(source)
    try:
        return Program(source, Checker(source, variables, functions, structs or NoStructs()).check(root))
    except RecursionError:
        raise CompileError(source, [Issue(0, "expression recursion limit exceeded: 250")]) from None
