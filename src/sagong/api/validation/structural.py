"""Validation of structural schemas: those from which pruning and defaulting can tell what each value is.

The structural part of a schema is what is reached without entering `allOf`, `anyOf`, `oneOf` and `not`; those, the nested
part, may only restrict values.
"""

from __future__ import annotations

from collections.abc import Iterator

from sagong.api import regexes
from sagong.api.field_errors import Errors
from sagong.api.types.apiextensions import JSONSchemaProps

_INT_OR_STRING = [JSONSchemaProps(type="integer"), JSONSchemaProps(type="string")]
_EMPTY = JSONSchemaProps()
_UNTYPED = {
    "root": "must not be empty at the root",
    "item": "must not be empty for specified array items",
    "field": "must not be empty for specified object fields",
}
_ONLY_NAMES = "must not specify anything other than name and generateName, but metadata is implicitly specified"
_BARE_EMBEDDED = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"
# What a nested schema may not say: attribute, field and what it must be.
_UNSPEAKABLE = (
    ("title", "title", "empty"),
    ("description", "description", "empty"),
    ("nullable", "nullable", "false"),
    ("x_kubernetes_preserve_unknown_fields", "x-kubernetes-preserve-unknown-fields", "false"),
    ("x_kubernetes_embedded_resource", "x-kubernetes-embedded-resource", "false"),
    ("x_kubernetes_int_or_string", "x-kubernetes-int-or-string", "false"),
    ("x_kubernetes_list_map_keys", "x-kubernetes-list-map-keys", "empty"),
    ("x_kubernetes_list_type", "x-kubernetes-list-type", "undefined"),
    ("x_kubernetes_map_type", "x-kubernetes-map-type", "undefined"),
    ("x_kubernetes_validations", "x-kubernetes-validations", "empty"),
)
_UNSUPPORTED = (
    ("id", "id"),
    ("schema_", "schema"),
    ("ref", "$ref"),
    ("patternProperties", "patternProperties"),
    ("dependencies", "dependencies"),
    ("definitions", "definitions"),
)


def unsupported(schema: JSONSchemaProps) -> str:
    """Say what keeps a schema from being looked at as a structural one at all."""
    for found in walk(schema):
        for attribute, name in _UNSUPPORTED:
            if getattr(found, attribute):
                return f"OpenAPIV3Schema '{name}' is not supported"
        if found.additionalItems is not None:
            return "OpenAPIV3Schema 'additionalItems' is not supported"
        if isinstance(found.items, list):
            return "OpenAPIV3Schema 'items' must be a schema, but is an array"
        if found.x_kubernetes_preserve_unknown_fields is False:
            return "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined"
    return ""


def walk(schema: JSONSchemaProps) -> Iterator[JSONSchemaProps]:
    """Visit a schema and all that it contains."""
    yield schema
    lists = (schema.allOf, schema.anyOf, schema.oneOf, schema.items if isinstance(schema.items, list) else ())
    for part in (part for parts in lists for part in parts):
        yield from walk(part)
    for single in (schema.items, schema.not_, schema.additionalProperties, schema.additionalItems):
        if isinstance(single, JSONSchemaProps):
            yield from walk(single)
    for named in (schema.properties, schema.patternProperties, schema.definitions, schema.dependencies):
        for value in named.values():
            if isinstance(value, JSONSchemaProps):
                yield from walk(value)


def structural(errors: Errors, path: str, schema: JSONSchemaProps) -> None:
    """Check that a schema is structural."""
    found = Errors()
    _invariants(found, path, schema, "root")
    _complete(found, schema, schema, path, path)
    errors.extend(sorted(found, key=lambda cause: (cause.field, cause.message)))


def _invariants(errors: Errors, path: str, schema: JSONSchemaProps, level: str) -> None:
    if schema.type == "array" and schema.items is None:
        errors.required(f"{path}.items", "must be specified")
    if isinstance(schema.items, JSONSchemaProps):
        _invariants(errors, f"{path}.items", schema.items, "item")
    for name, value in schema.properties.items():
        _invariants(errors, f"{path}.properties[{name}]", value, "field")
    if schema.additionalProperties is not None:
        if level == "root":
            errors.forbidden(f"{path}.additionalProperties", "must not be used at the root")
        if isinstance(schema.additionalProperties, JSONSchemaProps):
            _invariants(errors, f"{path}.additionalProperties", schema.additionalProperties, "field")
    if schema.x_kubernetes_int_or_string:
        others = {
            "preserve-unknown-fields": schema.x_kubernetes_preserve_unknown_fields,
            "embedded-resource": schema.x_kubernetes_embedded_resource,
        }
        for name, given in others.items():
            if given:
                errors.invalid(f"{path}.x-kubernetes-{name}", given, "must be false if x-kubernetes-int-or-string is true")
    _values(errors, path, schema, level, skip_any_of=schema.anyOf == _INT_OR_STRING, skip_first=_first_is_int_or_string(schema))
    _type(errors, path, schema, level)
    _implicit(errors, path, schema, level)


def _first_is_int_or_string(schema: JSONSchemaProps) -> bool:
    return bool(schema.allOf) and schema.allOf[0].anyOf == _INT_OR_STRING


