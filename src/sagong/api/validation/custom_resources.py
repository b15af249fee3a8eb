"""Validation of CustomResourceDefinitions.

Paths are upstream's internal ones: what all versions have in common (the schema of a CRD of one version, say) is checked
once, as `spec.validation`, `spec.subresources` and so on, not under `spec.versions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from sagong.api import names
from sagong.api.field_errors import Errors, quote
from sagong.api.types import apiextensions as api
from sagong.api.validation import schemas, webhooks
from sagong.api.validation.rules import Rules, immutable, one_of, status
from sagong.api.validation.structural import structural, unsupported, walk

_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_SELECTABLE_TYPES = ("string", "boolean", "integer")
_SELECTABLE_FIELDS = 8
_WARNING_LENGTH = 256
_APPROVED = "api-approved.kubernetes.io"
_APPROVAL = f'protected groups must have approval annotation "{_APPROVED}"'
_APPROVAL_PULL = "see https://github.com/kubernetes/enhancements/pull/1111"
_NOT_A_SCALAR = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed."
_PRESERVE = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
_DROPPED = (
    "missing from spec.versions; {0} was previously a storage version, and must remain in spec.versions until a storage migration "
    "ensures no data remains persisted in {0} and removes {0} from status.storedVersions"
)
Version = api.CustomResourceDefinitionVersion
Spec = api.CustomResourceDefinitionSpec


def _common(versions: Sequence[Version], field: str) -> Any:
    """Return what all versions have in a field, if they agree and have something."""
    first = getattr(versions[0], field) if versions else None
    return first if all(getattr(version, field) == first for version in versions) else None


def _places(spec: Spec, field: str, top: str) -> Iterator[tuple[str, Any, Version]]:
    """Yield where upstream looks for a field of the versions: path, value and version; the first for what they share."""
    shared = _common(spec.versions, field)
    if shared:
        yield f"spec.{top}", shared, spec.versions[0]
        return
    for i, version in enumerate(spec.versions):
        if value := getattr(version, field):
            yield f"spec.versions[{i}].{field}", value, version


def _schemas(spec: Spec) -> Iterator[api.JSONSchemaProps]:
    for version in spec.versions:
        if version.schema is not None and version.schema.openAPIV3Schema is not None:
            yield version.schema.openAPIV3Schema


def _any(spec: Spec, holds: Callable[[api.JSONSchemaProps], bool]) -> bool:
    return any(holds(part) for schema in _schemas(spec) for part in walk(schema))


def _is_structural(schema: api.JSONSchemaProps) -> bool:
    found = Errors()
    if unsupported(schema):
        return False
    structural(found, "", schema)
    return not found


def _strictness(spec: Spec, old: Spec | None) -> schemas.Strictness:
    if old is None:
        return schemas.Strictness()
    return schemas.Strictness(
        types=not _any(old, schemas.has_unknown_type),
        structural=not spec.preserveUnknownFields or all(map(_is_structural, _schemas(old))),
        atomic_sets=not _any(old, schemas.has_broken_set),
        map_keys=not _any(old, schemas.has_loose_map_keys),
    )


def _definition(errors: Errors, new: api.CustomResourceDefinition, old: api.CustomResourceDefinition | None) -> None:
    spec, before = new.spec, old.spec if old is not None else None
    if old is None and new.metadata.name not in ("", f"{spec.names.plural}.{spec.group}"):
        errors.invalid("metadata.name", new.metadata.name, 'must be spec.names.plural+"."+spec.group')
    _group(errors, "spec.group", spec.group)
    one_of(errors, "spec.scope", spec.scope, ("Cluster", "Namespaced"), missing="")
    _need_schemas(errors, spec, before)
    if spec.preserveUnknownFields and _any(spec, lambda schema: schema.default is not None):
        errors.invalid("spec.preserveUnknownFields", True, "must be false in order to use defaults in the schema")  # noqa: FBT003 # the value
    _versions(errors, spec)
    for name in ("plural", "singular", "kind", "listKind"):
        if not getattr(spec.names, name):
            errors.required(f"spec.names.{name}")
    _names(errors, "spec.names", spec.names)
    strict = _strictness(spec, before)
    for path, validation, version in _places(spec, "schema", "validation"):
        if validation.openAPIV3Schema is not None:
            shared = path == "spec.validation"
            has_status = any(map(_has_status, spec.versions)) if shared else _has_status(version)
            costs = before is None or not any((was.name, was.schema) == (version.name, version.schema) for was in before.versions)
            judged = replace(strict, rule_costs=costs)
            schemas.root_schema(errors, f"{path}.openAPIV3Schema", validation.openAPIV3Schema, judged, has_status=has_status)
    _details(errors, spec)
    _conversion(errors, new, old)
    _storage(errors, new)
    _approval(errors, new, old)
    if spec.preserveUnknownFields and not (before is not None and before.preserveUnknownFields):
        errors.invalid("spec.preserveUnknownFields", True, _PRESERVE)  # noqa: FBT003 # the value


def _group(errors: Errors, path: str, group: str) -> None:
    if not group:
        errors.required(path)
    elif complaints := names.dns1123_subdomain(group):
        errors.invalid(path, group, ",".join(complaints))
    elif "." not in group:
        errors.invalid(path, group, "should be a domain with at least one dot")


def _lacks_schema(version: Version) -> bool:
    return version.schema is None or version.schema.openAPIV3Schema is None


def _need_schemas(errors: Errors, spec: Spec, old: Spec | None) -> None:
    lenient = old is not None and any(map(_lacks_schema, old.versions))
    if lenient and spec.preserveUnknownFields:
        return
    for i, version in enumerate(spec.versions):
        if _lacks_schema(version) and (version.served or not lenient):
            errors.required(f"spec.versions[{i}].schema.openAPIV3Schema", "because otherwise all fields are pruned" if lenient else "")


def _has_status(version: Version) -> bool:
    return version.subresources is not None and version.subresources.status is not None


def _versions(errors: Errors, spec: Spec) -> None:
    for i, version in enumerate(spec.versions):
        if complaints := names.dns1035_label(version.name):
            errors.invalid(f"spec.versions[{i}].name", version.name, ",".join(complaints))
        for complaint in _warning_complaints(version):
            errors.invalid(f"spec.versions[{i}].deprecationWarning", version.deprecationWarning, complaint)
    if len({version.name for version in spec.versions}) < len(spec.versions):
        errors.invalid("spec.versions", _without_shared(spec), "must contain unique version names")
    if sum(version.storage for version in spec.versions) != 1:
        errors.invalid("spec.versions", _without_shared(spec), "must have exactly one version marked as storage version")


def _without_shared(spec: Spec) -> list[Version]:
    """Return the versions as upstream shows them: without what they share."""
    versions = [version.copy() for version in spec.versions]
    for name in ("schema", "subresources", "additionalPrinterColumns", "selectableFields"):
        if _common(spec.versions, name):
            for version in versions:
                setattr(version, name, None)
    return versions


def _warning_complaints(version: Version) -> Iterator[str]:
    warning = version.deprecationWarning
    if warning is None:
        return
    if not version.deprecated:
        yield "can only be set for deprecated versions"
        return
    if len(warning.encode()) > _WARNING_LENGTH:
        yield "must be <= 256 characters long"
    if not warning:
        yield "must not be an empty string"
    for i, character in enumerate(warning):
        if not character.isprintable():
            yield f"must only contain printable UTF-8 characters; non-printable character found at index {i}"
            return


def _names(errors: Errors, path: str, found: api.CustomResourceDefinitionNames) -> None:
    for name in ("plural", "singular"):
        value = getattr(found, name)
        if value and (complaints := names.dns1035_label(value)):
            errors.invalid(f"{path}.{name}", value, ",".join(complaints))
    for name in ("kind", "listKind"):
        value = getattr(found, name)
        if value and (complaints := names.dns1035_label(value.lower())):
            errors.invalid(f"{path}.{name}", value, f"may have mixed case, but should otherwise match: {','.join(complaints)}")
    _labels(errors, f"{path}.shortNames", found.shortNames)
    if found.kind and found.kind == found.listKind:
        errors.invalid(f"{path}.listKind", found.listKind, "kind and listKind may not be the same")
    _labels(errors, f"{path}.categories", found.categories)


def _labels(errors: Errors, path: str, found: Sequence[str]) -> None:
    for i, value in enumerate(found):
        if complaints := names.dns1035_label(value):
            errors.invalid(f"{path}[{i}]", value, ",".join(complaints))


def _details(errors: Errors, spec: Spec) -> None:
    """Check what versions have besides a schema."""
    for path, subresources, _ in _places(spec, "subresources", "subresources"):
        if subresources.scale is not None:
            _scale(errors, f"{path}.scale", subresources.scale)
    for path, columns, _ in _places(spec, "additionalPrinterColumns", "additionalPrinterColumns"):
        for i, column in enumerate(columns):
            _column(errors, f"{path}[{i}]", column)
    for path, fields, version in _places(spec, "selectableFields", "selectableFields"):
        if version.schema is not None and version.schema.openAPIV3Schema is not None:
            _selectable(errors, path, fields, version.schema.openAPIV3Schema)
        elif path == "spec.selectableFields":
            errors.invalid(path, "", "may only be set when validations.schema is included")
        else:
            errors.invalid(path, "", "may only be set when `version.schema.openAPIV3Schema` is not included")


def _scale(errors: Errors, path: str, scale: api.CustomResourceSubresourceScale) -> None:
    for name, root in (("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")):
        value, at = getattr(scale, name), f"{path}.{name}"
        if not value:
            errors.required(at)
        elif not value.startswith("."):
            errors.invalid(at, value, "must be a simple json path starting with .")
        elif not value.startswith(f"{root}."):
            errors.invalid(at, value, f"should be a json path under {root}")
    if selector := scale.labelSelectorPath:
        if not selector.startswith("."):
            errors.invalid(f"{path}.labelSelectorPath", selector, "must be a simple json path starting with .")
        elif not selector.startswith((".spec.", ".status.")):
            errors.invalid(f"{path}.labelSelectorPath", selector, "should be a json path under either .spec or .status")


def _column(errors: Errors, path: str, column: api.CustomResourceColumnDefinition) -> None:
    types = f"must be one of {','.join(_COLUMN_TYPES)}"
    if not column.name:
        errors.required(f"{path}.name")
    if not column.type:
        errors.required(f"{path}.type", types)
    elif column.type not in _COLUMN_TYPES:
        errors.invalid(f"{path}.type", column.type, types)
    if column.format and column.format not in _COLUMN_FORMATS:
        errors.invalid(f"{path}.format", column.format, f"must be one of {','.join(_COLUMN_FORMATS)}")
    if not column.jsonPath:
        errors.required(f"{path}.JSONPath")
    elif not column.jsonPath.startswith("."):
        errors.invalid(f"{path}.JSONPath", column.jsonPath, "must be a simple json path starting with .")


def _selectable(errors: Errors, path: str, fields: Sequence[api.SelectableField], schema: api.JSONSchemaProps) -> None:
    seen: set[str] = set()
    for i, selectable in enumerate(fields):
        at, text = f"{path}[{i}].jsonPath", selectable.jsonPath
        if not text:
            errors.required(at)
            continue
        try:
            found = schemas.follow(schema, text, brackets=False)
        except schemas.SchemaPathError as error:
            errors.invalid(at, text, f"is an invalid path: {error}")
            continue
        if text.split(".")[1] == "metadata":
            errors.invalid(at, text, "must not point to fields in metadata")
        if found.type not in _SELECTABLE_TYPES:
            errors.invalid(at, text, _NOT_A_SCALAR)
        if text in seen:
            errors.duplicate(at, text)
        seen.add(text)
    if len(seen) > _SELECTABLE_FIELDS:
        errors.too_many(path, len(seen), _SELECTABLE_FIELDS)


def _conversion(errors: Errors, new: api.CustomResourceDefinition, old: api.CustomResourceDefinition | None) -> None:
    found = new.spec.conversion
    if found is None:
        return
    path = "spec.conversion"
    if found.strategy != "None" and new.spec.preserveUnknownFields:
        errors.invalid(f"{path}.strategy", found.strategy, "must be None if spec.preserveUnknownFields is true")
    one_of(errors, f"{path}.strategy", found.strategy, ("None", "Webhook"), missing="")
    config = found.webhook.clientConfig if found.webhook is not None else None
    versions = found.webhook.conversionReviewVersions if found.webhook is not None else []
    if found.strategy != "Webhook":
        for name, value in (("webhookClientConfig", config), ("conversionReviewVersions", versions)):
            if value:
                errors.forbidden(f"{path}.{name}", "should not be set when strategy is not set to Webhook")
        return
    if config is None:
        errors.required(f"{path}.webhookClientConfig", "required when strategy is set to Webhook")
    else:
        webhooks.client_config(errors, f"{path}.webhookClientConfig", config)
    known = _reviewed(old)
    webhooks.review_versions(errors, f"{path}.conversionReviewVersions", versions, "", known=known)


def _reviewed(old: api.CustomResourceDefinition | None) -> bool:
    """Say whether the stored object names a version of reviews that the server can send, or none at all."""
    if old is None or old.spec.conversion is None or old.spec.conversion.webhook is None:
        return True
    versions = old.spec.conversion.webhook.conversionReviewVersions
    return not versions or not {*versions}.isdisjoint(webhooks.REVIEW_VERSIONS)


def _storage(errors: Errors, new: api.CustomResourceDefinition) -> None:
    """Check names and stored versions in the status, which the server keeps."""
    _names(errors, "status.acceptedNames", new.status.acceptedNames)
    path, stored = "status.storedVersions", new.status.storedVersions
    if not stored:
        errors.invalid(path, stored, "must have at least one stored version")
        return
    for version in new.spec.versions:
        if version.storage and version.name not in stored:
            errors.invalid(path, stored, f"must have the storage version {version.name}")
    known = {version.name for version in new.spec.versions}
    for i, name in enumerate(stored):
        if name not in known:
            errors.invalid(f"{path}[{i}]", name, _DROPPED.format(name))


def is_protected(group: str) -> bool:
    """Say whether a group is one of the community's."""
    return f".{group}".endswith((".k8s.io", ".kubernetes.io"))


