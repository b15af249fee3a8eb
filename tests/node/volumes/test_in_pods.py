"""Volumes, environment, security and limits as processes in real containers see them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
from tests.node.life.api_rig import ApiRig
from tests.node.server.processes import create_pod, served_node, wait

pytestmark = pytest.mark.e2e

IMAGE = "image: sagong.local/hello:1.0"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {color: blue, file: 'one'}"
ROOT_CA = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kube-root-ca.crt}\ndata: {ca.crt: PEM}"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {user: ann, password: hunter2}"


@pytest.fixture(scope="module")
def api() -> Iterator[ApiRig]:
    with served_node(syncFrequency="2s") as found:
        for manifest in (CONFIG, SECRET, ROOT_CA):
            found.kubectl("create", "--validate=false", "-f", "-", stdin=manifest)
        yield found


def run(api: ApiRig, name: str, spec: str, metadata: str = "") -> None:
    create_pod(api, name, spec, metadata)
    done = api.kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=30s", check=False)
    assert done.returncode == 0, api.kubectl("describe", "pod", name).stdout


def shell(api: ApiRig, name: str, script: str) -> str:
    return api.kubectl("exec", name, "--", "sh", "-c", script, check=False).stdout


def test_volumes_of_every_kind(api: ApiRig) -> None:
    run(
        api,
        "volumes",
        f"""
securityContext: {{fsGroup: 4242}}
volumes:
- {{name: config, configMap: {{name: settings}}}}
- {{name: secret, secret: {{secretName: login, defaultMode: 288}}}}
- {{name: disk, emptyDir: {{}}}}
- {{name: memory, emptyDir: {{medium: Memory, sizeLimit: 2Mi}}}}
- {{name: host, hostPath: {{path: /etc/hostname, type: File}}}}
- name: about
  downwardAPI:
    items:
    - {{path: labels, fieldRef: {{fieldPath: metadata.labels}}}}
    - {{path: cpu, resourceFieldRef: {{containerName: c, resource: limits.cpu, divisor: 1m}}}}
