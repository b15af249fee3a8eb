"""What is asked of the defaults of a new schema: that they are pruned, and valid where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagong.api.custom.correlate import identical
from sagong.api.custom.defaults import copied
from sagong.api.custom.embedded import check_embedded
from sagong.api.custom.prune import prune
from sagong.api.custom.schema import IMPLICIT, Schema, as_resource
from sagong.api.custom.values import check_values
from sagong.api.field_errors import Errors

Json = Mapping[str, Any]


def check_defaults(errors: Errors, path: str, source: Json) -> None:
    """Check the defaults of a resource's schema."""
    schema = Schema(source)
    if schema.defaulting:
        root = as_resource(schema)
        root.has_embedded = True
        _check(errors, path, root, inside_meta=False)


def _check(errors: Errors, path: str, schema: Schema, *, inside_meta: bool) -> None:
    if not schema.defaulting:
        return
    inside_meta = inside_meta and not schema.embedded
    if schema.default is not None and not inside_meta:
        _check_default(errors, f"{path}.default", schema)
    elif schema.default is not None:
        _check_values(errors, f"{path}.default", schema)
    if schema.items is not None:
        _check(errors, f"{path}.items", schema.items, inside_meta=inside_meta)
    for name, below in schema.properties.items():
        _check(errors, f"{path}.properties[{name}]", below, inside_meta=inside_meta or (schema.embedded and name in IMPLICIT))


def _check_default(errors: Errors, path: str, schema: Schema) -> None:
    value = copied(schema.default)
    prune(value, schema)
    if not identical(value, schema.default):
        errors.invalid(path, schema.default, "must not have unknown fields")
    found = Errors()
    check_embedded(found, path, schema.default, schema)
    if found:
        errors += found
    else:
        _check_values(errors, path, schema)


def _check_values(errors: Errors, path: str, schema: Schema) -> None:
    found = Errors()
    check_values(found, schema.default, schema, path=path)
    if not found and schema.has_rules:
        from sagong.api.custom.rules import Evaluation, rules_of  # noqa: PLC0415 - brings in CEL, which few schemas need

        rules = rules_of(schema, resource=schema.embedded)
        for old in (schema.default, None):
            if rules is None or found:
                break
            evaluation = Evaluation()
            evaluation.run(rules, path, schema.default, old)
            found += evaluation.errors
    errors += found
