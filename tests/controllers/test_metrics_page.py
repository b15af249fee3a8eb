"""What the controllers' /metrics shows after things have happened, against upstream's names, types and labels."""

from __future__ import annotations

from pathlib import Path

from tests.controllers.world import World, node
from tests.exposed import Exposed, exposed
from tests.virtual import loop
from tests.virtual.cluster import cluster, until

from sagong.api.exposition import exposition
from sagong.api.resources import resource_of
from sagong.api.types.batch import CronJob, CronJobSpec, Job, JobSpec, JobTemplateSpec
from sagong.api.types.core import (
    Container,
    EndpointAddress,
    EndpointPort,
    Endpoints,
    EndpointSubset,
    EphemeralVolumeSource,
    HostPathVolumeSource,
    Namespace,
    Node,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeClaimTemplate,
    PersistentVolumeSpec,
    Pod,
    PodSpec,
    PodTemplateSpec,
    Service,
    ServicePort,
    ServiceSpec,
    Taint,
    Toleration,
    Volume,
    VolumeResourceRequirements,
)
from sagong.api.types.discovery import EndpointSlice
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.client.plan import Delete, Outcome, Patch, Written
from sagong.controllers import node_ipam, taint_eviction
from sagong.controllers.catalog import Settings, controllers, parts
from sagong.controllers.declaration import Key
from sagong.controllers.meter import Attempt
from sagong.controllers.queue_names import QUEUES, queue_of

_WORK = "workqueue_"
_JOB, _SLICE, _MIRROR = "job_controller_", "endpoint_slice_controller_", "endpoint_slice_mirroring_controller_"
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
    "root_ca_cert_publisher_sync_total": ("counter", {"code"}),
    "root_ca_cert_publisher_sync_duration_seconds": ("histogram", {"code"}),
    "pod_gc_collector_force_delete_pods_total": ("counter", {"namespace", "reason"}),
    "ephemeral_volume_controller_create_total": ("counter", set()),
    "ephemeral_volume_controller_create_failures_total": ("counter", set()),
    "pv_collector_total_pv_count": ("gauge", {"plugin_name", "volume_mode"}),
    "pv_collector_bound_pv_count": ("gauge", {"storage_class"}),
    "pv_collector_unbound_pv_count": ("gauge", {"storage_class"}),
    "pv_collector_bound_pvc_count": ("gauge", {"namespace", "storage_class", "volume_attributes_class"}),
    "pv_collector_unbound_pvc_count": ("gauge", {"namespace", "storage_class", "volume_attributes_class"}),
    f"{_SLICE}endpointslices_changed_per_sync": ("histogram", {"topology", "traffic_distribution"}),
    f"{_MIRROR}num_endpoint_slices": ("gauge", set()),
    f"{_MIRROR}endpoints_added_per_sync": ("histogram", set()),
    f"{_MIRROR}endpoints_sync_duration": ("histogram", set()),
    f"{_MIRROR}changes": ("counter", {"operation"}),
    "node_collector_update_node_health_duration_seconds": ("histogram", set()),
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


LOOPS = frozenset(
    {
        *("cronjob", "job", "endpointslice", "node-lifecycle", "serviceaccount", "root-ca-certificate-publisher"),
        *("persistentvolume-binder", "ephemeral-volume", "pod-garbage-collector", "endpointslice-mirroring"),
    }
)


def claim(name: str, storage_class: str) -> PersistentVolumeClaim:
    asked = VolumeResourceRequirements(requests={"storage": "1Gi"})
    spec = PersistentVolumeClaimSpec(accessModes=["ReadWriteOnce"], storageClassName=storage_class, resources=asked)
    return PersistentVolumeClaim(metadata=ObjectMeta(name=name, namespace="ns"), spec=spec)


async def volumes(admin: Client) -> None:
    """Make two volumes, a claim for one of them, and a pod whose ephemeral volume nobody can give."""
    for name in ("v1", "v2"):
        spec = PersistentVolumeSpec(
            capacity={"storage": "1Gi"},
            accessModes=["ReadWriteOnce"],
            storageClassName="fast",
            hostPath=HostPathVolumeSource(path=f"/tmp/{name}"),
        )
        await admin.create(PersistentVolume(metadata=ObjectMeta(name=name), spec=spec))
    await admin.create(claim("a", "fast"))
    wanted = EphemeralVolumeSource(volumeClaimTemplate=PersistentVolumeClaimTemplate(spec=claim("", "none").spec))
    using = PodSpec(containers=[Container(name="c", image="i")], volumes=[Volume(name="v", ephemeral=wanted)])
    await admin.create(Pod(metadata=ObjectMeta(name="scratch", namespace="ns"), spec=using))


