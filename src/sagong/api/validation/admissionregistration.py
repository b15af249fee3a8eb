"""Validation of the configurations of admission webhooks, and the table of their group."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.api.field_errors import Errors
from sagong.api.types import admissionregistration as admission
from sagong.api.validation import admission_policies
from sagong.api.validation.admission_rules import FAILURE_POLICIES, MATCH_POLICIES, match_conditions, rule
from sagong.api.validation.domains import three_part_domain
from sagong.api.validation.metadata import label_selector
from sagong.api.validation.rules import Rules, one_of, status
from sagong.api.validation.webhooks import REVIEW_VERSIONS, client_config, review_versions

_HARMLESS = ("None", "NoneOnDryRun")
_SIDE_EFFECTS = ("None", "NoneOnDryRun", "Some", "Unknown")
_TIMEOUT = range(1, 31)
Webhook = admission.ValidatingWebhook | admission.MutatingWebhook
Configuration = admission.ValidatingWebhookConfiguration | admission.MutatingWebhookConfiguration


def _configuration(errors: Errors, new: Configuration, old: Configuration | None) -> None:
    """Check a configuration; each weakness that all of the stored one has is tolerated."""
    before: Sequence[Webhook] = old.webhooks if old is not None else ()
    found: Sequence[Webhook] = new.webhooks
    allowed = _HARMLESS if all(hook.sideEffects in _HARMLESS for hook in before) else _SIDE_EFFECTS
    known = all({*hook.admissionReviewVersions} & {*REVIEW_VERSIONS} or not hook.admissionReviewVersions for hook in before)
    unique = len({hook.name for hook in before}) == len(before)
    loose = any(_bad_selectors(hook) for hook in before)
    same = old is not None and [hook.matchConditions for hook in found] == [hook.matchConditions for hook in before]
    seen: set[str] = set()
    for i, hook in enumerate(found):
        path = f"webhooks[{i}]"
        three_part_domain(errors, f"{path}.name", hook.name)
        _webhook(errors, path, hook, allowed, loose=loose)
        if not same:
            match_conditions(errors, f"{path}.matchConditions", hook.matchConditions)
        review_versions(errors, f"{path}.admissionReviewVersions", hook.admissionReviewVersions, known=known)
        if unique and hook.name and hook.name in seen:
            errors.duplicate(f"{path}.name", hook.name)
        seen.add(hook.name)


def _bad_selectors(hook: Webhook) -> bool:
    found = Errors()
    label_selector(found, "", hook.namespaceSelector)
    label_selector(found, "", hook.objectSelector)
    return bool(found)


def _webhook(errors: Errors, path: str, hook: Webhook, side_effects: Sequence[str], *, loose: bool) -> None:
    for i, found in enumerate(hook.rules):
        rule(errors, f"{path}.rules[{i}]", found)
    one_of(errors, f"{path}.failurePolicy", hook.failurePolicy, FAILURE_POLICIES)
    one_of(errors, f"{path}.matchPolicy", hook.matchPolicy, MATCH_POLICIES)
    if hook.sideEffects is None:
        errors.required(f"{path}.sideEffects", f"must specify one of {', '.join(side_effects)}")
    one_of(errors, f"{path}.sideEffects", hook.sideEffects, side_effects)
    if hook.timeoutSeconds is not None and hook.timeoutSeconds not in _TIMEOUT:
        errors.invalid(f"{path}.timeoutSeconds", hook.timeoutSeconds, "the timeout value must be between 1 and 30 seconds")
    label_selector(errors, f"{path}.namespaceSelector", hook.namespaceSelector, loose_values=loose)
    label_selector(errors, f"{path}.objectSelector", hook.objectSelector, loose_values=loose)
    if isinstance(hook, admission.MutatingWebhook):
        one_of(errors, f"{path}.reinvocationPolicy", hook.reinvocationPolicy, ("IfNeeded", "Never"))
    client_config(errors, f"{path}.clientConfig", hook.clientConfig)


TABLE: dict[type, Rules] = {
    admission.ValidatingWebhookConfiguration: Rules(spec=_configuration),
    admission.MutatingWebhookConfiguration: Rules(spec=_configuration),
    admission.ValidatingAdmissionPolicy: Rules(
        spec=admission_policies.validating, subresources=status(admission_policies.validating_status)
    ),
    admission.ValidatingAdmissionPolicyBinding: Rules(spec=admission_policies.validating_binding),
    admission.MutatingAdmissionPolicy: Rules(spec=admission_policies.mutating),
    admission.MutatingAdmissionPolicyBinding: Rules(spec=admission_policies.mutating_binding),
}
