"""What the controllers' /metrics shows after things have happened, against upstream's names, types and labels."""

from __future__ import annotations

from pathlib import Path

from tests.exposed import Exposed, exposed
from tests.virtual import loop
from tests.virtual.cluster import cluster, until

from sagong.api.exposition import exposition
from sagong.api.types.batch import CronJob, CronJobSpec, Job, JobSpec, JobTemplateSpec
from sagong.api.types.core import Container, Namespace, PodSpec, PodTemplateSpec, Service, ServicePort, ServiceSpec
from sagong.api.types.discovery import EndpointSlice
from sagong.api.types.meta import ObjectMeta
from sagong.controllers.catalog import Settings, controllers, parts
from sagong.controllers.queue_names import QUEUES, queue_of

_WORK = "workqueue_"
_JOB, _SLICE = "job_controller_", "endpoint_slice_controller_"
TABLE: dict[str, Exposed] = {
    f"{_WORK}adds_total": ("counter", {"name"}),
    f"{_WORK}depth": ("gauge", {"name"}),
    f"{_WORK}retries_total": ("counter", {"name"}),
    f"{_WORK}unfinished_work_seconds": ("gauge", {"name"}),
    f"{_WORK}longest_running_processor_seconds": ("gauge", {"name"}),
    f"{_WORK}queue_duration_seconds": ("histogram", {"name"}),
    f"{_WORK}work_duration_seconds": ("histogram", {"name"}),
    "running_managed_controllers": ("gauge", {"name", "manager"}),
    f"{_JOB}job_sync_duration_seconds": ("histogram", {"completion_mode", "result", "action"}),
    f"{_JOB}job_syncs_total": ("counter", {"completion_mode", "result", "action"}),
    f"{_JOB}jobs_finished_total": ("counter", {"completion_mode", "result", "reason"}),
    f"{_JOB}job_pods_finished_total": ("counter", {"completion_mode", "result"}),
    f"{_JOB}terminated_pods_tracking_finalizer_total": ("counter", {"event"}),
    "cronjob_controller_job_creation_skew_duration_seconds": ("histogram", set()),
    f"{_SLICE}num_endpoint_slices": ("gauge", set()),
    f"{_SLICE}desired_endpoint_slices": ("gauge", set()),
    f"{_SLICE}endpoints_desired": ("gauge", set()),
    f"{_SLICE}endpoints_added_per_sync": ("histogram", set()),
    f"{_SLICE}endpoints_removed_per_sync": ("histogram", set()),
    f"{_SLICE}changes": ("counter", {"operation"}),
    f"{_SLICE}services_count_by_traffic_distribution": ("gauge", {"traffic_distribution"}),
    "node_collector_zone_size": ("gauge", {"zone"}),
    "node_collector_zone_health": ("gauge", {"zone"}),
    "node_collector_unhealthy_nodes_in_zone": ("gauge", {"zone"}),
}


def test_queues_have_upstreams_names_and_no_two_are_the_same(tmp_path: Path) -> None:
    settings = Settings("ca", tmp_path, "10.0.0.0/16", "10.1.0.0/16")
    for name in ("ca.crt", "ca.key", "sa.key"):
        (tmp_path / name).touch()
    loops = [*(loop.name for loop in controllers(settings)), *parts()]
    assert set(loops) >= QUEUES.keys(), "a loop that is gone"
    queues = [queue_of(name) for name in loops]
    assert len(set(queues)) == len(queues)


def _template(seconds: str) -> PodTemplateSpec:
    meta = ObjectMeta(labels={"app": "a"}, annotations={"simulated.sagong.local/run-seconds": seconds})
    return PodTemplateSpec(metadata=meta, spec=PodSpec(restartPolicy="Never", containers=[Container(name="c", image="i")]))


def test_the_page_shows_what_happened(tmp_path: Path) -> None:
    async def main() -> str:
        async with cluster(tmp_path) as made:
            made.only = lambda name: name in ("cronjob", "job", "endpointslice", "node-lifecycle", "serviceaccount")
            fleet = made.fleet(["n1"])
            for part in (fleet, made.manager, made.scheduler):
                part.start()
            await made.admin.create(Namespace(metadata=ObjectMeta(name="ns")))
            ports = [ServicePort(name="p", port=80)]
            spec = ServiceSpec(selector={"app": "a"}, ports=ports, trafficDistribution="PreferSameZone")
            await made.admin.create(Service(metadata=ObjectMeta(name="s", namespace="ns"), spec=spec))
            await made.admin.create(
                Job(metadata=ObjectMeta(name="j", namespace="ns"), spec=JobSpec(completions=2, parallelism=2, template=_template("2")))
            )
            cron = CronJobSpec(schedule="* * * * *", jobTemplate=JobTemplateSpec(spec=JobSpec(template=_template("0"))))
            await made.admin.create(CronJob(metadata=ObjectMeta(name="c", namespace="ns"), spec=cron))

            async def done() -> bool:
                jobs = {job.metadata.name: job for job in (await made.admin.list(Job, "ns")).items}
                slices = (await made.admin.list(EndpointSlice, "ns")).items
                return len(jobs) > 1 and jobs["j"].status.succeeded == 2 and bool(slices) and any(s.endpoints for s in slices)

            await until(made.clock, done, 600)
            await made.clock.sleep(5)
            assert made.runner is not None
            return exposition(made.runner.metrics())

    page = loop.run(main())
    found, samples = exposed(page)
    assert {name: found.get(name) for name in TABLE} == TABLE
    assert samples[f'{_JOB}jobs_finished_total{{completion_mode="NonIndexed",reason="CompletionsReached",result="succeeded"}}'] == 1
    assert samples[f'{_JOB}job_pods_finished_total{{completion_mode="NonIndexed",result="succeeded"}}'] == 2
    assert samples[f"{_SLICE}num_endpoint_slices"] == 1
    assert samples[f'{_SLICE}services_count_by_traffic_distribution{{traffic_distribution="PreferSameZone"}}'] == 1
    assert samples["cronjob_controller_job_creation_skew_duration_seconds_count"] >= 1
    assert samples['node_collector_zone_size{zone=""}'] == 1
    assert samples['workqueue_adds_total{name="job"}'] >= samples['workqueue_queue_duration_seconds_count{name="job"}'] > 0
    assert 'workqueue_adds_total{name="endpoint_slice"}' in samples
    assert 'workqueue_work_duration_seconds_bucket{le="9.999999999999999e-06",name="job"}' in samples
