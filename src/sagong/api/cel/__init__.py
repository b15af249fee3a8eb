"""CEL, the language of validation rules and admission policies, as Kubernetes has it.

An expression is compiled once, against the types of its variables, and evaluated often:

    from sagong.api import cel

    program = cel.compile("self.replicas <= self.max", {"self": cel.DYN})
    program.result                                   # the type, here cel.BOOL
    program.evaluate({"self": {"replicas": 2, "max": 3}})  # True

`compile` raises CompileError, whose text is upstream's (`ERROR: <input>:1:5: undeclared reference to ...` with the line and a mark).
`evaluate` raises EvaluationError (`no such key: max`) and CostExceeded. A call may cost `PER_CALL_LIMIT`; expressions that share
an allowance take it from one Budget:

    budget = cel.Budget(10_000_000)
    program.evaluate(bindings, budget)               # CostExceeded with .budget True once it is used up

**Values** are plain: JSON as decoded (dict, list, str, int, float, bool, None) is a value as it is, and so is the result, except that
formatted strings, durations, timestamps, quantities and so on have classes (`values`, `library`); `to_json` turns a result back
into JSON. A typed Struct is given as `msgspec.to_builtins(struct)`. A `Host` computes its fields when they are asked for.

**Schemas** become types. For a custom resource:

    schemas = cel.SchemaTypes()
    declared = schemas.declare(openAPIV3Schema, "selfType", resource=True)   # None: nothing an expression could reach
    program = cel.compile(rule, {"self": declared.type, "oldSelf": declared.type}, structs=schemas)
    program.evaluate({"self": declared.value(json), "oldSelf": declared.value(old_json)}, budget)

and `$ref`s are followed with `SchemaTypes(resolve)`. A property is reached by its escaped name (`x-y` as `self.x__dash__y`); what is
under additionalProperties is a map. `cel.estimate(program, {"self": declared, "oldSelf": declared})` bounds the cost before any
evaluation, as a CustomResourceDefinition's rules are judged.

Inside: `lexer`, `parser`, `macros` make `syntax`; `checker` with `unify` and `declarations` gives it types; `planner` turns it into
closures that count `costs`. `standard` and `library` hold the functions. See docs/adr/0004-cel.md for why it is our own.
"""

from __future__ import annotations

from collections.abc import Mapping

from sagong.api.cel.checker import Provider
from sagong.api.cel.costs import PER_CALL_LIMIT
from sagong.api.cel.declarations import Functions
from sagong.api.cel.errors import CelError, CompileError, CostExceeded, EvaluationError, Issue
from sagong.api.cel.estimate import estimate
from sagong.api.cel.library import KUBERNETES
from sagong.api.cel.program import Budget, Program, compile_with
from sagong.api.cel.schema_types import Declared, SchemaTypes
from sagong.api.cel.sizes import Range
from sagong.api.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    UINT,
    Type,
    list_of,
    map_of,
    optional_of,
    struct,
)  # fmt: skip
from sagong.api.cel.values import Host, to_json

__all__ = [
    "BOOL", "BYTES", "DOUBLE", "DURATION", "DYN", "INT", "NULL", "PER_CALL_LIMIT", "STRING", "TIMESTAMP", "UINT", "Budget",
    "CelError", "CompileError", "CostExceeded", "Declared", "EvaluationError", "Functions", "Host", "Issue", "Program", "Provider", "Range",
    "SchemaTypes", "Type", "compile", "estimate", "list_of", "map_of", "optional_of", "struct", "to_json",
]  # fmt: skip


def compile(  # noqa: A001 - what it does
    expression: str,
    variables: Mapping[str, Type],
    *,
    structs: Provider | None = None,
    functions: Functions = KUBERNETES,
) -> Program:
    """Compile an expression with Kubernetes' libraries. Raises CompileError."""
    return compile_with(expression, variables, functions, structs)
