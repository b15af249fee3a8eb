"""SchedulingGates: a pod with gates does not enter the queue (KEP-3521)."""

from __future__ import annotations

from sagong.scheduler.events import POD_GATES, Change, on
from sagong.scheduler.pod_info import PodInfo


class SchedulingGates:
    """PreEnqueue."""

    name = "SchedulingGates"
    events = on(Pod=POD_GATES)

    def pre_enqueue(self, pod: PodInfo) -> str | None:
        """Refuse while any gate is left."""
        gates = [gate.name for gate in pod.pod.spec.schedulingGates]
        return f"waiting for scheduling gates: [{' '.join(gates)}]" if gates else None

    def may_help(self, pod: PodInfo, change: Change) -> bool:
        """Wait for the last of the pod's own gates to go."""
        return bool(change.new.metadata.uid == pod.uid)
