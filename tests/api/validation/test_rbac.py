from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import CLUSTER_META, META, problems

from sagong.api.types import rbac

ROLE: dict[str, Any] = {"metadata": {**META, "name": "system:a"}, "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}
CLUSTER_ROLE: dict[str, Any] = {"metadata": {**CLUSTER_META, "name": "system:a"}, "rules": [{"verbs": ["get"], "nonResourceURLs": ["/a"]}]}
REF: dict[str, Any] = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
BINDING: dict[str, Any] = {
    "metadata": META,
    "roleRef": REF,
    "subjects": [{"kind": "User", "name": "u", "apiGroup": "rbac.authorization.k8s.io"}],
}
CLUSTER_BINDING: dict[str, Any] = {"metadata": CLUSTER_META, "roleRef": {**REF, "kind": "ClusterRole"}}


def subject(**fields: Any) -> dict[str, Any]:
    return {"subjects": [fields]}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"metadata": {"name": "a/b"}}, ["metadata.name: Invalid value: \"a/b\": may not contain '/'"]),
        (
            {"rules": [{}]},
            [
                "rules[0].verbs: Required value: verbs must contain at least one value",
                "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
                "rules[0].resources: Required value: resource rules must supply at least one resource",
            ],
        ),
        (
            {"rules": [{"verbs": ["get"], "nonResourceURLs": ["/a"]}]},
            ['rules[0].nonResourceURLs: Invalid value: ["/a"]: namespaced rules cannot apply to non-resource URLs'],
        ),
        (
            {"rules": [{"verbs": ["get"], "nonResourceURLs": ["/a"], "resources": ["pods"]}]},
            [
                'rules[0].nonResourceURLs: Invalid value: ["/a"]: namespaced rules cannot apply to non-resource URLs',
                'rules[0].nonResourceURLs: Invalid value: ["/a"]: rules cannot apply to both regular resources and non-resource URLs',
            ],
        ),
    ],
)
def test_roles(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(rbac.Role, ROLE, change) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"aggregationRule": {}},
            [
                (
                    "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is "
                    "non-nil"
                )
            ],
        ),
        (
            {"aggregationRule": {"clusterRoleSelectors": [{"matchExpressions": [{"key": "a", "operator": "X"}]}]}},
            [
                'aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator: Invalid value: "X": not a valid selector operator',
                "aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.",
            ],
        ),
    ],
)
def test_cluster_roles(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(rbac.ClusterRole, CLUSTER_ROLE, change) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (
            {"roleRef": {"apiGroup": "x", "kind": "X", "name": ""}},
            [
                'roleRef.apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"',
                'roleRef.kind: Unsupported value: "X": supported values: "Role", "ClusterRole"',
                "roleRef.name: Required value",
            ],
        ),
        (subject(kind="X", name="x"), ['subjects[0].kind: Unsupported value: "X": supported values: "ServiceAccount", "User", "Group"']),
        (
            subject(kind="ServiceAccount", name="A", apiGroup="x"),
            ['subjects[0].name: Invalid value: "A": <subdomain>', 'subjects[0].apiGroup: Unsupported value: "x": supported values: ""'],
        ),
        (
            subject(kind="Group", name="", apiGroup="x"),
            [
                "subjects[0].name: Required value",
                'subjects[0].apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"',
            ],
        ),
    ],
)
def test_role_bindings(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(rbac.RoleBinding, BINDING, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            {"roleRef": {"name": "s"}},
            ['roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"s"}: cannot change roleRef'],
        )
    ],
)
def test_changes_of_role_bindings(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(rbac.RoleBinding, BINDING, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"roleRef": {"kind": "Role"}}, ['roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"']),
        (subject(kind="ServiceAccount", name="a"), ["subjects[0].namespace: Required value"]),
    ],
)
def test_cluster_role_bindings(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(rbac.ClusterRoleBinding, CLUSTER_BINDING, change) == wanted
