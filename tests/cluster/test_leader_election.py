"""Two managers and two schedulers on one API server, real processes: when a leader falls the other goes on, and nothing is done twice."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from tests.cluster.control_plane import SECONDS, SOURCES, ControlPlane, Member, control_plane, until
from tests.cluster.frozen_writer import LEASE, TIMES

from sagong.api.errors import NotFoundError
from sagong.api.types.apps import ReplicaSet, ReplicaSetSpec
from sagong.api.types.batch import Job, JobSpec
from sagong.api.types.coordination import Lease
from sagong.api.types.core import (
    ConfigMap,
    Container,
    Event,
    Node,
    NodeCondition,
    NodeStatus,
    Pod,
    PodSpec,
    PodTemplateSpec,
    ServiceAccount,
)
from sagong.api.types.meta import LabelSelector, ObjectMeta
from sagong.client.client import Client
from sagong.client.leader import LeaderElector, LeaseTimes
from sagong.cluster import election

FLAGS = ("--leader-elect-lease-duration=4s", "--leader-elect-renew-deadline=3s", "--leader-elect-retry-period=500ms")
COMPONENTS = ("controller-manager", "scheduler")
REPLICAS = COMPLETIONS = 60
PODS = REPLICAS + COMPLETIONS


class Record:
    """What a watch of all pods tells: how many of each owner were made, and where each was bound."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.made: Counter[str] = Counter()
        self.bound: dict[str, list[str]] = {}
        self.names: set[str] = set()

    async def run(self) -> None:
        async for event in self.client.watch(Pod, resource_version="1", timeout_seconds=600):
            pod = event.object
            if event.type == "ADDED":
                self.made[pod.metadata.labels.get("app", "")] += 1
                self.names.add(pod.metadata.name)
            nodes = self.bound.setdefault(pod.metadata.name, [])
            if pod.spec.nodeName and pod.spec.nodeName not in nodes:
                nodes.append(pod.spec.nodeName)

    @property
    def unbound(self) -> int:
        return sum(not self.bound.get(name) for name in self.names)


def template(app: str) -> PodTemplateSpec:
    spec = PodSpec(containers=[Container(name="c", image="i")], restartPolicy="Never" if app.startswith("job") else "Always")
    return PodTemplateSpec(metadata=ObjectMeta(labels={"app": app}), spec=spec)


async def make_nodes(client: Client) -> None:
    room = {"cpu": "64", "memory": "64Gi", "pods": "200"}
    for number in range(2):
        name = f"n{number}"
        node = Node(metadata=ObjectMeta(name=name, labels={"kubernetes.io/hostname": name}))
        node.status = NodeStatus(capacity=room, allocatable=room, conditions=[NodeCondition(type="Ready", status="True")])
        await client.create(node)
        await client.patch(Node, name, "", {"spec": {"taints": None}})  # a new node has a taint


async def give_work(client: Client, name: str) -> None:
    """Have the leaders make and place many pods: as soon as the account is there that a leader makes."""
    async for event in client.watch(ServiceAccount, "default", resource_version="1", timeout_seconds=SECONDS):
        if event.type == "ADDED":
            break
    chosen = ReplicaSetSpec(replicas=REPLICAS, selector=LabelSelector(matchLabels={"app": f"set-{name}"}), template=template(f"set-{name}"))
    await client.create(ReplicaSet(metadata=ObjectMeta(name=f"set-{name}", namespace="default"), spec=chosen))
    wanted = JobSpec(parallelism=COMPLETIONS, completions=COMPLETIONS, template=template(f"job-{name}"))
    await client.create(Job(metadata=ObjectMeta(name=f"job-{name}", namespace="default"), spec=wanted))


async def test_the_other_takes_over_and_nothing_is_done_twice(tmp_path: Path) -> None:
    async with control_plane(tmp_path) as plane:
        for component in (*COMPONENTS, *COMPONENTS):
            plane.start(component, *FLAGS)
        record = Record(plane.client)
        watching = asyncio.create_task(record.run())
        try:
            await make_nodes(plane.client)
            frozen = await strike(plane, record, "frozen", signal.SIGSTOP)
            for member in frozen:
                member.signal(signal.SIGCONT)
                assert await member.ended() == 1
                assert "leaderelection lost" in member.said().splitlines()[-1]
                plane.start(member.component, *FLAGS)
            await strike(plane, record, "killed", signal.SIGKILL)
            last = Pod(metadata=ObjectMeta(name="last", namespace="default"), spec=PodSpec(containers=[Container(name="c", image="i")]))
            await plane.client.create(last)
            await until(lambda: record.bound.get("last"))  # what came before has been seen, and the schedulers still work
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        wanted = {f"{kind}-{name}": count for name in ("frozen", "killed") for kind, count in (("set", REPLICAS), ("job", COMPLETIONS))}
        assert record.made == {**wanted, "": 1}
        assert {len(nodes) for nodes in record.bound.values()} == {1}


