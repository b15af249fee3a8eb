"""Validation of the schemas of custom resources. What their defaults and rules say is looked at last, by `custom/`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec

from sagong.api.field_errors import Errors
from sagong.api.types.apiextensions import JSONSchemaProps, ValidationRule
from sagong.api.validation.structural import structural, unsupported, walk

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_LIST_TYPES = ("atomic", "set", "map")
_MAP_TYPES = ("atomic", "granular")
_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
_IMPLICIT = ("metadata", "kind", "apiVersion")
_QUADRATIC = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
_ATOMIC_ITEMS = "must be atomic as item of a list with x-kubernetes-list-type=set"
_IN_KEYS = "this property is in x-kubernetes-list-map-keys, so it"
_ROOT_TYPE = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
_ROOT_FIELDS = (
    *("description", "type", "format", "title", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength"),
    *("minLength", "pattern", "maxItems", "minItems", "uniqueItems", "multipleOf", "required", "items", "properties"),
    *("externalDocs", "example", "x_kubernetes_preserve_unknown_fields", "x_kubernetes_validations"),
)
_SPOKEN_ROOT_FIELDS = " ".join(
    "X" + "".join(part.title() for part in name.split("_")[2:]) if name.startswith("x_") else name[0].upper() + name[1:]
    for name in _ROOT_FIELDS
)
_FORBIDDEN = (
    ("additionalItems", "additionalItems"),
    ("patternProperties", "patternProperties"),
    ("definitions", "definitions"),
    ("dependencies", "dependencies"),
    ("ref", "$ref"),
)
_WORDS = re.compile(r"'(?:[^'\\]|\\.)*'|[.\[\]]|[^.\[\]']+")


@dataclass(frozen=True)
class Strictness:
    """What is demanded of a schema; an update tolerates what all of the stored object's schemas lack."""

    types: bool = True
    structural: bool = True
    rule_costs: bool = True
    atomic_sets: bool = True
    map_keys: bool = True


@dataclass(frozen=True)
class _Place:
    """Where in a schema: no_defaults is why defaults are forbidden, if they are."""

    no_defaults: str = ""
    in_metadata: bool = False


def root_schema(errors: Errors, path: str, schema: JSONSchemaProps, strict: Strictness, *, has_status: bool) -> None:
    """Check the schema of a version, or of all."""
    before = len(errors)
    if has_status:
        _root_with_status(errors, path, schema)
    if schema.nullable:
        errors.forbidden(f"{path}.nullable", "nullable cannot be true at the root")
    complaint = unsupported(schema) if strict.structural else ""
    if strict.structural and not complaint:
        structural(errors, path, schema)
    sound = strict.structural and not complaint and len(errors) == before
    if sound:
        _defaults(errors, path, schema)
    good = len(errors) == before
    _schema(errors, path, schema, strict, _Place(), root=True)
    if complaint and len(errors) == before:
        errors.invalid(path, "", complaint)
    elif sound and good and len(errors) == before:
        _rules(errors, path, schema, strict)


def _defaults(errors: Errors, path: str, schema: JSONSchemaProps) -> None:
    if any(part.default is not None for part in walk(schema)):
        from sagong.api.custom.default_checks import check_defaults  # noqa: PLC0415 - few schemas have defaults

        check_defaults(errors, path, msgspec.to_builtins(schema))


def _rules(errors: Errors, path: str, schema: JSONSchemaProps, strict: Strictness) -> None:
    if any(part.x_kubernetes_validations for part in walk(schema)):
        from sagong.api.custom.rule_checks import check_rules  # noqa: PLC0415 - brings in CEL

        check_rules(errors, path, msgspec.to_builtins(schema), lenient=not strict.rule_costs)


