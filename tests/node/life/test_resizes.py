"""Pods that are resized while they run, on a real containerd and the machine's real cgroups."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.node.life.api_pods import HELLO, KubeletProcess, create, field, ready, until
from tests.node.life.api_rig import ApiRig
from tests.node.life.rig import Rig

from sagong.node import cgroup_fs

pytestmark = pytest.mark.e2e


def container(name: str, resources: str, more: str = "") -> str:
    return f"- {{name: {name}, image: '{HELLO}', command: [sh, -c, 'while true; do sleep 1; done'], resources: {{{resources}}}{more}}}"


def pod(*containers: str, more: str = "") -> str:
    return "containers:\n" + "\n".join(containers) + "\n" + more


def resize(api: ApiRig, name: str, check: bool = True, **containers: Mapping[str, Mapping[str, str]]) -> str:  # noqa: FBT001, FBT002 - kubectl's own
    listed = [{"name": container, "resources": resources} for container, resources in containers.items()]
    body: dict[str, Any] = {"spec": {"containers": listed}}
    done = api.kubectl("patch", "pod", name, "--subresource=resize", "-p", json.dumps(body), check=check)
    return done.stderr


def conditions(api: ApiRig, name: str) -> dict[str, Mapping[str, str]]:
    found = json.loads(field(api, name, ".status.conditions") or "[]")
    return {condition["type"]: condition for condition in found}


def settled(api: ApiRig, name: str) -> bool:
    pending = {"PodResizePending", "PodResizeInProgress"} & conditions(api, name).keys()
    return not pending and field(api, name, ".status.observedGeneration") == field(api, name, ".metadata.generation")


def limits(rig: Rig, api: ApiRig, name: str, index: int | None = None) -> tuple[int, int | None, int | None]:
    """Return shares, quota and memory limit of the pod's cgroup, or of a container in it."""
    fs = cgroup_fs.detect()
    uid, kind = field(api, name, ".metadata.uid"), field(api, name, ".status.qosClass")
    path = f"{rig.cgroup_root}/kubepods/{'' if kind == 'Guaranteed' else kind.lower() + '/'}pod{uid}"
    if index is not None:
        path += "/" + field(api, name, f".status.containerStatuses[{index}].containerID").removeprefix("containerd://")
    found = fs.amounts(path)
    return found.cpu_shares, found.cpu_quota, found.memory


MI = 1 << 20


def test_cpu_and_memory_change_without_a_restart(api: ApiRig, kubelet: KubeletProcess, rig: Rig) -> None:
    same = "requests: {cpu: 100m, memory: 32Mi}, limits: {cpu: 100m, memory: 32Mi}"
    create(api, "up", pod(container("a", same), container("b", same)))
    until(lambda: ready(api, "up"))
    assert limits(rig, api, "up") == (204, 20_000, 64 * MI)
    more, less = {"cpu": "300m", "memory": "64Mi"}, {"cpu": "50m", "memory": "24Mi"}
    resize(api, "up", a={"requests": more, "limits": more}, b={"requests": less, "limits": less})
    until(lambda: settled(api, "up"))
    assert limits(rig, api, "up") == (358, 35_000, 88 * MI)
    assert limits(rig, api, "up", 0) == (307, 30_000, 64 * MI)
    assert limits(rig, api, "up", 1) == (51, 5_000, 24 * MI)
    status = json.loads(field(api, "up", ".status"))
    assert [found["restartCount"] for found in status["containerStatuses"]] == [0, 0]
    assert status["containerStatuses"][0]["resources"] == {"requests": more, "limits": more}
    assert status["containerStatuses"][0]["allocatedResources"] == more
    assert status["resources"] == {"requests": {"cpu": "350m", "memory": "88Mi"}, "limits": {"cpu": "350m", "memory": "88Mi"}}
    reasons = api.kubectl("get", "events", "--field-selector=involvedObject.name=up", "-o", "jsonpath={..reason}").stdout.split()
    assert [reason for reason in reasons if reason.startswith("Resize")] == ["ResizeStarted", "ResizeCompleted"]


