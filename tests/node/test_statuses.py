"""The status that the API shows of a pod, from what runs and what was shown before."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.node.observed import SANDBOX, dead, observed, pod, run

from sagong.api.types.core import Pod, PodCondition, PodStatus
from sagong.node.container_statuses import Context, Probed, Waiting
from sagong.node.observe import Observed
from sagong.node.statuses import Node, Verdict, final_status, pod_status

NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z"
ONE = "containers: [{name: a}]"
TWO = "containers: [{name: b}, {name: a}]"
INIT = "initContainers: [{name: i}]\ncontainers: [{name: a}]"
SIDECAR = "initContainers: [{name: s, restartPolicy: Always}]\ncontainers: [{name: a}]"
NODE = Node(("192.168.0.9",))


def show(
    of: Pod, seen: Observed, before: PodStatus | None = None, *, at: str = NOW, verdict: Verdict | None = None, **more: Any
) -> PodStatus:
    context = Context(observed=seen, **more)
    return pod_status(of, before or of.status, context, NODE, at, verdict=verdict or Verdict())


def conditions(status: PodStatus) -> dict[str, str]:
    return {found.type: found.status for found in status.conditions}


def condition(status: PodStatus, kind: str) -> PodCondition:
    return next(found for found in status.conditions if found.type == kind)


def test_a_pod_that_has_just_come() -> None:
    of = pod(TWO)
    of.metadata.generation = 3
    status = show(of, observed(sandboxes=()))
    assert (status.phase, status.qosClass, status.startTime, status.observedGeneration) == ("Pending", "BestEffort", NOW, 3)
    assert (status.hostIP, status.podIP, status.podIPs) == ("192.168.0.9", "", [])
    assert [found.name for found in status.containerStatuses] == ["a", "b"]
    assert {found.state.waiting.reason for found in status.containerStatuses if found.state.waiting} == {"ContainerCreating"}
    assert conditions(status) == {
        "PodReadyToStartContainers": "False",
        "Initialized": "True",
        "Ready": "False",
        "ContainersReady": "False",
        "PodScheduled": "True",
    }
    ready = condition(status, "Ready")
    assert (ready.reason, ready.message) == ("ContainersNotReady", "containers with unready status: [b a]")
    assert (ready.observedGeneration, ready.lastTransitionTime) == (3, NOW)


def test_a_running_pod_and_transition_times() -> None:
    of = pod(ONE)
    first = show(of, observed())
    status = show(of, observed(run(of, "a")), first, at=LATER)
    assert (status.phase, status.podIP, status.startTime) == ("Running", "10.0.0.5", NOW)
    assert set(conditions(status).values()) == {"True"}
    assert condition(status, "Ready").lastTransitionTime == LATER
    assert condition(status, "PodReadyToStartContainers").lastTransitionTime == NOW
    container = status.containerStatuses[0]
    assert container.containerID == "containerd://a-0"
    assert (container.started, container.ready, container.imageID, container.image) == (True, True, "sha256:1", "img")


def test_the_address_stays_when_the_sandbox_has_ended() -> None:
    of = pod("restartPolicy: Never\n" + ONE)
    before = show(of, observed(run(of, "a")))
    status = show(of, observed(run(of, "a", "exited"), sandboxes=(dead(),)), before, terminal=True)
    assert (status.phase, status.podIP) == ("Succeeded", "10.0.0.5")


def test_the_host_s_network_has_the_host_s_address() -> None:
    of = pod("hostNetwork: true\n" + ONE)
    status = show(of, observed(run(of, "a"), sandboxes=(replace(SANDBOX, host_network=True, ips=()),)))
    assert (status.podIP, status.hostIP) == ("192.168.0.9", "192.168.0.9")
    assert condition(status, "PodReadyToStartContainers").status == "True"


def test_a_restarted_container_shows_its_last_end() -> None:
    of = pod(ONE)
    status = show(of, observed(run(of, "a", attempt=1), run(of, "a", "exited", code=3)))
    container = status.containerStatuses[0]
    assert container.restartCount == 1
    assert container.state.running
    assert container.lastState.terminated
    assert (container.lastState.terminated.exitCode, container.lastState.terminated.reason) == (3, "Error")


def test_a_container_that_never_started_has_no_time_of_its_start() -> None:
    of = pod(ONE)
    failed = replace(run(of, "a", "exited", code=128, ended=3, reason="StartError"), started_at=0)
    (shown,) = show(of, observed(failed)).containerStatuses
    assert shown.state.terminated is not None
    assert json.loads(msgspec.json.encode(shown.state.terminated))["startedAt"] is None, "the server takes no empty text for a time"
    assert shown.state.terminated.finishedAt


def test_a_container_that_is_held_back_waits_and_shows_its_end_as_the_last() -> None:
    of = pod(ONE)
    waiting = {"a": Waiting("CrashLoopBackOff", "back-off 10s restarting ...")}
    status = show(of, observed(run(of, "a", "exited", code=3)), waiting=waiting)
    container = status.containerStatuses[0]
    assert container.state.waiting
    assert container.state.waiting.reason == "CrashLoopBackOff"
    assert container.lastState.terminated
    assert container.lastState.terminated.exitCode == 3
    assert status.phase == "Running"


def test_restarts_are_remembered_when_the_runtime_has_forgotten_them() -> None:
    of = pod(ONE)
    before = show(of, observed(run(of, "a", attempt=4), run(of, "a", "exited", code=1, attempt=3)))
    fresh = replace(run(of, "a"), id="new")
    status = show(of, observed(fresh), before)
    assert status.containerStatuses[0].restartCount == 4
    assert status.containerStatuses[0].lastState.terminated is not None


def test_a_container_that_vanished_while_running_is_accounted_for() -> None:
    of = pod(ONE)
    before = show(of, observed(run(of, "a")))
    status = show(of, observed(sandboxes=()), before)
    container = status.containerStatuses[0]
    assert container.lastState.terminated
    assert (container.lastState.terminated.reason, container.lastState.terminated.exitCode) == ("ContainerStatusUnknown", 137)
    assert (container.restartCount, status.phase) == (1, "Running")


def test_probes_decide_what_is_started_and_ready() -> None:
    of = pod("containers: [{name: a, startupProbe: {tcpSocket: {port: 1}}, readinessProbe: {tcpSocket: {port: 1}}}]")
    seen = observed(run(of, "a"))
    states = [
        (found.started, found.ready)
        for probed in (Probed(), Probed(started=frozenset({"a-0"})), Probed(started=frozenset({"a-0"}), ready=frozenset({"a-0"})))
        for found in show(of, seen, probed=probed).containerStatuses
    ]
    assert states == [(False, False), (True, False), (True, True)]


def test_readiness_gates_wait_for_others() -> None:
    of = pod("readinessGates: [{conditionType: example.com/lb}]\n" + ONE)
    ready = condition(show(of, observed(run(of, "a"))), "Ready")
    assert (ready.status, ready.reason) == ("False", "ReadinessGatesNotReady")
    assert ready.message == 'corresponding condition of pod readiness gate "example.com/lb" does not exist.'
    of.status.conditions = [PodCondition(type="example.com/lb", status="Unknown")]
    ready = condition(show(of, observed(run(of, "a"))), "Ready")
    assert ready.message == 'the status of pod readiness gate "example.com/lb" is not "True", but Unknown'
    of.status.conditions = [PodCondition(type="example.com/lb", status="True")]
    status = show(of, observed(run(of, "a")))
    assert conditions(status)["Ready"] == "True"
    assert conditions(status)["example.com/lb"] == "True"


def test_initialization_is_told() -> None:
    of = pod(INIT)
    status = show(of, observed(run(of, "i")))
    initialized = condition(status, "Initialized")
    assert (initialized.status, initialized.reason) == ("False", "ContainersNotInitialized")
    assert initialized.message == "containers with incomplete status: [i]"
    assert (status.phase, status.initContainerStatuses[0].ready) == ("Pending", False)
    waiting = status.containerStatuses[0].state.waiting
    assert waiting is not None
    assert waiting.reason == "PodInitializing"
    done = show(of, observed(run(of, "i", "exited"), run(of, "a", attempt=1)), status)
    assert (conditions(done)["Initialized"], done.phase, done.initContainerStatuses[0].ready) == ("True", "Running", True)


def test_a_sidecar_is_ready_like_any_container() -> None:
    of = pod(SIDECAR)
    status = show(of, observed(run(of, "s"), run(of, "a", attempt=1)))
    sidecar = status.initContainerStatuses[0]
    assert (sidecar.started, sidecar.ready, status.phase) == (True, True, "Running")
    down = show(of, observed(run(of, "s", "exited", code=1), run(of, "a", attempt=1)), status)
    assert condition(down, "Ready").message == "containers with unready status: [s]"


PHASES = [
    ("running", ONE, [("a", "running", 0)], "Running"),
    ("restarting under Always", ONE, [("a", "exited", 1)], "Running"),
    ("done under Never", "restartPolicy: Never\n" + ONE, [("a", "exited", 0)], "Succeeded"),
    ("failed under Never", "restartPolicy: Never\n" + ONE, [("a", "exited", 1)], "Failed"),
    ("done under OnFailure", "restartPolicy: OnFailure\n" + ONE, [("a", "exited", 0)], "Succeeded"),
    ("failed under OnFailure", "restartPolicy: OnFailure\n" + ONE, [("a", "exited", 1)], "Running"),
    ("half done under Never", "restartPolicy: Never\n" + TWO, [("a", "exited", 0), ("b", "running", 0)], "Running"),
    ("one bad under Never", "restartPolicy: Never\n" + TWO, [("a", "exited", 0), ("b", "exited", 1)], "Failed"),
    ("one not started", TWO, [("a", "running", 0)], "Pending"),
    ("initializing", INIT, [("i", "running", 0)], "Pending"),
    ("initialized, not started", INIT, [("i", "exited", 0)], "Pending"),
    ("init failed under Never", "restartPolicy: Never\n" + INIT, [("i", "exited", 1)], "Failed"),
    ("init failed under Always", INIT, [("i", "exited", 1)], "Pending"),
    ("only the sidecar runs, under Never", "restartPolicy: Never\n" + SIDECAR, [("s", "running", 0), ("a", "exited", 0)], "Running"),
    ("the sidecar ended too", "restartPolicy: Never\n" + SIDECAR, [("s", "exited", 137), ("a", "exited", 0)], "Succeeded"),
    ("the sidecar restarts", SIDECAR, [("s", "exited", 1), ("a", "running", 0)], "Running"),
]


@pytest.mark.parametrize(("spec", "runs", "expected"), [case[1:] for case in PHASES], ids=[case[0] for case in PHASES])
def test_phases(spec: str, runs: list[tuple[str, Any, int]], expected: str) -> None:
    of = pod(spec)
    seen = observed(*(run(of, name, state, code=code, attempt=index) for index, (name, state, code) in enumerate(runs)))
    assert show(of, seen).phase == expected


def test_a_deleted_pod_ends_by_its_exit_codes_even_under_always() -> None:
    of = pod(ONE)
    for code, phase in ((0, "Succeeded"), (143, "Failed")):
        seen = observed(run(of, "a", "exited", code=code), sandboxes=(dead(),))
        assert show(of, seen, terminal=True).phase == phase


def test_a_pod_never_leaves_its_terminal_phase() -> None:
    of = pod(ONE)
    of.status.phase, of.status.reason, of.status.message = "Failed", "Evicted", "low on memory"
    status = show(of, observed(run(of, "a")))
    assert (status.phase, status.reason, status.message) == ("Failed", "Evicted", "low on memory")


def test_a_verdict_overrides_what_containers_say() -> None:
    of = pod(ONE)
    status = show(of, observed(run(of, "a")), verdict=Verdict("Failed", "DeadlineExceeded", "too long"))
    assert (status.phase, status.reason, status.message) == ("Failed", "DeadlineExceeded", "too long")
    assert condition(status, "Ready").reason == "PodFailed"


def test_the_final_status_leaves_no_container_open() -> None:
    of = pod(INIT)
    shown = show(of, observed(run(of, "i", "exited"), run(of, "a", attempt=1)))
    status = final_status(of, shown, LATER)
    assert status.phase == "Failed"
    end = status.containerStatuses[0].state.terminated
    assert end is not None
    assert (end.reason, end.exitCode) == ("ContainerStatusUnknown", 137)
    assert conditions(status)["Ready"] == "False"
    never_started = final_status(of, show(of, observed(run(of, "i"))), LATER)
    assert never_started.containerStatuses[0].state.waiting is not None
    assert never_started.initContainerStatuses[0].state.terminated is not None


def test_restarting_all_is_a_condition_and_a_reason() -> None:
    rule = "{action: RestartAllContainers, exitCodes: {operator: In, values: [88]}}"
    of = pod(f"containers: [{{name: a, restartPolicy: Never, restartPolicyRules: [{rule}]}}, {{name: b}}]")
    status = show(of, observed(run(of, "a", "exited", code=88), run(of, "b")))
    asked = condition(status, "AllContainersRestarting")
    assert (asked.status, asked.reason, asked.message) == (
        "True",
        "RestartAllContainersStarted",
        "container exited with restart policy rule",
    )
    reset = show(of, observed(), status, restarting_all=True)
    assert {found.state.waiting.reason for found in reset.containerStatuses if found.state.waiting} == {"RestartingAllContainers"}
    assert {found.restartCount for found in reset.containerStatuses} == {1}
    assert reset.phase == "Running"


def test_the_last_words_of_many_containers_share_a_room() -> None:
    of = pod("initContainers: [{name: i}]\ncontainers: [{name: a}, {name: b}, {name: c}]")
    seen = observed(*(replace(run(of, name, "exited"), message="\N{EURO SIGN}" * 1365) for name in "ab"), run(of, "c", "exited"))
    status = show(of, seen)
    ends = [found.state.terminated for found in status.containerStatuses]
    assert [len(end.message.encode()) for end in ends if end is not None] == [3072, 3072, 0]
