"""NodeResourcesFit: what pods ask for must fit what the node can give; of the fitting ones, the least used rates best."""

from __future__ import annotations

from sagong.api.types.core import Pod
from sagong.scheduler.framework import MAX_SCORE, State, Unfit
from sagong.scheduler.snapshot import NodeInfo, PodInfo, Snapshot


class ResourcesFit:
    """PreFilter, Filter and Score (LeastAllocated over cpu and memory)."""

    name = "NodeResourcesFit"
    events = frozenset({"Node", "Pod"})

    def pre_filter(self, state: State, pod: Pod, snapshot: Snapshot) -> None:
        """Compute the request once."""
        del snapshot
        state[self.name] = PodInfo.of(pod)

    def filter(self, state: State, pod: Pod, node: NodeInfo) -> Unfit | None:
        """Name every resource that is short."""
        del pod
        info: PodInfo = state[self.name]
        short: list[str] = []
        resolvable = True
        if len(node.pods) + 1 > node.allocatable.get("pods", 0):
            short.append("Too many pods")
        for name, wanted in info.asked.items():
            capacity = node.allocatable.get(name, 0)
            if wanted > 0 and wanted > capacity - node.asked.get(name, 0):
                short.append(f"Insufficient {name}")
                resolvable &= wanted <= capacity
        return Unfit(tuple(short), resolvable) if short else None

    def score(self, state: State, pod: Pod, node: NodeInfo) -> int:
        """Average the free shares after placement."""
        del pod
        cpu, memory = usage(state[self.name], node)
        shares = [(capacity - used) * MAX_SCORE // capacity if used <= capacity else 0 for used, capacity in (cpu, memory) if capacity]
        return sum(shares) // len(shares) if shares else 0


def usage(info: PodInfo, node: NodeInfo) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return (used, capacity) of cpu and of memory with the pod on the node, defaults counted for what asks for nothing."""
    return (
        (node.rated_cpu + info.rated[0], node.allocatable.get("cpu", 0)),
        (node.rated_memory + info.rated[1], node.allocatable.get("memory", 0)),
    )
