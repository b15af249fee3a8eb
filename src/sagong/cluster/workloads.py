"""What runs in kube-system, as plain manifests: the control plane's static pods and the add-ons that follow through the API.

All of them run this machine's Python environment: an image with mount points only, and read-only mounts of the interpreter,
the virtual environment and the libraries. So no registry is needed, and an upgrade of the environment upgrades the cluster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sagong.cluster import component_configs, etcd, metrics_addon, scheduler_settings
from sagong.cluster.certificates import SIMULATED_NODES
from sagong.cluster.config import ClusterConfig
from sagong.cluster.images import PYTHON
from sagong.cluster.manifests import (
    CRITICAL_NODE,
    Manifest,
    cluster_role,
    cluster_role_binding,
    control_plane_meta,
    control_plane_pod,
    meta,
    mount,
    mount_environment,
    probes,
    python,
    service_account,
)


def static_pods(config: ClusterConfig) -> dict[str, Manifest]:
    """Return the control plane by file name. The kubelet runs them before there is an API to ask."""
    data = config.data_dir
    pki, kubeconfigs = str(config.pki), str(config.kubeconfigs)
    scheduler_file = scheduler_settings.file(config)
    configured = ["--config", str(scheduler_file)] if scheduler_file.exists() else []
    return {
        **({"etcd.yaml": etcd.static_pod(config)} if config.store == "etcd" else {}),
        **(_simulated_nodes(config) if config.simulated else {}),
        "kube-apiserver.yaml": _static(
            "kube-apiserver",
            ["sagong.cluster.apiserver", "--config", f"{data}/etc/apiserver.json"],
            mounts=[mount(f"{data}/store", writable=True), mount(pki), mount(f"{data}/etc")],
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
            mounts=[mount(pki), mount(kubeconfigs)],
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
                *configured,
            ],
            mounts=[mount(pki), mount(kubeconfigs), *([mount(f"{data}/etc")] if configured else [])],
            port=config.scheduler_port,
            live="/healthz",
            request="100m",
        ),
    }


def expected_pods(config: ClusterConfig) -> int:
    """Return how many pods a start waits for: the control plane, coredns, storage-provisioner, and kube-proxy on each node."""
    return len(static_pods(config)) + 2 + config.real_nodes


def addons(config: ClusterConfig) -> list[Manifest]:
    """Return what is applied once the API answers, in order; a start waits until it runs."""
    rights = _simulation_rights() if config.simulated else ()
    return [*_kube_proxy(config), *_dns(config), *_storage_provisioner(config), *rights]


def late_addons(config: ClusterConfig) -> list[Manifest]:
    """Return what follows once all else runs, and no start waits for: metrics-server."""
    return metrics_addon.manifests(config)


def is_late(labels: Mapping[str, str]) -> bool:
    """Tell whether a pod of kube-system is of a late add-on."""
    return labels.get("k8s-app") == metrics_addon.NAME


def _simulated_nodes(config: ClusterConfig) -> dict[str, Manifest]:
    pki, kubeconfigs = str(config.pki), str(config.kubeconfigs)
    options = {
        "kubeconfig": f"{kubeconfigs}/simulated-nodes.conf",
        "config": str(component_configs.simulation_file(config)),
        "name": config.node_name,
        "count": str(config.nodes - 1),
        "address": config.node_ip,
        "port": str(config.simulated_port),
        "certificate": f"{pki}/simulated-nodes.crt",
        "key": f"{pki}/simulated-nodes.key",
        "client-ca": f"{pki}/ca.crt",
    }
    pod = _static(
        "simulated-nodes",
        ["sagong.cluster.simulated_nodes", *(word for name, value in options.items() for word in (f"--{name}", value))],
        mounts=[mount(pki), mount(kubeconfigs), mount(f"{config.data_dir}/etc")],
        port=config.simulated_port,
        live="/healthz",
        request="100m",
    )
    return {"simulated-nodes.yaml": pod}


def _simulation_rights() -> list[Manifest]:
    """Return what the simulated nodes may do: together, what each kubelet may do for its own node."""
    rules = [
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch", "create", "update", "patch"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "delete"]},
        {"apiGroups": [""], "resources": ["nodes/status", "pods/status"], "verbs": ["patch", "update"]},
        {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update", "patch"]},
        {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
    ]
    name = "sagong-simulated-nodes"
    binding = cluster_role_binding(name, name, "")
    binding["subjects"] = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": SIMULATED_NODES}]
    return [cluster_role(name, rules), binding]


def _kube_proxy(config: ClusterConfig) -> list[Manifest]:
    labels = {"k8s-app": "kube-proxy"}
    rules = [
        {"apiGroups": [""], "resources": ["pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["list", "watch"]},
    ]
    command = python(
        "sagong.cluster.kube_proxy",
        "--kubeconfig-server",
        config.shared_url,
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
        "--metrics-port",
        str(config.proxy_metrics_port),
    )
    container = {
        "name": "kube-proxy",
        "image": PYTHON,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "securityContext": {"privileged": True},
        **probes(live="", ready="/healthz", port=config.proxy_health_port, scheme="HTTP", host="127.0.0.1"),
    }
    pod = {
        **CRITICAL_NODE,
        "hostNetwork": True,
        "serviceAccountName": "kube-proxy",
        "tolerations": [{"operator": "Exists"}],
        "nodeSelector": {"kubernetes.io/os": "linux"},
    }
    mount_environment(pod, container, [mount("/usr/sbin"), mount("/proc/sys", "/host/proc/sys", writable=True)])
    return [
        service_account("kube-proxy"),
        cluster_role_binding("sagong-kube-proxy", "system:node-proxier", "kube-proxy"),
        # Host ports and NetworkPolicies are packet rules too, made from pods and namespaces.
        cluster_role("sagong-kube-proxy-pods", rules),
        cluster_role_binding("sagong-kube-proxy-pods", "sagong-kube-proxy-pods", "kube-proxy"),
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": meta("kube-proxy", labels),
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
        # Answering cluster names is not to wait for the rules of kube-proxy, which starts at the same time.
        "command": python("sagong.cluster.dns", "--domain", config.cluster_domain, "--kubeconfig-server", config.pods_url),
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
        **probes(live="", ready="/ready", port=8181, scheme="HTTP"),
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
    mount_environment(pod, container, [])
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
        {"name": "metrics", "port": 9153, "protocol": "TCP", "targetPort": 9153},
    ]
    service_labels = {**labels, "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}
    return [
        service_account("coredns"),
        cluster_role("sagong-coredns", rules),
        cluster_role_binding("sagong-coredns", "sagong-coredns", "coredns"),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta("kube-dns", service_labels),
            "spec": {"clusterIP": config.dns_ip, "selector": labels, "ports": ports},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta("coredns", {**labels, "kubernetes.io/name": "CoreDNS"}),
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
        "command": python("sagong.cluster.storage_provisioner", "--directory", directory, "--kubeconfig-server", config.shared_url),
    }
    pod = {
        "serviceAccountName": "storage-provisioner",
        "hostNetwork": True,
        "priorityClassName": "system-cluster-critical",
        "tolerations": [{"operator": "Exists"}],
    }
    mount_environment(pod, container, [mount(directory, writable=True)])
    return [
        service_account("storage-provisioner"),
        cluster_role("sagong-storage-provisioner", rules),
        cluster_role_binding("sagong-storage-provisioner", "sagong-storage-provisioner", "storage-provisioner"),
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "sagong.local/host-path",
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "Immediate",
        },
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta("storage-provisioner", {}), "spec": pod},
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
        "command": python(*command),
        "resources": {"requests": {"cpu": request}},
        **probes(live=live, ready=ready, port=port, scheme="HTTPS", host="127.0.0.1"),
    }
    pod = control_plane_pod()
    mount_environment(pod, container, mounts)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": control_plane_meta(name), "spec": pod}
