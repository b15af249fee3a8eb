"""What runs in kube-system, as plain manifests: the control plane's static pods and the add-ons that follow through the API.

All of them run this machine's Python environment: an image with mount points only, and read-only mounts of the interpreter,
the virtual environment and the libraries. So no registry is needed, and an upgrade of the environment upgrades the cluster.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sagong.cluster.config import ClusterConfig
from sagong.cluster.images import PYTHON

Manifest = dict[str, Any]

_SOURCE = str(Path(__file__).resolve().parents[2])
LIBRARIES = ("/lib64", "/lib/{arch}", "/usr/lib/{arch}")
EXPECTED_PODS = 6
"""How many pods one node's kube-system has: three static pods, kube-proxy, coredns, storage-provisioner."""

_CRITICAL_NODE = {"priorityClassName": "system-node-critical"}


def interpreter_mounts() -> tuple[str, ...]:
    """Return the host directories an interpreter needs, parents before children, none inside another."""
    arch = sysconfig.get_config_var("MULTIARCH") or "x86_64-linux-gnu"
    wanted = {sys.base_prefix, sys.prefix, _SOURCE, *(path.format(arch=arch) for path in LIBRARIES)}
    present = sorted((path for path in wanted if Path(path).exists()), key=len)
    kept: list[str] = []
    for path in present:
        if not any(Path(path).is_relative_to(other) for other in kept):
            kept.append(path)
    return tuple(kept)


def static_pods(config: ClusterConfig) -> dict[str, Manifest]:
    """Return the control plane by file name. The kubelet runs them before there is an API to ask."""
    data = config.data_dir
    pki, kubeconfigs = str(config.pki), str(config.kubeconfigs)
    return {
        "kube-apiserver.yaml": _static(
            "kube-apiserver",
            ["sagong.cluster.apiserver", "--config", f"{data}/etc/apiserver.json"],
            mounts=[_mount(f"{data}/store", writable=True), _mount(pki), _mount(f"{data}/etc")],
            port=config.api_port,
            live="/livez",
            ready="/readyz",
            request="250m",
        ),
        "kube-controller-manager.yaml": _static(
            "kube-controller-manager",
            [
                "sagong.cluster.controller_manager",
                "--kubeconfig",
                f"{kubeconfigs}/controller-manager.conf",
                "--pki",
                pki,
                "--port",
                str(config.controller_manager_port),
                "--cluster-cidr",
                config.pod_cidr,
                "--service-cidr",
                config.service_cidr,
            ],
            mounts=[_mount(pki), _mount(kubeconfigs)],
            port=config.controller_manager_port,
            live="/healthz",
            request="200m",
        ),
        "kube-scheduler.yaml": _static(
            "kube-scheduler",
            [
                "sagong.cluster.scheduler",
                "--kubeconfig",
                f"{kubeconfigs}/scheduler.conf",
                "--pki",
                pki,
                "--port",
                str(config.scheduler_port),
            ],
            mounts=[_mount(pki), _mount(kubeconfigs)],
            port=config.scheduler_port,
            live="/healthz",
            request="100m",
        ),
    }


def addons(config: ClusterConfig) -> list[Manifest]:
    """Return what is applied once the API answers, in order."""
    return [*_kube_proxy(config), *_dns(config), *_storage_provisioner(config)]


