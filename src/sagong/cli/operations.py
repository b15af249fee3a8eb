"""What the commands ask of the composition root. `cluster/` implements it; commands only parse, call and print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


class OperationError(Exception):
    """A failure the user can act on: one line with the cause and the fix."""


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What `sagong start` was asked for; empty and 0 mean the default."""

    data_dir: str
    node_name: str = ""
    node_ip: str = ""
    api_port: int = 0
    kubelet_port: int = 0
    controller_manager_port: int = 0
    scheduler_port: int = 0
    proxy_health_port: int = 0
    proxy_metrics_port: int = 0
    nodes: int = 0
    node_cidr: str = ""
    pod_cidr: str = ""
    service_cidr: str = ""
    simulated: bool = False
    store: str = ""
    etcd_port: int = 0
    scheduler_config: str = ""
    kubeconfig: bool = True
    timeout: float = 120.0


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One line of `sagong status`."""

    name: str
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ImageLine:
    """One line of `sagong image ls`: a reference, the short image id, the size in bytes."""

    reference: str
    image_id: str
    size: int


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """One node's answer to a pod: who says no for which reason, and what would change it; nothing when the pod fits."""

    node: str
    objections: Sequence[tuple[str, str, str]] = ()
    """(plugin, reason, change that would help, "" if none is known)"""


@dataclass(frozen=True, slots=True)
class PodAnswer:
    """Why a pod is where it is, or nowhere: in one line, then by node, those first where the least would have to change."""

    summary: str
    nodes: Sequence[NodeAnswer] = ()
    smallest: str = ""
    """The smallest change that would make it fit, "" if none is needed or known."""


class Report(Protocol):
    """Where progress goes."""

    def step(self, text: str) -> None:
        """Say that something has been done."""
        ...


class Operations(Protocol):
    """The verbs of the command line. Every one raises OperationError."""

    def start(self, options: StartOptions, report: Report) -> bool:
        """Start the cluster and wait for it; False when it was running already."""
        ...

    def stop(self, data_dir: str, report: Report) -> bool:
        """Stop every process of the cluster, keep its data; False when it was not running."""
        ...

    def delete(self, data_dir: str, report: Report) -> bool:
        """Stop the cluster and remove all its traces; False when there was nothing."""
        ...

    def status(self, data_dir: str) -> Sequence[PartStatus]:
        """Return the state of each part; empty when there is no cluster."""
        ...

    def logs(self, data_dir: str, part: str, node: str, *, follow: bool, tail: int) -> Iterator[bytes]:
        """Yield the log of containerd, the kubelet, or a control-plane part; of the first node if none is named."""
        ...

    def load_image(self, data_dir: str, archive: str) -> Sequence[str]:
        """Import an OCI or docker archive on each node; return the references that were in it."""
        ...

    def list_images(self, data_dir: str) -> Sequence[ImageLine]:
        """Return the images on the nodes."""
        ...

    def kubeconfig(self, data_dir: str) -> str:
        """Return the administrator's kubeconfig as YAML."""
        ...

    def why(self, data_dir: str, kubeconfig: str, namespace: str, pod: str) -> PodAnswer:
        """Return where a pod could go now, and why not elsewhere; the cluster is the data directory's unless a kubeconfig is given."""
        ...

    def install_packages(self, report: Report, store: str = "") -> None:
        """Install the missing Debian packages."""
        ...

    def missing_packages(self, store: str = "") -> Sequence[str]:
        """Return the Debian packages that are not installed, those of a cluster with that store among them."""
        ...

    def versions(self) -> dict[str, str]:
        """Return the versions of Sagong, of the Kubernetes API, of Python and of the runtime."""
        ...