containers:
- name: c
  {IMAGE}
  command: [sleep, "1000"]
  resources: {{limits: {{cpu: 250m}}}}
  volumeMounts:
  - {{name: config, mountPath: /config}}
  - {{name: config, mountPath: /one/color, subPath: color}}
  - {{name: secret, mountPath: /secret}}
  - {{name: disk, mountPath: /disk}}
  - {{name: disk, mountPath: /part, subPathExpr: parts/$(NAME)}}
  - {{name: memory, mountPath: /memory}}
  - {{name: host, mountPath: /node-name, readOnly: true}}
  - {{name: about, mountPath: /about}}
  env: [{{name: NAME, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}]
""",
        ", labels: {app: web}",
    )
    assert shell(api, "volumes", "cat /config/color /config/file /one/color /secret/password") == "blueoneblue" + "hunter2"
    assert shell(api, "volumes", "stat -L -c '%a %g' /secret/password /disk") == "440 4242\n2777 4242\n"
    assert shell(api, "volumes", "cat /about/labels; echo; cat /about/cpu") == 'app="web"\n250'
    assert shell(api, "volumes", "touch /config/x 2>&1; touch /node-name 2>&1").count("Read-only file system") == 2
    assert shell(api, "volumes", "echo hi > /part/file; cat /disk/parts/volumes/file") == "hi\n"
    assert shell(api, "volumes", "df -k /memory | tail -1 | awk '{print $2}'; grep -c ' /secret tmpfs' /proc/mounts") == "2048\n1\n"
    # ServiceAccount admission has added the token
    token = shell(api, "volumes", "cat /var/run/secrets/kubernetes.io/serviceaccount/token")
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["kubernetes.io"]["pod"]["name"] == "volumes"
    assert shell(api, "volumes", "cd /var/run/secrets/kubernetes.io/serviceaccount; cat namespace ca.crt") == "defaultPEM"

    api.kubectl("patch", "configmap", "settings", "--type=merge", "-p", '{"data": {"color": "green", "new": "!"}}')
    api.kubectl("label", "pod", "volumes", "tier=front")
    wait(lambda: shell(api, "volumes", "cat /config/color /config/new") == "green!", 40)
    wait(lambda: shell(api, "volumes", "cat /about/labels") == 'app="web"\ntier="front"', 40)
    assert shell(api, "volumes", "cat /one/color") == "blue", "a subPath is pinned"


def test_environment_names_and_files_of_its_own(api: ApiRig) -> None:
    run(
        api,
        "named",
        f"""
hostname: boat
subdomain: fleet
hostAliases: [{{ip: 1.2.3.4, hostnames: [far]}}]
dnsPolicy: None
dnsConfig: {{nameservers: [9.9.9.9], searches: [a.example], options: [{{name: ndots, value: "2"}}]}}
containers:
- name: c
  {IMAGE}
  command: [sh, -c, "echo $(GREETING); sleep 1000"]
  envFrom: [{{prefix: S_, secretRef: {{name: login}}}}]
  env:
  - {{name: GREETING, value: "hello $(S_user)"}}
  - {{name: IP, valueFrom: {{fieldRef: {{fieldPath: status.podIP}}}}}}
""",
    )
    assert api.kubectl("logs", "named").stdout == "hello ann\n"
    address = shell(api, "named", "echo $IP").strip()
    assert shell(api, "named", "hostname; cat /etc/resolv.conf") == "boat\nsearch a.example\nnameserver 9.9.9.9\noptions ndots:2\n"
    hosts = shell(api, "named", "cat /etc/hosts")
    assert f"{address}\tboat.fleet.default.svc.cluster.local\tboat\n" in hosts
    assert hosts.endswith("1.2.3.4\tfar\n")
    assert "KUBERNETES_SERVICE_HOST=" in shell(api, "named", "env")


def test_a_confined_container(api: ApiRig) -> None:
    run(
        api,
        "confined",
        f"""
securityContext: {{runAsUser: 1234, runAsGroup: 5, supplementalGroups: [77], seccompProfile: {{type: RuntimeDefault}}}}
shareProcessNamespace: true
containers:
- name: c
  {IMAGE}
  command: [sleep, "1000"]
  resources: {{requests: {{cpu: 100m, memory: 32Mi}}, limits: {{cpu: 500m, memory: 64Mi}}}}
  securityContext: {{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {{drop: [ALL]}}}}
""",
    )
    assert shell(api, "confined", "id -u; id -g; id -G") == "1234\n5\n5 77\n"
    status = dict(line.split(":", 1) for line in shell(api, "confined", "cat /proc/self/status").splitlines() if ":" in line)
    assert (status["NoNewPrivs"].strip(), status["Seccomp"].strip(), status["CapBnd"].strip()) == ("1", "2", "0" * 16)
    assert "Read-only file system" in shell(api, "confined", "touch /x 2>&1")
    assert "pause" in shell(api, "confined", "cat /proc/1/cmdline") or "catatonit" in shell(api, "confined", "cat /proc/1/cmdline")
    limit = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null"
    assert shell(api, "confined", limit) == f"{64 << 20}\n"
    assert api.kubectl("get", "pod", "confined", "-o", "jsonpath={.status.qosClass}").stdout == "Burstable"


def test_a_container_that_takes_too_much_memory_is_killed_for_it(api: ApiRig) -> None:
    create_pod(
        api,
        "greedy",
        f"""
restartPolicy: Never
containers:
- name: c
  {IMAGE}
  command: [sh, -c, "x=$(dd if=/dev/zero bs=1M count=200 2>/dev/null | tr '\\\\0' x); echo $x | wc -c"]
  resources: {{limits: {{memory: 32Mi}}}}
""",
    )
    ended = "jsonpath={.status.containerStatuses[0].state.terminated.reason} {.status.containerStatuses[0].state.terminated.exitCode}"
    wait(lambda: api.kubectl("get", "pod", "greedy", "-o", ended).stdout == "OOMKilled 137", 30)


@pytest.mark.parametrize(
    ("name", "spec", "reason", "message"),
    [
        (
            "no-key",
            "env: [{name: A, valueFrom: {secretKeyRef: {name: login, key: nope}}}]",
            "CreateContainerConfigError",
            "couldn't find key nope in Secret default/login",
        ),
        ("no-map", "envFrom: [{configMapRef: {name: nope}}]", "CreateContainerConfigError", 'configmap "nope" not found'),
        (
            "root",
            "securityContext: {runAsNonRoot: true}",
            "CreateContainerConfigError",
            "container has runAsNonRoot and image will run as root",
        ),
    ],
)
def test_what_cannot_be_configured_says_why(api: ApiRig, name: str, spec: str, reason: str, message: str) -> None:
    create_pod(api, name, f"containers:\n- name: c\n  {IMAGE}\n  {spec}")
    path = "jsonpath={.status.containerStatuses[0].state.waiting.reason}: {.status.containerStatuses[0].state.waiting.message}"
    wait(lambda: api.kubectl("get", "pod", name, "-o", path).stdout.startswith(f"{reason}: {message}"), 15)


def test_a_volume_that_cannot_be_set_up_is_an_event(api: ApiRig) -> None:
    create_pod(api, "unmounted", f"volumes: [{{name: v, secret: {{secretName: nope}}}}]\ncontainers: [{{name: c, {IMAGE}}}]")
    wanted = 'MountVolume.SetUp failed for volume "v" : secret "nope" not found'
    wait(lambda: wanted in api.kubectl("get", "events", "-o", "jsonpath={range .items[*]}{.message}{'\\n'}{end}").stdout, 15)