def test_limits_can_be_added(api: ApiRig, kubelet: KubeletProcess, rig: Rig) -> None:
    create(
        api, "added", pod(container("a", "requests: {cpu: 20m}"), container("b", "requests: {cpu: 20m}, limits: {cpu: 40m, memory: 40Mi}"))
    )
    until(lambda: ready(api, "added"))
    assert limits(rig, api, "added")[1:] == (None, None)
    resize(api, "added", a={"limits": {"cpu": "50m", "memory": "50Mi"}, "requests": {"memory": "30Mi"}})
    until(lambda: settled(api, "added"))
    assert limits(rig, api, "added")[1:] == (9_000, 90 * MI)
    assert limits(rig, api, "added", 0)[1:] == (5_000, 50 * MI)


def test_a_policy_can_ask_for_a_restart(api: ApiRig, kubelet: KubeletProcess, rig: Rig) -> None:
    policy = ", resizePolicy: [{resourceName: memory, restartPolicy: RestartContainer}, {resourceName: cpu, restartPolicy: NotRequired}]"
    same = "requests: {cpu: 100m, memory: 32Mi}, limits: {cpu: 100m, memory: 32Mi}"
    create(api, "again", pod(container("a", same, policy), container("b", same, policy)))
    until(lambda: ready(api, "again"))
    resize(api, "again", a={side: {"cpu": "100m", "memory": "64Mi"} for side in ("requests", "limits")})
    until(lambda: settled(api, "again") and ready(api, "again"))
    resize(api, "again", b={side: {"cpu": "50m", "memory": "32Mi"} for side in ("requests", "limits")})
    until(lambda: settled(api, "again") and ready(api, "again"))
    assert field(api, "again", ".status.containerStatuses[*].restartCount") == "1 0"
    assert (limits(rig, api, "again", 0), limits(rig, api, "again", 1)) == ((102, 10_000, 64 * MI), (51, 5_000, 32 * MI))
    assert limits(rig, api, "again") == (153, 15_000, 96 * MI)
    until(lambda: "Container a resize requires restart" in api.kubectl("get", "events").stdout)


def test_memory_in_use_is_not_taken_away(api: ApiRig, kubelet: KubeletProcess, rig: Rig) -> None:
    hungry = f"- {{name: a, image: '{HELLO}', command: [sh, -c, 'dd if=/dev/zero of=/m/x bs=1M count=40; sleep 1000']"
    size = "resources: {requests: {memory: 80Mi}, limits: {memory: 80Mi}}, volumeMounts: [{name: m, mountPath: /m}]}"
    create(api, "tight", f"volumes: [{{name: m, emptyDir: {{medium: Memory}}}}]\ncontainers:\n{hungry}, {size}\n")
    until(lambda: ready(api, "tight"))
    time.sleep(1)
    resize(api, "tight", a={"requests": {"memory": "20Mi"}, "limits": {"memory": "20Mi"}})
    until(lambda: conditions(api, "tight").get("PodResizeInProgress", {}).get("reason") == "Error")
    assert "cannot decrease memory limits" in conditions(api, "tight")["PodResizeInProgress"]["message"]
    assert field(api, "tight", ".status.containerStatuses[0].resources.limits.memory") == "80Mi"
    assert field(api, "tight", ".status.containerStatuses[0].allocatedResources.memory") == "20Mi"
    assert limits(rig, api, "tight", 0)[2] == 80 * MI
    resize(api, "tight", a={"requests": {"memory": "70Mi"}, "limits": {"memory": "70Mi"}})
    until(lambda: settled(api, "tight"))
    assert limits(rig, api, "tight", 0)[2] == 70 * MI


