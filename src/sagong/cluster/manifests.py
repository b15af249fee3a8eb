"""What manifests of kube-system are made of: pods in this machine's Python environment, their probes, accounts and roles."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import Any

from sagong.api.nodes import SIMULATED

Manifest = dict[str, Any]

_SOURCE = str(Path(__file__).resolve().parents[2])
CRITICAL_NODE = {"priorityClassName": "system-node-critical"}
LIBRARIES = ("/lib64", "/lib/{arch}", "/usr/lib/{arch}")


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


def python(*arguments: str) -> list[str]:
    """Return the command that runs a module."""
    return [sys.executable, "-P", "-m", *arguments]


def probes(*, live: str, ready: str, port: int, scheme: str, host: str = "") -> Manifest:
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


def mount(path: str, inside: str = "", *, writable: bool = False) -> tuple[str, str, bool]:
    """Return a host directory to mount, and where."""
    return path, inside or path, writable


def mount_host(pod: Manifest, container: Manifest, mounts: list[tuple[str, str, bool]]) -> None:
    """Give the pod's one container directories of the host."""
    pod["volumes"] = [
        {"name": f"host-{n}", "hostPath": {"path": path, **({"type": "DirectoryOrCreate"} if writable else {})}}
        for n, (path, _, writable) in enumerate(mounts)
    ]
    container["volumeMounts"] = [
        {"name": f"host-{n}", "mountPath": inside, **({} if writable else {"readOnly": True})}
        for n, (_, inside, writable) in enumerate(mounts)
    ]
    pod["containers"] = [container]


def mount_environment(pod: Manifest, container: Manifest, extra: list[tuple[str, str, bool]]) -> None:
    """Give the container the interpreter's directories and its own ones, and the pod the volumes for them, on a node that has them."""
    mount_host(pod, container, [*((path, path, False) for path in interpreter_mounts()), *extra])
    container.setdefault("env", []).extend(
        # The code that `start` ran, also when the environment knows another copy of it.
        [{"name": "PYTHONPATH", "value": _SOURCE}, {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}]
    )
    real = {"matchExpressions": [{"key": SIMULATED, "operator": "DoesNotExist"}]}
    pod["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [real]}}}


def control_plane_pod() -> Manifest:
    """Return the spec of a static pod, as far as all of them have the same."""
    return {**CRITICAL_NODE, "priority": 2000001000, "hostNetwork": True, "enableServiceLinks": False}


def control_plane_meta(name: str) -> Manifest:
    """Return its metadata."""
    return meta(name, {"component": name, "tier": "control-plane"})


def meta(name: str, labels: dict[str, str]) -> Manifest:
    """Return the metadata of an object in kube-system."""
    return {"name": name, "namespace": "kube-system", **({"labels": labels} if labels else {})}


def service_account(name: str) -> Manifest:
    """Return an account of kube-system."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(name, {})}


def cluster_role(name: str, rules: list[Manifest]) -> Manifest:
    """Return a cluster role."""
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}


def cluster_role_binding(name: str, role: str, account: str) -> Manifest:
    """Return what gives an account of kube-system a cluster role."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "kube-system"}],
    }
