"""CRI's container configuration from a container of a pod: command, environment, mounts, resources, security."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sagong.api import quantity
from sagong.api.types.core import Container, Pod, Service
from sagong.node import hosts_file, qos, security
from sagong.node.cgroup_fs import Traits
from sagong.node.cri import api_pb2 as cri
from sagong.node.downward import AnyContainer, Facts
from sagong.node.env import EnvBuilder
from sagong.node.expansion import expand
from sagong.node.volumes.container_mounts import ContainerMounts
from sagong.node.volumes.image import ByRuntime, ImageVolumes
from sagong.node.volumes.layout import Mounted, NodeFiles

_TERMINATION_PATH = "/dev/termination-log"
# CRI numbers signals by their place in this list, from 1
_SIGNALS = [
    *("SIGABRT", "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCLD", "SIGCONT", "SIGFPE", "SIGHUP", "SIGILL", "SIGINT", "SIGIO", "SIGIOT"),
    *("SIGKILL", "SIGPIPE", "SIGPOLL", "SIGPROF", "SIGPWR", "SIGQUIT", "SIGSEGV", "SIGSTKFLT", "SIGSTOP", "SIGSYS", "SIGTERM"),
    *("SIGTRAP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGVTALRM", "SIGWINCH", "SIGXCPU", "SIGXFSZ"),
    *("SIGRTMIN", *(f"SIGRTMIN+{n}" for n in range(1, 16)), *(f"SIGRTMAX-{n}" for n in range(14, 0, -1)), "SIGRTMAX"),
]


@dataclass(frozen=True)
class ContainerBuilder:
    """Implements ports.ContainerConfigs."""

    files: NodeFiles
    environment: EnvBuilder
    services: Callable[[], Iterable[Service]]
    """every Service that is known now"""
    mounted: Callable[[str], Mapping[str, Mounted]]
    """the mounted volumes of a pod by its uid"""
    memory_capacity: int
    """the node's memory in bytes, against which OOM scores count"""
    image_volumes: ImageVolumes = field(default_factory=ByRuntime)
    recursive_read_only: Callable[[Pod], bool] = lambda _: False
    """whether the runtime can make mounts below a read-only one read-only too, for this pod"""
    users: Callable[[Pod], cri.IDMapping | None] = lambda _: None
    """the range of ids of a pod with users of its own. Raises ContainerConfigError"""
    cluster_domain: str = "cluster.local"
    seccomp: security.Seccomp = field(default_factory=security.Seccomp)
    cgroups: Traits = field(default_factory=Traits)
    """what the node's cgroups can do"""

    async def container(
        self,
        pod: Pod,
        container: AnyContainer,
        image: cri.Image,
        facts: Facts,
        *,
        attempt: int,
        target_id: str,
        volume_images: Mapping[str, cri.Image] = {},
    ) -> cri.ContainerConfig:
        """Return the configuration; identity (metadata, labels, annotations, log path) is the caller's.

        Raises ContainerConfigError, VolumeError, OSError.
        """
        volumes = {**self.mounted(pod.metadata.uid), **await self._image_volumes(pod, volume_images)}
        paths = {name: volume.path for name, volume in volumes.items()}
        env = await self.environment.environment(pod, container, facts, self.services(), paths)
        users = self.users(pod)
        linux = cri.LinuxContainerConfig(
            resources=container_resources(pod, container, self.memory_capacity, self.cgroups),
            security_context=security.container_security(pod, container, image, seccomp=self.seccomp, target_id=target_id, users=users),
        )
        files, recursive = self.files.pod(pod.metadata.uid), self.recursive_read_only(pod)
        own = ContainerMounts(container, volumes, env, files, recursive_read_only=recursive)
        devices, mounts = own.devices(), own.mounts()
        lifecycle = container.lifecycle
        return cri.ContainerConfig(
            image=cri.ImageSpec(image=image.id, user_specified_image=container.image),
            command=[expand(word, env) for word in container.command],
            args=[expand(word, env) for word in container.args],
            working_dir=container.workingDir,
            envs=[cri.KeyValue(key=key, value=value.encode(errors="surrogateescape")) for key, value in env.items()],
            mounts=_mapped([*mounts, *self._own_files(pod, container, facts, attempt)], users),
            devices=devices,
            stdin=container.stdin,
            stdin_once=container.stdinOnce,
            tty=container.tty,
            linux=linux,
            stop_signal=_SIGNALS.index(lifecycle.stopSignal) + 1 if lifecycle and lifecycle.stopSignal in _SIGNALS else 0,
        )

    def resources(self, pod: Pod, container: Container) -> cri.LinuxContainerResources:
        """Return the resources of a container that is to be resized."""
        return container_resources(pod, container, self.memory_capacity, self.cgroups)

    def termination_log(self, pod_uid: str, container: str, attempt: int) -> str:
        """Return the host path of the file at the container's terminationMessagePath."""
        return str(self.files.pod(pod_uid).container(container) / str(attempt))

    async def _image_volumes(self, pod: Pod, images: Mapping[str, cri.Image]) -> Mapping[str, Mounted]:
        wanted = {volume.name: volume.image.reference for volume in pod.spec.volumes if volume.image is not None}
        return {name: await self.image_volumes.provide(pod.metadata.uid, name, image, wanted[name]) for name, image in images.items()}

    def _own_files(self, pod: Pod, container: AnyContainer, facts: Facts, attempt: int) -> Iterable[cri.Mount]:
        files = self.files.pod(pod.metadata.uid)
        files.create()
        taken = {mount.mountPath for mount in container.volumeMounts}
        if hosts_file.PATH not in taken and (facts.pod_ips or pod.spec.hostNetwork):
            hosts_file.write(files.etc_hosts, pod, facts.pod_ips, self.cluster_domain)
            yield cri.Mount(container_path=hosts_file.PATH, host_path=str(files.etc_hosts))
        path = container.terminationMessagePath or _TERMINATION_PATH
        if path not in taken:
            yield cri.Mount(container_path=path, host_path=self._make_termination_log(pod, container, attempt))

    def _make_termination_log(self, pod: Pod, container: AnyContainer, attempt: int) -> str:
        path = Path(self.termination_log(pod.metadata.uid, container.name, attempt))
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        path.write_bytes(b"")
        path.chmod(0o666)
        return str(path)


