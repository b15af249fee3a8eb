"""CEL expressions in policies and match conditions: what does not compile is refused. CEL is loaded with the first of them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from sagong.api.field_errors import Errors

if TYPE_CHECKING:
    from sagong.api.cel import Program
    from sagong.api.cel.types import Type
    from sagong.api.policies.environment import Environment


class Expressions:
    """Checks the expressions of one object. `composed`: it declares variables."""

    def __init__(self, *, params: bool, composed: bool = False) -> None:
        self._params, self._composed = params, composed

    @functools.cached_property
    def _environment(self) -> Environment:
        from sagong.api.policies.environment import Environment  # noqa: PLC0415 - see the module's docstring

        return Environment(params=self._params, composed=self._composed)

    def check(
        self, errors: Errors, path: str, expression: str, wanted: str = "bool", *, shown: str = "", **allowed: bool
    ) -> Program | None:
        """Compile one; `wanted` names what it must come to (see `_results`), `shown` is what the error quotes."""
        from sagong.api.policies.environment import ExpressionError  # noqa: PLC0415 - see the module's docstring

        try:
            return self._environment.compile(expression, _results(wanted), **allowed)
        except ExpressionError as error:
            errors.invalid(path, shown or expression, str(error))
            return None

    def variable(self, errors: Errors, path: str, name: str, expression: str) -> None:
        """Compile a variable, for those after it."""
        self._environment.declare(name, self.check(errors, path, expression, "any"))


@functools.cache
def _results(wanted: str) -> tuple[Type, ...]:
    from sagong.api import cel  # noqa: PLC0415 - see the module's docstring
    from sagong.api.policies import environment  # noqa: PLC0415

    return {
        "any": (),
        "bool": (cel.BOOL,),
        "string": (cel.STRING,),
        "string or null": (cel.STRING, cel.NULL),
        "object": (environment.OBJECT,),
        "patches": (cel.list_of(environment.PATCH),),
    }[wanted]