def approval_state(new: api.CustomResourceDefinition) -> tuple[str, str]:
    """Return the state of an API's approval, and what to say of it."""
    text = new.metadata.annotations.get(_APPROVED, "")
    if not text:
        return "missing", f"{_APPROVAL}, {_APPROVAL_PULL}"
    if text.startswith("unapproved"):
        return "bypassed", f"not approved: {quote(text)}"
    parts = urlsplit(text)
    if parts.scheme and parts.netloc:
        return "approved", f"approved in {text}"
    return "invalid", f'{_APPROVAL} with either a URL or a reason starting with "unapproved", {_APPROVAL_PULL}'


def _approval(errors: Errors, new: api.CustomResourceDefinition, old: api.CustomResourceDefinition | None) -> None:
    """Demand that APIs in the community's groups are approved."""
    if not is_protected(new.spec.group):
        return
    state, reason = approval_state(new)
    path = f"metadata.annotations[{_APPROVED}]"
    if old is not None and approval_state(old)[0] == state:
        return
    if state == "missing":
        errors.required(path, reason)
    elif state == "invalid":
        errors.invalid(path, new.metadata.annotations[_APPROVED], reason)


def _definition_change(errors: Errors, new: api.CustomResourceDefinition, old: api.CustomResourceDefinition) -> None:
    if any(condition.type == "Established" and condition.status == "True" for condition in old.status.conditions or ()):
        immutable(errors, "spec.scope", new.spec.scope, old.spec.scope)
        immutable(errors, "spec.names.kind", new.spec.names.kind, old.spec.names.kind)
    immutable(errors, "spec.group", new.spec.group, old.spec.group)
    immutable(errors, "spec.names.plural", new.spec.names.plural, old.spec.names.plural)


def _definition_status(errors: Errors, new: api.CustomResourceDefinition, _: api.CustomResourceDefinition) -> None:
    _names(errors, "status.acceptedNames", new.status.acceptedNames)


TABLE: dict[type, Rules] = {
    api.CustomResourceDefinition: Rules(spec=_definition, change=_definition_change, subresources=status(_definition_status)),
}