def _kube_proxy(config: ClusterConfig) -> list[Manifest]:
    labels = {"k8s-app": "kube-proxy"}
    rules = [
        {"apiGroups": [""], "resources": ["pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["list", "watch"]},
    ]
    command = _python(
        "sagong.cluster.kube_proxy",
        "--kubeconfig-server",
        config.server_url,
        "--node-name",
        "$(NODE_NAME)",
        "--cluster-cidr",
        config.pod_cidr,
        "--service-cidr",
        config.service_cidr,
        "--node-ports",
        config.node_ports,
        "--health-port",
        str(config.proxy_health_port),
    )
    container = {
        "name": "kube-proxy",
        "image": PYTHON,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "securityContext": {"privileged": True},
        **_probes(live="", ready="/healthz", port=config.proxy_health_port, scheme="HTTP", host="127.0.0.1"),
    }
    pod = {
        **_CRITICAL_NODE,
        "hostNetwork": True,
        "serviceAccountName": "kube-proxy",
        "tolerations": [{"operator": "Exists"}],
        "nodeSelector": {"kubernetes.io/os": "linux"},
    }
    _mount_environment(pod, container, [_mount("/usr/sbin"), _mount("/proc/sys", "/host/proc/sys", writable=True)])
    return [
        _service_account("kube-proxy"),
        _cluster_role_binding("sagong-kube-proxy", "system:node-proxier", "kube-proxy"),
        # Host ports and NetworkPolicies are packet rules too, made from pods and namespaces.
        _cluster_role("sagong-kube-proxy-pods", rules),
        _cluster_role_binding("sagong-kube-proxy-pods", "sagong-kube-proxy-pods", "kube-proxy"),
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": _meta("kube-proxy", labels),
            "spec": {
                "selector": {"matchLabels": labels},
                "updateStrategy": {"type": "RollingUpdate"},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
    ]


def _dns(config: ClusterConfig) -> list[Manifest]:
    labels = {"k8s-app": "kube-dns"}
    rules = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    container = {
        "name": "coredns",
        "image": PYTHON,
        "imagePullPolicy": "IfNotPresent",
        "command": _python("sagong.cluster.dns", "--domain", config.cluster_domain),
        "ports": [
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
            {"name": "metrics", "containerPort": 9153, "protocol": "TCP"},
        ],
        "resources": {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        **_probes(live="", ready="/ready", port=8181, scheme="HTTP"),
        "livenessProbe": {"httpGet": {"path": "/health", "port": 8080, "scheme": "HTTP"}, "failureThreshold": 5},
    }
    pod = {
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": "coredns",
        "dnsPolicy": "Default",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [
            {"key": "CriticalAddonsOnly", "operator": "Exists"},
            {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
        ],
    }
    _mount_environment(pod, container, [])
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
        {"name": "metrics", "port": 9153, "protocol": "TCP", "targetPort": 9153},
    ]
    service_labels = {**labels, "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}
    return [
        _service_account("coredns"),
        _cluster_role("sagong-coredns", rules),
        _cluster_role_binding("sagong-coredns", "sagong-coredns", "coredns"),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _meta("kube-dns", service_labels),
            "spec": {"clusterIP": config.dns_ip, "selector": labels, "ports": ports},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": _meta("coredns", {**labels, "kubernetes.io/name": "CoreDNS"}),
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
    ]


def _storage_provisioner(config: ClusterConfig) -> list[Manifest]:
    directory = f"{config.data_dir}/volumes"
    rules = [
        {"apiGroups": [""], "resources": ["persistentvolumes"], "verbs": ["get", "list", "watch", "create", "delete", "patch", "update"]},
        {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["get", "list", "watch", "update", "patch"]},
        {"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"]},
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
    ]
    container = {
        "name": "storage-provisioner",
        "image": PYTHON,
        "imagePullPolicy": "IfNotPresent",
        "command": _python("sagong.cluster.storage_provisioner", "--directory", directory, "--kubeconfig-server", config.server_url),
    }
    pod = {
        "serviceAccountName": "storage-provisioner",
        "hostNetwork": True,
        "priorityClassName": "system-cluster-critical",
        "tolerations": [{"operator": "Exists"}],
    }
    _mount_environment(pod, container, [_mount(directory, writable=True)])
    return [
        _service_account("storage-provisioner"),
        _cluster_role("sagong-storage-provisioner", rules),
        _cluster_role_binding("sagong-storage-provisioner", "sagong-storage-provisioner", "storage-provisioner"),
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "sagong.local/host-path",
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "Immediate",
        },
        {"apiVersion": "v1", "kind": "Pod", "metadata": _meta("storage-provisioner", {}), "spec": pod},
    ]


def _static(
    name: str,
    command: Sequence[str],
    *,
    mounts: list[tuple[str, str, bool]],
    port: int,
    live: str,
    request: str,
    ready: str = "",
) -> Manifest:
    container: Manifest = {
        "name": name,
        "image": PYTHON,
        "imagePullPolicy": "IfNotPresent",
        "command": _python(*command),
        "resources": {"requests": {"cpu": request}},
        **_probes(live=live, ready=ready, port=port, scheme="HTTPS", host="127.0.0.1"),
    }
    pod: Manifest = {**_CRITICAL_NODE, "priority": 2000001000, "hostNetwork": True, "enableServiceLinks": False}
    _mount_environment(pod, container, mounts)
    labels = {"component": name, "tier": "control-plane"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": _meta(name, labels), "spec": pod}


def _python(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", *arguments]


def _probes(*, live: str, ready: str, port: int, scheme: str, host: str = "") -> Manifest:
    """Return the probes of one container: asked each second until it has started, then rarely, since asking costs."""

    def probe(path: str, period: int, failures: int) -> Manifest:
        get = {"path": path, "port": port, "scheme": scheme, **({"host": host} if host else {})}
        return {"httpGet": get, "periodSeconds": period, "failureThreshold": failures, "timeoutSeconds": 15}

    found = {"startupProbe": probe(ready or live, 1, 120)}
    if live:
        found["livenessProbe"] = probe(live, 10, 8)
    if ready:
        found["readinessProbe"] = probe(ready, 10, 3)
    return found


def _mount(path: str, inside: str = "", *, writable: bool = False) -> tuple[str, str, bool]:
    return path, inside or path, writable


def _mount_environment(pod: Manifest, container: Manifest, extra: list[tuple[str, str, bool]]) -> None:
    """Give the container the interpreter's directories and its own ones, and the pod the volumes for them."""
    mounts = [*((path, path, False) for path in interpreter_mounts()), *extra]
    pod["volumes"] = [
        {"name": f"host-{n}", "hostPath": {"path": path, **({"type": "DirectoryOrCreate"} if writable else {})}}
        for n, (path, _, writable) in enumerate(mounts)
    ]
    container["volumeMounts"] = [
        {"name": f"host-{n}", "mountPath": inside, **({} if writable else {"readOnly": True})}
        for n, (_, inside, writable) in enumerate(mounts)
    ]
    container.setdefault("env", []).extend(
        # The code that `start` ran, also when the environment knows another copy of it.
        [{"name": "PYTHONPATH", "value": _SOURCE}, {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}]
    )
    pod["containers"] = [container]


def _meta(name: str, labels: dict[str, str]) -> Manifest:
    return {"name": name, "namespace": "kube-system", **({"labels": labels} if labels else {})}


def _service_account(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta(name, {})}


def _cluster_role(name: str, rules: list[Manifest]) -> Manifest:
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}


def _cluster_role_binding(name: str, role: str, account: str) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "kube-system"}],
    }