async def strike(plane: ControlPlane, record: Record, name: str, blow: signal.Signals) -> list[Member]:
    """Give the leaders work, strike them in the midst of it, wait until the others have done it; return who was struck."""
    leaders = [await plane.wait_leader(component) for component in COMPONENTS]
    before = record.made.total()
    await give_work(plane.client, name)
    await until(lambda: record.made.total() >= before + 10)
    for leader in leaders:
        leader.signal(blow)
    for leader in leaders:
        await plane.wait_leader(leader.component, other_than=leader)
    await until(lambda: record.made.total() >= before + PODS and not record.unbound)
    return leaders


async def test_what_a_frozen_leader_had_begun_is_refused_when_another_leads(tmp_path: Path) -> None:
    async with control_plane(tmp_path) as plane:
        said = tmp_path / "said"
        with said.open("wb") as output:
            command = [sys.executable, "-m", "tests.cluster.frozen_writer", str(tmp_path / "admin.conf")]
            paths = os.pathsep.join([SOURCES, str(Path(__file__).parents[2])])
            process = subprocess.Popen(command, stdout=output, env=os.environ | {"PYTHONPATH": paths})
        try:
            await until(lambda: state(process.pid) == "T")

            async def lead() -> None:
                process.send_signal(signal.SIGCONT)
                await until(lambda: process.poll() is not None)

            await LeaderElector(plane.client, LEASE, "other", times=TIMES).run(lead)
            with pytest.raises(NotFoundError):
                await plane.client.get(ConfigMap, "late", "default")
            text = 'Operation cannot be fulfilled on leases.coordination.k8s.io "worst": frozen does not hold it'
            assert said.read_text() == f"Conflict: {text}\n"
        finally:
            process.kill()
            process.wait(SECONDS)


def state(pid: int) -> str:
    """Return the state of a process: T when it is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def test_a_leader_that_is_asked_to_stop_gives_the_lease_back(tmp_path: Path) -> None:
    async with control_plane(tmp_path) as plane:
        first = plane.start("scheduler")
        assert await plane.wait_leader("scheduler") is first
        async for event in plane.client.watch(Event, "kube-system", resource_version="1", timeout_seconds=SECONDS):
            assert event.object.message.endswith(f"_kube-scheduler-{first.port} became leader")
            break
        first.signal(signal.SIGTERM)
        assert await first.ended() == 0
        lease = await plane.client.get(Lease, "kube-scheduler", "kube-system")
        assert (lease.spec.holderIdentity, lease.spec.leaseDurationSeconds) == ("", 1)
        second = plane.start("scheduler")
        assert await plane.wait_leader("scheduler") is second
        assert (await plane.client.get(Lease, "kube-scheduler", "kube-system")).spec.leaseTransitions == 1


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--leader-elect-lease-duration=5s"], "leaseDuration must be greater than renewDeadline"),
        (["--leader-elect-retry-period=9s"], "renewDeadline must be greater than retryPeriod*JitterFactor"),
        (["--leader-elect-renew-deadline=soon"], 'time: invalid duration "soon"'),
        (["--leader-elect=maybe"], "'maybe' is neither true nor false"),
    ],
)
def test_times_that_cannot_work_are_refused(flags: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    election.add_flags(parser)
    with pytest.raises((ValueError, SystemExit)) as refused:
        election.chosen(parser.parse_args(flags), election.Election("x"))
    assert text in str(refused.value) + capsys.readouterr().err


def test_flags_win_over_what_is_usual() -> None:
    parser = argparse.ArgumentParser()
    election.add_flags(parser)
    usual = election.Election("x", times=LeaseTimes(30, 20, 5))
    assert election.chosen(parser.parse_args([]), usual) == usual
    flags = ["--leader-elect-lease-duration=1m", "--leader-elect-resource-name=y", "--leader-elect-resource-namespace=z"]
    assert election.chosen(parser.parse_args(flags), usual) == election.Election("y", "z", LeaseTimes(60, 20, 5))
    assert not election.chosen(parser.parse_args(["--leader-elect=false", "--leader-elect-lease-duration=1s"]), usual).elect
