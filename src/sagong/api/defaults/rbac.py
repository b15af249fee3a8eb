"""Defaults of the RBAC group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagong.api.types import rbac

GROUP = "rbac.authorization.k8s.io"


def _binding(obj: rbac.RoleBinding | rbac.ClusterRoleBinding) -> None:
    obj.roleRef.apiGroup = obj.roleRef.apiGroup or GROUP
    for subject in obj.subjects:
        if not subject.apiGroup and subject.kind in ("User", "Group"):
            subject.apiGroup = GROUP


TABLE: dict[type, Callable[[Any], None]] = {rbac.RoleBinding: _binding, rbac.ClusterRoleBinding: _binding}
