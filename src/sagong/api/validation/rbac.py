"""Validation of roles and their bindings."""

from __future__ import annotations

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.selectors import SelectorError, from_label_selector
from sagong.api.types import rbac
from sagong.api.validation.metadata import label_selector
from sagong.api.validation.rules import Rules, each, named

_GROUP = ("rbac.authorization.k8s.io",)
_MIXED = "rules cannot apply to both regular resources and non-resource URLs"
_NO_SELECTORS = "at least one clusterRoleSelector required if aggregationRule is non-nil"


def _role(errors: Errors, new: rbac.Role, _: rbac.Role | None) -> None:
    for i, rule in enumerate(new.rules or ()):
        _rule(errors, f"rules[{i}]", rule, namespaced=True)


def _cluster_role(errors: Errors, new: rbac.ClusterRole, old: rbac.ClusterRole | None) -> None:
    for i, rule in enumerate(new.rules or ()):
        _rule(errors, f"rules[{i}]", rule, namespaced=False)
    if new.aggregationRule is None:
        return
    path, selectors = "aggregationRule.clusterRoleSelectors", new.aggregationRule.clusterRoleSelectors
    if not selectors:
        errors.required(path, _NO_SELECTORS)
    loose = old is not None and _bad_selectors(old)
    for i, selector in enumerate(selectors):
        label_selector(errors, f"{path}[{i}]", selector, loose_values=loose)
        try:
            from_label_selector(selector)
        except SelectorError:
            errors.invalid(f"{path}[{i}]", None, "invalid label selector.")


def _bad_selectors(role: rbac.ClusterRole) -> bool:
    found = Errors()
    for selector in role.aggregationRule.clusterRoleSelectors if role.aggregationRule is not None else ():
        label_selector(found, "", selector)
    return bool(found)


def _rule(errors: Errors, path: str, rule: rbac.PolicyRule, *, namespaced: bool) -> None:
    if not rule.verbs:
        errors.required(f"{path}.verbs", "verbs must contain at least one value")
    if urls := rule.nonResourceURLs:
        if namespaced:
            errors.invalid(f"{path}.nonResourceURLs", urls, "namespaced rules cannot apply to non-resource URLs")
        if rule.apiGroups or rule.resources or rule.resourceNames:
            errors.invalid(f"{path}.nonResourceURLs", urls, _MIXED)
        return
    if not rule.apiGroups:
        errors.required(f"{path}.apiGroups", "resource rules must supply at least one api group")
    if not rule.resources:
        errors.required(f"{path}.resources", "resource rules must supply at least one resource")


def _role_binding(errors: Errors, new: rbac.RoleBinding, _: rbac.RoleBinding | None) -> None:
    _binding(errors, new, ("Role", "ClusterRole"), namespaced=True)


def _cluster_role_binding(errors: Errors, new: rbac.ClusterRoleBinding, _: rbac.ClusterRoleBinding | None) -> None:
    _binding(errors, new, ("ClusterRole",), namespaced=False)


def _binding(errors: Errors, new: rbac.RoleBinding | rbac.ClusterRoleBinding, kinds: tuple[str, ...], *, namespaced: bool) -> None:
    if new.roleRef.apiGroup not in _GROUP:
        errors.not_supported("roleRef.apiGroup", new.roleRef.apiGroup, _GROUP)
    if new.roleRef.kind not in kinds:
        errors.not_supported("roleRef.kind", new.roleRef.kind, kinds)
    named(errors, "roleRef.name", new.roleRef.name, names.path_segment)
    for i, subject in enumerate(new.subjects):
        _subject(errors, f"subjects[{i}]", subject, namespaced=namespaced)


def _subject(errors: Errors, path: str, subject: rbac.Subject, *, namespaced: bool) -> None:
    if not subject.name:
        errors.required(f"{path}.name")
    if subject.kind == "ServiceAccount":
        if subject.name:
            each(errors, f"{path}.name", subject.name, names.dns1123_subdomain)
        if subject.apiGroup:
            errors.not_supported(f"{path}.apiGroup", subject.apiGroup, ("",))
        if not namespaced and not subject.namespace:
            errors.required(f"{path}.namespace")
    elif subject.kind in ("User", "Group"):
        if subject.apiGroup not in _GROUP:
            errors.not_supported(f"{path}.apiGroup", subject.apiGroup, _GROUP)
    else:
        errors.not_supported(f"{path}.kind", subject.kind, ("ServiceAccount", "User", "Group"))


def _binding_change(
    errors: Errors, new: rbac.RoleBinding | rbac.ClusterRoleBinding, old: rbac.RoleBinding | rbac.ClusterRoleBinding
) -> None:
    if new.roleRef != old.roleRef:
        errors.invalid("roleRef", new.roleRef, "cannot change roleRef")


TABLE: dict[type, Rules] = {
    rbac.Role: Rules(name=names.path_segment, spec=_role),
    rbac.ClusterRole: Rules(name=names.path_segment, spec=_cluster_role),
    rbac.RoleBinding: Rules(name=names.path_segment, spec=_role_binding, change=_binding_change),
    rbac.ClusterRoleBinding: Rules(name=names.path_segment, spec=_cluster_role_binding, change=_binding_change),
}
