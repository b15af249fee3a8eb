"""Ranges of ids for pods with users of their own, and what the runtime is told of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.node.builders import HandClock, MemoryApi, pod

from sagong.node.container_config import ContainerBuilder
from sagong.node.cri import api_pb2 as cri
from sagong.node.downward import Facts
from sagong.node.env import EnvBuilder
from sagong.node.ports import ContainerConfigError
from sagong.node.sandbox_config import SandboxBuilder
from sagong.node.user_namespaces import UserNamespaces
from sagong.node.volumes.layout import Mounted, NodeFiles
from sagong.node.volumes.sources import ObjectCache
from sagong.node.volumes.untrusted import remove_tree

OWN = "hostUsers: false\ncontainers: [{name: c, volumeMounts: [{name: v, mountPath: /v}]}]"
RANGE = cri.IDMapping(host_id=65536, container_id=0, length=65536)


def test_each_pod_has_a_range_of_its_own_until_its_directory_is_gone(tmp_path: Path) -> None:
    files = NodeFiles(tmp_path)
    first = UserNamespaces(files)
    assert [first.mapping(uid).host_id for uid in ("a", "b", "a")] == [65536, 131072, 65536]
    assert (tmp_path / "pods/a/userns").read_text() == (
        '{"uidMappings":[{"hostId":65536,"containerId":0,"length":65536}],"gidMappings":[{"hostId":65536,"containerId":0,"length":65536}]}'
    )
    second = UserNamespaces(files)
    assert [second.mapping(uid).host_id for uid in ("c", "b")] == [196608, 131072]
    remove_tree(tmp_path / "pods/a")
    assert second.mapping("d").host_id == 65536


def test_no_range_is_given_while_one_cannot_be_read(tmp_path: Path) -> None:
    users = UserNamespaces(NodeFiles(tmp_path))
    users.mapping("a")
    (tmp_path / "pods/a/userns").write_text("{torn")
    with pytest.raises(OSError, match="the user namespace of pod a cannot be read"):
        UserNamespaces(NodeFiles(tmp_path)).mapping("b")


async def test_the_runtime_is_told_of_ids_in_sandbox_container_and_mounts(tmp_path: Path) -> None:
    of = pod(OWN)
    sandbox = SandboxBuilder(lambda _: "/x", users=lambda _: RANGE).sandbox(of)
    objects = ObjectCache(MemoryApi(HandClock()), HandClock())
    builder = ContainerBuilder(
        files=NodeFiles(tmp_path),
        environment=EnvBuilder(objects),
        services=tuple,
        mounted=lambda _: {"v": Mounted(tmp_path)},
        memory_capacity=1 << 30,
        users=lambda _: RANGE,
    )
    config = await builder.container(of, of.spec.containers[0], cri.Image(id="i"), Facts(pod_ips=("10.0.0.1",)), attempt=0, target_id="")
    for options in (sandbox.linux.security_context.namespace_options, config.linux.security_context.namespace_options):
        assert (options.userns_options.mode, list(options.userns_options.uids), list(options.userns_options.gids)) == (
            cri.POD,
            [RANGE],
            [RANGE],
        )
    assert len(config.mounts) == 3
    assert all((list(mount.uidMappings), list(mount.gidMappings)) == ([RANGE], [RANGE]) for mount in config.mounts)


def test_others_share_the_nodes_users_and_what_cannot_be_is_refused() -> None:
    plain = SandboxBuilder(lambda _: "/x").sandbox(pod("containers: [{name: c}]"))
    assert not plain.linux.security_context.namespace_options.HasField("userns_options")
    with pytest.raises(ContainerConfigError, match="runtime does not support user namespaces"):
        SandboxBuilder(lambda _: "/x").sandbox(pod(OWN))
