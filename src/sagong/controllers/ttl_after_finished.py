"""ttl-after-finished: deletes jobs some time after they have ended (KEP-592)."""

from __future__ import annotations

from datetime import datetime

from sagong.api.clock import parse_time
from sagong.api.types.batch import Job
from sagong.client.plan import NOTHING, Delete, Plan
from sagong.controllers.declaration import Controller, Key, Watch, writes
from sagong.controllers.meters import ExpiryMeter
from sagong.controllers.view import View


def plan(job: Job, now: datetime) -> Plan:
    """Plan one job."""
    ended = next((found for found in job.status.conditions if found.type in ("Complete", "Failed") and found.status == "True"), None)
    if ended is None or job.spec.ttlSecondsAfterFinished is None or job.metadata.deletionTimestamp is not None:
        return NOTHING
    left = job.spec.ttlSecondsAfterFinished - (now - parse_time(ended.lastTransitionTime)).total_seconds()
    if left > 0:
        return Plan(requeue_after=left)
    meta = job.metadata
    return Plan((Delete(Job, meta.name, meta.namespace, meta.uid, meta.resourceVersion, propagation_policy="Foreground"),))


def reconcile(view: View, key: Key) -> Plan:
    """Look at one job."""
    job = view.get(Job, *key)
    return plan(job, view.now) if job is not None else NOTHING


CONTROLLER = Controller(
    name="ttl-after-finished",
    account="ttl-after-finished-controller",
    watches=(Watch(Job),),
    writes=writes(("delete", Job)),
    reconcile=reconcile,
    meter=ExpiryMeter,
)
