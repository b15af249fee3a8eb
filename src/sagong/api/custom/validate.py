"""Validation of custom resources as a whole, in the order of upstream's strategy: metadata, values, scale, embedded resources, lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagong.api import names
from sagong.api.custom.correlate import Pair
from sagong.api.custom.embedded import check_embedded
from sagong.api.custom.lists import check_lists
from sagong.api.custom.paths import ABSENT, FieldTypeError, at
from sagong.api.custom.schema import Schema
from sagong.api.custom.values import WHOLE, check_values
from sagong.api.errors import Cause
from sagong.api.field_errors import Errors, quote
from sagong.api.types.apiextensions import CustomResourceSubresourceScale
from sagong.api.types.meta import ObjectMeta
from sagong.api.validation.metadata import validate_meta, validate_meta_update

if TYPE_CHECKING:
    from sagong.api.custom.rules import Rules

_MAX_REPLICAS = 2**31 - 1
_BLOCKING = frozenset(f"FieldValue{kind}" for kind in ("NotSupported", "Required", "TooLong", "TooMany", "TypeInvalid"))
_NOT_CHECKED = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation"
_STANDARD_FINALIZERS = ("orphan", "foregroundDeletion", "kubernetes")
Json = dict[str, Any]
Whole = tuple[Json, ObjectMeta]


@dataclass(frozen=True, slots=True)
class Validator:
    """What one version of a definition demands of its objects, which are dicts here, with their metadata beside."""

    api_version: str
    kind: str
    namespaced: bool
    schema: Schema
    scale: CustomResourceSubresourceScale | None = None
    rules: Callable[[], Rules | None] = lambda: None

    def create(self, obj: Json, meta: ObjectMeta, warnings: list[str]) -> list[Cause]:
        """Return what is wrong with a new object; add to `warnings` what is let pass."""
        errors = Errors()
        if self._type_meta(errors, obj):
            return errors
        validate_meta(errors, meta, names.dns1123_subdomain, namespaced=self.namespaced, qualified=False)
        check_values(errors, obj, self.schema)
        self._spec_replicas(errors, obj)
        self._status_replicas(errors, obj)
        self._inside(errors, obj)
        check_lists(errors, "", obj, self.schema)
        self._evaluate(errors, obj, None, warnings)
        return errors

    def update(self, new: Whole, old: Whole, warnings: list[str]) -> list[Cause]:
        """Return what is wrong with an object that is to replace an old one; add to `warnings` what is let pass."""
        (obj, meta), (before, old_meta) = new, old
        errors = Errors()
        if self._type_meta(errors, obj):
            return errors
        validate_meta_update(errors, meta, old_meta, qualified=False)
        check_values(errors, obj, self.schema, pair=Pair(obj, before, self.schema))
        self._spec_replicas(errors, obj)
        self._status_replicas(errors, obj)
        self._inside(errors, obj)
        self._lists(errors, obj, before)
        self._evaluate(errors, obj, before, warnings)
        return errors

    def update_status(self, new: Whole, old: Whole, warnings: list[str]) -> list[Cause]:
        """Return what is wrong with a new status; add to `warnings` what is let pass."""
        (obj, meta), (before, old_meta) = new, old
        errors = Errors()
        if self._type_meta(errors, obj):
            return errors
        validate_meta_update(errors, meta, old_meta, qualified=False)
        status = self.schema.properties.get("status")
        if "status" in obj and status is not None:
            check_values(errors, obj["status"], status, path="status", pair=Pair(obj, before, self.schema).field("status"))
        self._status_replicas(errors, obj)
        self._lists(errors, obj, before)
        self._evaluate(errors, obj, before, warnings)
        return errors

    def _evaluate(self, errors: Errors, obj: Json, old: Json | None, warnings: list[str]) -> None:
        """Evaluate the schema's rules, if the values are such that they can be."""
        if not self.schema.has_rules:
            return
        if any(cause.reason in _BLOCKING for cause in errors):
            errors.invalid(WHOLE, None, _NOT_CHECKED)
            return
        from sagong.api.custom.rules import Evaluation  # noqa: PLC0415 - brings in CEL, which most servers never need

        rules = self.rules()
        if rules is not None:
            evaluation = Evaluation()
            evaluation.run(rules, "", obj, old, Pair(obj, old, self.schema) if old is not None else None)
            errors += evaluation.errors
            warnings += evaluation.warnings

    def _type_meta(self, errors: Errors, obj: Json) -> bool:
        for name, wanted in (("kind", self.kind), ("apiVersion", self.api_version)):
            if obj.get(name) != wanted:
                errors.invalid(name, obj.get(name), f"must be {wanted}")
        return bool(errors)

    def _inside(self, errors: Errors, obj: Json) -> None:
        for name, value in obj.items():
            check_embedded(errors, name, value, self.schema.child(name))

    def _lists(self, errors: Errors, obj: Json, old: Json) -> None:
        """Check lists, unless the old object had the same trouble."""
        found = Errors()
        check_lists(found, "", obj, self.schema)
        if found:
            before = Errors()
            check_lists(before, "", old, self.schema)
            errors += () if before else found

    def _spec_replicas(self, errors: Errors, obj: Json) -> None:
        if self.scale is not None:
            _replicas(errors, obj, self.scale.specReplicasPath)

    def _status_replicas(self, errors: Errors, obj: Json) -> None:
        if self.scale is None:
            return
        _replicas(errors, obj, self.scale.statusReplicasPath)
        if self.scale.labelSelectorPath is not None:
            try:
                at(obj, self.scale.labelSelectorPath, str)
            except FieldTypeError as error:
                errors.invalid(self.scale.labelSelectorPath, "", str(error))


def _replicas(errors: Errors, obj: Json, path: str) -> None:
    try:
        found = at(obj, path, int)
    except FieldTypeError as error:
        errors.invalid(path, 0, str(error))
        return
    if found is ABSENT:
        return
    if found < 0:
        errors.invalid(path, found, "should be a non-negative integer")
    elif found > _MAX_REPLICAS:
        errors.invalid(path, found, f"should be less than or equal to {_MAX_REPLICAS}")


def finalizer_warnings(added: Iterable[str]) -> list[str]:
    """Return what is to be said of new finalizers without a domain."""
    warnings: list[str] = []
    for name in sorted(added):
        warnings += [f"metadata.finalizers: {quote(name)}: {complaint}" for complaint in names.qualified_name(name)]
        if "/" not in name and name not in _STANDARD_FINALIZERS:
            including = " including a path (/)" if "." in name else ""
            text = f"prefer a domain-qualified finalizer name{including} to avoid accidental conflicts with other finalizer writers"
            warnings.append(f"metadata.finalizers: {quote(name)}: {text}")
    return warnings
