"""A cron job that fires each minute, and what becomes of it."""

from __future__ import annotations

from collections import Counter

from tests.virtual.cluster import FOREVER, Cluster, Part

from sagong.api.types.batch import CronJob, CronJobSpec, JobSpec, JobTemplateSpec
from sagong.api.types.core import Container, PodSpec, PodTemplateSpec, ServiceAccount
from sagong.api.types.meta import ObjectMeta

MINUTES = 24 * 60
NODE = "sim-0"


class Jobs:
    """What the store's log says of jobs: how often each was made, for which minutes, how many there were at most."""

    def __init__(self) -> None:
        self.made: Counter[str] = Counter()
        self.minutes: list[int] = []
        self.most = 0
        self._there: set[str] = set()

    async def follow(self, cluster: Cluster) -> None:
        async for batch in cluster.store.watch("/registry/jobs/", cluster.store.revision, capacity=FOREVER):
            for event in batch:
                name = event.key.rpartition("/")[2]
                if event.value is None:
                    self._there.discard(name)
                elif event.previous is None:
                    self.made[name] += 1
                    self.minutes.append(int(name.rpartition("-")[2]))
                    self._there.add(name)
                self.most = max(self.most, len(self._there))


async def a_day(cluster: Cluster) -> Jobs:
    """Jobs that need no pods: each is complete when the job controller has seen it."""
    cluster.only = lambda name: name in ("cronjob", "job")
    return await _pass(cluster, MINUTES, JobSpec(completions=0, template=_template()))


async def an_hour(cluster: Cluster) -> Jobs:
    """Jobs whose pods run for five seconds on a simulated node; who collects the pods of deleted jobs runs too."""
    cluster.only = lambda name: name in ("cronjob", "job", "garbage-collector")
    fleet = cluster.fleet([NODE])
    fleet.start()
    try:
        return await _pass(cluster, 60, JobSpec(template=_template()))
    finally:
        await fleet.stop()


async def _pass(cluster: Cluster, minutes: int, spec: JobSpec) -> Jobs:
    jobs = Jobs()
    following = Part(lambda: jobs.follow(cluster))
    following.start()
    await cluster.admin.create(ServiceAccount(metadata=ObjectMeta(name="default", namespace="default")))
    cluster.manager.start()
    await cluster.clock.sleep(30)
    wanted = CronJobSpec(schedule="* * * * *", jobTemplate=JobTemplateSpec(spec=spec))
    await cluster.admin.create(CronJob(metadata=ObjectMeta(name="tick", namespace="default"), spec=wanted))
    await cluster.clock.sleep(60 * minutes)
    for part in (following, cluster.manager):
        await part.stop()
    return jobs


def _template() -> PodTemplateSpec:
    meta = ObjectMeta(labels={"app": "tick"}, annotations={"simulated.sagong.local/run-seconds": "5"})
    container = Container(name="c", image="i")
    spec = PodSpec(containers=[container], nodeName=NODE, restartPolicy="Never", automountServiceAccountToken=False)
    return PodTemplateSpec(metadata=meta, spec=spec)
