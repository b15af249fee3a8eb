"""Lets pods in or turns them away, at their start and when they are resized: what admission.py says, and what the node says of now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sagong.api.pods import is_critical
from sagong.api.types.core import Node, Pod
from sagong.node.admission import Rejection, admit, lacking, misplaced, unsuited
from sagong.node.apparmor import admit_apparmor
from sagong.node.eviction import admit_under_pressure
from sagong.node.preemption import NoRoomError, victims
from sagong.node.runtime_features import RuntimeFeatures
from sagong.node.sysctls import admit_sysctls


@dataclass(frozen=True)
class Gate:
    """The gate of one node."""

    going_down: Callable[[], Rejection | None]
    pressures: Callable[[], Sequence[str]]
    allocatable: Callable[[], Mapping[str, str]]
    node: Callable[[], Node | None]
    features: RuntimeFeatures
    preempt: Callable[[Pod], None]
    unsafe_sysctls: Sequence[str] = ()
    """those that are allowed nevertheless"""
    preempted: Callable[[str], None] = lambda _: None
    """told which resource a pod had to go for"""
    apparmor: bool = True
    """the kernel enforces AppArmor profiles"""

    def admit(self, pod: Pod, others: list[Pod]) -> Rejection | None:
        """Return why the pod is not let in beside the others, or None; for a critical pod others may have to go."""
        refused = self.going_down() or admit_under_pressure(pod, self.pressures()) or admit_sysctls(pod, self.unsafe_sysctls)
        refused = refused or admit_apparmor(pod, able=self.apparmor)
        node, allocatable, strict = self.node(), self.allocatable(), self.features.strict_groups
        if refused is not None or not is_critical(pod):
            return refused or admit(pod, others, allocatable, node, strict_groups=strict)
        wrong = unsuited(pod, strict_groups=strict) or misplaced(pod, others, node)
        return wrong or self._make_room(pod, others, {lack.resource: lack.missing for lack in lacking(pod, others, allocatable)})

    def _make_room(self, pod: Pod, others: list[Pod], missing: Mapping[str, int]) -> Rejection | None:
        """End pods for a critical one, which is let in at once: what they hold comes free while its images are looked at."""
        try:
            chosen = victims(pod, others, missing)
        except NoRoomError as error:
            text = f"preemption: error finding a set of pods to preempt: {error}"
            return Rejection("UnexpectedAdmissionError", f"Unexpected error while attempting to recover from admission failure: {text}")
        for victim in chosen:
            self.preempt(victim)
            self.preempted(next(iter(missing), ""))
        return None
