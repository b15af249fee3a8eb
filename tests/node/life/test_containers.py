"""Init containers, sidecars, hooks, probes and images on a real containerd."""

from __future__ import annotations

import pytest
from tests.node.life.node import Node, node
from tests.node.life.rig import Rig
from tests.node.life.test_pods_run import HELLO, shell

pytestmark = pytest.mark.e2e


async def test_init_containers_run_one_after_another_then_sidecars_and_the_rest(rig: Rig) -> None:
    async with node(rig) as here:
        here.put(
            "p",
            f"""
volumes: [{{name: v, emptyDir: {{}}}}]
terminationGracePeriodSeconds: 0
restartPolicy: Never
initContainers:
- {{name: one, image: {HELLO}, command: [sh, -c, "echo one >> /v/log"], volumeMounts: [{{name: v, mountPath: /v}}]}}
- name: side
  image: {HELLO}
  restartPolicy: Always
  command: [sh, -c, "echo side >> /v/log; trap 'exit 0' TERM; while true; do sleep 0.1; done"]
  startupProbe: {{exec: {{command: [sh, -c, "grep -q side /v/log"]}}, periodSeconds: 1}}
  volumeMounts: [{{name: v, mountPath: /v}}]
- {{name: two, image: {HELLO}, command: [sh, -c, "echo two >> /v/log"], volumeMounts: [{{name: v, mountPath: /v}}]}}
containers:
- {{name: c, image: {HELLO}, command: [sh, -c, "cat /v/log > /dev/termination-log; sleep 1"], volumeMounts: [{{name: v, mountPath: /v}}]}}
""",
        )
        await here.until(lambda: here.status("p").phase == "Running")
        assert here.container("p", "side").ready
        await here.until(lambda: here.status("p").phase == "Succeeded")
        end = here.container("p").state.terminated
        assert end is not None
        assert end.message == "one\nside\ntwo\n"
        side = here.container("p", "side").state.terminated
        assert side is not None
        assert side.exitCode == 0


async def test_a_failing_init_container_is_tried_again_with_back_off(rig: Rig) -> None:
    async with node(rig) as here:
        here.put(
            "p",
            f"""
terminationGracePeriodSeconds: 0
initContainers: [{{name: i, image: {HELLO}, command: [sh, -c, "exit 7"]}}]
containers: [{{name: c, image: {HELLO}}}]
""",
        )
        await here.until(lambda: waiting_reason(here, "p", "i") == "CrashLoopBackOff")
        init = here.container("p", "i")
        assert init.restartCount == 1
        assert init.lastState.terminated is not None
        assert init.lastState.terminated.exitCode == 7
        assert here.status("p").phase == "Pending"
        assert waiting_reason(here, "p", "c") == "PodInitializing"


def waiting_reason(here: Node, name: str, container: str = "c") -> str:
    waiting = here.container(name, container).state.waiting
    return waiting.reason if waiting else ""


def waiting_message(here: Node, name: str) -> str:
    waiting = here.container(name).state.waiting
    return waiting.message if waiting else ""


async def test_a_failed_liveness_probe_restarts_the_container(rig: Rig) -> None:
    async with node(rig) as here:
        probe = "livenessProbe: {exec: {command: [cat, /tmp/alive]}, periodSeconds: 1, failureThreshold: 1, initialDelaySeconds: 1}"
        here.put("p", shell("touch /tmp/alive; sleep 2; rm /tmp/alive; sleep 100").replace("name: c", f"name: c\n  {probe}"))
        await here.until(lambda: here.container("p").restartCount == 1 and here.container("p").state.running)
        assert "Liveness probe failed: cat: can't open '/tmp/alive': No such file or directory" in here.message("Unhealthy")
        assert here.message("Killing") == "Container c failed liveness probe, will be restarted"


async def test_readiness_follows_the_probe_both_ways(rig: Rig) -> None:
    async with node(rig) as here:
        probe = "readinessProbe: {exec: {command: [cat, /tmp/ok]}, periodSeconds: 1, failureThreshold: 1}"
        here.put("p", shell("sleep 1; touch /tmp/ok; sleep 2; rm /tmp/ok; sleep 100").replace("name: c", f"name: c\n  {probe}"))
        await here.until(lambda: here.container("p").state.running)
        assert here.condition("p", "Ready") == "False"
        await here.ready("p")
        await here.until(lambda: here.condition("p", "Ready") == "False")
        assert here.container("p").restartCount == 0


