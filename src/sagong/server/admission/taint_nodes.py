"""TaintNodesByCondition: a new node takes no pods before the node controller has seen it ready."""

from __future__ import annotations

from sagong.api.types.core import Node, Taint
from sagong.server.admission.plugin import NODES, Plugin, Review

NOT_READY = "node.kubernetes.io/not-ready"


class TaintNodesByCondition(Plugin):
    """Asked about new nodes."""

    resources = (NODES,)

    async def mutate(self, review: Review) -> None:
        """Taint the node."""
        node: Node = review.obj
        taints = node.spec.taints
        if not any(taint.key == NOT_READY and taint.effect == "NoSchedule" for taint in taints):
            taints.append(Taint(key=NOT_READY, effect="NoSchedule"))
