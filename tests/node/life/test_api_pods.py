"""The kubelet with a real API server, seen through kubectl: our own API server, kubelet and containerd as processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.node.life.api_pods import HELLO, KubeletProcess, create, field, ready, until
from tests.node.life.api_rig import ApiRig
from tests.node.life.rig import NODE, Rig

pytestmark = pytest.mark.e2e


def test_a_pod_runs_and_is_described_and_deleted(api: ApiRig, kubelet: KubeletProcess) -> None:
    create(api, "plain")
    until(lambda: ready(api, "plain"), 5)
    shown = " ".join(api.kubectl("describe", "pod", "plain").stdout.split())
    for text in ("Status: Running", "Normal Pulled", "Normal Created", "Normal Started", "Container started"):
        assert text in shown
    assert field(api, "plain", ".status.observedGeneration") == "1"
    api.kubectl("delete", "pod", "plain", "--timeout=15s")
    assert "NotFound" in api.kubectl("get", "pod", "plain", check=False).stderr


def test_a_killed_container_shows_its_restart(api: ApiRig, kubelet: KubeletProcess, rig: Rig) -> None:
    create(api, "killed")
    until(lambda: ready(api, "killed"))
    run = field(api, "killed", ".status.containerStatuses[0].containerID").removeprefix("containerd://")
    tasks = subprocess.run(rig.ctr("tasks", "ls"), capture_output=True, text=True, check=True).stdout.splitlines()
    os.kill(next(int(line.split()[1]) for line in tasks if line.startswith(run)), 9)
    until(lambda: field(api, "killed", ".status.containerStatuses[0].restartCount") == "1" and ready(api, "killed"), 3)
    assert field(api, "killed", ".status.containerStatuses[0].lastState.terminated.exitCode") == "137"


def test_a_finished_pod_stays_until_it_is_deleted(api: ApiRig, kubelet: KubeletProcess) -> None:
    create(api, "job", f"restartPolicy: Never\ncontainers: [{{name: c, image: '{HELLO}', command: [sh, -c, 'echo done']}}]")
    until(lambda: field(api, "job", ".status.phase") == "Succeeded")
    assert api.kubectl("get", "pod", "job", "--no-headers").stdout.split()[2] == "Completed"
    api.kubectl("delete", "pod", "job", "--timeout=15s")


def test_a_static_pod_has_a_mirror_that_comes_back_and_goes_with_it(api: ApiRig, kubelet: KubeletProcess, rig: Rig) -> None:
    text = "apiVersion: v1\nkind: Pod\nmetadata: {name: st, namespace: default}\nspec:\n  terminationGracePeriodSeconds: 0\n"
    file = Path(rig.manifests, "st.yaml")
    file.write_text(text + f"  containers: [{{name: c, image: '{HELLO}'}}]\n")
    name = f"st-{NODE}"
    until(lambda: ready(api, name))
    assert field(api, name, ".metadata.annotations.kubernetes\\.io/config\\.source") == "file"
    assert field(api, name, ".metadata.ownerReferences[0].kind") == "Node"
    uid, run = field(api, name, ".metadata.uid"), field(api, name, ".status.containerStatuses[0].containerID")
    api.kubectl("delete", "pod", name, "--grace-period=0", "--force")
    until(lambda: field(api, name, ".metadata.uid") not in ("", uid) and ready(api, name))
    assert field(api, name, ".status.containerStatuses[0].containerID") == run
    file.unlink()
    until(lambda: "NotFound" in api.kubectl("get", "pod", name, check=False).stderr)


def test_an_ephemeral_container_joins_a_running_pod(api: ApiRig, kubelet: KubeletProcess) -> None:
    create(api, "debugged")
    until(lambda: ready(api, "debugged"))
    patch = f'{{"spec":{{"ephemeralContainers":[{{"name":"dbg","image":"{HELLO}","command":["sleep","100"],"targetContainerName":"c"}}]}}}}'
    api.kubectl("patch", "pod", "debugged", "--subresource=ephemeralcontainers", "-p", patch)
    until(lambda: "startedAt" in field(api, "debugged", ".status.ephemeralContainerStatuses[0].state.running"))


def test_a_kubelet_killed_and_started_again_restarts_nothing_and_ends_what_was_deleted(api: ApiRig, kubelet: KubeletProcess) -> None:
    create(api, "stays")
    create(api, "leaves")
    until(lambda: ready(api, "stays") and ready(api, "leaves"))
    before = field(api, "stays", ".status.containerStatuses[0]")
    kubelet.stop(signal.SIGKILL)
    api.kubectl("delete", "pod", "leaves", "--wait=false")
    kubelet.start()
    until(lambda: "NotFound" in api.kubectl("get", "pod", "leaves", check=False).stderr)
    assert field(api, "stays", ".status.containerStatuses[0]") == before
    assert ready(api, "stays")


def test_a_containerd_killed_and_started_again_restarts_nothing(api: ApiRig, kubelet: KubeletProcess, rig: Rig) -> None:
    create(api, "survivor")
    until(lambda: ready(api, "survivor"))
    before = field(api, "survivor", ".status.containerStatuses[0]")
    assert rig.process is not None
    rig.process.kill()
    rig.process.wait()
    rig.start_containerd()
    create(api, "later")
    until(lambda: ready(api, "later"))
    assert field(api, "survivor", ".status.containerStatuses[0]") == before


def test_an_api_that_is_away_stops_no_pod_and_learns_what_happened(api: ApiRig, kubelet: KubeletProcess, rig: Rig) -> None:
    create(api, "lonely")
    until(lambda: ready(api, "lonely"))
    api.kill()
    run = next(line.split() for line in _tasks(rig) if line.split()[0] in _containers_of(rig, "lonely"))
    os.kill(int(run[1]), 9)
    time.sleep(1.5)
    api.start()
    until(lambda: field(api, "lonely", ".status.containerStatuses[0].restartCount") == "1" and ready(api, "lonely"))


def _tasks(rig: Rig) -> list[str]:
    return subprocess.run(rig.ctr("tasks", "ls"), capture_output=True, text=True, check=True).stdout.splitlines()[1:]


def _containers_of(rig: Rig, pod: str) -> set[str]:
    selector = f'labels."io.kubernetes.pod.name"=={pod},labels."io.cri-containerd.kind"==container'
    return set(subprocess.run(rig.ctr("containers", "ls", "-q", selector), capture_output=True, text=True, check=True).stdout.split())


def test_a_new_image_restarts_only_its_container(api: ApiRig, kubelet: KubeletProcess) -> None:
    two = f"containers: [{{name: c, image: '{HELLO}'}}, {{name: d, image: '{HELLO}', command: [sleep, '1000']}}]"
    create(api, "changing", two)
    until(lambda: ready(api, "changing"))
    untouched = field(api, "changing", ".status.containerStatuses[0].containerID")
    patch = '{"spec": {"containers": [{"name": "d", "image": "sagong.local/hello"}]}}'
    api.kubectl("patch", "pod", "changing", "-p", patch)
    failed = ("ErrImagePull", "ImagePullBackOff")  # the one soon becomes the other
    until(lambda: field(api, "changing", ".status.containerStatuses[1].state.waiting.reason") in failed)
    assert field(api, "changing", ".status.containerStatuses[0].containerID") == untouched
    until(lambda: "Container d definition changed, will be restarted" in api.kubectl("get", "events").stdout)


def test_a_secret_that_comes_late_lets_the_pod_start(api: ApiRig, kubelet: KubeletProcess) -> None:
    mounted = f"containers: [{{name: c, image: '{HELLO}', volumeMounts: [{{name: v, mountPath: /v}}]}}]"
    create(api, "late", "volumes: [{name: v, secret: {secretName: later}}]\n" + mounted)
    until(lambda: 'MountVolume.SetUp failed for volume "v" : secret "later" not found' in api.kubectl("get", "events").stdout)
    assert field(api, "late", ".status.containerStatuses[0].state.waiting.reason") == "ContainerCreating"
    assert field(api, "late", ".status.conditions[?(@.type=='PodReadyToStartContainers')].status") == "False"
    secret = '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "later"}, "stringData": {"a": "b"}}'
    api.kubectl("create", "--validate=false", "-f", "-", stdin=secret)
    until(lambda: ready(api, "late"))


def test_a_missing_key_is_a_config_error(api: ApiRig, kubelet: KubeletProcess) -> None:
    env = "env: [{name: A, valueFrom: {configMapKeyRef: {name: none, key: a}}}]"
    create(api, "keyless", f"containers: [{{name: c, image: '{HELLO}', {env}}}]")
    until(lambda: field(api, "keyless", ".status.containerStatuses[0].state.waiting.reason") == "CreateContainerConfigError")
    assert field(api, "keyless", ".status.containerStatuses[0].state.waiting.message") == 'configmap "none" not found'
    until(lambda: 'Error: configmap "none" not found' in api.kubectl("get", "events").stdout)


STUBBORN = f"containers: [{{name: c, image: '{HELLO}', command: [sh, -c, 'trap : TERM; while true; do sleep 0.1; done']}}]"


def test_a_shorter_grace_period_ends_a_pod_sooner(api: ApiRig, kubelet: KubeletProcess) -> None:
    create(api, "stubborn", STUBBORN)
    until(lambda: ready(api, "stubborn"))
    api.kubectl("delete", "pod", "stubborn", "--grace-period=60", "--wait=false")
    time.sleep(1)
    assert field(api, "stubborn", ".status.phase") == "Running"
    assert api.kubectl("get", "pod", "stubborn", "--no-headers").stdout.split()[2] == "Terminating"
    api.kubectl("delete", "pod", "stubborn", "--grace-period=1", "--wait=false")
    assert until(lambda: "NotFound" in api.kubectl("get", "pod", "stubborn", check=False).stderr) < 8


def test_a_pod_deleted_while_it_starts_leaves_nothing(api: ApiRig, kubelet: KubeletProcess, rig: Rig) -> None:
    before = set(rig.containers())
    create(api, "hasty")
    time.sleep(0.15)
    api.kubectl("delete", "pod", "hasty", "--timeout=15s")
    until(lambda: set(rig.containers()) <= before, 40)


def test_after_a_reboot_everything_returns(api: ApiRig, kubelet: KubeletProcess, rig: Rig) -> None:
    create(api, "rebooted")
    until(lambda: ready(api, "rebooted"))
    kubelet.stop(signal.SIGKILL)
    rig.power_off()
    rig.start_containerd()
    kubelet.start()
    # the pods of all tests before this one come back at once
    until(lambda: field(api, "rebooted", ".status.containerStatuses[0].restartCount") == "1" and ready(api, "rebooted"), 60)
    last = field(api, "rebooted", ".status.containerStatuses[0].lastState.terminated.exitCode")
    assert last not in ("", "0")


def test_a_changed_label_is_soon_in_the_pods_volume(api: ApiRig, kubelet: KubeletProcess) -> None:
    item = "{path: labels, fieldRef: {fieldPath: metadata.labels}}"
    script = "while true; do cat /v/labels > /dev/termination-log; grep -q second /v/labels && exit 0; sleep 0.2; done"
    container = f"- {{name: c, image: '{HELLO}', command: [sh, -c, '{script}'], volumeMounts: [{{name: v, mountPath: /v}}]}}"
    create(api, "told", f"restartPolicy: Never\nvolumes: [{{name: v, downwardAPI: {{items: [{item}]}}}}]\ncontainers:\n{container}")
    until(lambda: ready(api, "told"))
    api.kubectl("label", "pod", "told", "which=second")
    assert until(lambda: field(api, "told", ".status.phase") == "Succeeded") < 8


def test_a_pod_that_is_not_let_in_has_its_generation_observed(api: ApiRig, kubelet: KubeletProcess) -> None:
    create(api, "huge", f"containers: [{{name: c, image: '{HELLO}', resources: {{requests: {{cpu: '9999'}}}}}}]")
    until(lambda: field(api, "huge", ".status.reason") == "OutOfcpu")
    assert field(api, "huge", ".status.observedGeneration") == "1"
    text = "Pod was rejected: Node didn't have enough resource: cpu, requested: 9999000, used: "
    assert field(api, "huge", ".status.message").startswith(text)
    assert field(api, "huge", ".status.containerStatuses") == ""
