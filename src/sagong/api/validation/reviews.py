"""Validation of what is asked and not stored: reviews of access, requests for tokens."""

from __future__ import annotations

from sagong.api.field_errors import Errors
from sagong.api.types import authentication, authorization
from sagong.api.types.meta import FieldSelectorRequirement, LabelSelectorRequirement, ObjectMeta
from sagong.api.validation.metadata import label_requirement
from sagong.api.validation.rules import Rules

_MIN_EXPIRATION, _MAX_EXPIRATION = 600, 2**32
_BOTH = "cannot be specified in combination with resourceAttributes"
_NEITHER = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
_RAW_AND_PARSED = "may not specified at the same time as requirements"
Spec = authorization.SubjectAccessReviewSpec | authorization.SelfSubjectAccessReviewSpec
SelectorAttributes = authorization.FieldSelectorAttributes | authorization.LabelSelectorAttributes


def _token_request(errors: Errors, new: authentication.TokenRequest, _: None) -> None:
    seconds = new.spec.expirationSeconds or 0
    if seconds < _MIN_EXPIRATION:
        errors.invalid("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
    if seconds > _MAX_EXPIRATION:
        errors.invalid("spec.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")


def _attributes(errors: Errors, spec: Spec) -> None:
    resource, other = spec.resourceAttributes, spec.nonResourceAttributes
    if resource is not None and other is not None:
        errors.invalid("spec.nonResourceAttributes", other, _BOTH)
    if resource is None and other is None:
        errors.invalid("spec.resourceAttributes", None, _NEITHER)
    if isinstance(spec, authorization.SubjectAccessReviewSpec) and not spec.user and not spec.groups:
        errors.invalid("spec.user", spec.user, "at least one of user or group must be specified")
    for name in ("fieldSelector", "labelSelector") if resource is not None else ():
        selector: SelectorAttributes | None = getattr(resource, name)
        if selector is not None:
            _selector(errors, f"spec.resourceAttributes.{name}", selector)


def _selector(errors: Errors, path: str, selector: SelectorAttributes) -> None:
    if selector.rawSelector and selector.requirements:
        errors.invalid(f"{path}.rawSelector", selector.rawSelector, _RAW_AND_PARSED)
    if not selector.rawSelector and not selector.requirements:
        errors.required(f"{path}.requirements", f"when {path} is specified, requirements or rawSelector is required")
    for i, requirement in enumerate(selector.requirements):
        at = f"{path}.requirements[{i}]"
        if isinstance(requirement, FieldSelectorRequirement):
            _field_requirement(errors, at, requirement)
        elif isinstance(requirement, LabelSelectorRequirement):
            label_requirement(errors, at, requirement, any_operator=True)


def _field_requirement(errors: Errors, path: str, requirement: FieldSelectorRequirement) -> None:
    if not requirement.key:
        errors.required(f"{path}.key", "must be specified")
    if requirement.operator in ("In", "NotIn") and not requirement.values:
        errors.required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif requirement.operator in ("Exists", "DoesNotExist") and requirement.values:
        errors.forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")


def _no_metadata(errors: Errors, meta: ObjectMeta, namespace: str, detail: str) -> None:
    if meta != ObjectMeta(namespace=namespace, managedFields=meta.managedFields):
        errors.invalid("metadata", meta, detail)


def _access_review(errors: Errors, new: authorization.SubjectAccessReview | authorization.SelfSubjectAccessReview, _: None) -> None:
    _attributes(errors, new.spec)
    _no_metadata(errors, new.metadata, "", "must be empty")


def _local_access_review(errors: Errors, new: authorization.LocalSubjectAccessReview, _: None) -> None:
    _attributes(errors, new.spec)
    _no_metadata(errors, new.metadata, new.metadata.namespace, "must be empty except for namespace")
    resource, other = new.spec.resourceAttributes, new.spec.nonResourceAttributes
    if resource is not None and resource.namespace != new.metadata.namespace:
        errors.invalid("spec.resourceAttributes.namespace", resource.namespace, "must match metadata.namespace")
    if other is not None:
        errors.invalid("spec.nonResourceAttributes", other, "disallowed on this kind of request")


TABLE: dict[type, Rules] = {
    authentication.TokenRequest: Rules(stored=False, create=_token_request),
    authentication.TokenReview: Rules(stored=False),
    authentication.SelfSubjectReview: Rules(stored=False),
    authorization.SubjectAccessReview: Rules(stored=False, create=_access_review),
    authorization.SelfSubjectAccessReview: Rules(stored=False, create=_access_review),
    authorization.LocalSubjectAccessReview: Rules(stored=False, create=_local_access_review),
    authorization.SelfSubjectRulesReview: Rules(stored=False),
}
