"""What is asked of the rules of a new schema: that they compile, compare only what can be compared, and cannot cost too much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sagong.api import cel
from sagong.api.custom.rules import Rule, compiled, declared_field
from sagong.api.custom.schema import has_rules
from sagong.api.field_errors import Errors
from sagong.api.types.apiextensions import ValidationRule

PER_RULE, PER_SCHEMA = 10_000_000, 100_000_000
MOST_BYTES = 3 * 1024 * 1024
_LIMIT = 2**64 - 1
_MOST_SHOWN = 4
_ADVICE = "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in a schema: how often it may occur (None: as often as fits), and where old values can no longer be told."""

    most: int | None = 1
    uncorrelated: str = ""


@dataclass(slots=True)
class _Check:
    """The check of one schema under way."""

    errors: Errors
    lenient: bool
    types: cel.SchemaTypes = field(default_factory=cel.SchemaTypes)
    total: int = 0
    expensive: list[tuple[int, str]] = field(default_factory=list)

    def at(self, path: str, source: Json, declared: cel.Declared | None, place: _Place) -> None:
        """Check the rules below, then those here."""
        if not has_rules(source):
            return
        inside = replace(place, most=_times(place.most, _most_elements(source)))
        others, items = source.get("additionalProperties"), source.get("items")
        if isinstance(others, Mapping):
            self.at(f"{path}.additionalProperties", others, declared.element if declared else None, inside)
        for name, below in (source.get("properties") or {}).items():
            known = declared_field(declared, name, below, self.types) if declared else None
            self.at(f"{path}.properties[{name}]", below, known, inside)
        if isinstance(items, Mapping):
            loose = source.get("x-kubernetes-list-type") != "map" and not inside.uncorrelated
            self.at(f"{path}.items", items, declared.element if declared else None, replace(inside, uncorrelated=path) if loose else inside)
        if source.get("x-kubernetes-validations"):
            self._rules(path, source, declared, place)

    def _rules(self, path: str, source: Json, declared: cel.Declared | None, place: _Place) -> None:
        at = f"{path}.x-kubernetes-validations"
        if declared is None:
            self.errors.internal(at, "internal error: failed to retrieve type information for x-kubernetes-validations")
            return
        variables = {"self": declared, "oldSelf": declared}
        often = place.most if place.most is not None else MOST_BYTES // (declared.least + 1)
        for index, rule in enumerate(compiled(source, declared, self.types)):
            self._rule(f"{at}[{index}]", rule, variables, often)
            if rule.uses_old:
                if place.uncorrelated:
                    text = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {place.uncorrelated}"
                    self.errors.invalid(f"{at}[{index}].rule", rule.said["rule"], text)
            elif rule.said.get("optionalOldSelf") is not None:
                text = "may not be set if oldSelf is not used in rule"
                self.errors.invalid(f"{at}[{index}].optionalOldSelf", rule.said["optionalOldSelf"], text)

    def _rule(self, path: str, rule: Rule, variables: Mapping[str, cel.Declared], often: int) -> None:
        shown = ValidationRule(**{name: value for name, value in rule.said.items() if name in ValidationRule.__struct_fields__})
        if rule.program is not None:
            cost = min((cel.estimate(rule.program, variables).most) * often, _LIMIT)
            self._cost(f"{path}.rule", "estimated rule cost", cost)
        if rule.error:
            self.errors.invalid(f"{path}.rule", shown, rule.error)
        if rule.message_error:
            self.errors.invalid(f"{path}.messageExpression", shown, rule.message_error)
        elif rule.message is not None:
            cost = min(cel.estimate(rule.message, variables).most, _LIMIT)
            self._cost(f"{path}.messageExpression", "estimated messageExpression cost", cost)

    def _cost(self, path: str, name: str, cost: int) -> None:
        if not self.lenient and cost > PER_RULE:
            self.errors.forbidden(path, _too_expensive(name, cost, PER_RULE))
        self.total += cost
        if cost >= PER_SCHEMA // 100:
            self.expensive = sorted([*self.expensive, (cost, path)], key=lambda found: -found[0])[:_MOST_SHOWN]


def check_rules(errors: Errors, path: str, source: Json, *, lenient: bool = False) -> None:
    """Check the rules of a schema; `lenient` leaves out what a single one may cost, for a schema that does not change."""
    check = _Check(errors, lenient)
    check.at(path, source, check.types.declare(source, "selfType", resource=True), _Place())
    if check.total > PER_SCHEMA:
        for _, expensive in check.expensive:
            errors.forbidden(expensive, "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema")
        name = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
        errors.forbidden(path, _too_expensive(name, min(check.total, _LIMIT), PER_SCHEMA))


def _most_elements(source: Json) -> int | None:
    """Return how often what is inside may occur for each time that this does; None: nothing limits it."""
    kind = source.get("type")
    limit = 1 if kind not in ("object", "array") else source.get("maxItems") if kind == "array" else source.get("maxProperties")
    if kind == "object" and source.get("additionalProperties") is None:
        return 1
    return None if limit is None else max(limit, 0)


def _times(often: int | None, more: int | None) -> int | None:
    return None if often is None or more is None else min(often * more, _LIMIT)


def _too_expensive(name: str, cost: int, limit: int) -> str:
    factor = cost / limit
    shown = "more than 100x" if factor > 100 else f"{factor:f}x" if factor < 1.5 else f"{factor:.1f}x"  # noqa: PLR2004 - as it is told
    return f"{name} exceeds budget by factor of {shown} {_ADVICE}"
