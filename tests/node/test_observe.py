"""What the runtime tells becomes an observation; what cannot change is asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.timestamp_pb2 import Timestamp
from tests.exposed import exposed
from tests.node.builders import HandClock
from tests.node.observed import observed, pod, run

from sagong.api.exposition import exposition
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri import labels
from sagong.node.cri.client import CriError
from sagong.node.cri.exits import End, RuntimeEvents
from sagong.node.ends import Ends
from sagong.node.housekeeping import superfluous
from sagong.node.meter import KubeletMeter
from sagong.node.observe import Observer
from sagong.node.terminations import log_tail, message_of


class Runtime:
    """One sandbox and two runs of a container."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.sandbox = cri.PodSandbox(id="sb", labels={labels.POD_UID: "u1", labels.POD_NAME: "p", labels.POD_NAMESPACE: "ns"})
        self.containers = [self.container("old", cri.CONTAINER_EXITED, 1), self.container("new", cri.CONTAINER_RUNNING, 2)]

    def container(self, name: str, state: Any, created: int) -> cri.Container:
        notes = {labels.RESTART_COUNT: str(created - 1), labels.TERMINATION_GRACE: "7"}
        names = {labels.POD_UID: "u1", labels.CONTAINER_NAME: "c"}
        return cri.Container(id=name, pod_sandbox_id="sb", state=state, created_at=created, labels=names, annotations=notes)

    async def list_sandboxes(self, selector: dict[str, str] | None = None) -> list[cri.PodSandbox]:
        return [self.sandbox]

    async def list_containers(self, selector: dict[str, str] | None = None) -> list[cri.Container]:
        return self.containers

    async def sandbox_status(self, name: str) -> cri.PodSandboxStatus:
        self.asked.append(name)
        return cri.PodSandboxStatus(id=name, network=cri.PodSandboxNetworkStatus(ip="10.0.0.5"))

    async def container_status(self, name: str) -> cri.ContainerStatus:
        self.asked.append(name)
        found = next(item for item in self.containers if item.id == name)
        return cri.ContainerStatus(
            id=name, state=found.state, created_at=found.created_at, labels=found.labels, annotations=found.annotations, exit_code=3
        )


def observing(runtime: Runtime, folder: Path) -> Observer:
    return Observer(runtime, Ends(folder))  # type: ignore[arg-type]  # it has the calls that are made


async def test_runs_are_ordered_and_ended_ones_are_not_asked_for_again(tmp_path: Path) -> None:
    runtime = Runtime()
    observer = observing(runtime, tmp_path)
    for _ in range(2):
        found = await observer.pod("u1")
    assert (found.name, found.namespace, found.ips, found.termination_grace) == ("p", "ns", ("10.0.0.5",), 7)
    assert [(item.id, item.state, item.restart_count) for item in found.runs] == [("new", "running", 1), ("old", "exited", 0)]
    assert sorted(runtime.asked) == ["new", "new", "old", "sb"]
    assert observer.owner("old") == "u1"
    runtime.containers = []
    await observer.uids()
    assert observer.owner("old") is None


def test_one_dead_run_of_each_container_is_kept() -> None:
    of = pod("containers: [{name: a}, {name: b}]")
    seen = observed(*(run(of, "a", "exited", attempt=n) for n in range(3)), run(of, "b", "exited"), run(of, "a", attempt=3))
    assert [found.id for found in superfluous(seen)] == ["a-1", "a-0"]


def test_the_termination_message_is_the_container_s_own_or_the_log_s_end(tmp_path: Path) -> None:
    message, log = tmp_path / "message", tmp_path / "0.log"
    log.write_text("".join(f"2026-01-01T00:00:00Z stderr F line {n}\n" for n in range(100)))
    status = cri.ContainerStatus(
        exit_code=1,
        log_path=str(log),
        annotations={labels.MESSAGE_PATH: "/dev/termination-log", labels.MESSAGE_POLICY: "FallbackToLogsOnError"},
        mounts=[cri.Mount(container_path="/dev/termination-log", host_path=str(message))],
    )
    assert message_of(status).splitlines()[0] == "line 20"
    log.write_text("2026-01-01T00:00:00Z stdout P DO\n2026-01-01T00:00:00Z stdout P NE\n")  # a line without an end, in two parts
    assert message_of(status) == "DONE"
    message.write_text("why")
    assert message_of(status) == "why"
    status.message = "OOM"
    assert message_of(status) == "OOM: why"
    assert log_tail(str(tmp_path / "absent")) == ""


class Forgetful(Runtime):
    """A containerd that was killed while it took tasks down."""

    async def container_status(self, name: str) -> cri.ContainerStatus:
        status = await super().container_status(name)
        status.exit_code, status.reason = 255, "Unknown"
        return status