def test_what_does_not_fit_waits_for_another_pod_to_leave(api: ApiRig, kubelet: KubeletProcess) -> None:
    total = api.kubectl("get", "nodes", "-o", "jsonpath={.items[0].status.allocatable.cpu}").stdout
    milli = int(total.removesuffix("m")) if total.endswith("m") else int(total) * 1000
    create(api, "big", pod(container("a", f"requests: {{cpu: {milli // 2}m}}")))
    create(api, "small", pod(container("a", "requests: {cpu: 100m}")))
    until(lambda: ready(api, "big") and ready(api, "small"))
    resize(api, "small", a={"requests": {"cpu": f"{milli * 3 // 5}m"}})
    until(lambda: conditions(api, "small").get("PodResizePending", {}).get("reason") == "Deferred")
    assert "Node didn't have enough resource: cpu" in conditions(api, "small")["PodResizePending"]["message"]
    assert field(api, "small", ".status.containerStatuses[0].allocatedResources.cpu") == "100m"
    kubelet.stop(signal.SIGKILL)
    kubelet.start()
    time.sleep(1)
    assert field(api, "small", ".status.containerStatuses[0].allocatedResources.cpu") == "100m"
    api.kubectl("delete", "pod", "big", "--timeout=15s")
    until(lambda: settled(api, "small"), 40)
    assert field(api, "small", ".status.containerStatuses[0].allocatedResources.cpu") == f"{milli * 3 // 5}m"


def test_a_resize_asked_for_while_the_kubelet_was_away_is_carried_out(api: ApiRig, kubelet: KubeletProcess, rig: Rig) -> None:
    create(api, "meanwhile", pod(container("a", "requests: {cpu: 100m, memory: 20Mi}, limits: {cpu: 200m, memory: 40Mi}")))
    until(lambda: ready(api, "meanwhile"))
    run = field(api, "meanwhile", ".status.containerStatuses[0].containerID")
    kubelet.stop(signal.SIGKILL)
    resize(api, "meanwhile", a={"requests": {"cpu": "50m", "memory": "20Mi"}, "limits": {"cpu": "100m", "memory": "60Mi"}})
    kubelet.start()
    until(lambda: settled(api, "meanwhile"), 40)
    assert limits(rig, api, "meanwhile", 0) == (51, 10_000, 60 * MI)
    assert limits(rig, api, "meanwhile") == (51, 10_000, 60 * MI)
    assert field(api, "meanwhile", ".status.containerStatuses[0].containerID") == run


def test_a_pods_own_resources_change_too(api: ApiRig, kubelet: KubeletProcess, rig: Rig) -> None:
    own = "resources: {requests: {cpu: 100m, memory: 40Mi}, limits: {cpu: 200m, memory: 80Mi}}\n"
    create(api, "whole", pod(container("a", ""), container("b", "requests: {cpu: 10m}"), more=own))
    until(lambda: ready(api, "whole"))
    assert limits(rig, api, "whole") == (102, 20_000, 80 * MI)
    body = {"spec": {"resources": {"requests": {"cpu": "150m", "memory": "40Mi"}, "limits": {"cpu": "300m", "memory": "100Mi"}}}}
    api.kubectl("patch", "pod", "whole", "--subresource=resize", "-p", json.dumps(body))
    until(lambda: settled(api, "whole"))
    assert limits(rig, api, "whole") == (153, 30_000, 100 * MI)
    assert limits(rig, api, "whole", 0)[1:] == (30_000, 100 * MI)
    status = json.loads(field(api, "whole", ".status"))
    assert (status["resources"], status["allocatedResources"]) == (body["spec"]["resources"], body["spec"]["resources"]["requests"])


def test_the_record_goes_with_the_pod(api: ApiRig, kubelet: KubeletProcess, rig: Rig) -> None:
    create(api, "recorded", pod(container("a", "requests: {cpu: 10m}")))
    until(lambda: ready(api, "recorded"))
    folder = Path(rig.base, "kubelet/pods", field(api, "recorded", ".metadata.uid"))
    assert (folder / "resources.json").exists()
    api.kubectl("delete", "pod", "recorded", "--timeout=15s")
    until(lambda: not folder.exists())
