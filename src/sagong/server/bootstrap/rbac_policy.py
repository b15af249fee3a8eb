"""Reads the tables of `rbac_roles.py` and `rbac_controllers.py` into roles and bindings."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

from sagong.api.types.base import ApiStruct
from sagong.api.types.meta import LabelSelector, ObjectMeta
from sagong.api.types.rbac import AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject
from sagong.server.bootstrap.rbac_controllers import CONTROLLER_ROLES
from sagong.server.bootstrap.rbac_roles import AGGREGATE_LABELS, AGGREGATED, CLUSTER_ROLES, GROUP_BINDINGS, NAMESPACE_BINDINGS, ROLES

_GROUP = "rbac.authorization.k8s.io"
_LABEL = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_ANNOTATION = {"rbac.authorization.kubernetes.io/autoupdate": "true"}
_VERBS = {
    "READ": "get,list,watch",
    "WRITE": "create,delete,deletecollection,patch,update",
    "ALL": "create,delete,deletecollection,get,list,patch,update,watch",
}
_EVENTS = "create,patch,update core,events.k8s.io events"


def rules(table: str) -> list[PolicyRule]:
    """Read the lines of a role."""
    return [_rule(_EVENTS if line == "EVENTS" else line) for line in map(str.strip, table.splitlines()) if line]


def _rule(line: str) -> PolicyRule:
    what, _, names = line.partition(" = ")
    verbs, groups, *resources = what.split()
    verbs = _VERBS.get(verbs, verbs)
    if groups == "url":
        return PolicyRule(verbs=verbs.split(","), nonResourceURLs=resources)
    own = ["" if group == "core" else group for group in groups.split(",")]
    return PolicyRule(verbs=verbs.split(","), apiGroups=own, resources=resources, resourceNames=names.split())


@functools.cache
def objects() -> Sequence[ApiStruct]:
    """Return every role and binding of the policy; they are shared, copy them before a change."""
    return (*_cluster_roles(), *_cluster_bindings(), *_roles(), *_bindings())


def _meta(name: str, namespace: str = "", labels: dict[str, str] | None = None) -> ObjectMeta:
    return ObjectMeta(name=name, namespace=namespace, labels={**_LABEL, **(labels or {})}, annotations=dict(_ANNOTATION))


def _cluster_roles() -> Iterable[ClusterRole]:
    controllers = {f"system:controller:{name}": table for name, table in CONTROLLER_ROLES.items()}
    for name, table in {**CLUSTER_ROLES, **controllers}.items():
        yield ClusterRole(metadata=_meta(name, labels=_aggregate_to(name)), rules=rules(table))
    for name in AGGREGATED:
        selector = LabelSelector(matchLabels={f"{_GROUP}/aggregate-to-{name}": "true"})
        aggregation = AggregationRule(clusterRoleSelectors=[selector])
        yield ClusterRole(metadata=_meta(name, labels=_aggregate_to(name)), aggregationRule=aggregation)


def _aggregate_to(name: str) -> dict[str, str]:
    return {f"{_GROUP}/aggregate-to-{AGGREGATE_LABELS[name]}": "true"} if name in AGGREGATE_LABELS else {}


def _cluster_bindings() -> Iterable[ClusterRoleBinding]:
    accounts = {f"system:controller:{name}": f"account:kube-system/{name}" for name in CONTROLLER_ROLES}
    for name, subjects in {**GROUP_BINDINGS, **accounts}.items():
        role = RoleRef(apiGroup=_GROUP, kind="ClusterRole", name=name)
        yield ClusterRoleBinding(metadata=_meta(name), subjects=_subjects(subjects), roleRef=role)


def _roles() -> Iterable[Role]:
    for at, table in ROLES.items():
        namespace, name = at.split("/")
        yield Role(metadata=_meta(name, namespace), rules=rules(table))


def _bindings() -> Iterable[RoleBinding]:
    for at, (role, subjects) in NAMESPACE_BINDINGS.items():
        namespace, name = at.split("/")
        reference = RoleRef(apiGroup=_GROUP, kind="Role", name=role)
        yield RoleBinding(metadata=_meta(name, namespace), subjects=_subjects(subjects), roleRef=reference)


def _subjects(text: str) -> list[Subject]:
    """Read `user:<name>`, `group:<name>` and `account:<namespace>/<name>`, separated by spaces."""
    subjects = []
    for part in text.split():
        kind, _, name = part.partition(":")
        if kind == "account":
            namespace, _, name = name.partition("/")
            subjects.append(Subject(kind="ServiceAccount", name=name, namespace=namespace))
        else:
            subjects.append(Subject(kind=kind.capitalize(), apiGroup=_GROUP, name=name))
    return subjects
