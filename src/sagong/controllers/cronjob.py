"""cronjob: starts jobs by the clock.

A job's name holds its scheduled minute, so no time is served twice, whatever crashes in between: the status is derived from the
jobs there are.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from sagong.api.clock import format_time, parse_time
from sagong.api.cron import CronError, Schedule, parse
from sagong.api.errors import AlreadyExistsError
from sagong.api.types.batch import CronJob, CronJobStatus, Job
from sagong.api.types.core import ObjectReference
from sagong.api.types.meta import ObjectMeta
from sagong.client.plan import NOTHING, Action, Create, Delete, Emit, Failure, Plan, Told, Update
from sagong.controllers import conditions
from sagong.controllers.declaration import Controller, Key, Watch, writes
from sagong.controllers.meters import CronJobMeter
from sagong.controllers.ownership import controller_reference
from sagong.controllers.view import View, controlled

SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"
MANY_MISSED = 100
LATENESS = 0.1  # seconds after the minute, so that no clock says it is still before


def reconcile(view: View, key: Key) -> Plan:
    """Gather a cron job and its jobs."""
    cron = view.get(CronJob, *key)
    return plan(cron, controlled(view, Job, cron.metadata.uid), view.now) if cron is not None else NOTHING


def plan(cron: CronJob, jobs: Sequence[Job], now: datetime) -> Plan:
    """Plan one cron job: take stock, forget old jobs, start one if it is time."""
    status, said = _take_stock(cron, jobs)
    changed = msgspec.structs.replace(cron, status=status)
    actions = [*said, *_clean_up(cron, jobs)]
    wait: float | None = None
    if cron.metadata.deletionTimestamp is None:
        started, wait = _start(changed, jobs, now)
        actions += started

    def then(_failure: Failure | None) -> Plan:
        return Plan((Update(changed, "status"),)) if status != cron.status else NOTHING

    return Plan(tuple(actions), wait, then)


def _take_stock(cron: CronJob, jobs: Sequence[Job]) -> tuple[CronJobStatus, list[Action]]:
    """Derive the status from the jobs, with events for what is new."""
    status = cron.status.copy()
    active = {found.uid: found for found in status.active}
    said: list[Action] = []
    for job in sorted(jobs, key=lambda job: job.metadata.creationTimestamp):
        uid, name, ended, time = job.metadata.uid, job.metadata.name, _ended(job), _scheduled(cron, job)
        if ended:
            if active.pop(uid, None) is not None:
                said.append(Emit(cron, "Normal", "SawCompletedJob", f"Saw completed job: {name}, condition: {ended}"))
            status.lastSuccessfulTime = _later(status.lastSuccessfulTime, job.status.completionTime if ended == "Complete" else None)
        elif uid not in active:
            if time is not None:
                active[uid] = _reference(job)
            else:
                text = f"Saw a job that the controller did not create or forgot: {name}"
                said.append(Emit(cron, "Warning", "UnexpectedJob", text))
        status.lastScheduleTime = _later(status.lastScheduleTime, time)
    there = {job.metadata.uid for job in jobs}
    for missing in [found for uid, found in active.items() if uid not in there]:
        del active[missing.uid]
        said.append(Emit(cron, "Normal", "MissingJob", f"Active job went missing: {missing.name}"))
    status.active = list(active.values())
    return status, said


def _clean_up(cron: CronJob, jobs: Sequence[Job]) -> list[Action]:
    """Delete the oldest finished jobs beyond the limits of history."""
    doomed: list[Job] = []
    endings = [(job, _ended(job)) for job in jobs]
    for ending, limit in (("Complete", cron.spec.successfulJobsHistoryLimit), ("Failed", cron.spec.failedJobsHistoryLimit)):
        ended = [job for job, found in endings if found == ending]
        if limit is not None and len(ended) > limit:
            ended.sort(key=lambda job: (job.status.startTime or "~", job.metadata.name))
            doomed += ended[: len(ended) - limit]
    return [_delete(cron, job) for job in doomed if job.metadata.deletionTimestamp is None]


def _start(cron: CronJob, jobs: Sequence[Job], now: datetime) -> tuple[list[Action], float | None]:
    """Start a job if its time has come and has not been served; return the seconds until the next time too."""
    try:
        zone: tzinfo = ZoneInfo(cron.spec.timeZone) if cron.spec.timeZone else UTC
    except (ZoneInfoNotFoundError, ValueError) as error:
        text = f'invalid timeZone: "{cron.spec.timeZone}": {error}'
        return [Emit(cron, "Warning", "UnknownTimeZone", text)], None
    if cron.spec.suspend:
        return [], None
    try:
        schedule = parse(cron.spec.schedule)
    except CronError as error:
        return [Emit(cron, "Warning", "UnparseableSchedule", f'unparseable schedule: "{cron.spec.schedule}" : {error}')], None
    due, missed = _due(cron, schedule, zone, now)
    upcoming = schedule.next_after(due or _since(cron, now, bounded=False), zone)
    if upcoming is not None and upcoming <= now:
        upcoming = schedule.next_after(now, zone)
    wait = (upcoming - now).total_seconds() + LATENESS if upcoming is not None else None
    if due is None:
        return [], wait
    said: list[Action] = []
    if missed > MANY_MISSED:
        text = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
        said.append(Emit(cron, "Warning", "TooManyMissedTimes", text))
    return said + _run(cron, jobs, due, now, zone=zone), wait


def _run(cron: CronJob, jobs: Sequence[Job], due: datetime, now: datetime, *, zone: tzinfo) -> list[Action]:
    deadline = cron.spec.startingDeadlineSeconds
    if deadline is not None and due + timedelta(seconds=deadline) < now:
        text = f"Missed scheduled time to start a job: {due.strftime('%a, %d %b %Y %H:%M:%S +0000')}"
        return [Emit(cron, "Warning", "MissSchedule", text)]
    name = job_name(cron, due)
    if any(job.metadata.name == name for job in jobs) or cron.status.lastScheduleTime == format_time(due):
        return []
    if cron.spec.concurrencyPolicy == "Forbid" and cron.status.active:
        text = "Not starting job because prior execution is running and concurrency policy is Forbid"
        return [Emit(cron, "Normal", "JobAlreadyActive", text)]
    actions: list[Action] = []
    if cron.spec.concurrencyPolicy == "Replace":
        running = {found.uid for found in cron.status.active}
        actions += [_delete(cron, job) for job in jobs if job.metadata.uid in running]
    told = Told(cron, ("SuccessfulCreate", "Created job {name}"), ("FailedCreate", "Error creating job: {error}"))
    stamp = due.astimezone(zone).isoformat().replace("+00:00", "Z")
    return [*actions, Create(_job(cron, name, stamp), told=told, ignore=(AlreadyExistsError,))]


def job_name(cron: CronJob, due: datetime) -> str:
    """Return the name of the job for a scheduled time: it ends with its minute since 1970."""
    return f"{cron.metadata.name}-{int(due.timestamp()) // 60}"


def _due(cron: CronJob, schedule: Schedule, zone: tzinfo, now: datetime) -> tuple[datetime | None, int]:
    """Return the latest scheduled time that has come and not been served, and about how many there were."""
    since = _since(cron, now, bounded=True)
    first = schedule.next_after(since, zone)
    if first is None or first > now:
        return None, 0
    second = schedule.next_after(first, zone)
    if second is None or second > now:
        return first, 1
    gap = max((second - first).total_seconds(), 1)
    missed = int((now - first).total_seconds() // gap) + 1
    latest, candidate = first, schedule.next_after(first + timedelta(seconds=max(missed - 2, 0) * gap) - timedelta(minutes=1), zone)
    while candidate is not None and candidate <= now:
        latest, candidate = max(latest, candidate), schedule.next_after(candidate, zone)
    return latest, missed


def _since(cron: CronJob, now: datetime, *, bounded: bool) -> datetime:
    since = parse_time(cron.status.lastScheduleTime or cron.metadata.creationTimestamp or format_time(now))
    if bounded and cron.spec.startingDeadlineSeconds is not None:
        since = max(since, now - timedelta(seconds=cron.spec.startingDeadlineSeconds))
    return since


def _job(cron: CronJob, name: str, stamp: str) -> Job:
    template = cron.spec.jobTemplate.copy()
    meta = ObjectMeta(
        name=name,
        namespace=cron.metadata.namespace,
        labels=template.metadata.labels,
        annotations={**template.metadata.annotations, SCHEDULED_AT: stamp},
        ownerReferences=[controller_reference(cron)],
    )
    return Job(metadata=meta, spec=template.spec)


def _delete(cron: CronJob, job: Job) -> Delete:
    told = Told(cron, ("SuccessfulDelete", "Deleted job {name}"), ("FailedDelete", "Deleted job: {error}"))
    return Delete(Job, job.metadata.name, job.metadata.namespace, job.metadata.uid, propagation_policy="Background", told=told)


def _scheduled(cron: CronJob, job: Job) -> str | None:
    """Return the scheduled time that this loop made the job for, if it did."""
    time = _canonical(job.metadata.annotations.get(SCHEDULED_AT, ""))
    return time if time is not None and job.metadata.name == job_name(cron, parse_time(time)) else None


@functools.lru_cache(maxsize=1024)
def _canonical(stamp: str) -> str | None:
    """Return a time as the API writes it, None for what is no time."""
    try:
        return format_time(parse_time(stamp))
    except ValueError:
        return None


def _reference(job: Job) -> ObjectReference:
    meta = job.metadata
    return ObjectReference(
        apiVersion="batch/v1", kind="Job", namespace=meta.namespace, name=meta.name, uid=meta.uid, resourceVersion=meta.resourceVersion
    )


def _ended(job: Job) -> str:
    for kind in ("Complete", "Failed"):
        found = conditions.find(job.status.conditions, kind)
        if found is not None and found.status == "True":
            return kind
    return ""


def _later(before: str | None, time: str | None) -> str | None:
    if time is None or before is None:
        return before or time
    return max(before, time)  # times as the API writes them: in order as texts too


CONTROLLER = Controller(
    name="cronjob",
    account="cronjob-controller",
    watches=(Watch(CronJob),),
    owns=(Job,),
    writes=writes(("create delete", Job), ("update", CronJob, "status")),
    reconcile=reconcile,
    meter=CronJobMeter,
)
