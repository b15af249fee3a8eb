"""What is to be done about a pod, situation by situation. The words in each case are the decision's own summary."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.node.observed import SANDBOX, T0, NoHolds, dead, observed, pod, run

from sagong.api.types.core import Pod
from sagong.node.decide import Decision, Health, decide
from sagong.node.observe import ContainerRun, Observed

ONE = "containers: [{name: a}]"
TWO = "containers: [{name: a}, {name: b}]"
INITS = "initContainers: [{name: i}, {name: j}]\ncontainers: [{name: a}, {name: b}]"
SIDECAR = "initContainers: [{name: i}, {name: s, restartPolicy: Always}, {name: j}]\ncontainers: [{name: a}]"
PROBED_SIDECAR = (
    "initContainers: [{name: s, restartPolicy: Always, startupProbe: {tcpSocket: {port: 1}}}, {name: j}]\ncontainers: [{name: a}]"
)
NEVER = "restartPolicy: Never\n"
ON_FAILURE = "restartPolicy: OnFailure\n"


def judge(of: Pod, seen: Observed, **more: Any) -> Decision:
    given: dict[str, Any] = {"health": Health(), "holds": NoHolds(), "now": T0 + 100.0, **more}
    return decide(of, seen, given.pop("health"), given.pop("holds"), given.pop("now"), **given)


Runs = list[tuple[str, str, int]]

CASES: list[tuple[str, str, Runs, str]] = [
    # what it is about, spec, runs (name, state, exit code), what is decided
    ("all runs", TWO, [("a", "running", 0), ("b", "running", 0)], "nothing"),
    ("never started", TWO, [], "start a, start b"),
    ("one missing", TWO, [("a", "running", 0)], "start b"),
    ("created, not started", ONE, [("a", "created", 0)], "start a"),
    ("ended well, Always", ONE, [("a", "exited", 0)], "start a"),
    ("ended badly, OnFailure", ON_FAILURE + ONE, [("a", "exited", 1)], "start a"),
    ("ended well, OnFailure", ON_FAILURE + ONE, [("a", "exited", 0)], "kill pod"),
    ("ended badly, Never", NEVER + ONE, [("a", "exited", 1)], "kill pod"),
    ("one of two ended, Never", NEVER + TWO, [("a", "exited", 1), ("b", "running", 0)], "nothing"),
    ("unknown", ONE, [("a", "unknown", 0)], "kill a, start a"),
    ("first init", INITS, [], "start i"),
    ("first init runs", INITS, [("i", "running", 0)], "nothing"),
    ("first init done", INITS, [("i", "exited", 0)], "start j"),
    ("second init done", INITS, [("i", "exited", 0), ("j", "exited", 0)], "start a, start b"),
    ("first init forgotten, second done", INITS, [("j", "exited", 0)], "start a, start b"),
    ("init failed", INITS, [("i", "exited", 1)], "start i"),
    ("init failed, Never", NEVER + INITS, [("i", "exited", 1)], "kill pod"),
    ("init created only", INITS, [("i", "created", 0)], "start i"),
    ("init unknown", INITS, [("i", "unknown", 0)], "kill i, start i"),
    ("inits forgotten, regular runs", INITS, [("a", "running", 0)], "start b"),
    ("sidecar starts after the init before it", SIDECAR, [("i", "exited", 0)], "start s"),
    ("the next does not wait for a sidecar to end", SIDECAR, [("i", "exited", 0), ("s", "running", 0)], "start j"),
    ("sidecar died during a later init", SIDECAR, [("s", "exited", 1), ("j", "running", 0)], "start s"),
    ("sidecar died, regular runs", SIDECAR, [("s", "exited", 0), ("j", "exited", 0), ("a", "running", 0)], "start s"),
    ("sidecar restarts under Never", NEVER + SIDECAR, [("s", "exited", 1), ("a", "running", 0)], "start s"),
    ("regular done: sidecars are not restarted", NEVER + SIDECAR, [("s", "exited", 1), ("j", "exited", 0), ("a", "exited", 0)], "kill pod"),
    ("unstarted sidecar holds up the next", PROBED_SIDECAR, [("s", "running", 0)], "nothing"),
]


@pytest.mark.parametrize(("spec", "runs", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_it_starts_what_should_run(spec: str, runs: Runs, expected: str) -> None:
    of = pod(spec)
    seen: list[ContainerRun] = [run(of, name, state, code=code, attempt=index) for index, (name, state, code) in enumerate(runs)]  # type: ignore[arg-type]  # states are spelled in the table
    assert judge(of, observed(*seen)).summary() == expected


def test_a_new_pod_gets_a_sandbox_and_its_containers() -> None:
    assert judge(pod(TWO), observed(sandboxes=())).summary() == "create sandbox 0, start a, start b"
    assert judge(pod(INITS), observed(sandboxes=())).summary() == "create sandbox 0, start i"


def test_a_dead_sandbox_is_replaced_and_initialization_begins_anew() -> None:
    of = pod(INITS)
    seen = observed(run(of, "i", "exited"), run(of, "j", "exited"), run(of, "a", "exited", code=137), sandboxes=(dead(),))
    decision = judge(of, seen)
    assert decision.summary() == "kill pod, create sandbox 1, start i"


def test_a_dead_sandbox_of_a_pod_that_is_done_is_not_replaced() -> None:
    for spec, code in ((NEVER + ONE, 137), (ON_FAILURE + ONE, 0)):
        of = pod(spec)
        assert judge(of, observed(run(of, "a", "exited", code=code), sandboxes=(dead(),))).summary() == "nothing"


def test_sandboxes_that_keep_dying_are_replaced_less_often_and_containers_do_not_pay_for_it() -> None:
    of = pod(ONE)
    seen = observed(run(of, "a", "exited", code=137, ended=99), sandboxes=(dead(),))
    assert judge(of, seen, holds=NoHolds({"a": 10})).summary() == "kill pod, create sandbox 1, start a"
    held = judge(of, seen, holds=NoHolds({"": 200}))
    assert (held.summary(), held.sandbox_not_before) == ("hold sandbox", T0 + 200)
    assert judge(of, seen, holds=NoHolds({"": 200}), now=T0 + 200.0).create_sandbox


def test_what_succeeded_under_on_failure_is_not_run_again_in_a_new_sandbox() -> None:
    of = pod(ON_FAILURE + TWO)
    seen = observed(run(of, "a", "exited"), run(of, "b", "exited", code=137), sandboxes=(dead(),))
    assert judge(of, seen).summary() == "kill pod, create sandbox 1, start b"


@pytest.mark.parametrize(
    "sandboxes",
    [
        (replace(SANDBOX, id="sb1", attempt=1), SANDBOX),
        (replace(SANDBOX, ips=()),),
        (replace(SANDBOX, host_network=True),),
    ],
    ids=["two are ready", "no address", "the host's network, and not wanted"],
)
def test_an_unusable_sandbox_is_replaced(sandboxes: tuple[Any, ...]) -> None:
    decision = judge(pod(ONE), observed(sandboxes=sandboxes))
    assert decision.create_sandbox
    assert decision.attempt == sandboxes[0].attempt + 1


def test_a_changed_definition_restarts_a_container_whatever_its_policy() -> None:
    of = pod(NEVER + TWO)
    seen = observed(run(of, "a"), run(of, "b"))
    of.spec.containers[0].image = "other"
    decision = judge(of, seen)
    assert decision.summary() == "kill a, start a"
    assert decision.kill[0].message == "Container a definition changed, will be restarted"


def test_failed_probes_end_containers() -> None:
    of = pod(TWO)
    seen = observed(run(of, "a"), run(of, "b"))
    decision = judge(of, seen, health=Health(failures={"a-0": "liveness", "b-0": "startup"}))
    assert decision.summary() == "kill a, kill b, start a, start b"
    assert [(kill.message, kill.reason) for kill in decision.kill] == [
        ("Container a failed liveness probe, will be restarted", "LivenessProbe"),
        ("Container b failed startup probe, will be restarted", "StartupProbe"),
    ]
    never = pod(NEVER + TWO)
    decision = judge(never, observed(run(never, "a"), run(never, "b")), health=Health(failures={"a-0": "liveness"}))
    assert decision.summary() == "kill a"
    assert decision.kill[0].message == "Container a failed liveness probe"


def test_a_sidecar_lets_the_next_start_once_its_startup_probe_passed() -> None:
    of = pod(PROBED_SIDECAR)
    seen = observed(run(of, "s"))
    assert judge(of, seen, health=Health(started=frozenset({"s-0"}))).summary() == "start j"
    failed = judge(of, seen, health=Health(failures={"s-0": "startup"}))
    assert failed.summary() == "kill s, start s"
    assert failed.kill[0].message == "Init container s failed startup probe"


def test_ephemeral_containers_start_once_and_early() -> None:
    of = pod("ephemeralContainers: [{name: e}]\n" + INITS)
    assert judge(of, observed(run(of, "i"))).summary() == "start e"
    assert judge(of, observed(run(of, "i"), run(of, "e", "exited", code=1))).summary() == "nothing"


def test_a_container_that_keeps_failing_is_held_back() -> None:
    of = pod(TWO)
    seen = observed(run(of, "a", "exited", code=1, ended=95), run(of, "b", "exited", code=1, ended=95))
    decision = judge(of, seen, holds=NoHolds({"a": 10}))
    assert decision.summary() == "start b, hold a"
    assert decision.hold[0].until == T0 + 105
    assert decision.hold[0].message == "back-off 10s restarting failed container=a pod=p_ns(u1)"
    assert decision.start[0].failed_at == T0 + 95
    assert judge(of, seen, holds=NoHolds({"a": 10}), now=T0 + 105.0).summary() == "start a, start b"


def test_nothing_is_restarted_once_the_pod_is_being_deleted() -> None:
    of = pod(ONE)
    of.metadata.deletionTimestamp = "2026-01-01T00:00:00Z"
    assert judge(of, observed(run(of, "a", "exited", code=1))).summary() == "kill pod"


RULES = """
restartPolicy: Never
containers:
- name: a
  restartPolicy: Never
  restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [42]}}]
- name: b
  restartPolicy: OnFailure
"""


@pytest.mark.parametrize(("a", "b", "expected"), [(42, 0, "start a"), (1, 0, "kill pod"), (1, 1, "start b")])
def test_a_container_s_own_rules_come_first(a: int, b: int, expected: str) -> None:
    of = pod(RULES)
    assert judge(of, observed(run(of, "a", "exited", code=a), run(of, "b", "exited", code=b))).summary() == expected


RESTART_ALL = """
initContainers: [{name: i}]
containers:
- name: a
  restartPolicy: Never
  restartPolicyRules: [{action: RestartAllContainers, exitCodes: {operator: In, values: [88]}}]
- name: b
"""


def test_one_container_can_have_all_restarted_in_place() -> None:
    of = pod(RESTART_ALL)
    seen = observed(run(of, "i", "exited"), run(of, "a", "exited", code=88, attempt=1), run(of, "b", attempt=2))
    assert judge(of, seen).summary() == "reset b, reset i, reset a"
    halfway = observed(run(of, "i", "exited"))
    assert judge(of, halfway, restarting_all=True).summary() == "reset i"
    assert judge(of, observed(), restarting_all=True).summary() == "start i"
