"""Type checking of a validating policy's expressions against the schemas of what it is about; what is wrong is only a warning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sagong.api import cel
from sagong.api.policies.environment import Environment, ExpressionError
from sagong.api.types.admissionregistration import ExpressionWarning, NamedRuleWithOperations, ValidatingAdmissionPolicy, Variable

MOST_TYPES = 10
_PREFIX = "compilation failed: "
Schema = dict[str, Any]


class Kind(NamedTuple):
    """A kind in full."""

    group: str
    version: str
    kind: str

    def __str__(self) -> str:
        return f"{self.group}/{self.version}, Kind={self.kind}"


@dataclass(frozen=True, slots=True)
class Schemas:
    """Where schemas are found: those of kinds, and those that `$ref`s name; None when there is none."""

    of_kind: Callable[[Kind], Schema | None]
    of_reference: Callable[[str], Schema | None]


def resources(policy: ValidatingAdmissionPolicy) -> Iterator[list[tuple[str, str, str]]]:
    """Yield, rule by rule, the (group, version, plural) that a policy names; rules with wildcards name none."""
    constraints = policy.spec.matchConstraints
    for rule in constraints.resourceRules if constraints is not None else ():
        yield list(_named(rule))


def _named(rule: NamedRuleWithOperations) -> Iterator[tuple[str, str, str]]:
    if any("*" in text for text in (*rule.apiGroups, *rule.apiVersions)):
        return
    plurals = sorted(name for name in rule.resources if not set("*/") & set(name))
    for group in sorted(rule.apiGroups):
        for version in sorted(rule.apiVersions):
            yield from ((group, version, plural) for plural in plurals)


def kinds(policy: ValidatingAdmissionPolicy, kind_of: Callable[[str, str, str], Kind | None]) -> list[Kind]:
    """Return the kinds to check a policy against, at most ten for a rule."""
    found: set[Kind] = set()
    for named in resources(policy):
        known = [kind for kind in (kind_of(*resource) for resource in named) if kind is not None]
        found.update(known[:MOST_TYPES])
        if len(known) >= MOST_TYPES:
            break
    return sorted(found)


def check(policy: ValidatingAdmissionPolicy, checked: Sequence[Kind], schemas: Schemas) -> list[ExpressionWarning]:
    """Return the warnings about a policy's validations, in their order."""
    contexts = [(kind, context) for kind in checked if (context := _context(policy, kind, schemas)) is not None]
    warnings: list[ExpressionWarning] = []
    for index, validation in enumerate(policy.spec.validations):
        for field in ("expression", "messageExpression"):
            expression = getattr(validation, field)
            found = [f"{kind}: {fault}\n" for kind, context in contexts if expression and (fault := _fault(context, expression))]
            if found:
                warnings.append(ExpressionWarning(fieldRef=f"spec.validations[{index}].{field}", warning="\n".join(found)))
    return warnings


def _context(policy: ValidatingAdmissionPolicy, kind: Kind, schemas: Schemas) -> Environment | None:
    """Return an environment in which the object is of a kind; None when nothing is known of the kind."""
    types = cel.SchemaTypes(schemas.of_reference)
    declared = _declared(types, schemas, kind)
    if declared is None:
        return None
    typed = {"object": declared.type, "oldObject": declared.type}
    params = policy.spec.paramKind
    if params is not None:
        group, _, version = params.apiVersion.rpartition("/")
        known = _declared(types, schemas, Kind(group, version, params.kind))
        if known is not None:
            typed["params"] = known.type
    environment = Environment(params=params is not None, schemas=types, typed=typed)
    _declare(environment, policy.spec.variables)
    return environment


def _declared(types: cel.SchemaTypes, schemas: Schemas, kind: Kind) -> cel.Declared | None:
    schema = schemas.of_kind(kind)
    return None if schema is None else types.declare(schema, kind.kind, resource=True)


def _declare(environment: Environment, variables: Sequence[Variable]) -> None:
    for variable in variables:
        try:
            environment.declare(variable.name, environment.compile(variable.expression, ()))
        except ExpressionError:
            environment.declare(variable.name, None)


def _fault(environment: Environment, expression: str) -> str:
    try:
        environment.compile(expression, ())
    except ExpressionError as error:
        return str(error).removeprefix(_PREFIX)
    return ""
