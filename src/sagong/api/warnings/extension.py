"""Definitions of custom resources, webhooks and admission policies."""

from __future__ import annotations

from typing import Any

from sagong.api.custom.formats import supported
from sagong.api.field_errors import quote
from sagong.api.types import admissionregistration as admission
from sagong.api.types.apiextensions import CustomResourceDefinition
from sagong.api.validation.structural import walk
from sagong.api.warnings.warner import Warner

_STATIC = ".static.k8s.io"
_STATIC_SAID = (
    f'metadata.name: names ending with "{_STATIC}" are reserved for static manifest-based configurations and cannot be managed via the API'
)


def _definition(new: CustomResourceDefinition, old: CustomResourceDefinition | None) -> list[str]:
    """Tell of formats that nothing checks, unless they were there before."""
    known = set(_unknown_formats(old)) if old is not None else set()
    return [f"unrecognized format {quote(name)}" for name in _unknown_formats(new) if name not in known]


def _unknown_formats(definition: CustomResourceDefinition) -> list[str]:
    schemas = (version.schema.openAPIV3Schema for version in definition.spec.versions if version.schema is not None)
    parts = (part for schema in schemas if schema is not None for part in walk(schema))
    return list(dict.fromkeys(part.format for part in parts if part.format and not supported(part.format, part.type)))


def _static(new: Any, _: Any = None) -> list[str]:
    return [_STATIC_SAID] if new.metadata.name.endswith(_STATIC) else []


_ADMISSION = (
    admission.MutatingAdmissionPolicy,
    admission.MutatingAdmissionPolicyBinding,
    admission.MutatingWebhookConfiguration,
    admission.ValidatingAdmissionPolicyBinding,
    admission.ValidatingWebhookConfiguration,
)
TABLE: dict[type[Any], Warner] = {
    CustomResourceDefinition: Warner(_definition),
    admission.ValidatingAdmissionPolicy: Warner(_static, _static),
    **dict.fromkeys(_ADMISSION, Warner(_static)),
}