@pytest.mark.parametrize(("code", "reason"), [(7, "Error"), (0, "Completed")])
async def test_an_exit_code_that_the_runtime_has_lost_is_what_its_event_said(tmp_path: Path, code: int, reason: str) -> None:
    observer = observing(Forgetful(), tmp_path)
    observer.learn_end("old", End(code, 5))
    observer.learn_end("new", End(code, 5))
    running, ended = (await observer.pod("u1")).runs
    assert (ended.exit_code, ended.reason, ended.finished_at) == (code, reason, 5)
    assert (running.state, running.exit_code) == ("running", 255)


async def test_a_container_that_the_runtime_cannot_tell_of_has_ended_when_its_event_said_so(tmp_path: Path) -> None:
    runtime = Runtime()
    runtime.containers[0].state = cri.CONTAINER_UNKNOWN
    observer = observing(runtime, tmp_path)
    first = runtime.containers[0].id
    assert next(found.state for found in (await observer.pod("u1")).runs if found.id == first) == "unknown"
    observer.learn_end(first, End(7, 5))
    ended = next(found for found in (await observer.pod("u1")).runs if found.id == first)
    assert (ended.state, ended.exit_code, ended.finished_at) == ("exited", 7, 5)


async def test_a_kubelet_that_starts_anew_knows_how_containers_ended(tmp_path: Path) -> None:
    before = observing(Forgetful(), tmp_path)
    before.learn_end("old", End(7, 5))
    for _ in range(2):
        observer = observing(Forgetful(), tmp_path)
        await observer.uids()
        assert (await observer.pod("u1")).runs[1].exit_code == 7
    runtime = Forgetful()
    observer = observing(runtime, tmp_path)
    runtime.containers = []
    await observer.uids()
    assert Ends(tmp_path).recall("old") is None, "the container is gone, and nobody asks any more"


async def test_what_the_runtime_remembers_itself_is_not_kept(tmp_path: Path) -> None:
    observer = observing(Runtime(), tmp_path)
    await observer.pod("u1")
    observer.learn_end("sb", End(0, 5))
    assert list(tmp_path.rglob("*")) == [], "a sandbox"
    again = observing(Runtime(), tmp_path)
    again.learn_end("old", End(9, 5))
    assert (tmp_path / "ends" / "old").read_text() == "9 5\n"
    assert (await again.pod("u1")).runs[1].exit_code == 3
    assert list((tmp_path / "ends").iterdir()) == []


def test_ends_that_cannot_be_written_or_read(tmp_path: Path) -> None:
    (tmp_path / "ends").mkdir()
    (tmp_path / "ends" / "half").write_text("13")
    ends = Ends(tmp_path)
    assert ends.recall("half") is None
    (tmp_path / "file").touch()
    ends = Ends(tmp_path / "file")
    ends.learn("a", End(1, 2))
    assert ends.recall("a") == End(1, 2), "in memory at least"
    ends.settle("a")
    ends.keep(())
    assert ends.recall("a") is None


class Events:
    """containerd's events, broken off once."""

    def __init__(self) -> None:
        self.rounds = 0

    def events(self) -> AsyncIterator[cri.ContainerEventResponse]:
        raise CriError("UNIMPLEMENTED", "unknown method")

    async def containerd_events(self, *_: str) -> AsyncIterator[cri.Envelope]:
        self.rounds += 1
        for name in ("container", "exec"):
            task = cri.TaskExit(container_id=f"c{self.rounds}", id=f"c{self.rounds}" if name == "container" else "e", exit_status=3)
            task.exited_at.CopyFrom(Timestamp(seconds=2, nanos=1))
            yield cri.Envelope(event=Packed(value=task.SerializeToString()))
        if self.rounds == 1:
            raise CriError("UNAVAILABLE", "killed")
        await asyncio.sleep(60)


async def test_events_go_on_after_a_break_and_what_was_missed_is_looked_for() -> None:
    told: list[Any] = []
    enough = asyncio.Event()

    def changed(name: str) -> None:
        told.append(name)
        if name == "":
            enough.set()

    clock = HandClock()
    meter = KubeletMeter(clock)
    events = RuntimeEvents(Events(), clock, changed, lambda name, end: told.append((name, end)), meter=meter.relists)  # type: ignore[arg-type]  # as above
    task = asyncio.ensure_future(events.run())
    async with asyncio.timeout(10):
        await enough.wait()
    task.cancel()
    assert told == [("c1", End(3, 2_000_000_001)), "c1", ("c2", End(3, 2_000_000_001)), "c2", ""]
    found, samples = exposed(exposition(meter.families()))
    counts = {"connection_error_count": 1, "connection_success_count": 1, "connection_latency_seconds_count": 2}
    for name, count in counts.items():
        assert samples[f"kubelet_evented_pleg_{name}"] == count, name
    assert samples["kubelet_evented_pleg_connection_latency_seconds_sum"] == pytest.approx(2 * (clock.now().timestamp() - 2), abs=1)
    assert found["kubelet_evented_pleg_connection_latency_seconds"] == ("histogram", set())
