"""ResourceQuota: what a namespace may use in sum. The last plugin: what it lets in it has already counted.

A write that fails behind it leaves its count too high until the quota controller counts anew.
"""

from __future__ import annotations

from sagong.api.clock import Clock
from sagong.api.errors import ConflictError
from sagong.api.quantity import Quantity, parse
from sagong.api.quota_usage import Usage, matches, tracked_by, usage
from sagong.api.resources import Resource
from sagong.api.types.core import Pod, ResourceQuota
from sagong.server.admission.plugin import CLAIMS, PODS, Operation, Plugin, Review
from sagong.server.contract import Objects

SERVICES = ("", "services")
TRIES = 20
_DEMANDED = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")


class ResourceQuotas(Plugin):
    """Asked about everything that is created in a namespace, and about what can come to use more."""

    name = "ResourceQuota"

    def __init__(self, objects: Objects, clock: Clock) -> None:
        self._objects, self._clock = objects, clock

    def handles(self, operation: Operation, row: Resource, subresource: str) -> bool:
        """Say so."""
        if not row.namespaced:
            return False
        kind = (row.group, row.plural)
        if operation == "UPDATE":
            return (kind, subresource) in ((PODS, ""), (PODS, "resize"), (SERVICES, ""), (CLAIMS, ""))
        return operation == "CREATE" and not subresource

    async def validate(self, review: Review) -> None:
        """Judge, and count. Raises ForbiddenError."""
        if not self._objects.list(ResourceQuota, review.namespace):
            return None
        for _ in range(TRIES):
            try:
                return await self._charge(review)
            except ConflictError:
                continue
        raise review.forbidden("unable to charge quota: it changes all the time")

    async def _charge(self, review: Review) -> None:
        """Charge every quota, or none. Raises ConflictError when one changed meanwhile."""
        now, changed = self._clock.now(), []
        asked = usage(review.row, review.obj, now)
        for quota in self._objects.list(ResourceQuota, review.namespace):
            names = [name for name in quota.status.hard if tracked_by(review.row, name)]
            if not names or not matches(quota, review.obj):
                continue
            _check_specified(review, quota, names)
            if any(name not in quota.status.used for name in names):
                known = ",".join(sorted(names))
                raise review.forbidden(f"status unknown for quota: {quota.metadata.name}, resources: {known}")
            before = usage(review.row, review.old, now) if review.old is not None and matches(quota, review.old) else {}
            if charged := _charged(review, quota, _increase(asked, before)):
                changed.append(charged)
        if not review.call.dry_run:
            for quota in changed:
                await self._objects.update(quota, "status")


def _increase(asked: Usage, before: Usage) -> Usage:
    more = {name: amount - before[name] if name in before else amount for name, amount in asked.items()}
    return {name: amount for name, amount in more.items() if amount.nanos > 0}


def _charged(review: Review, quota: ResourceQuota, more: Usage) -> ResourceQuota | None:
    """Return the quota with what is asked added, None when that is nothing. Raises ForbiddenError when it is too much."""
    hard = {name: parse(text) for name, text in quota.status.hard.items()}
    used = {name: parse(quota.status.used.get(name, "0")) for name in hard}
    more = {name: amount for name, amount in more.items() if name in hard}
    if not more:
        return None
    after = {name: used[name] + amount for name, amount in more.items()}
    exceeded = sorted(name for name, amount in after.items() if amount.nanos > hard[name].nanos)
    if exceeded:
        parts = ((what, _shown(amounts, exceeded)) for what, amounts in (("requested", more), ("used", used), ("limited", hard)))
        detail = ", ".join(f"{what}: {text}" for what, text in parts)
        raise review.forbidden(f"exceeded quota: {quota.metadata.name}, {detail}")
    charged = quota.copy()
    charged.status.used |= {name: str(amount) for name, amount in after.items()}
    return charged


def _shown(amounts: dict[str, Quantity], names: list[str]) -> str:
    return ",".join(f"{name}={amounts[name]}" for name in names)


def _check_specified(review: Review, quota: ResourceQuota, names: list[str]) -> None:
    """Refuse containers that leave open what the quota limits."""
    pod = review.obj
    if not isinstance(pod, Pod) or pod.spec.resources is not None:
        return
    missing: dict[str, set[str]] = {}
    for container in pod.spec.containers + pod.spec.initContainers:
        for name in names:
            kind, _, resource = name.rpartition(".")
            said = container.resources.limits if kind == "limits" else container.resources.requests
            if name in _DEMANDED and resource not in said:
                missing.setdefault(name, set()).add(container.name)
    if missing:
        text = "; ".join(f"{name} for: {','.join(sorted(missing[name]))}" for name in sorted(missing))
        raise review.forbidden(f"failed quota: {quota.metadata.name}: must specify {text}")
