"""The scheduler against a real API server: what pods, events and conditions show."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.scheduler.rig import Pod, Rig, scheduling, unscheduled

MERGE = "application/merge-patch+json"


async def test_a_pod_gets_its_node_and_an_event(tmp_path: Path) -> None:
    async with scheduling(tmp_path) as rig:
        await rig.nodes("a")
        await rig.pod("p")
        assert await rig.bound("p") == "a"
        assert await rig.events("p", "Scheduled") == ["Successfully assigned t/p to a"]


async def test_a_pod_that_fits_nowhere_is_told_why_and_tried_again_when_a_node_comes(tmp_path: Path) -> None:
    async with scheduling(tmp_path) as rig:
        await rig.pod("p", cpu="3")
        assert await rig.refused("p") == "no nodes available to schedule pods"
        await rig.nodes("a")
        message = (
            "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
        )
        await rig.wait("p", lambda pod: unscheduled(pod).message == message)
        assert message in await rig.events("p", "FailedScheduling")
        await rig.nodes("b", cpu="8")
        assert await rig.bound("p") == "b"
        assert unscheduled(await rig.get("p")) is None


async def test_gates_hold_a_pod_until_the_last_is_gone(tmp_path: Path) -> None:
    async with scheduling(tmp_path) as rig:
        await rig.nodes("a")
        await rig.pod("p", schedulingGates=[{"name": "example.com/one"}, {"name": "example.com/two"}])
        await rig.pod("q")
        await rig.bound("q")
        pod = await rig.get("p")
        assert not pod.spec.nodeName
        assert unscheduled(pod).reason == "SchedulingGated"
        assert rig.scheduler.queue.pending()["gated"] == 1
        for left in ([{"name": "example.com/two"}], []):
            await rig.api.ok("PATCH", "/api/v1/namespaces/t/pods/p", {"spec": {"schedulingGates": left}}, Content_Type=MERGE)
        assert await rig.bound("p") == "a"


async def test_the_more_important_pod_takes_the_place_of_the_less_important(tmp_path: Path) -> None:
    async with scheduling(tmp_path) as rig:
        await rig.priority("low", 1)
        await rig.priority("high", 1000)
        await rig.nodes("a")
        await rig.pod("small", cpu="200m", priorityClassName="low")
        await rig.pod("big", cpu="1500m", priorityClassName="low")
        assert [await rig.bound("small"), await rig.bound("big")] == ["a", "a"]
        await rig.pod("urgent", cpu="1500m", priorityClassName="high")
        victim = await rig.wait("big", lambda pod: pod.metadata.deletionTimestamp)
        target = next(c for c in victim.status.conditions if c.type == "DisruptionTarget")
        assert (target.status, target.reason) == ("True", "PreemptionByScheduler")
        assert target.message == "default-scheduler: preempting to accommodate a higher priority pod"
        urgent = await rig.wait("urgent", lambda pod: pod.status.nominatedNodeName == "a")
        assert await rig.events("big", "Preempted") == [f"Preempted by pod {urgent.metadata.uid} on node a"]
        assert unscheduled(urgent).message == "0/1 nodes are available: 1 Insufficient cpu."
        await rig.pod("sneaky", cpu="1", priorityClassName="low")
        await rig.refused("sneaky")
        await rig.kill("big")
        assert await rig.bound("urgent") == "a"
        evictions = b'scheduler_preemption_goroutines_duration_seconds_count{result="success"} 1\n'
        assert evictions in (rig.scheduler.page("/metrics") or b"")
        assert (await rig.get("small")).metadata.deletionTimestamp is None
        assert not (await rig.get("sneaky")).spec.nodeName


async def test_never_preempting(tmp_path: Path) -> None:
    async with scheduling(tmp_path) as rig:
        await rig.priority("high", 1000, preemptionPolicy="Never")
        await rig.nodes("a")
        await rig.pod("big", cpu="2")
        await rig.bound("big")
        await rig.pod("urgent", cpu="1", priorityClassName="high")
        assert await rig.refused("urgent") == (
            "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never."
        )


async def test_a_replica_set_is_spread_by_default(tmp_path: Path) -> None:
    async with scheduling(tmp_path) as rig:
        await rig.nodes("a", "b", "c")
        await rig.api.ok(
            "POST",
            "/api/v1/namespaces/t/services",
            {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}},
        )
        for number in range(6):
            await rig.pod(f"web-{number}", labels={"app": "web"})
        nodes = [await rig.bound(f"web-{number}") for number in range(6)]
        assert sorted(nodes) == ["a", "a", "b", "b", "c", "c"]


async def test_metrics(tmp_path: Path) -> None:
    async with scheduling(tmp_path) as rig:
        await rig.nodes("a")
        await rig.pod("p")
        await rig.pod("q", cpu="3")
        await rig.bound("p")
        await rig.refused("q")
        await rig.events("p", "Scheduled")
        page = (rig.scheduler.page("/metrics") or b"").decode()
        for line in (
            'scheduler_schedule_attempts_total{profile="default-scheduler",result="scheduled"} 1',
            'scheduler_pending_pods{queue="unschedulable"} 1',
            'scheduler_unschedulable_pods{plugin="NodeResourcesFit",profile="default-scheduler"} 1',
            'scheduler_cache_size{type="nodes"} 1',
        ):
            assert line in page, page


async def test_a_claim_that_waits_for_its_consumer_is_made_for_the_chosen_node_before_the_pod_is_bound(tmp_path: Path) -> None:
    async with scheduling(tmp_path) as rig:
        await rig.nodes("a")
        late = {"metadata": {"name": "late"}, "provisioner": "x", "volumeBindingMode": "WaitForFirstConsumer"}
        await rig.api.ok("POST", "/apis/storage.k8s.io/v1/storageclasses", late)
        spec = {"storageClassName": "late", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        claims = "/api/v1/namespaces/t/persistentvolumeclaims"
        await rig.pod("p", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}])
        assert (await rig.refused("p")).startswith('0/1 nodes are available: persistentvolumeclaim "c" not found.')
        await rig.api.ok("POST", claims, {"metadata": {"name": "c"}, "spec": spec})
        claim = await _selected(rig, f"{claims}/c")
        assert not (await rig.get("p")).spec.nodeName
        await rig.wait("p", lambda pod: pod.status.nominatedNodeName == "a")
        volume = {
            "metadata": {"name": "v"},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "late",
                "hostPath": {"path": "/x"},
                "claimRef": {"kind": "PersistentVolumeClaim", "namespace": "t", "name": "c", "uid": claim["metadata"]["uid"]},
            },
        }
        await rig.api.ok("POST", "/api/v1/persistentvolumes", volume)
        bound = {"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}, "spec": {"volumeName": "v"}}
        await rig.api.ok("PATCH", f"{claims}/c", bound, Content_Type=MERGE)
        assert await rig.bound("p") == "a"
        assert not (await rig.get("p")).status.nominatedNodeName


async def test_when_provisioning_fails_the_pod_is_tried_again(tmp_path: Path) -> None:
    async with scheduling(tmp_path) as rig:
        await rig.nodes("a")
        late = {"metadata": {"name": "late"}, "provisioner": "x", "volumeBindingMode": "WaitForFirstConsumer"}
        await rig.api.ok("POST", "/apis/storage.k8s.io/v1/storageclasses", late)
        spec = {"storageClassName": "late", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        claims = "/api/v1/namespaces/t/persistentvolumeclaims"
        await rig.api.ok("POST", claims, {"metadata": {"name": "c", "annotations": {"kept": "so"}}, "spec": spec})
        await rig.pod("p", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}])
        await _selected(rig, f"{claims}/c")
        gone = {"metadata": {"annotations": {"volume.kubernetes.io/selected-node": None}}}
        await rig.api.ok("PATCH", f"{claims}/c", gone, Content_Type=MERGE)
        assert 'running PreBind plugin "VolumeBinding": binding volumes: provisioning failed for PVC "c"' in await rig.events(
            "p", "FailedScheduling"
        )
        await _selected(rig, f"{claims}/c")


async def _selected(rig: Rig, path: str) -> dict[str, Any]:
    """Wait until a node is selected for a claim; return the claim."""
    async with asyncio.timeout(10):
        while True:
            claim: dict[str, Any] = await rig.api.ok("GET", path)
            if claim["metadata"].get("annotations", {}).get("volume.kubernetes.io/selected-node") == "a":
                return claim
            await asyncio.sleep(0.02)


async def test_a_finished_pod_makes_room(tmp_path: Path) -> None:
    async with scheduling(tmp_path) as rig:
        await rig.nodes("a")
        await rig.pod("job", cpu="2")
        await rig.bound("job")
        await rig.pod("p", cpu="2")
        await rig.refused("p")
        done = {"status": {"phase": "Succeeded"}}
        await rig.api.ok("PATCH", "/api/v1/namespaces/t/pods/job/status", done, Content_Type=MERGE)
        assert await rig.bound("p") == "a"


async def test_a_shrunk_pod_makes_room(tmp_path: Path) -> None:
    async with scheduling(tmp_path) as rig:
        await rig.nodes("a")
        await rig.pod("x", cpu="2")
        await rig.bound("x")
        await rig.pod("p", cpu="1")
        await rig.refused("p")
        smaller = {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]}}
        await rig.api.ok("PATCH", "/api/v1/namespaces/t/pods/x/resize", smaller, Content_Type="application/strategic-merge-patch+json")
        assert await rig.bound("p") == "a"


async def test_a_crowd_of_pods_is_placed_without_overfilling_a_node(tmp_path: Path) -> None:
    async with scheduling(tmp_path) as rig:
        await rig.nodes("a", "b", pods="20")
        for number in range(45):
            await rig.pod(f"p{number}")
        waiting: list[Pod] = []
        async with asyncio.timeout(30):
            while len(waiting) != 5:
                waiting = [pod for pod in (await rig.admin.list(Pod, "t")).items if not pod.spec.nodeName]
        nodes = [pod.spec.nodeName for pod in (await rig.admin.list(Pod, "t")).items]
        assert (nodes.count("a"), nodes.count("b"), nodes.count("")) == (20, 20, 5)
        assert "2 Too many pods" in await rig.refused(waiting[0].metadata.name)


async def test_another_scheduler_s_pods_are_left_alone(tmp_path: Path) -> None:
    async with scheduling(tmp_path) as rig:
        await rig.nodes("a")
        await rig.pod("other", schedulerName="other")
        await rig.pod("p")
        await rig.bound("p")
        assert not (await rig.get("other")).spec.nodeName
        assert not (await rig.get("other")).status.conditions


async def test_victims_that_are_leaving_already_are_only_waited_for(tmp_path: Path) -> None:
    async with scheduling(tmp_path) as rig:
        await rig.priority("high", 1000)
        await rig.nodes("a")
        await rig.pod("big", cpu="2")
        await rig.bound("big")
        await rig.admin.delete(Pod, "big", "t")
        await rig.wait("big", lambda pod: pod.metadata.deletionTimestamp)
        await rig.pod("urgent", cpu="2", priorityClassName="high")
        await rig.wait("urgent", lambda pod: pod.status.nominatedNodeName == "a")
        await rig.kill("big")
        assert await rig.bound("urgent") == "a"
