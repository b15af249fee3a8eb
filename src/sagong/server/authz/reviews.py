"""Access reviews answer questions: may this user, or may I, do that, and what may I do in this namespace."""

from __future__ import annotations

from collections.abc import Callable

from sagong.api import field_selectors, selectors
from sagong.api.errors import BadRequestError, Cause, invalid
from sagong.api.field_errors import Errors
from sagong.api.selectors import SelectorError
from sagong.api.types.authorization import (
    LocalSubjectAccessReview,
    NonResourceAttributes,
    NonResourceRule,
    ResourceAttributes,
    ResourceRule,
    SelfSubjectAccessReview,
    SelfSubjectRulesReview,
    SubjectAccessReview,
    SubjectAccessReviewStatus,
    SubjectRulesReviewStatus,
)
from sagong.api.types.meta import FieldSelectorRequirement, LabelSelectorRequirement, ObjectMeta
from sagong.server.authz.node import node_name
from sagong.server.contract import Attributes, Authorizer, RuleLister, User

AccessReview = SubjectAccessReview | LocalSubjectAccessReview | SelfSubjectAccessReview
_GROUP = "authorization.k8s.io"


async def review_access(review: AccessReview, asker: User, namespace: str, authorizer: Authorizer) -> AccessReview:
    """Return the review answered; `namespace` is that of the request's path. Raises InvalidError, BadRequestError."""
    kind = type(review).__name__
    causes = _validate(review)
    if causes:
        raise invalid(_GROUP, kind, "", causes)
    answered = review.copy()
    if isinstance(review, LocalSubjectAccessReview):
        if not namespace:
            raise BadRequestError("namespace is required on this type: ")
        if namespace != review.metadata.namespace:
            raise BadRequestError(f"spec.resourceAttributes.namespace must match namespace: {namespace}")
    user = asker if isinstance(review, SelfSubjectAccessReview) else _subject(review)
    errors: list[str] = []
    decision = await authorizer.authorize(_attributes(user, review.spec.resourceAttributes, review.spec.nonResourceAttributes, errors))
    errors += [decision.error] if decision.error else []
    error = f"[{', '.join(errors)}]" if len(errors) > 1 else "".join(errors)
    answered.status = SubjectAccessReviewStatus(
        allowed=decision.allowed, denied=decision.denied, reason=decision.reason, evaluationError=error
    )
    return answered


def review_rules(review: SelfSubjectRulesReview, asker: User, lister: RuleLister) -> SelfSubjectRulesReview:
    """Return what the user may do in a namespace, as far as it can be listed. Raises BadRequestError."""
    namespace = review.spec.namespace
    if not namespace:
        raise BadRequestError("no namespace on request")
    rules, error = lister.rules_of(asker, namespace)
    silent = ["node"] if node_name(asker) is not None else []
    silent += [lister.partial] if lister.partial else []
    error = ", ".join(filter(None, (*(f"{name} authorizer does not support user rule resolution" for name in silent), error)))
    status = SubjectRulesReviewStatus(incomplete=bool(silent), evaluationError=error)
    for rule in rules:
        if rule.resources:
            status.resourceRules.append(
                ResourceRule(verbs=rule.verbs, apiGroups=rule.apiGroups, resources=rule.resources, resourceNames=rule.resourceNames)
            )
        if rule.nonResourceURLs:
            status.nonResourceRules.append(NonResourceRule(verbs=rule.verbs, nonResourceURLs=rule.nonResourceURLs))
    return SelfSubjectRulesReview(status=status)


def _subject(review: SubjectAccessReview | LocalSubjectAccessReview) -> User:
    spec = review.spec
    return User(spec.user, spec.uid, tuple(spec.groups), spec.extra)


def _attributes(user: User, asked: ResourceAttributes | None, path: NonResourceAttributes | None, errors: list[str]) -> Attributes:
    if asked is None:
        return Attributes(user, path.verb if path else "", path.path if path else "", resource_request=False)
    fields, labels = asked.fieldSelector, asked.labelSelector
    field_selector = fields.rawSelector or _join(fields.requirements, _field_term, errors) if fields else ""
    label_selector = labels.rawSelector or _join(labels.requirements, _label_term, errors) if labels else ""
    return Attributes(
        user,
        asked.verb,
        group=asked.group,
        version=asked.version or "*",
        resource=asked.resource,
        subresource=asked.subresource,
        namespace=asked.namespace,
        name=asked.name,
        field_selector=_parsed(field_selector, field_selectors.parse, errors),
        label_selector=_parsed(label_selector, selectors.parse, errors),
    )


