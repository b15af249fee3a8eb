"""CRI configurations from pods: QoS, resources, security, ports."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.node.builders import HandClock, MemoryApi, pod

from sagong.api.pods import qos_class
from sagong.api.types.core import Pod
from sagong.node import qos
from sagong.node.cgroup_fs import Traits
from sagong.node.container_config import ContainerBuilder, container_resources
from sagong.node.cri import api_pb2 as cri
from sagong.node.dns_config import ClusterDns
from sagong.node.downward import Facts
from sagong.node.env import EnvBuilder
from sagong.node.ports import ContainerConfigError
from sagong.node.sandbox_config import SandboxBuilder
from sagong.node.sysctls import admit_sysctls
from sagong.node.volumes.layout import NodeFiles
from sagong.node.volumes.sources import ObjectCache

GIB = 1 << 30


def container(wanted: Pod, folder: Path, image: cri.Image | None = None) -> cri.ContainerConfig:
    clock = HandClock()
    builder = ContainerBuilder(
        files=NodeFiles(folder),
        environment=EnvBuilder(ObjectCache(MemoryApi(clock), clock)),
        services=list,
        mounted=lambda _uid: {},
        memory_capacity=4 * GIB,
    )
    facts = Facts(pod_ips=["10.244.0.5"])
    image = image or cri.Image(id="sha256:1")
    return asyncio.run(builder.container(wanted, wanted.spec.containers[0], image, facts, attempt=2, target_id=""))


@pytest.mark.parametrize(
    ("resources", "kind"),
    [
        ("{}", "BestEffort"),
        ("{requests: {cpu: '0'}}", "BestEffort"),
        ("{requests: {cpu: 100m}}", "Burstable"),
        ("{limits: {cpu: '1', memory: 1Gi}, requests: {cpu: '1', memory: 1Gi}}", "Guaranteed"),
        ("{limits: {cpu: '1', memory: 1Gi}, requests: {cpu: 500m}}", "Burstable"),
        ("{limits: {cpu: '1'}}", "Burstable"),
    ],
)
def test_qos_class(resources: str, kind: str) -> None:
    assert qos_class(pod(f"containers: [{{name: c, resources: {resources}}}]")) == kind


def test_the_pods_cgroup_has_limits_only_when_all_containers_do() -> None:
    limited = "{name: a, resources: {limits: {cpu: 500m, memory: 64Mi}, requests: {cpu: 250m}}}"
    whole = qos.pod_amounts(pod(f"containers: [{limited}]"))
    assert (whole.cpu_shares, whole.cpu_quota, whole.memory) == (256, 50_000, 64 << 20)
    part = qos.pod_amounts(pod(f"containers: [{limited}, {{name: b}}]"))
    assert (part.cpu_shares, part.cpu_quota, part.memory) == (256, None, None)


def test_oom_scores_by_class() -> None:
    def score(text: str) -> int:
        wanted = pod(text)
        return qos.oom_score_adj(wanted, wanted.spec.containers[0], 4 * GIB)

    assert score("containers: [{name: c}]") == 1000
    assert score("containers: [{name: c, resources: {limits: {cpu: '1', memory: 1Gi}, requests: {cpu: '1', memory: 1Gi}}}]") == -997
    assert score("containers: [{name: c, resources: {requests: {memory: 1Gi}}}]") == 750
    assert score("containers: [{name: c, resources: {requests: {memory: 1Mi}}}]") == 999
    assert score("{priority: 2000001000, containers: [{name: c}]}") == -997


def test_a_container_in_full(tmp_path: Path) -> None:
    wanted = pod("""
        securityContext: {runAsUser: 1000, fsGroup: 2000, supplementalGroups: [3000], seccompProfile: {type: RuntimeDefault}}
        containers:
        - name: c
          image: web:1
          command: [sh, -c, "echo $(WHO) $$(WHO)"]
          workingDir: /work
          tty: true
          stdin: true
          env: [{name: WHO, value: me}]
          resources: {requests: {cpu: 250m, memory: 64Mi}, limits: {cpu: 500m, memory: 128Mi}}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            runAsGroup: 7
            capabilities: {add: [NET_ADMIN], drop: [ALL]}
          lifecycle: {stopSignal: SIGUSR1}
    """)
    found = container(wanted, tmp_path)
    assert (found.image.image, found.image.user_specified_image) == ("sha256:1", "web:1")
    assert list(found.command) == ["sh", "-c", "echo me $(WHO)"]
    assert {env.key: env.value for env in found.envs} == {"WHO": b"me"}
    assert (found.tty, found.stdin, found.working_dir, found.stop_signal) == (True, True, "/work", 29)
    assert {mount.container_path for mount in found.mounts} == {"/etc/hosts", "/dev/termination-log"}
    assert Path(found.mounts[1].host_path) == tmp_path / "pods/u1/containers/c/2"
    resources, security = found.linux.resources, found.linux.security_context
    assert (resources.cpu_shares, resources.cpu_quota, resources.cpu_period) == (256, 50_000, 100_000)
    assert resources.memory_limit_in_bytes == 128 << 20
    assert (security.run_as_user.value, security.run_as_group.value) == (1000, 7)
    assert list(security.supplemental_groups) == [2000, 3000]
    assert (security.no_new_privs, security.readonly_rootfs, security.privileged) == (True, True, False)
    assert list(security.capabilities.add_capabilities) == ["NET_ADMIN"]
    assert security.seccomp.profile_type == cri.SecurityProfile.RuntimeDefault
    assert "/proc/kcore" in security.masked_paths
    assert security.namespace_options.pid == cri.CONTAINER


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (cri.Image(uid=cri.Int64Value(value=0)), "container has runAsNonRoot and image will run as root"),
        (cri.Image(), "container has runAsNonRoot and image will run as root"),
        (cri.Image(username="web"), "container has runAsNonRoot and image has non-numeric user (web), cannot verify user is non-root"),
    ],
)
def test_run_as_non_root_checks_the_images_user(tmp_path: Path, image: cri.Image, message: str) -> None:
    wanted = pod("{securityContext: {runAsNonRoot: true}}")
    with pytest.raises(ContainerConfigError) as caught:
        container(wanted, tmp_path, image)
    assert str(caught.value) == f'{message} (pod: "p_ns(u1)", container: c)'


def test_a_sandbox_in_full(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 1.1.1.1\n")
    builder = SandboxBuilder(
        lambda pod: f"/kubepods/pod{pod.metadata.uid}", ClusterDns(["10.96.0.10"], "cluster.local", tmp_path / "resolv.conf")
    )
    wanted = pod("""
        hostname: web
        shareProcessNamespace: true
        securityContext: {sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: '0'}]}
        containers: [{name: c, ports: [{containerPort: 80, hostPort: 8080, protocol: TCP}, {containerPort: 81}]}]
    """)
    found = builder.sandbox(wanted)
    assert (found.hostname, found.linux.cgroup_parent) == ("web", "/kubepods/podu1")
    assert [(port.host_port, port.container_port) for port in found.port_mappings] == [(8080, 80)]
    assert dict(found.linux.sysctls) == {"net.ipv4.ip_unprivileged_port_start": "0"}
    assert found.linux.security_context.namespace_options.pid == cri.POD
    on_host = builder.sandbox(pod("{hostNetwork: true, hostPID: true}"))
    assert (on_host.hostname, on_host.linux.security_context.namespace_options.network) == ("", cri.NODE)
    assert on_host.linux.security_context.namespace_options.pid == cri.NODE


def test_an_unknown_runtime_class_is_an_error() -> None:
    with pytest.raises(ContainerConfigError, match='no runtime for "gvisor" is configured'):
        SandboxBuilder(lambda _pod: "/").runtime_handler(pod("runtimeClassName: gvisor"))


def test_user_namespaces_are_refused_while_no_runtime_has_them() -> None:
    with pytest.raises(ContainerConfigError, match="does not support user namespaces"):
        SandboxBuilder(lambda _pod: "/").sandbox(pod("hostUsers: false"))


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("net.ipv4.tcp_syncookies", "", None),
        ("net/ipv4/tcp_syncookies", "", None),
        ("kernel.msgmax", "", 'forbidden sysctl: "kernel.msgmax" not allowlisted'),
        ("net.core.somaxconn", "", None),
        ("net.ipv4.tcp_syncookies", "hostNetwork: true, ", 'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled'),
    ],
)
def test_only_safe_sysctls_are_let_in(name: str, more: str, message: str | None) -> None:
    wanted = pod(f"{{{more}securityContext: {{sysctls: [{{name: {name}, value: '1'}}]}}}}")
    found = admit_sysctls(wanted, ["net.core.*"])
    assert (found.message if found else None) == message


def test_containers_get_no_swap_and_die_whole_where_the_kernel_can() -> None:
    wanted = pod("containers: [{name: c, resources: {limits: {memory: 64Mi}}}]")
    plain = container_resources(wanted, wanted.spec.containers[0], 4 * GIB, Traits())
    assert (plain.memory_swap_limit_in_bytes, dict(plain.unified)) == (0, {})
    able = container_resources(wanted, wanted.spec.containers[0], 4 * GIB, Traits(swap=True, group_oom=True))
    assert (able.memory_swap_limit_in_bytes, dict(able.unified)) == (64 << 20, {"memory.oom.group": "1"})