def _root_with_status(errors: Errors, path: str, schema: JSONSchemaProps) -> None:
    if schema.type not in ("", "object"):
        errors.invalid(f"{path}.type", schema.type, _ROOT_TYPE)
        return
    for name in JSONSchemaProps.__struct_fields__:
        if getattr(schema, name) not in (None, "", [], {}, False) and name not in _ROOT_FIELDS:
            text = f"only [{_SPOKEN_ROOT_FIELDS}] fields are allowed at the root of the schema if the status subresource is enabled"
            errors.invalid(path, schema, text)
            return


def _schema(errors: Errors, path: str, schema: JSONSchemaProps, strict: Strictness, place: _Place, *, root: bool = False) -> None:
    _openapi(errors, path, schema, strict, place)
    if schema.uniqueItems:
        errors.forbidden(f"{path}.uniqueItems", _QUADRATIC)
    _object(errors, path, schema, strict, place, root=root)
    _parts(errors, path, schema, strict, place)
    if schema.x_kubernetes_preserve_unknown_fields is False:
        errors.invalid(f"{path}.x-kubernetes-preserve-unknown-fields", False, "must be true or undefined")  # noqa: FBT003 # the value
    _topology(errors, path, schema)
    _set_items(errors, path, schema, strict)
    _map_list(errors, path, schema)
    if strict.map_keys:
        _map_keys(errors, path, schema)
    for i, rule in enumerate(schema.x_kubernetes_validations):
        _rule(errors, f"{path}.x-kubernetes-validations[{i}]", rule, schema)


def _openapi(errors: Errors, path: str, schema: JSONSchemaProps, strict: Strictness, place: _Place) -> None:
    """Check what of OpenAPI may be used."""
    if strict.types and schema.type and schema.type not in _TYPES:
        errors.not_supported(f"{path}.type", schema.type, _TYPES)
    if schema.default is not None and place.no_defaults:
        errors.forbidden(f"{path}.default", f"must not be set {place.no_defaults}")
    if schema.id:
        errors.forbidden(f"{path}.id", "id is not supported")
    for attribute, name in _FORBIDDEN:
        if getattr(schema, attribute) not in (None, {}):
            errors.forbidden(f"{path}.{name}", f"{name} is not supported")
    if schema.type == "null":
        errors.forbidden(f"{path}.type", "type cannot be set to null, use nullable as an alternative")
    if isinstance(schema.items, list):
        errors.forbidden(f"{path}.items", "items must be a schema object and not an array")
    if place.in_metadata and schema.x_kubernetes_embedded_resource:
        errors.forbidden(f"{path}.x-kubernetes-embedded-resource", "must not be used inside of resource meta")


def _object(errors: Errors, path: str, schema: JSONSchemaProps, strict: Strictness, place: _Place, *, root: bool) -> None:
    more = schema.additionalProperties
    if schema.properties and more is not None and more is not True:
        errors.forbidden(f"{path}.additionalProperties", "additionalProperties and properties are mutual exclusive")
    if isinstance(more, JSONSchemaProps):
        reason = "inside additionalProperties applying to object metadata"
        _schema(errors, f"{path}.additionalProperties", more, strict, replace(place, no_defaults=reason) if place.in_metadata else place)
    for name, value in schema.properties.items():
        below = place
        if (root or schema.x_kubernetes_embedded_resource) and name in _IMPLICIT:
            below = replace(place, in_metadata=True, no_defaults=f"in top-level {name}" if root else place.no_defaults)
        _schema(errors, f"{path}.properties[{name}]", value, strict, below)


def _parts(errors: Errors, path: str, schema: JSONSchemaProps, strict: Strictness, place: _Place) -> None:
    parts = [("not", schema.not_)] if schema.not_ is not None else []
    for kind in ("allOf", "oneOf", "anyOf"):
        parts += [(f"{kind}[{i}]", part) for i, part in enumerate(getattr(schema, kind))]
    parts += [(f"definitions[{name}]", part) for name, part in schema.definitions.items()]
    if isinstance(schema.items, list):
        parts += [(f"items[{i}]", part) for i, part in enumerate(schema.items)]
    elif schema.items is not None:
        parts.append(("items", schema.items))
    for name, part in parts:
        if part is not None:
            _schema(errors, f"{path}.{name}", part, strict, place)