async def test_a_pod_that_is_ending_is_shown_unready_and_what_of_it_has_ended(rig: Rig) -> None:
    async with node(rig) as here:
        here.put(
            "p",
            f"""
terminationGracePeriodSeconds: 60
containers:
- name: c
  image: {HELLO}
  command: [sh, -c, "trap 'rm /tmp/ok; sleep 5; exit 0' TERM; touch /tmp/ok; while true; do sleep 0.1; done"]
  readinessProbe: {{exec: {{command: [cat, /tmp/ok]}}, periodSeconds: 1, failureThreshold: 1}}
- name: quick
  image: {HELLO}
  command: [sh, -c, "trap 'exit 3' TERM; while true; do sleep 0.1; done"]
""",
        )
        await here.ready("p")
        here.drop("p")
        await here.until(lambda: here.condition("p", "Ready") == "False" and here.container("p").state.running)
        await here.until(lambda: here.container("p", "quick").state.terminated and here.container("p").state.running)
        await here.until(lambda: here.kubelet.pods.find("test", "p-testnode") is None)


async def test_a_startup_probe_holds_the_others_back(rig: Rig) -> None:
    async with node(rig) as here:
        probes = """startupProbe: {exec: {command: [cat, /tmp/up]}, periodSeconds: 1, failureThreshold: 10}
  livenessProbe: {exec: {command: [cat, /tmp/up]}, periodSeconds: 1, failureThreshold: 1}"""
        here.put("p", shell("sleep 2; touch /tmp/up; sleep 100").replace("name: c", f"name: c\n  {probes}"))
        await here.until(lambda: here.container("p").state.running)
        assert here.container("p").started is False
        await here.ready("p")
        assert (here.container("p").started, here.container("p").restartCount) == (True, 0)


async def test_tcp_and_named_ports_are_probed(rig: Rig) -> None:
    async with node(rig) as here:
        here.put(
            "p",
            f"""
terminationGracePeriodSeconds: 0
containers:
- name: c
  image: {HELLO}
  ports: [{{name: web, containerPort: 8080}}]
  readinessProbe: {{tcpSocket: {{port: web}}, periodSeconds: 1}}
  livenessProbe: {{httpGet: {{port: web, path: /absent}}, periodSeconds: 1, failureThreshold: 2}}
""",
        )
        await here.until(lambda: here.container("p").restartCount == 1)
        assert any(m == "Liveness probe failed: HTTP probe failed with statuscode: 404" for _, _, m in here.events)


async def test_hooks_run_after_start_and_before_stop(rig: Rig) -> None:
    async with node(rig) as here:
        here.put(
            "p",
            f"""
volumes: [{{name: v, hostPath: {{path: {rig.base}/hooks, type: DirectoryOrCreate}}}}]
terminationGracePeriodSeconds: 5
containers:
- name: c
  image: {HELLO}
  command: [sh, -c, "trap 'echo term >> /v/log; exit 0' TERM; while true; do sleep 0.1; done"]
  volumeMounts: [{{name: v, mountPath: /v}}]
  lifecycle:
    postStart: {{exec: {{command: [sh, -c, "echo started >> /v/log"]}}}}
    preStop: {{exec: {{command: [sh, -c, "echo stopping >> /v/log; sleep 1"]}}}}
""",
        )
        await here.ready("p")
        await here.gone("p")
        assert (rig.base / "hooks" / "log").read_text() == "started\nstopping\nterm\n"


async def test_a_failed_post_start_hook_ends_the_container(rig: Rig) -> None:
    async with node(rig) as here:
        hook = "lifecycle: {postStart: {exec: {command: [sh, -c, 'echo secret; exit 4']}}}"
        here.put("p", shell("sleep 100").replace("name: c", f"name: c\n  {hook}"))
        await here.until(lambda: "FailedPostStartHook" in here.reasons())
        assert here.message("FailedPostStartHook") == "PostStartHook failed"
        await here.until(lambda: waiting_reason(here, "p") == "CrashLoopBackOff")