def test_networks_of_nodes_are_counted_as_they_are_taken_and_come_back() -> None:
    world = World(node("n1"), node("n2"), node("n3"))
    loop = node_ipam.controller("10.0.0.0/22,fd00::/62", masks=(24, 64))
    meter = loop.meter()
    for name in ("n1", "n2"):
        plan = world.reconcile(loop, name, "")
        resource = resource_of(Node)
        written = [Written(resource, "", name, "", "1", action) for action in plan.actions if isinstance(action, Patch)]
        meter.after(Attempt(Key("", name), None, plan, Outcome(written), 0.0, world.now))
        world.carry_out(plan, loop)
    gone = world.one(Node, "n2", "")
    world.remove(gone)
    for _, handler in meter.handlers():
        handler(gone, None)
    found, samples = exposed(exposition(meter.families(world)))
    prefix = "node_ipam_controller_"
    names = ("cidrset_cidrs_allocations_total", "cidrset_cidrs_releases_total", "cirdset_max_cidrs", "cidrset_usage_cidrs")
    kinds = ("counter", "counter", "gauge", "gauge")
    assert found == {prefix + name: (kind, {"clusterCIDR"}) for name, kind in zip(names, kinds, strict=True)}
    for network in ("10.0.0.0/22", "fd00::/62"):
        assert [samples[f'{prefix}{name}{{clusterCIDR="{network}"}}'] for name in names] == [2, 1, 4, 0.25]


def test_pods_that_leave_tainted_nodes_are_timed_from_when_they_have_to() -> None:
    tainted = node("n1")
    tainted.spec.taints = [Taint(key="k", effect="NoExecute")]
    tolerant = [Toleration(key="k", operator="Exists", tolerationSeconds=30)]
    pod = Pod(metadata=ObjectMeta(name="p", namespace="default"), spec=PodSpec(nodeName="n1", tolerations=tolerant))
    world = World(tainted, pod)
    loop = taint_eviction.controller()
    meter = loop.meter()
    for seconds in (0, 42):
        world.pass_time(seconds)
        before = meter.before(world, Key("default", "p"))
        plan = world.reconcile(loop, "p")
        written = [Written(resource_of(Pod), "default", "p", "", "", action) for action in plan.actions if isinstance(action, Delete)]
        meter.after(Attempt(Key("default", "p"), before, plan, Outcome(written), 0.0, world.now))
    found, samples = exposed(exposition(meter.families(world)))
    name = "taint_eviction_controller_pod_deletion_duration_seconds"
    assert found[name] == ("histogram", set())
    assert (samples[f"{name}_count"], samples[f"{name}_sum"]) == (1, 12)
    assert samples["taint_eviction_controller_pod_deletions_total"] == 1


def test_the_page_shows_what_happened(tmp_path: Path) -> None:
    async def main() -> str:
        async with cluster(tmp_path) as made:
            made.only = LOOPS.__contains__
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

            await volumes(made.admin)
            await made.admin.create(Service(metadata=ObjectMeta(name="m", namespace="ns"), spec=ServiceSpec(ports=ports)))
            subsets = [EndpointSubset(addresses=[EndpointAddress(ip="192.0.2.1")], ports=[EndpointPort(name="p", port=80)])]
            await made.admin.create(Endpoints(metadata=ObjectMeta(name="m", namespace="ns"), subsets=subsets))
            meta = ObjectMeta(name="held", namespace="ns", finalizers=["example.com/held"])
            await made.admin.create(Pod(metadata=meta, spec=PodSpec(schedulerName="none", containers=[Container(name="c", image="i")])))
            await made.admin.delete(Pod, "held", "ns")

            async def done() -> bool:
                jobs = {job.metadata.name: job for job in (await made.admin.list(Job, "ns")).items}
                slices = (await made.admin.list(EndpointSlice, "ns")).items
                bound = (await made.admin.get(PersistentVolumeClaim, "a", "ns")).status.phase == "Bound"
                return bound and len(jobs) > 1 and jobs["j"].status.succeeded == 2 and len(slices) > 1 and all(s.endpoints for s in slices)

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
    changed = 'endpointslices_changed_per_sync_sum{topology="Disabled",traffic_distribution="PreferSameZone"}'
    assert samples[_SLICE + changed] >= 1
    assert samples[f"{_MIRROR}num_endpoint_slices"] == samples[f'{_MIRROR}changes{{operation="create"}}'] == 1
    assert samples[f"{_MIRROR}endpoints_added_per_sync_sum"] == 1
    assert samples[f"{_MIRROR}endpoints_sync_duration_count"] >= 1
    assert samples["node_collector_update_node_health_duration_seconds_count"] >= 1
    assert samples['root_ca_cert_publisher_sync_total{code="200"}'] > 1
    assert samples['pod_gc_collector_force_delete_pods_total{namespace="ns",reason="unscheduled"}'] >= 1
    assert samples["ephemeral_volume_controller_create_total"] == 1
    assert samples['pv_collector_total_pv_count{plugin_name="kubernetes.io/host-path",volume_mode="Filesystem"}'] == 2
    for state, name in (("bound", "fast"), ("unbound", "none")):
        assert samples[f'pv_collector_{state}_pv_count{{storage_class="fast"}}'] == 1
        assert samples[f'pv_collector_{state}_pvc_count{{namespace="ns",storage_class="{name}",volume_attributes_class=""}}'] == 1
    assert samples["cronjob_controller_job_creation_skew_duration_seconds_count"] >= 1
    assert samples['node_collector_zone_size{zone=""}'] == 1
    assert samples['workqueue_adds_total{name="job"}'] >= samples['workqueue_queue_duration_seconds_count{name="job"}'] > 0
    assert 'workqueue_adds_total{name="endpoint_slice"}' in samples
    assert 'workqueue_work_duration_seconds_bucket{le="9.999999999999999e-06",name="job"}' in samples