def _topology(errors: Errors, path: str, schema: JSONSchemaProps) -> None:
    """Check how lists and maps merge."""
    for kind, value, needed, valid in (
        ("map", schema.x_kubernetes_map_type, "object", _MAP_TYPES),
        ("list", schema.x_kubernetes_list_type, "array", _LIST_TYPES),
    ):
        if value is None:
            continue
        text = f"must be {needed} if x-kubernetes-{kind}-type is specified"
        if not schema.type:
            errors.required(f"{path}.type", text)
        elif schema.type != needed:
            errors.invalid(f"{path}.type", schema.type, text)
        if value not in valid:
            errors.not_supported(f"{path}.x-kubernetes-{kind}-type", value, valid)


def is_atomic(item: JSONSchemaProps) -> bool:
    """Say whether items of a set are values as a whole."""
    if item.type == "array":
        return item.x_kubernetes_list_type in (None, "atomic")
    return item.type != "object" or item.x_kubernetes_map_type == "atomic"


def _set_items(errors: Errors, path: str, schema: JSONSchemaProps, strict: Strictness) -> None:
    item = schema.items
    if not strict.atomic_sets or (schema.type, schema.x_kubernetes_list_type) != ("array", "set"):
        return
    if isinstance(item, JSONSchemaProps) and not is_atomic(item):
        kind = "list" if item.type == "array" else "map"
        errors.invalid(f"{path}.items.x-kubernetes-{kind}-type", item.x_kubernetes_list_type or "", _ATOMIC_ITEMS)


def _map_list(errors: Errors, path: str, schema: JSONSchemaProps) -> None:
    kind, keys, item = schema.x_kubernetes_list_type, schema.x_kubernetes_list_map_keys, schema.items
    if keys and kind is None:
        errors.required(f"{path}.x-kubernetes-list-type", "must be map if x-kubernetes-list-map-keys is non-empty")
    elif keys and kind is not None and kind != "map":
        errors.invalid(f"{path}.x-kubernetes-list-type", kind, "must be map if x-kubernetes-list-map-keys is non-empty")
    if kind != "map":
        return
    if not keys:
        errors.required(f"{path}.x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map")
    if item is None:
        errors.required(f"{path}.items", "must have a schema if x-kubernetes-list-type is map")
    elif isinstance(item, list):
        errors.invalid(f"{path}.items", item, "must only have a single schema if x-kubernetes-list-type is map")
    elif item.type != "object":
        errors.invalid(f"{path}.items.type", item.type, "must be object if parent array's x-kubernetes-list-type is map")
    else:
        _keys(errors, path, keys, item)


def _keys(errors: Errors, path: str, keys: Sequence[str], item: JSONSchemaProps) -> None:
    at = f"{path}.x-kubernetes-list-map-keys"
    for i, key in enumerate(keys):
        found = item.properties.get(key)
        if found is None:
            errors.invalid(at, list(keys), "entries must all be names of item properties")
        elif found.type in ("array", "object"):
            text = "must be a scalar type if parent array's x-kubernetes-list-type is map"
            errors.invalid(f"{path}.items.properties[{key}].type", item.type, text)
        if key in keys[:i]:
            errors.invalid(at, list(keys), "must not contain duplicate entries")


