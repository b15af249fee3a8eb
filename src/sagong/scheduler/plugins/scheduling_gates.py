"""SchedulingGates: a pod with gates does not enter the queue (KEP-3521)."""

from __future__ import annotations

from sagong.api.types.core import Pod


class SchedulingGates:
    """PreEnqueue."""

    name = "SchedulingGates"
    events = frozenset({"Pod"})

    def pre_enqueue(self, pod: Pod) -> str | None:
        """Refuse while any gate is left."""
        gates = [gate.name for gate in pod.spec.schedulingGates]
        return f"waiting for scheduling gates: [{' '.join(gates)}]" if gates else None
