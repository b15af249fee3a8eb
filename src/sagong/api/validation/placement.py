"""Validation of where pods may run: selectors, affinity, tolerations, topology spread, scheduling gates."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types import core
from sagong.api.types.meta import LabelSelector
from sagong.api.validation import metadata
from sagong.api.validation.rules import each, one_of, positive

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_MAX_WEIGHT = 100
_REQUIRED, _PREFERRED = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"
_BOTH = "exists in both matchLabelKeys and labelSelector"


def affinity(errors: Errors, path: str, found: core.Affinity | None) -> None:
    """Check node affinity, pod affinity and anti-affinity."""
    if found is None:
        return
    if found.nodeAffinity:
        _node_affinity(errors, f"{path}.nodeAffinity", found.nodeAffinity)
    for name in ("podAffinity", "podAntiAffinity"):
        part: core.PodAffinity | core.PodAntiAffinity | None = getattr(found, name)
        if part is None:
            continue
        for i, term in enumerate(part.requiredDuringSchedulingIgnoredDuringExecution):
            _pod_term(errors, f"{path}.{name}.{_REQUIRED}[{i}]", term)
        for i, weighted in enumerate(part.preferredDuringSchedulingIgnoredDuringExecution):
            at = f"{path}.{name}.{_PREFERRED}[{i}]"
            _weight(errors, at, weighted.weight)
            _pod_term(errors, f"{at}.podAffinityTerm", weighted.podAffinityTerm)


def _weight(errors: Errors, path: str, weight: int) -> None:
    if not 1 <= weight <= _MAX_WEIGHT:
        errors.invalid(f"{path}.weight", weight, "must be in the range 1-100")


def _node_affinity(errors: Errors, path: str, found: core.NodeAffinity) -> None:
    if found.requiredDuringSchedulingIgnoredDuringExecution:
        node_selector(errors, f"{path}.{_REQUIRED}", found.requiredDuringSchedulingIgnoredDuringExecution)
    for i, term in enumerate(found.preferredDuringSchedulingIgnoredDuringExecution):
        at = f"{path}.{_PREFERRED}[{i}]"
        _weight(errors, at, term.weight)
        _node_term(errors, f"{at}.preference", term.preference, loose_values=True)


def node_selector(errors: Errors, path: str, selector: core.NodeSelector) -> None:
    """Check the terms of a node selector."""
    if not selector.nodeSelectorTerms:
        errors.required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")
    for i, term in enumerate(selector.nodeSelectorTerms):
        _node_term(errors, f"{path}.nodeSelectorTerms[{i}]", term, loose_values=False)


def _node_term(errors: Errors, path: str, term: core.NodeSelectorTerm, *, loose_values: bool) -> None:
    for i, requirement in enumerate(term.matchExpressions):
        _node_requirement(errors, f"{path}.matchExpressions[{i}]", requirement, loose_values=loose_values)
    for i, requirement in enumerate(term.matchFields):
        _node_field(errors, f"{path}.matchFields[{i}]", requirement)


def _node_requirement(errors: Errors, path: str, requirement: core.NodeSelectorRequirement, *, loose_values: bool) -> None:
    operator, values = requirement.operator, requirement.values
    if operator in ("In", "NotIn"):
        if not values:
            errors.required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            errors.forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            errors.required(f"{path}.values", "must be specified single value when `operator` is 'Lt' or 'Gt'")
    else:
        errors.invalid(f"{path}.operator", operator, "not a valid selector operator")
    metadata.label_key(errors, f"{path}.key", requirement.key)
    if not loose_values:
        for i, value in enumerate(values):
            each(errors, f"{path}.values[{i}]", value, names.label_value)


def _node_field(errors: Errors, path: str, requirement: core.NodeSelectorRequirement) -> None:
    if requirement.operator not in ("In", "NotIn"):
        errors.invalid(f"{path}.operator", requirement.operator, "not a valid selector operator")
    elif len(requirement.values) != 1:
        errors.required(f"{path}.values", "must be only one value when `operator` is 'In' or 'NotIn' for node field selector")
    if requirement.key != "metadata.name":
        errors.invalid(f"{path}.key", requirement.key, "not a valid field selector key")
        return
    for i, value in enumerate(requirement.values):
        each(errors, f"{path}.values[{i}]", value, names.dns1123_subdomain)


def _pod_term(errors: Errors, path: str, term: core.PodAffinityTerm) -> None:
    metadata.label_selector(errors, f"{path}.labelSelector", term.labelSelector)
    metadata.label_selector(errors, f"{path}.namespaceSelector", term.namespaceSelector)
    for name in term.namespaces:
        each(errors, f"{path}.namespace", name, names.dns1123_label)
    label_keys(errors, path, term.matchLabelKeys, term.mismatchLabelKeys, term.labelSelector)
    if not term.topologyKey:
        errors.required(f"{path}.topologyKey", "can not be empty")
    metadata.label_key(errors, f"{path}.topologyKey", term.topologyKey)


def label_keys(errors: Errors, path: str, same: Sequence[str], other: Sequence[str], selector: LabelSelector | None) -> None:
    """Check matchLabelKeys and mismatchLabelKeys against each other and against the selector (KEP-3633)."""
    for name, keys in (("matchLabelKeys", same), ("mismatchLabelKeys", other)):
        if keys and selector is None:
            errors.forbidden(f"{path}.{name}", "must not be specified when labelSelector is not set")
            continue
        for i, key in enumerate(keys):
            metadata.label_key(errors, f"{path}.{name}[{i}]", key)
    if selector is not None:
        seen = set(selector.matchLabels)
        for expression in selector.matchExpressions:
            if expression.key in same and expression.key in seen:
                errors.invalid(f"{path}[{list(same).index(expression.key)}]", expression.key, _BOTH)
            seen.add(expression.key)
    for i, key in enumerate(same):
        if key in other:
            errors.invalid(f"{path}.matchLabelKeys[{i}]", key, "exists in both matchLabelKeys and mismatchLabelKeys")


def tolerations(errors: Errors, path: str, found: Sequence[core.Toleration]) -> None:
    """Check tolerations."""
    for i, toleration in enumerate(found):
        _toleration(errors, f"{path}[{i}]", toleration)


def _toleration(errors: Errors, path: str, toleration: core.Toleration) -> None:
    if toleration.key:
        metadata.label_key(errors, f"{path}.key", toleration.key)
    elif toleration.operator != "Exists":
        text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        errors.invalid(f"{path}.operator", toleration.operator, text)
    if toleration.tolerationSeconds is not None and toleration.effect != "NoExecute":
        errors.invalid(f"{path}.effect", toleration.effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")
    if toleration.operator in ("", "Equal"):
        if complaints := names.label_value(toleration.value):
            errors.invalid(f"{path}.operator", toleration.value, ";".join(complaints))
    elif toleration.operator == "Exists":
        if toleration.value:
            errors.invalid(f"{path}.operator", toleration.value, "value must be empty when `operator` is 'Exists'")
    else:
        valid = ("Equal", "Exists", "Lt", "Gt") if toleration.operator in ("Lt", "Gt") else ("Equal", "Exists")
        errors.not_supported(f"{path}.operator", toleration.operator, valid)
    if toleration.effect:
        one_of(errors, f"{path}.effect", toleration.effect, EFFECTS)


def taints(errors: Errors, path: str, found: Sequence[core.Taint]) -> None:
    """Check the taints of a node."""
    seen: set[tuple[str, str]] = set()
    for i, taint in enumerate(found):
        at = f"{path}[{i}]"
        metadata.label_key(errors, f"{at}.key", taint.key)
        if complaints := names.label_value(taint.value):
            errors.invalid(f"{at}.value", taint.value, ";".join(complaints))
        one_of(errors, f"{at}.effect", taint.effect, EFFECTS, missing="")
        if (taint.key, taint.effect) in seen:
            errors.duplicate(at, taint, "taints must be unique by key and effect pair")
        seen.add((taint.key, taint.effect))


def spread(errors: Errors, path: str, found: Sequence[core.TopologySpreadConstraint]) -> None:
    """Check topology spread constraints."""
    for i, constraint in enumerate(found):
        at = f"{path}[{i}]"
        positive(errors, f"{at}.maxSkew", constraint.maxSkew)
        if not constraint.topologyKey:
            errors.required(f"{at}.topologyKey", "can not be empty")
        if constraint.whenUnsatisfiable not in ("DoNotSchedule", "ScheduleAnyway"):
            errors.not_supported(f"{at}.whenUnsatisfiable", constraint.whenUnsatisfiable, ("DoNotSchedule", "ScheduleAnyway"))
        pair = (constraint.topologyKey, constraint.whenUnsatisfiable)
        if any((other.topologyKey, other.whenUnsatisfiable) == pair for other in found[i + 1 :]):
            errors.duplicate(f"{at}.{{topologyKey, whenUnsatisfiable}}", f"{{{pair[0]}, {pair[1]}}}")
        if constraint.minDomains is not None:
            positive(errors, f"{at}.minDomains", constraint.minDomains)
            if constraint.whenUnsatisfiable != "DoNotSchedule":
                text = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {constraint.whenUnsatisfiable}"
                errors.invalid(f"{at}.minDomains", constraint.minDomains, text)
        for name in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            one_of(errors, f"{at}.{name}", getattr(constraint, name), ("Honor", "Ignore"))
        label_keys(errors, at, constraint.matchLabelKeys, (), constraint.labelSelector)
        metadata.label_selector(errors, f"{at}.labelSelector", constraint.labelSelector)


def gates(errors: Errors, path: str, found: Sequence[core.PodSchedulingGate]) -> None:
    """Check scheduling gates."""
    seen: set[str] = set()
    for i, gate in enumerate(found):
        each(errors, f"{path}[{i}]", gate.name, names.qualified_name)
        if gate.name in seen:
            errors.duplicate(f"{path}[{i}]", gate.name)
        seen.add(gate.name)
