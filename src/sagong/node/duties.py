"""What a pod's worker asks of the parts around it. The kubelet's parts do it on a machine, those of `simulated/` in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from sagong.api.types.core import Pod
from sagong.node.backoff import Backoff
from sagong.node.container_statuses import Probed
from sagong.node.decide import Decision, Health, Hold
from sagong.node.observe import Observed

if TYPE_CHECKING:
    from sagong.node.act import Outcome

SandboxReady = Callable[[], Awaitable[None]]


class PodObserver(Protocol):
    """Sees what runs."""

    async def pod(self, uid: str) -> Observed:
        """Observe one pod. Raises CriError."""
        ...


class PodActor(Protocol):
    """Carries decisions out."""

    @property
    def backoff(self) -> Backoff:
        """Return what holds failing containers back."""
        ...

    async def act(self, pod: Pod, decision: Decision, observed: Observed, sandbox_ready: SandboxReady) -> Outcome:
        """Carry a decision out; `sandbox_ready` shows a new sandbox while containers are being started."""
        ...

    def report_hold(self, pod: Pod, hold: Hold) -> None:
        """Tell that a container is held back."""
        ...

    def forget(self, pod_uid: str) -> None:
        """Drop what is known of a pod that is gone."""
        ...


class PodKiller(Protocol):
    """Ends what runs."""

    async def kill_pod(self, pod: Pod, observed: Observed, grace_override: int | None = None) -> None:
        """End all containers, then all sandboxes. Raises CriError."""
        ...


class PodProber(Protocol):
    """Knows how containers fare."""

    def observe(self, pod: Pod, observed: Observed, ip: str) -> None:
        """Take note of what runs now."""
        ...

    def quiet(self, pod_uid: str) -> None:
        """Stop what could restart containers: the pod is ending."""
        ...

    def forget(self, pod_uid: str) -> None:
        """Drop a pod."""
        ...

    def health(self, pod_uid: str) -> Health:
        """Return what is to be killed, and which sidecars have started."""
        ...

    def probed(self, pod_uid: str) -> Probed:
        """Return which runs have passed their startup and their readiness probes."""
        ...
