"""The QoS cgroup tree: what all pods together may use, and each pod for itself.

<root>/kubepods                      Guaranteed pods, and the two classes below
<root>/kubepods/burstable            CPU shares are the sum of its pods' requests
<root>/kubepods/besteffort           the least CPU shares
<root>/kubepods/.../pod<uid>         the pod's limits; the runtime makes a cgroup a container in it
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path, PurePosixPath

from sagong.api.pods import qos_class
from sagong.api.types.core import Pod
from sagong.node import cgroup_fs, pressure, qos
from sagong.node.cgroup_fs import CgroupFs, Details, Resource, Traits, Usage
from sagong.node.pressure import Pressure
from sagong.node.qos import Amounts

_CLASS_FOLDERS = {"Guaranteed": "", "Burstable": "burstable", "BestEffort": "besteffort"}
_MIN_SHARES = 2


class Cgroups:
    """Implements ports.CgroupManager."""

    def __init__(
        self,
        fs: CgroupFs,
        root: str = "/",
        *,
        pod_pids_limit: int = 0,
        timed: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext(),
    ) -> None:
        """`root` is the cgroup that the tree hangs from, so that several nodes can share a machine; 0 pids is no limit.

        `timed` is entered for as long as a cgroup is changed, with create, update or destroy.
        """
        self._timed = timed
        self._fs = fs
        self._root = PurePosixPath(root) / "kubepods"
        self._pids = max(pod_pids_limit, 0)
        self._burstable: dict[str, int] = {}
        self._made: dict[str, tuple[str, Amounts]] = {}

    @property
    def traits(self) -> Traits:
        """Return what the kernel's cgroups can do for containers."""
        return self._fs.traits

    def ensure_node(self, milli_cpu: int, memory: int, pids: int = 0) -> None:
        """Make the tree; pods together get so many thousandths of a CPU, bytes of memory, and processes. Raises OSError."""
        self._create(str(self._root), Amounts(qos.cpu_shares(milli_cpu), memory=memory), pids)
        for name in filter(None, _CLASS_FOLDERS.values()):
            self._create(str(self._root / name), Amounts(_MIN_SHARES))

    def parent(self, pod: Pod) -> str:
        """Return the pod's cgroup, which CRI's sandbox configuration names as cgroup_parent."""
        return str(self._root / _CLASS_FOLDERS[qos_class(pod)] / f"pod{pod.metadata.uid}")

    def ensure_pod(self, pod: Pod) -> None:
        """Make the pod's cgroup with its limits; does nothing when they are as they should be. Raises OSError."""
        path, amounts = self.parent(pod), qos.pod_amounts(pod)
        if self._made.get(pod.metadata.uid) == (path, amounts):
            return
        self._create(path, amounts, self._pids)
        self._made[pod.metadata.uid] = (path, amounts)
        if qos_class(pod) == "Burstable":
            self._burstable[pod.metadata.uid] = qos.totals(pod).cpu_request
            self._share_burstable()

    def amounts(self, pod: Pod) -> Amounts:
        """Return the limits that the pod's cgroup has now. Raises OSError."""
        known = self._made.get(pod.metadata.uid)
        return known[1] if known else self._fs.amounts(self.parent(pod))

    def resize_pod(self, pod: Pod, resource: Resource, amounts: Amounts) -> None:
        """Set the pod's limits of CPU or memory to these. Raises OSError."""
        path, before = self.parent(pod), self.amounts(pod)
        with self._timed("update"):
            self._fs.resize(path, resource, amounts)
        if resource == "memory":
            after = replace(before, memory=amounts.memory)
        else:
            after = replace(before, cpu_shares=amounts.cpu_shares, cpu_quota=amounts.cpu_quota)
        self._made[pod.metadata.uid] = (path, after)
        if resource == "cpu" and qos_class(pod) == "Burstable":
            self._burstable[pod.metadata.uid] = qos.totals(pod).cpu_request
            self._share_burstable()

    def remove_pod(self, pod_uid: str) -> None:
        """Kill what is left of the pod and remove its cgroup. While killed processes wait to be reaped, `pod_uids` still lists it."""
        self._made.pop(pod_uid, None)
        for path in self._paths(pod_uid):
            with self._timed("destroy"):
                cgroup_fs.remove(self._fs, path)
        if self._burstable.pop(pod_uid, None) is not None:
            self._share_burstable()

    def pod_uids(self) -> Sequence[str]:
        """List the pods that have a cgroup."""
        names = {
            entry.name.removeprefix("pod")
            for name in _CLASS_FOLDERS.values()
            for folder in self._fs.folders(str(self._root / name))
            for entry in folder.iterdir()
            if entry.is_dir() and entry.name.startswith("pod")
        }
        return sorted(names)

    def remove_all(self) -> None:
        """Remove the whole tree with everything in it."""
        cgroup_fs.remove(self._fs, str(self._root))

    def node_usage(self) -> Usage:
        """Return what the whole machine uses."""
        return self._fs.usage("/")

    @property
    def version(self) -> int:
        """Return the version of the kernel's cgroups."""
        return self._fs.version

    def class_paths(self) -> Sequence[str]:
        """Return the cgroups above those of pods."""
        return [str(self._root / name) for name in ("", *filter(None, _CLASS_FOLDERS.values()))]

    def usage(self, path: str) -> Usage:
        """Return what any cgroup uses."""
        return self._fs.usage(path)

    def details(self, path: str) -> Details | None:
        """Return what more is known of any cgroup, None when it is not there."""
        return self._fs.details(path)

    def pressures(self, path: str) -> Mapping[str, Pressure]:
        """Return how long tasks of any cgroup have waited, by resource; nothing on v1."""
        return next((pressure.read(folder) for folder in self._fs.folders(path)), {}) if self._fs.version > 1 else {}

    @property
    def root(self) -> str:
        """Return the path of the cgroup of all pods."""
        return str(self._root)

    def pods_usage(self) -> Usage:
        """Return what all pods use together."""
        return self._fs.usage(str(self._root))

    def pod_usage(self, pod_uid: str) -> Usage:
        """Return what the pod uses; zeros when it has no cgroup."""
        return next((self._fs.usage(path) for path in self._paths(pod_uid)), Usage())

    def pod_folders(self, pod_uid: str) -> Sequence[Path]:
        """Return the pod's cgroup in each tree."""
        return [folder for path in self._paths(pod_uid) for folder in self._fs.folders(path)]

    def _paths(self, pod_uid: str) -> Iterator[str]:
        for name in _CLASS_FOLDERS.values():
            path = str(self._root / name / f"pod{pod_uid}")
            if self._fs.folders(path):
                yield path

    def _create(self, path: str, amounts: Amounts, pids: int = 0) -> None:
        with self._timed("create"):
            self._fs.make(path)
            self._fs.limit(path, amounts, pids)

    def _share_burstable(self) -> None:
        path = str(self._root / "burstable")
        with self._timed("update"):
            self._fs.make(path)
            self._fs.limit(path, Amounts(qos.cpu_shares(sum(self._burstable.values()))))
