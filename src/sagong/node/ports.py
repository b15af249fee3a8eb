"""Where the kubelet's two halves meet: what the pod's life cycle asks of volumes, environment, cgroups and CRI configurations.

The life cycle (observe, decide, act, workers) owns a container's identity: CRI metadata, labels, annotations, attempt and log
path. The builders here own everything that comes from the spec and the node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from sagong.api.types.core import Container, EphemeralContainer, Pod
from sagong.node.cgroup_fs import Resource, Usage
from sagong.node.cri import api_pb2 as cri
from sagong.node.downward import Facts
from sagong.node.qos import Amounts

AnyContainer = Container | EphemeralContainer


class ContainerConfigError(Exception):
    """A container's configuration cannot be made (a missing Secret key, runAsNonRoot and a root image).

    The container waits with reason CreateContainerConfigError and this message; it is tried again later.
    """


class VolumeManager(Protocol):
    """Sets up and tears down what pods mount. Raises node.volumes.errors.VolumeError with upstream's message."""

    async def mount(self, pod: Pod) -> None:
        """Make every volume of the pod ready, and its own files (etc-hosts excepted). Idempotent: a later call refreshes contents."""
        ...

    async def unmount(self, pod_uid: str) -> None:
        """Tear down everything the pod has on this node and remove its directory. Idempotent; the spec is not needed."""
        ...

    def pod_uids(self) -> Sequence[str]:
        """List the pods that have files on this node, also those of a kubelet that ran before."""
        ...


class SandboxConfigs(Protocol):
    """Builds the part of CRI's PodSandboxConfig that comes from the spec and the node."""

    def sandbox(self, pod: Pod) -> cri.PodSandboxConfig:
        """Return hostname, DNS, port mappings, the Linux section. Metadata, labels, annotations, log_directory are left empty.

        Raises ContainerConfigError when the spec asks for what the node cannot give.
        """
        ...

    def runtime_handler(self, pod: Pod) -> str:
        """Return the handler of the pod's RuntimeClass, "" for the default. Raises ContainerConfigError when it is not known."""
        ...


class ContainerConfigs(Protocol):
    """Builds the part of CRI's ContainerConfig that comes from the spec, its volumes and its environment."""

    async def container(
        self,
        pod: Pod,
        container: AnyContainer,
        image: cri.Image,
        facts: Facts,
        *,
        attempt: int,
        target_id: str,
        volume_images: Mapping[str, cri.Image] = ...,
    ) -> cri.ContainerConfig:
        """Return command, args, envs, mounts (volumes, etc-hosts, termination log), devices, the Linux section.

        `image` is what ImageStatus says of it (user, id); `image.id` becomes config.image; `facts` hold the addresses of the
        sandbox that is running; `target_id` is the container whose PID namespace an ephemeral container joins, or "";
        `volume_images` are the images of the image volumes that it mounts, by the volume's name.
        Metadata, labels, annotations and log_path are left empty.
        Raises ContainerConfigError, and VolumeError for mounts.
        """
        ...

    def resources(self, pod: Pod, container: Container) -> cri.LinuxContainerResources:
        """Return the resources of a container that is to be resized."""
        ...

    def termination_log(self, pod_uid: str, container: str, attempt: int) -> str:
        """Return the host path of the file that is mounted at the container's terminationMessagePath."""
        ...


class CgroupManager(Protocol):
    """The pod level of the QoS cgroup tree."""

    def ensure_pod(self, pod: Pod) -> None:
        """Make the pod's cgroup with its limits; `SandboxConfigs.sandbox` names it as cgroup_parent. Raises OSError."""
        ...

    def amounts(self, pod: Pod) -> Amounts:
        """Return the limits that the pod's cgroup has now. Raises OSError."""
        ...

    def resize_pod(self, pod: Pod, resource: Resource, amounts: Amounts) -> None:
        """Set the pod's limits of CPU or memory. Raises OSError."""
        ...

    def pod_usage(self, pod_uid: str) -> Usage:
        """Return what the pod uses; zeros when it has no cgroup."""
        ...

    def remove_pod(self, pod_uid: str) -> None:
        """Remove the pod's cgroup, killing what is still in it. Idempotent."""
        ...

    def pod_uids(self) -> Sequence[str]:
        """List the pods that have a cgroup."""
        ...