@pytest.mark.parametrize(
    ("image", "policy", "reason", "message"),
    [
        (
            "sagong.local/absent:1",
            "Never",
            "ErrImageNeverPull",
            'Container image "sagong.local/absent:1" is not present with pull policy of Never',
        ),
        (
            "Bad Name",
            "IfNotPresent",
            "InvalidImageName",
            'Failed to apply default image tag "Bad Name": couldn\'t parse image name "Bad Name": invalid reference format',
        ),
    ],
)
async def test_images_that_cannot_be(rig: Rig, image: str, policy: str, reason: str, message: str) -> None:
    async with node(rig) as here:
        here.put("p", f"containers: [{{name: c, image: {image!r}, imagePullPolicy: {policy}}}]")
        await here.until(lambda: waiting_reason(here, "p") == reason)
        assert waiting_message(here, "p") == message
        assert ("Warning", "Failed", f"Error: {reason}") in here.events
        assert here.status("p").phase == "Pending"


async def test_an_image_that_no_registry_has_backs_off(rig: Rig) -> None:
    async with node(rig) as here:
        here.put("p", "containers: [{name: c, image: '127.0.0.1:1/absent:1'}]")
        await here.until(lambda: waiting_reason(here, "p") == "ErrImagePull")
        assert waiting_message(here, "p").startswith("failed to pull and unpack image")
        assert here.message("Pulling") == 'Pulling image "127.0.0.1:1/absent:1"'
        assert here.message("Failed").startswith('Failed to pull image "127.0.0.1:1/absent:1": failed to pull and unpack image')
        here.kubelet.pods.wake_all()
        await here.until(lambda: waiting_reason(here, "p") == "ImagePullBackOff")
        assert waiting_message(here, "p").startswith('Back-off pulling image "127.0.0.1:1/absent:1": ErrImagePull: failed to pull')
        assert ("Normal", "BackOff", 'Back-off pulling image "127.0.0.1:1/absent:1"') in here.events


async def test_a_command_that_is_not_there(rig: Rig) -> None:
    async with node(rig) as here:
        here.put("p", f"terminationGracePeriodSeconds: 0\ncontainers: [{{name: c, image: {HELLO}, command: [/absent]}}]")
        await here.until(lambda: waiting_reason(here, "p") == "RunContainerError")
        assert "/absent" in waiting_message(here, "p")


async def test_a_pod_past_its_deadline_fails(rig: Rig) -> None:
    async with node(rig) as here:
        here.put("p", shell("sleep 100", "activeDeadlineSeconds: 2"))
        await here.until(lambda: here.status("p").phase == "Failed")
        assert here.status("p").reason == "DeadlineExceeded"
        assert here.status("p").message == "Pod was active on the node longer than the specified deadline"


async def test_a_killed_sandbox_is_replaced(rig: Rig) -> None:
    async with node(rig) as here:
        here.put("p", shell("sleep 100"))
        await here.ready("p")
        uid = here.kubelet.pods.all()[0].uid
        observed = await here.kubelet.observer.pod(uid)
        assert observed.sandbox is not None
        await here.kubelet.runtime.stop_sandbox(observed.sandbox.id)
        await here.until(lambda: here.container("p").restartCount >= 1 and here.condition("p", "Ready") == "True")
        assert here.message("SandboxChanged") == "Pod sandbox changed, it will be killed and re-created."


async def test_what_does_not_fit_is_rejected(rig: Rig) -> None:
    async with node(rig) as here:
        here.put("p", f"containers: [{{name: c, image: {HELLO}, resources: {{requests: {{cpu: '1000'}}}}}}]")
        await here.until(lambda: here.status("p").phase == "Failed")
        status = here.status("p")
        # static pods are critical, and nobody can make room for this one
        assert status.reason == "UnexpectedAdmissionError"
        assert "preemption: error finding a set of pods to preempt: no set of running pods found" in status.message
        assert status.containerStatuses == []
