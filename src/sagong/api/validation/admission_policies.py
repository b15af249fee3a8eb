"""Validation of admission policies and their bindings."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types import admissionregistration as admission
from sagong.api.validation.admission_rules import FAILURE_POLICIES, match_conditions, match_resources, mutating_operations
from sagong.api.validation.expressions import Expressions
from sagong.api.validation.metadata import conditions, label_selector
from sagong.api.validation.rules import each, named, one_of

_ANNOTATIONS = 20
_EXPRESSION_LENGTH = 5 * 1024
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge")
_ACTIONS = ("Audit", "Deny", "Warn")
_EXCLUSIVE = "name and selector are mutually exclusive"
_BOTH = (
    "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no "
    "purpose)"
)
_NOTHING = "validations or auditAnnotations must contain at least one item"
_CEL_NAME = re.compile("[_a-zA-Z][_a-zA-Z0-9]*")
_CEL_RESERVED = {
    *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function"),
    *("if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while"),
}
Policy = admission.ValidatingAdmissionPolicy | admission.MutatingAdmissionPolicy


def validating(errors: Errors, new: admission.ValidatingAdmissionPolicy, old: admission.ValidatingAdmissionPolicy | None) -> None:
    """Check a validating policy."""
    spec = new.spec
    expressions = _match(errors, new, old)
    _variables(errors, spec.variables, expressions)
    if not spec.validations and not spec.auditAnnotations:
        errors.required("spec.validations", _NOTHING)
        errors.required("spec.auditAnnotations", _NOTHING)
        return
    for i, validation in enumerate(spec.validations):
        _validation(errors, f"spec.validations[{i}]", validation, expressions)
    _audit_annotations(errors, "spec.auditAnnotations", new, expressions)


def _match(errors: Errors, new: Policy, old: Policy | None) -> Expressions:
    """Check what both kinds of policy have; return what checks their expressions."""
    spec = new.spec
    has_params = spec.paramKind is not None
    if spec.failurePolicy is None:
        errors.required("spec.failurePolicy")
    one_of(errors, "spec.failurePolicy", spec.failurePolicy, FAILURE_POLICIES)
    if spec.paramKind is not None:
        _param_kind(errors, "spec.paramKind", spec.paramKind)
    if spec.matchConstraints is None:
        errors.required("spec.matchConstraints")
    else:
        match_resources(errors, "spec.matchConstraints", spec.matchConstraints)
        if not spec.matchConstraints.resourceRules:
            errors.required("spec.matchConstraints.resourceRules")
        if isinstance(new, admission.MutatingAdmissionPolicy):
            mutating_operations(errors, "spec.matchConstraints", spec.matchConstraints)
    if old is None or (spec.paramKind, spec.matchConditions) != (old.spec.paramKind, old.spec.matchConditions):
        match_conditions(errors, "spec.matchConditions", spec.matchConditions, params=has_params)
    return Expressions(params=has_params, composed=bool(spec.variables))


def _param_kind(errors: Errors, path: str, found: admission.ParamKind) -> None:
    if not found.apiVersion:
        errors.required(f"{path}.apiVersion")
    elif found.apiVersion.count("/") > 1:
        errors.invalid(f"{path}.apiVersion", found.apiVersion, f"unexpected GroupVersion string: {found.apiVersion}")
    else:
        group, _, version = found.apiVersion.rpartition("/")
        if group and (complaints := names.dns1123_subdomain(group)):
            errors.invalid(f"{path}.apiVersion", group, ",".join(complaints))
        if not version:
            errors.invalid(f"{path}.apiVersion", found.apiVersion, "version must be specified")
        elif complaints := names.dns1035_label(version):
            errors.invalid(f"{path}.apiVersion", version, ",".join(complaints))
    if not found.kind:
        errors.required(f"{path}.kind")
    elif complaints := names.dns1035_label(found.kind.lower()):
        errors.invalid(f"{path}.kind", found.kind, f"may have mixed case, but should otherwise match: {','.join(complaints)}")


def _variables(errors: Errors, found: Sequence[admission.Variable], expressions: Expressions) -> None:
    for i, variable in enumerate(found):
        path = f"spec.variables[{i}]"
        if not variable.name.strip():
            errors.required(f"{path}.name", "name is not specified")
        elif not _CEL_NAME.fullmatch(variable.name) or variable.name in _CEL_RESERVED:
            errors.invalid(f"{path}.name", variable.name, "must be a valid CEL identifier")
        if not variable.expression.strip():
            errors.required(f"{path}.expression", "expression is not specified")
        else:
            expressions.variable(errors, f"{path}.expression", variable.name, variable.expression)


def _validation(errors: Errors, path: str, found: admission.Validation, expressions: Expressions) -> None:
    if found.expression.strip():
        expressions.check(errors, f"{path}.expression", found.expression)
    else:
        errors.required(f"{path}.expression", "expression is not specified")
    if found.messageExpression.strip():
        expressions.check(errors, f"{path}.messageExpression", found.messageExpression, "string", authorizer=False)
    elif found.messageExpression:
        errors.invalid(f"{path}.messageExpression", found.messageExpression, "must be non-empty if specified")
    message = found.message.strip()
    if found.message and not message:
        errors.invalid(f"{path}.message", found.message, "must be non-empty if specified")
    elif "\n" in message or "\r" in message:
        errors.invalid(f"{path}.message", found.message, "must not contain line breaks")
    one_of(errors, f"{path}.reason", found.reason, _REASONS)


def _audit_annotations(errors: Errors, path: str, new: admission.ValidatingAdmissionPolicy, expressions: Expressions) -> None:
    found, policy = new.spec.auditAnnotations, new.metadata.name
    if len(found) > _ANNOTATIONS:
        errors.invalid(path, list(found), f"must not have more than {_ANNOTATIONS} auditAnnotations")
    seen: set[str] = set()
    for i, annotation in enumerate(found):
        at = f"{path}[{i}].key"
        if policy:
            each(errors, at, f"{policy}/{annotation.key}", names.qualified_name)
        else:
            errors.invalid(at, annotation.key, "requires metadata.name be non-empty")
        expression = annotation.valueExpression.strip()
        if not expression:
            errors.required(f"{path}[{i}].valueExpression", "valueExpression is not specified")
        elif len(expression) > _EXPRESSION_LENGTH:
            errors.required(f"{path}[{i}].valueExpression", f"must not exceed {_EXPRESSION_LENGTH} bytes in length")
        else:
            path_of = f"{path}[{i}].valueExpression"
            expressions.check(errors, path_of, expression, "string or null", shown=annotation.valueExpression)
        if annotation.key in seen:
            errors.duplicate(at, annotation.key)
        seen.add(annotation.key)


def validating_status(errors: Errors, new: admission.ValidatingAdmissionPolicy, _: admission.ValidatingAdmissionPolicy) -> None:
    """Check what the controller writes."""
    checking = new.status.typeChecking
    for i, warning in enumerate(checking.expressionWarnings if checking is not None else ()):
        path = f"status.typeChecking.expressionWarnings[{i}]"
        if not warning.warning:
            errors.required(f"{path}.warning")
        if not warning.fieldRef.strip():
            errors.required(f"{path}.fieldRef")
    conditions(errors, "status.conditions", new.status.conditions)


def mutating(errors: Errors, new: admission.MutatingAdmissionPolicy, old: admission.MutatingAdmissionPolicy | None) -> None:
    """Check a mutating policy."""
    expressions = _match(errors, new, old)
    _variables(errors, new.spec.variables, expressions)
    if not new.spec.mutations:
        errors.required("spec.mutations", "mutations must contain at least one item")
    for i, mutation in enumerate(new.spec.mutations):
        _mutation(errors, f"spec.mutations[{i}]", mutation, expressions)
    one_of(errors, "spec.reinvocationPolicy", new.spec.reinvocationPolicy, ("IfNeeded", "Never"), missing="")


def _mutation(errors: Errors, path: str, found: admission.Mutation, expressions: Expressions) -> None:
    fields = {"ApplyConfiguration": "applyConfiguration", "JSONPatch": "jsonPatch"}
    one_of(errors, f"{path}.patchType", found.patchType, tuple(fields), missing="")
    if found.patchType not in fields:
        return
    own = fields.pop(found.patchType)
    patch: admission.ApplyConfiguration | admission.JSONPatch | None = getattr(found, own)
    if patch is None:
        errors.required(f"{path}.{own}", f"must be specified when patchType is {found.patchType}")
    elif not patch.expression.strip():
        errors.required(f"{path}.{own}.expression")
    else:
        wanted = "patches" if found.patchType == "JSONPatch" else "object"
        expressions.check(errors, f"{path}.{own}.expression", patch.expression.strip(), wanted, patches=True)
    for other in fields.values():
        if getattr(found, other) is not None:
            errors.invalid(f"{path}.{other}", f"{{{other}}}", f"must not be specified when patchType is {found.patchType}")


def validating_binding(
    errors: Errors, new: admission.ValidatingAdmissionPolicyBinding, _: admission.ValidatingAdmissionPolicyBinding | None
) -> None:
    """Check the binding of a validating policy."""
    spec, path = new.spec, "spec.validationActions"
    _bound(errors, spec)
    for i, action in enumerate(spec.validationActions):
        one_of(errors, f"{path}[{i}]", action, _ACTIONS)
        if action in spec.validationActions[:i]:
            errors.duplicate(f"{path}[{i}]", action)
    if {"Deny", "Warn"} <= set(spec.validationActions):
        errors.invalid(path, spec.validationActions, _BOTH)
    if not spec.validationActions:
        errors.required(path, "at least one validation action is required")


def mutating_binding(
    errors: Errors, new: admission.MutatingAdmissionPolicyBinding, _: admission.MutatingAdmissionPolicyBinding | None
) -> None:
    """Check the binding of a mutating policy."""
    _bound(errors, new.spec)
    if new.spec.matchResources is not None:
        mutating_operations(errors, "spec.matchResources", new.spec.matchResources)


def _bound(errors: Errors, spec: admission.ValidatingAdmissionPolicyBindingSpec | admission.MutatingAdmissionPolicyBindingSpec) -> None:
    named(errors, "spec.policyName", spec.policyName, names.dns1123_subdomain)
    if spec.paramRef is not None:
        _param_ref(errors, "spec.paramRef", spec.paramRef)
    if spec.matchResources is not None:
        match_resources(errors, "spec.matchResources", spec.matchResources)


def _param_ref(errors: Errors, path: str, found: admission.ParamRef) -> None:
    each(errors, f"{path}.name", found.name, names.path_segment)
    if found.name and found.selector is not None:
        errors.forbidden(f"{path}.name", _EXCLUSIVE)
    label_selector(errors, f"{path}.selector", found.selector)
    if found.name and found.selector is not None:
        errors.forbidden(f"{path}.selector", _EXCLUSIVE)
    if not found.name and found.selector is None:
        errors.required(path, "one of name or selector must be specified")
    if not found.parameterNotFoundAction:
        errors.required(f"{path}.parameterNotFoundAction")
    else:
        one_of(errors, f"{path}.parameterNotFoundAction", found.parameterNotFoundAction, ("Deny", "Allow"))