def _parsed(selector: str, parse: Callable[[str], object], errors: list[str]) -> str:
    try:
        parse(selector)
    except SelectorError as error:
        errors.append(str(error))
        return ""
    return selector


_Requirement = FieldSelectorRequirement | LabelSelectorRequirement


def _join(
    requirements: list[FieldSelectorRequirement] | list[LabelSelectorRequirement], term: Callable[..., str], errors: list[str]
) -> str:
    """Return requirements as a selector's text; one that cannot be expressed is left out, which only broadens the question."""
    terms = []
    for requirement in requirements:
        try:
            terms.append(term(requirement))
        except SelectorError as error:
            errors.append(str(error))
    return ",".join(terms)


def _field_term(requirement: FieldSelectorRequirement) -> str:
    operators = {"In": ("=", "in"), "NotIn": ("!=", "not in")}
    if len(requirement.values) > 1:
        raise SelectorError("fieldSelectors do not yet support multiple values")
    if requirement.operator in ("Exists", "DoesNotExist"):
        raise SelectorError(f"fieldSelectors do not yet support {requirement.operator}")
    if requirement.operator not in operators:
        raise SelectorError(f'"{requirement.operator}" is not a valid field selector operator')
    sign, words = operators[requirement.operator]
    if not requirement.values:
        raise SelectorError(f"fieldSelectors {words} must have one value")
    return str(field_selectors.Term(requirement.key, requirement.values[0], sign == "!="))


def _label_term(requirement: LabelSelectorRequirement) -> str:
    values = f"({','.join(requirement.values)})"
    forms = {"In": "{} in " + values, "NotIn": "{} notin " + values, "Exists": "{}", "DoesNotExist": "!{}"}
    if requirement.operator not in forms:
        raise SelectorError(f'"{requirement.operator}" is not a valid label selector operator')
    return forms[requirement.operator].format(requirement.key)


def _validate(review: AccessReview) -> list[Cause]:
    errors = Errors()
    spec = review.spec
    if spec.resourceAttributes and spec.nonResourceAttributes:
        message = "cannot be specified in combination with resourceAttributes"
        errors.invalid("spec.nonResourceAttributes", spec.nonResourceAttributes, message)
    if not spec.resourceAttributes and not spec.nonResourceAttributes:
        message = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        errors.invalid("spec.resourceAttributes", None, message)
    if not isinstance(review, SelfSubjectAccessReview) and not _subject(review).name and not _subject(review).groups:
        errors.invalid("spec.user", "", "at least one of user or group must be specified")
    if spec.resourceAttributes:
        _validate_selectors(errors, spec.resourceAttributes)
    _validate_place(errors, review)
    return errors


def _validate_selectors(errors: Errors, attributes: ResourceAttributes) -> None:
    for name, selector in (("fieldSelector", attributes.fieldSelector), ("labelSelector", attributes.labelSelector)):
        path = f"spec.resourceAttributes.{name}"
        if selector and selector.rawSelector and selector.requirements:
            errors.invalid(f"{path}.rawSelector", selector.rawSelector, "may not specified at the same time as requirements")
        if selector and not selector.rawSelector and not selector.requirements:
            errors.required(f"{path}.requirements", f"when {path} is specified, requirements or rawSelector is required")


def _validate_place(errors: Errors, review: AccessReview) -> None:
    bare = review.metadata.copy()
    bare.managedFields = []
    if not isinstance(review, LocalSubjectAccessReview):
        if bare != ObjectMeta():
            errors.invalid("metadata", review.metadata, "must be empty")
        return
    bare.namespace = ""
    if bare != ObjectMeta():
        errors.invalid("metadata", review.metadata, "must be empty except for namespace")
    spec = review.spec
    if spec.resourceAttributes and spec.resourceAttributes.namespace != review.metadata.namespace:
        errors.invalid("spec.resourceAttributes.namespace", spec.resourceAttributes.namespace, "must match metadata.namespace")
    if spec.nonResourceAttributes:
        errors.invalid("spec.nonResourceAttributes", spec.nonResourceAttributes, "disallowed on this kind of request")