def _map_keys(errors: Errors, path: str, schema: JSONSchemaProps) -> None:
    """Check that what identifies an item is always there."""
    kind, item = schema.x_kubernetes_list_type, schema.items
    if kind not in ("set", "map") or not isinstance(item, JSONSchemaProps):
        return
    if item.nullable:
        errors.forbidden(f"{path}.items.nullable", f"cannot be nullable when x-kubernetes-list-type is {kind}")
    for key in schema.x_kubernetes_list_map_keys if kind == "map" else ():
        found = item.properties.get(key)
        if found is None:
            continue
        at = f"{path}.items.properties[{key}]"
        if key not in item.required and found.default is None:
            errors.required(f"{at}.default", f"{_IN_KEYS} must have a default or be a required property")
        if found.nullable:
            errors.forbidden(f"{at}.nullable", f"{_IN_KEYS} cannot be nullable")


def has_loose_map_keys(schema: JSONSchemaProps) -> bool:
    """Say whether a schema leaves out of a map's items what identifies them."""
    found = Errors()
    _map_keys(found, "", schema)
    return bool(found)


def has_broken_set(schema: JSONSchemaProps) -> bool:
    """Say whether a schema has a set of items that are not atomic."""
    return schema.x_kubernetes_list_type == "set" and isinstance(schema.items, JSONSchemaProps) and not is_atomic(schema.items)


def has_unknown_type(schema: JSONSchemaProps) -> bool:
    """Say whether a schema has a type that OpenAPI does not know."""
    return bool(schema.type) and schema.type not in _TYPES


def _rule(errors: Errors, path: str, rule: ValidationRule, schema: JSONSchemaProps) -> None:
    text, message = rule.rule.strip(), rule.message.strip()
    if not text:
        errors.required(f"{path}.rule", "rule is not specified")
    elif rule.message and not message:
        errors.invalid(f"{path}.message", rule.message, "must be non-empty if specified")
    elif _breaks(message):
        errors.invalid(f"{path}.message", rule.message, "must not contain line breaks")
    elif _breaks(text) and not message:
        errors.required(f"{path}.message", "message must be specified if rule contains line breaks")
    if rule.messageExpression and not rule.messageExpression.strip():
        errors.required(f"{path}.messageExpression", "messageExpression must be non-empty if specified")
    if rule.reason is not None and rule.reason not in _REASONS:
        errors.not_supported(f"{path}.reason", rule.reason, _REASONS)
    _rule_path(errors, f"{path}.fieldPath", rule.fieldPath, schema)


def _rule_path(errors: Errors, path: str, found: str, schema: JSONSchemaProps) -> None:
    if not found:
        return
    if not found.strip():
        errors.invalid(path, found, "must be non-empty if specified")
    if _breaks(found):
        errors.invalid(path, found, "must not contain line breaks")
    if unsupported(schema):
        return
    try:
        follow(schema, found)
    except SchemaPathError:
        errors.invalid(path, found, "must be a valid path")


def _breaks(text: str) -> bool:
    return "\n" in text or "\r" in text


class SchemaPathError(ValueError):
    """A path leads to nothing that a schema knows."""


def follow(schema: JSONSchemaProps, path: str, *, brackets: bool = True) -> JSONSchemaProps:
    """Return the schema that a path like `.spec.a['b']` leads to. Raises SchemaPathError."""
    words = iter(_WORDS.findall(path))
    for word in words:
        if word not in (".", "["):
            raise SchemaPathError(f"expected [ or . but got: {word}")
        if word == "[" and not brackets:
            raise SchemaPathError("array notation is not allowed")
        name = _next(words)
        if word == "[":
            if not name.startswith("'"):
                raise SchemaPathError(f"expected single quoted string but got {name}")
            if (end := _next(words)) != "]":
                raise SchemaPathError(f"expected ] but got {end}")
            name = name[1:-1].replace("\\'", "'")
        below = schema.properties.get(name) if schema.properties else schema.additionalProperties
        if not isinstance(below, JSONSchemaProps):
            raise SchemaPathError("does not refer to a valid field")
        schema = below
    return schema


def _next(words: Iterator[str]) -> str:
    word = next(words, None)
    if word is None:
        raise SchemaPathError("unexpected end of JSON path")
    return word
