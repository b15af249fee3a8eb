"""Which pods wait for which node after preemption: others of no higher priority must leave that room to them."""

from __future__ import annotations

from collections.abc import Collection

from sagong.scheduler.pod_info import PodInfo


class Nominator:
    """Nominated pods by node."""

    def __init__(self) -> None:
        self._nodes: dict[str, dict[str, PodInfo]] = {}
        self._where: dict[str, str] = {}

    def on(self, node: str) -> Collection[PodInfo]:
        """Return the pods nominated to a node."""
        pods = self._nodes.get(node)
        return pods.values() if pods else ()

    def __bool__(self) -> bool:
        return bool(self._nodes)

    def nominate(self, info: PodInfo, node: str) -> None:
        """Nominate a pod to a node, to none with an empty name; an earlier nomination is void."""
        self.forget(info.uid)
        if node:
            self._nodes.setdefault(node, {})[info.uid] = info
            self._where[info.uid] = node

    def follow(self, info: PodInfo, before: PodInfo | None) -> None:
        """Take a new version of a waiting pod.

        One that shows no nomination, as the one before, keeps ours: its status may not have been written yet.
        """
        shown = info.pod.status.nominatedNodeName
        if not shown and not (before is not None and before.pod.status.nominatedNodeName):
            shown = self._where.get(info.uid, "")
        self.nominate(info, shown)

    def forget(self, uid: str) -> None:
        """Forget a pod."""
        node = self._where.pop(uid, None)
        if node is None:
            return
        pods = self._nodes[node]
        pods.pop(uid)
        if not pods:
            del self._nodes[node]