def _type(errors: Errors, path: str, schema: JSONSchemaProps, level: str) -> None:
    embedded, open_ended = schema.x_kubernetes_embedded_resource, bool(schema.x_kubernetes_preserve_unknown_fields)
    if embedded and schema.type != "object":
        text = "must be object if x-kubernetes-embedded-resource is true"
        if schema.type:
            errors.invalid(f"{path}.type", schema.type, text)
        else:
            errors.required(f"{path}.type", text)
    elif not schema.type and not schema.x_kubernetes_int_or_string and not open_ended:
        errors.required(f"{path}.type", _UNTYPED[level])
    if embedded and schema.additionalProperties is not None:
        errors.forbidden(f"{path}.additionalProperties", "must not be used if x-kubernetes-embedded-resource is set")
    if level == "root" and schema.type not in ("", "object"):
        errors.invalid(f"{path}.type", schema.type, "must be object at the root")
    if embedded and not open_ended and not schema.properties:
        errors.required(f"{path}.properties", _BARE_EMBEDDED)


def _implicit(errors: Errors, path: str, schema: JSONSchemaProps, level: str) -> None:
    """Check what a schema says of the fields that every resource has."""
    checked = level == "root" or schema.x_kubernetes_embedded_resource
    for name, kind in (("kind", "string"), ("apiVersion", "string"), ("metadata", "object")):
        found = schema.properties.get(name)
        if checked and found is not None and found.type != kind:
            errors.invalid(f"{path}.properties[{name}].type", found.type, f"must be {kind}")
    metadata = schema.properties.get("metadata")
    if level == "root" and metadata is not None:
        rest = metadata.copy()
        rest.type, rest.default = "", None
        if set(rest.properties) <= {"name", "generateName"}:
            rest.properties = {}
        if rest != _EMPTY:
            errors.forbidden(f"{path}.properties[metadata]", _ONLY_NAMES)


def _values(errors: Errors, path: str, schema: JSONSchemaProps, level: str, *, skip_any_of: bool, skip_first: bool) -> None:
    if not skip_any_of:
        for i, part in enumerate(schema.anyOf):
            _nested(errors, f"{path}.anyOf[{i}]", part, level)
    for i, part in enumerate(schema.allOf):
        _nested(errors, f"{path}.allOf[{i}]", part, level, skip_any_of=skip_first and i == 0)
    for i, part in enumerate(schema.oneOf):
        _nested(errors, f"{path}.oneOf[{i}]", part, level)
    if schema.not_ is not None:
        _nested(errors, f"{path}.not", schema.not_, level)
    if schema.pattern and (fault := regexes.fault(schema.pattern)):
        errors.invalid(f"{path}.pattern", schema.pattern, f"must be a valid regular expression, but isn't: {fault}")


def _nested(errors: Errors, path: str, schema: JSONSchemaProps, level: str, *, skip_any_of: bool = False) -> None:
    _values(errors, path, schema, level, skip_any_of=skip_any_of, skip_first=False)
    if isinstance(schema.items, JSONSchemaProps):
        _nested(errors, f"{path}.items", schema.items, level)
    for name, value in schema.properties.items():
        _nested(errors, f"{path}.properties[{name}]", value, "field")
    if schema.type:
        errors.forbidden(f"{path}.type", "must be empty to be structural")
    if schema.additionalProperties not in (None, False):
        errors.forbidden(f"{path}.additionalProperties", "must be undefined to be structural")
    if schema.default is not None:
        errors.forbidden(f"{path}.default", "must be undefined to be structural")
    for attribute, name, needed in _UNSPEAKABLE:
        if getattr(schema, attribute) not in ("", [], False, None):
            errors.forbidden(f"{path}.{name}", f"must be {needed} to be structural")
    if "metadata" in schema.properties:
        errors.forbidden(f"{path}.properties[metadata]", "must not be specified in a nested context")


def _complete(errors: Errors, nested: JSONSchemaProps, whole: JSONSchemaProps, whole_path: str, path: str) -> None:
    """Check that whatever the nested parts restrict is specified structurally too."""
    parts = [("not", nested.not_)] if nested.not_ is not None else []
    for name in ("allOf", "anyOf", "oneOf"):
        parts += [(f"{name}[{i}]", part) for i, part in enumerate(getattr(nested, name))]
    for name, part in parts:
        if part is not None:
            _complete_nested(errors, part, whole, whole_path, f"{path}.{name}")


def _complete_nested(errors: Errors, nested: JSONSchemaProps, whole: JSONSchemaProps, whole_path: str, path: str) -> None:
    _complete(errors, nested, whole, whole_path, path)
    if isinstance(nested.items, JSONSchemaProps):
        if isinstance(whole.items, JSONSchemaProps):
            _complete_nested(errors, nested.items, whole.items, f"{whole_path}.items", f"{path}.items")
        else:
            errors.required(f"{whole_path}.items", f"because it is defined in {path}.items")
    for name, value in nested.properties.items():
        at = f"{whole_path}.properties[{name}]"
        if name in whole.properties:
            _complete_nested(errors, value, whole.properties[name], at, f"{path}.properties[{name}]")
        else:
            errors.required(at, f"because it is defined in {path}.properties[{name}]")