def _mapped(mounts: Sequence[cri.Mount], users: cri.IDMapping | None) -> Sequence[cri.Mount]:
    """Let files belong in the container to whom they belong on the node, whatever ids the pod's users have there."""
    ranges = [] if users is None else [users]
    for mount in mounts:
        mount.uidMappings.extend(ranges)
        mount.gidMappings.extend(ranges)
    return mounts


def container_resources(pod: Pod, container: AnyContainer, memory_capacity: int, cgroups: Traits) -> cri.LinuxContainerResources:
    """Return the container's cgroup settings. A limit that only the pod has bounds the container too."""
    own = container.resources
    shared = pod.spec.resources.limits if pod.spec.resources else {}
    limits = {**shared, **own.limits}
    request = own.requests.get("cpu", own.limits.get("cpu", "0"))
    memory = quantity.parse(limits.get("memory", "0")).value()
    return cri.LinuxContainerResources(
        cpu_shares=qos.cpu_shares(quantity.parse(request).milli_value()),
        cpu_quota=qos.cpu_quota(quantity.parse(limits.get("cpu", "0")).milli_value()),
        cpu_period=qos.CPU_PERIOD,
        memory_limit_in_bytes=memory,
        # memory and swap together: containers get no swap (KEP-2400, NoSwap)
        memory_swap_limit_in_bytes=memory if cgroups.swap else 0,
        # where the kernel can, a container that runs out of memory dies as a whole
        unified={"memory.oom.group": "1"} if cgroups.group_oom else {},
        oom_score_adj=qos.oom_score_adj(pod, container, memory_capacity),
        hugepage_limits=[
            cri.HugepageLimit(page_size=_page_size(name), limit=quantity.parse(limits[name]).value())
            for name in sorted(limits)
            if name.startswith("hugepages-")
        ],
    )


def _page_size(resource: str) -> str:
    # CRI names sizes as the kernel's cgroup files do: 2MB, 1GB
    return resource.removeprefix("hugepages-").removesuffix("i") + "B"
