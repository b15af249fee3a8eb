"""cronjob: what is derived from the jobs that there are."""

from __future__ import annotations

from datetime import timedelta

from tests.controllers.world import START, World, meta, owned_by

from sagong.api.clock import format_time
from sagong.api.types.batch import CronJob, CronJobSpec, Job
from sagong.controllers.cronjob import CONTROLLER, SCHEDULED_AT, job_name

DUE = START.replace(second=0) + timedelta(minutes=5)


def cron(world: World) -> CronJob:
    return world.add(CronJob(metadata=meta("tick"), spec=CronJobSpec(schedule="*/5 * * * *", suspend=True)))


def job(world: World, owner: CronJob, name: str, stamp: str) -> Job:
    annotations = {SCHEDULED_AT: stamp} if stamp else {}
    return world.add(Job(metadata=meta(name, annotations=annotations, ownerReferences=owned_by(owner))))


def test_a_job_of_a_scheduled_time_counts_in_whatever_zone_it_was_written() -> None:
    world = World()
    owner = cron(world)
    made = job(world, owner, job_name(owner, DUE), DUE.astimezone().isoformat())
    world.reconcile(CONTROLLER, "tick")
    status = world.one(CronJob, "tick").status
    assert status.lastScheduleTime == format_time(DUE)
    assert [found.uid for found in status.active] == [made.metadata.uid]
    assert world.events == []


def test_a_time_that_is_none_is_a_job_of_somebody_else_and_no_trouble() -> None:
    world = World()
    owner = cron(world)
    for name, stamp in (("tick-1", "yesterday"), ("tick-2", ""), ("tick-3", format_time(DUE))):
        job(world, owner, name, stamp)
    world.reconcile(CONTROLLER, "tick")
    status = world.one(CronJob, "tick").status
    assert (status.active, status.lastScheduleTime) == ([], None)
    assert [reason for reason, _ in world.events] == ["UnexpectedJob"] * 3
