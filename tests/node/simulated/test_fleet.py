"""Simulated nodes between a real API server and nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.network.api import api, background

from sagong.api.errors import NotFoundError
from sagong.api.nodes import SIMULATED
from sagong.api.types.coordination import Lease
from sagong.api.types.core import Container, HTTPGetAction, Node, Pod, PodSpec, Probe, ServiceAccount
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.cluster.clock import RealRandom
from sagong.node.simulated.behaviour import PREFIX, Behaviour
from sagong.node.simulated.fleet import Fleet
from sagong.node.simulated.settings import SimulationSettings


def fleet(client: Client, count: int = 3, **settings: object) -> Fleet:
    made = SimulationSettings(**settings)  # type: ignore[arg-type] # words of each test
    names = [f"sim-{number}" for number in range(count)]
    return Fleet(client, names, made, client.clock, RealRandom(), address="192.0.2.7", port=10350)


@asynccontextmanager
async def cluster(directory: Path, **settings: object) -> AsyncIterator[tuple[Client, Fleet]]:
    async with api(directory) as client:
        await client.create(ServiceAccount(metadata=ObjectMeta(name="default", namespace="default")))
        made = fleet(client, **settings)  # type: ignore[arg-type] # as above
        async with background(made.run()):
            yield client, made


def pod(name: str, node: str = "sim-0", *, policy: str = "Always", probe: Probe | None = None, **notes: str) -> Pod:
    annotations = {PREFIX + key.replace("_", "-"): value for key, value in notes.items()}
    spec = PodSpec(
        nodeName=node,
        restartPolicy=policy,
        containers=[Container(name="c", image="example.com/x:1", readinessProbe=probe)],
        automountServiceAccountToken=False,
    )
    return Pod(metadata=ObjectMeta(name=name, namespace="default", annotations=annotations), spec=spec)


async def until(question: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                if await question():
                    return
            except NotFoundError:
                pass
            await asyncio.sleep(0.02)


async def shown(client: Client, name: str) -> tuple[str, bool]:
    found = await client.get(Pod, name, "default")
    return found.status.phase, any(c.type == "Ready" and c.status == "True" for c in found.status.conditions)


async def reaches(client: Client, name: str, phase: str, *, ready: bool = False) -> Pod:
    async def there() -> bool:
        return await shown(client, name) == (phase, ready)

    await until(there)
    return await client.get(Pod, name, "default")


async def test_nodes_register_with_ranges_of_their_own_and_leases(tmp_path: Path) -> None:
    async with cluster(tmp_path, max_pods=7, cpus=4) as (client, _):

        async def registered() -> bool:
            return len((await client.list(Lease, "kube-node-lease")).items) == 3

        await until(registered)
        nodes = [node for node in (await client.list(Node)).items if SIMULATED in node.metadata.labels]
        assert len({node.spec.podCIDR for node in nodes}) == 3
        for node in nodes:
            assert [c.status for c in node.status.conditions if c.type == "Ready"] == ["True"]
            assert (node.status.allocatable["cpu"], node.status.allocatable["pods"]) == ("4", "7")
            assert node.status.daemonEndpoints is not None
            assert node.status.daemonEndpoints.kubeletEndpoint is not None
            assert node.status.daemonEndpoints.kubeletEndpoint.Port == 10350


async def test_a_pod_runs_and_leaves(tmp_path: Path) -> None:
    async with cluster(tmp_path) as (client, made):
        await client.create(pod("a", "sim-1"))
        found = await reaches(client, "a", "Running", ready=True)
        assert found.status.hostIP == "192.0.2.7"
        assert found.status.podIP.startswith("240.0.1.")
        assert found.status.containerStatuses[0].containerID.startswith("simulated://")
        await client.delete(Pod, "a", "default")

        async def gone() -> bool:
            return not (await client.list(Pod, "default")).items and not made.pods()

        await until(gone)
        assert made.nodes["sim-1"].pods.idle


async def test_containers_end_as_they_are_told(tmp_path: Path) -> None:
    async with cluster(tmp_path) as (client, _):
        await client.create(pod("good", policy="Never", run_seconds="0.05"))
        await client.create(pod("bad", policy="OnFailure", run_seconds="0.05", exit_code="3"))
        await client.create(pod("unlucky", policy="Never", run_seconds="0.05", failure_rate="1"))
        await reaches(client, "good", "Succeeded")
        await reaches(client, "unlucky", "Failed")

        async def held_back() -> bool:
            status = (await client.get(Pod, "bad", "default")).status.containerStatuses[0]
            return bool(status.state.waiting and status.state.waiting.reason == "CrashLoopBackOff" and status.restartCount >= 1)

        await until(held_back)


async def test_readiness_is_what_the_pod_wants(tmp_path: Path) -> None:
    probe = Probe(httpGet=HTTPGetAction(port=80))
    async with cluster(tmp_path) as (client, _):
        await client.create(pod("yes", probe=probe))
        await client.create(pod("no", probe=probe, ready="false"))
        await reaches(client, "yes", "Running", ready=True)
        await reaches(client, "no", "Running", ready=False)


async def test_a_slow_start_shows(tmp_path: Path) -> None:
    async with cluster(tmp_path, behaviour=Behaviour(start_seconds="0.2-0.4")) as (client, _):
        await client.create(pod("slow"))
        waiting = await reaches(client, "slow", "Pending")
        assert waiting.status.phase == "Pending"
        await reaches(client, "slow", "Running", ready=True)


async def test_a_full_node_rejects(tmp_path: Path) -> None:
    async with cluster(tmp_path, max_pods=1) as (client, _):
        await client.create(pod("first"))
        await reaches(client, "first", "Running", ready=True)
        await client.create(pod("second"))
        assert (await reaches(client, "second", "Failed")).status.reason == "OutOfpods"


async def test_what_ran_goes_on_when_the_process_starts_anew(tmp_path: Path) -> None:
    async with cluster(tmp_path) as (client, made):
        await client.create(pod("a"))
        before = await reaches(client, "a", "Running", ready=True)
        assert made.find("default", "a") is not None
        async with background(fleet(client).run()):
            await asyncio.sleep(0.3)
            after = await client.get(Pod, "a", "default")
        assert after.status.containerStatuses[0].containerID == before.status.containerStatuses[0].containerID
        assert after.metadata.resourceVersion == before.metadata.resourceVersion


async def test_pods_elsewhere_are_left_alone(tmp_path: Path) -> None:
    async with cluster(tmp_path) as (client, made):
        await client.create(pod("theirs", "here"))
        await client.create(pod("ours"))
        await reaches(client, "ours", "Running", ready=True)
        assert [found.metadata.name for found in made.pods()] == ["ours"]
        assert (await shown(client, "theirs"))[0] == "Pending"


async def test_a_node_that_is_deleted_comes_back(tmp_path: Path) -> None:
    async with cluster(tmp_path) as (client, made):

        async def there() -> bool:
            return bool(await client.get(Node, "sim-0"))

        await until(there)
        await client.delete(Node, "sim-0")
        kept = made.keeper.kept("sim-0")

        async def back() -> bool:
            await made.keeper.look(kept)
            return await there()

        await until(back)


async def test_a_node_that_has_not_changed_is_not_written(tmp_path: Path) -> None:
    async with cluster(tmp_path) as (client, made):

        async def there() -> bool:
            return made.node("sim-0") is not None

        await until(there)
        known, kept = await client.get(Node, "sim-0"), made.keeper.kept("sim-0")
        later = kept.node.status(known, "2999-01-01T00:00:00Z")
        assert not kept.reports.due(known.status, later.status)
