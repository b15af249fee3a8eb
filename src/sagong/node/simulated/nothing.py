"""What a simulated node has none of: volumes and cgroups."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.api.types.core import Pod
from sagong.node.cgroup_fs import Resource, Usage
from sagong.node.qos import Amounts, pod_amounts


class NoVolumes:
    """Implements ports.VolumeManager: every volume is ready at once."""

    async def mount(self, pod: Pod) -> None:
        """Do nothing."""

    async def unmount(self, pod_uid: str) -> None:
        """Do nothing."""

    def pod_uids(self) -> Sequence[str]:
        """List no pod."""
        return ()


class NoCgroups:
    """Implements ports.CgroupManager: every limit is set at once."""

    def ensure_pod(self, pod: Pod) -> None:
        """Do nothing."""

    def amounts(self, pod: Pod) -> Amounts:
        """Return what the pod should have."""
        return pod_amounts(pod)

    def resize_pod(self, pod: Pod, resource: Resource, amounts: Amounts) -> None:
        """Do nothing."""

    def pod_usage(self, pod_uid: str) -> Usage:
        """Return zeros."""
        del pod_uid
        return Usage()

    def remove_pod(self, pod_uid: str) -> None:
        """Do nothing."""

    def pod_uids(self) -> Sequence[str]:
        """List no pod."""
        return ()
