"""DefaultTolerationSeconds: pods stay for five minutes on a node that is not ready or not reachable."""

from __future__ import annotations

from sagong.api.types.core import Pod, Toleration
from sagong.server.admission.plugin import PODS, Plugin, Review

SECONDS = 300
TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


class DefaultTolerationSeconds(Plugin):
    """Asked about pods."""

    operations = ("CREATE", "UPDATE")
    resources = (PODS,)

    async def mutate(self, review: Review) -> None:
        """Add a toleration for each of the two taints that has none."""
        pod: Pod = review.obj
        given = pod.spec.tolerations
        missing = [
            taint
            for taint in TAINTS
            if not any(toleration.key in (taint, "") and toleration.effect in ("NoExecute", "") for toleration in given)
        ]
        given += [Toleration(key=taint, operator="Exists", effect="NoExecute", tolerationSeconds=SECONDS) for taint in missing]
