"""metrics-server as an add-on: its Deployment and Service, and its rights. It registers its API itself, once it can answer.

So a start need not wait for it, and no client meets a group of the API that nobody serves yet.
"""

from __future__ import annotations

import base64
from pathlib import Path

from sagong.cluster.config import ClusterConfig
from sagong.cluster.images import PYTHON
from sagong.cluster.manifests import (
    Manifest,
    cluster_role,
    cluster_role_binding,
    meta,
    mount_environment,
    probes,
    python,
    service_account,
)
from sagong.metrics.registration import API_SERVICE

NAME = "metrics-server"
_LABELS = {"k8s-app": NAME}
_PORT = 10250
_TLS = "/etc/metrics-server/tls"
_READ = ["get", "list", "watch"]
_REGISTRATION = {"apiGroups": ["apiregistration.k8s.io"], "resources": ["apiservices"]}


def manifests(config: ClusterConfig) -> list[Manifest]:
    """Return everything, in order."""
    return [service_account(NAME), *_rights(), _secret(config), _deployment(), _service()]


def _rights() -> list[Manifest]:
    reader = cluster_role(
        "system:aggregated-metrics-reader", [{"apiGroups": ["metrics.k8s.io"], "resources": ["pods", "nodes"], "verbs": _READ}]
    )
    reader["metadata"]["labels"] = {f"rbac.authorization.k8s.io/aggregate-to-{role}": "true" for role in ("admin", "edit", "view")}
    own = [
        {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": _READ},
        {**_REGISTRATION, "verbs": ["create"]},
        {**_REGISTRATION, "resourceNames": [API_SERVICE], "verbs": ["get", "patch"]},
    ]
    return [
        reader,
        cluster_role("system:metrics-server", own),
        cluster_role_binding("system:metrics-server", "system:metrics-server", NAME),
        cluster_role_binding("metrics-server:system:auth-delegator", "system:auth-delegator", NAME),
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": meta("metrics-server-auth-reader", _LABELS),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "extension-apiserver-authentication-reader"},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": "kube-system"}],
        },
    ]


def _secret(config: ClusterConfig) -> Manifest:
    """Return the serving certificate, which the cluster's authority signed for the Service's name."""
    data = {f"tls.{part}": _encoded(config.pki / f"{NAME}.{part}") for part in ("crt", "key")}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta("metrics-server-tls", _LABELS),
        "type": "kubernetes.io/tls",
        "data": data,
    }


def _deployment() -> Manifest:
    container = {
        "name": NAME,
        "image": PYTHON,
        "imagePullPolicy": "IfNotPresent",
        "command": python("sagong.cluster.metrics_server", "--tls", _TLS, "--port", str(_PORT), "--register", f"kube-system/{NAME}"),
        "ports": [{"name": "https", "containerPort": _PORT, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "50m", "memory": "50Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **probes(live="/livez", ready="/readyz", port=_PORT, scheme="HTTPS"),
    }
    pod: Manifest = {
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": NAME,
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [
            {"key": "CriticalAddonsOnly", "operator": "Exists"},
            {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
        ],
    }
    mount_environment(pod, container, [])
    pod["volumes"].append({"name": "tls", "secret": {"secretName": "metrics-server-tls"}})
    container["volumeMounts"].append({"name": "tls", "mountPath": _TLS, "readOnly": True})
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(NAME, _LABELS),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": _LABELS},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}},
            "template": {"metadata": {"labels": _LABELS}, "spec": pod},
        },
    }


def _service() -> Manifest:
    ports = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": "https"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta(NAME, {**_LABELS, "kubernetes.io/cluster-service": "true"}),
        "spec": {"selector": _LABELS, "ports": ports},
    }


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
