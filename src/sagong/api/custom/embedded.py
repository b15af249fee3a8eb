"""Validation of resources inside of custom resources: their apiVersion, kind and metadata."""

from __future__ import annotations

from typing import Any

from sagong.api import names
from sagong.api.custom.coerce import read_meta
from sagong.api.custom.schema import Schema
from sagong.api.field_errors import Errors
from sagong.api.json_syntax import JsonError
from sagong.api.validation.metadata import validate_meta


def check_embedded(errors: Errors, path: str, value: Any, schema: Schema | None) -> None:
    """Check every embedded resource at and below a value."""
    if schema is None or not schema.has_embedded:
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            check_embedded(errors, f"{path}[{index}]", item, schema.items)
    elif isinstance(value, dict):
        if schema.embedded:
            _check(errors, path, value)
        for name, item in value.items():
            at = (f"{path}.{name}" if path else name) if name in schema.properties else f"{path}[{name}]"
            check_embedded(errors, at, item, schema.child(name))


def _check(errors: Errors, path: str, value: dict[str, Any]) -> None:
    for name in ("apiVersion", "kind"):
        if name not in value:
            errors.required(f"{path}.{name}")
        elif not isinstance(value[name], str):
            errors.invalid(f"{path}.{name}", value[name], "must be a string")
        elif not value[name]:
            errors.invalid(f"{path}.{name}", value[name], "must not be empty")
    api_version, kind = value.get("apiVersion"), value.get("kind")
    if isinstance(api_version, str) and api_version.count("/") > 1:
        errors.invalid(f"{path}.apiVersion", api_version, f"unexpected GroupVersion string: {api_version}")
    if isinstance(kind, str) and kind and (complaints := names.dns1035_label(kind.lower())):
        errors.invalid(f"{path}.kind", kind, f"may have mixed case, but should otherwise match: {','.join(complaints)}")
    if "metadata" not in value:
        return
    try:
        meta, _ = read_meta(value["metadata"], "")
    except JsonError as error:
        errors.invalid(f"{path}.metadata", value["metadata"], str(error))
        return
    meta.name = meta.name or "fakename"  # an embedded resource may be a template, which has no name
    validate_meta(errors, meta, names.path_segment, namespaced=bool(meta.namespace), path=f"{path}.metadata", qualified=False)
