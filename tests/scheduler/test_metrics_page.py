"""What the scheduler's pages of metrics show after pods were placed and refused, against upstream's names, types and labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.exposed import Exposed, exposed
from tests.scheduler.rig import scheduling

from sagong.api.exposition import exposition
from sagong.api.types.core import Container, Pod, PodSpec, PodStatus, ResourceRequirements
from sagong.api.types.meta import ObjectMeta
from sagong.scheduler import pod_resources

TABLE: dict[str, Exposed] = {
    "scheduler_schedule_attempts_total": ("counter", {"profile", "result"}),
    "scheduler_scheduling_attempt_duration_seconds": ("histogram", {"profile", "result"}),
    "scheduler_framework_extension_point_duration_seconds": ("histogram", {"extension_point", "profile", "status"}),
    "scheduler_plugin_evaluation_total": ("counter", {"extension_point", "plugin", "profile"}),
    "scheduler_pod_scheduling_attempts": ("histogram", set()),
    "scheduler_pod_scheduling_sli_duration_seconds": ("histogram", {"attempts"}),
    "scheduler_preemption_attempts_total": ("counter", set()),
    "scheduler_preemption_victims": ("histogram", set()),
    "scheduler_queue_incoming_pods_total": ("counter", {"event", "queue"}),
    "scheduler_pending_pods": ("gauge", {"queue"}),
    "scheduler_unschedulable_pods": ("gauge", {"plugin", "profile"}),
    "scheduler_goroutines": ("gauge", {"operation"}),
    "scheduler_plugin_execution_duration_seconds": ("histogram", {"plugin", "extension_point", "status"}),
    "scheduler_event_handling_duration_seconds": ("histogram", {"event"}),
    "scheduler_cache_size": ("gauge", {"type"}),
}
POINTS = {
    *(("PreFilter", "Success"), ("Filter", "Success"), ("Filter", "Unschedulable"), ("PostFilter", "Unschedulable")),
    *(("Score", "Success"), ("Reserve", "Success"), ("Permit", "Success"), ("Bind", "Success")),
}


async def test_the_page_shows_what_happened(tmp_path: Path) -> None:
    async with scheduling(tmp_path) as rig:
        await rig.nodes("a", "b")
        await rig.pod("p")
        await rig.pod("q", cpu="3")
        await rig.bound("p")
        await rig.refused("q")
        await rig.events("p", "Scheduled")
        found, samples = exposed((rig.scheduler.page("/metrics") or b"").decode())
        resources, amounts = exposed((rig.scheduler.page("/metrics/resources") or b"").decode())
    assert {name: found.get(name) for name in TABLE} == TABLE
    name = "scheduler_framework_extension_point_duration_seconds_count"
    profile = 'profile="default-scheduler"'
    missing = [key for key in POINTS if f'{name}{{extension_point="{key[0]}",{profile},status="{key[1]}"}}' not in samples]
    assert not missing
    assert samples[f'scheduler_plugin_evaluation_total{{extension_point="Filter",plugin="NodeResourcesFit",{profile}}}'] >= 2
    plugin = "scheduler_plugin_execution_duration_seconds_count"
    ran = {
        ("NodeAffinity", "PreFilter", "Skip"),
        ("NodeResourcesFit", "Filter", "Success"),
        ("NodeResourcesFit", "Score", "Success"),
    }
    for name, point, status in ran:
        assert samples[f'{plugin}{{extension_point="{point}",plugin="{name}",status="{status}"}}'] == 1, "of the first attempt alone"
    for event in ("NodeAdd", "UnschedulablePodAdd", "AssignedPodUpdate"):
        assert samples[f'scheduler_event_handling_duration_seconds_count{{event="{event}"}}'] >= 1, event
    assert resources["kube_pod_resource_request"] == ("gauge", {"namespace", "pod", "node", "scheduler", "priority", "resource", "unit"})
    assert any('pod="q"' in sample and 'resource="cpu"' in sample and value == 3 for sample, value in amounts.items())


@pytest.mark.parametrize(
    ("resource", "amount", "unit", "value"),
    [
        ("cpu", "250m", "cores", 0.25),
        ("memory", "1Mi", "bytes", 2**20),
        ("hugepages-2Mi", "4Mi", "bytes", 2**22),
        ("attachable-volumes-x", "3", "integer", 3),
        ("example.com/gpu", "2", "", 2),
    ],
)
def test_each_resource_has_its_unit(resource: str, amount: str, unit: str, value: float) -> None:
    def asking(phase: str) -> Pod:
        container = Container(name="c", resources=ResourceRequirements(limits={resource: amount, "x/zero": "0"}))
        spec = PodSpec(containers=[container], nodeName="n", priority=7)
        return Pod(metadata=ObjectMeta(name="p", namespace="ns"), spec=spec, status=PodStatus(phase=phase))

    _, samples = exposed(exposition(pod_resources.families([asking("Running")])))
    labels = f'namespace="ns",node="n",pod="p",priority="7",resource="{resource}",scheduler="",unit="{unit}"'
    assert samples[f"kube_pod_resource_limit{{{labels}}}"] == value
    assert len(samples) == 1
    assert not exposed(exposition(pod_resources.families([asking("Succeeded")])))[1]
