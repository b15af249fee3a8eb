"""A day of a cron job that fires each minute, in virtual time: each minute is served once, and history is kept short."""

from __future__ import annotations

from pathlib import Path

from tests.virtual import loop
from tests.virtual.cluster import cluster
from tests.virtual.day import MINUTES, a_day, an_hour

from sagong.api.types.batch import CronJob, Job
from sagong.api.types.core import Pod


def test_a_day(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path, priority_and_fairness=False) as made:
            jobs = await a_day(made)
            assert sorted(jobs.made.values()) == [1] * MINUTES
            assert list(jobs.minutes) == [jobs.minutes[0] + number for number in range(MINUTES)], "none missed, none twice, in order"
            assert jobs.most <= 4, "three successful ones, and the one that has just begun or ended"
            assert len((await made.admin.list(Job, "default")).items) == 3
            status = (await made.admin.get(CronJob, "tick", "default")).status
            assert status.active == []

    loop.run(main())


def test_an_hour_with_pods_on_a_simulated_node(tmp_path: Path) -> None:
    async def main() -> None:
        async with cluster(tmp_path, priority_and_fairness=False) as made:
            jobs = await an_hour(made)
            assert sorted(jobs.made.values()) == [1] * 60
            assert made.pods.made == {"tick": 60}
            assert made.pods.deleted == {"tick": 57}
            pods = (await made.admin.list(Pod, "default")).items
            assert [pod.status.phase for pod in pods] == ["Succeeded"] * 3

    loop.run(main())
