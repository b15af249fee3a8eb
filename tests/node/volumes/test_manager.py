"""Volumes of a pod on a real file system; the tests of tmpfs and bind mounts need root."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest
from tests.node.builders import FixedRandom, HandClock, MemoryApi, pod

from sagong.api.types.core import ConfigMap, LocalVolumeSource, ObjectReference, PersistentVolume, PersistentVolumeClaim, Pod, Secret
from sagong.api.types.meta import ObjectMeta
from sagong.node.cri import api_pb2 as cri
from sagong.node.volumes import image, mounting
from sagong.node.volumes.container_mounts import ContainerMounts
from sagong.node.volumes.empty_dir import memory_size
from sagong.node.volumes.errors import MountError, VolumeError
from sagong.node.volumes.layout import Mounted, NodeFiles
from sagong.node.volumes.manager import VolumeManager
from sagong.node.volumes.payload import Contents
from sagong.node.volumes.sources import ObjectCache
from sagong.node.volumes.tokens import TokenCache

root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")


def config_map(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="ns"), data=data)


def secret(name: str, **data: bytes) -> Secret:
    return Secret(metadata=ObjectMeta(name=name, namespace="ns"), data=data)


class Node:
    """A volume manager over a temporary folder and an API in memory."""

    def __init__(self, folder: Path, *objects: object) -> None:
        self.clock = HandClock()
        self.api = MemoryApi(self.clock, *objects)
        contents = Contents(ObjectCache(self.api, self.clock), TokenCache(self.api, self.clock, FixedRandom()))
        self.files = NodeFiles(folder)
        self.volumes = VolumeManager(self.files, contents, self.api, self.clock, lambda: {"memory": "64Mi"})

    def mount(self, wanted: Pod) -> dict[str, Path]:
        asyncio.run(self.volumes.mount(wanted))
        return {name: mounted.path for name, mounted in self.volumes.mounted(wanted.metadata.uid).items()}

    def mounts(self, wanted: Pod, **env: str) -> list[cri.Mount]:
        files = self.files.pod(wanted.metadata.uid)
        return list(ContainerMounts(wanted.spec.containers[0], self.volumes.mounted(wanted.metadata.uid), env, files).mounts())

    def unmount(self) -> None:
        for uid in self.volumes.pod_uids():
            asyncio.run(self.volumes.unmount(uid))


def test_a_config_map_follows_its_object(tmp_path: Path) -> None:
    node = Node(tmp_path, config_map("settings", a="1", b="2"))
    wanted = pod("volumes: [{name: v, configMap: {name: settings, defaultMode: 420}}]")
    path = node.mount(wanted)["v"]
    assert path == tmp_path / "pods/u1/volumes/kubernetes.io~configmap/v"
    assert {f.name: f.read_text() for f in path.iterdir() if not f.name.startswith("..")} == {"a": "1", "b": "2"}
    node.api.put(config_map("settings", a="changed"))
    node.mount(wanted)
    assert (path / "b").exists(), "the object is read again only after its time to live"
    node.clock.move(60)
    node.mount(wanted)
    assert {f.name: f.read_text() for f in path.iterdir() if not f.name.startswith("..")} == {"a": "changed"}


def test_items_choose_keys_paths_and_modes(tmp_path: Path) -> None:
    node = Node(tmp_path, config_map("settings", a="1", b="2"))
    items = "[{key: a, path: x/y, mode: 256}]"
    path = node.mount(pod(f"volumes: [{{name: v, configMap: {{name: settings, items: {items}}}}}]"))["v"]
    assert (path / "x/y").read_text() == "1"
    assert stat.S_IMODE((path / "x/y").stat().st_mode) == 0o400
    assert not (path / "b").exists()


def test_missing_objects_and_keys_are_told_in_upstreams_words(tmp_path: Path) -> None:
    node = Node(tmp_path, config_map("settings", a="1"))
    wanted = pod("""
        volumes:
        - {name: none, configMap: {name: absent}}
        - {name: key, configMap: {name: settings, items: [{key: z, path: z}]}}
        - {name: maybe, configMap: {name: absent, optional: true}}
    """)
    with pytest.raises(MountError) as caught:
        node.mount(wanted)
    assert caught.value.messages == [
        'MountVolume.SetUp failed for volume "none" : configmap "absent" not found',
        'MountVolume.SetUp failed for volume "key" : configmap references non-existent config key: z',
    ]
    assert list((tmp_path / "pods/u1/volumes/kubernetes.io~configmap/maybe").glob("[!.]*")) == []


def test_empty_dir_keeps_what_is_in_it(tmp_path: Path) -> None:
    node = Node(tmp_path)
    wanted = pod("{volumes: [{name: v, emptyDir: {}}], securityContext: {fsGroup: 1234}}")
    path = node.mount(wanted)["v"]
    (path / "file").write_text("kept")
    found = path.stat()
    assert stat.S_IMODE(found.st_mode) == 0o2777
    assert found.st_gid == (1234 if os.geteuid() == 0 else found.st_gid)
    node.mount(wanted)
    assert (path / "file").read_text() == "kept"
    node.unmount()
    assert node.volumes.pod_uids() == []


@root
def test_secrets_and_tokens_live_in_memory(tmp_path: Path) -> None:
    node = Node(tmp_path, secret("s", password=b"hunter2"), config_map("kube-root-ca.crt", **{"ca.crt": "PEM"}))
    wanted = pod("""
        serviceAccountName: robot
        volumes:
        - {name: s, secret: {secretName: s}}
        - name: token
          projected:
            defaultMode: 420
            sources:
            - serviceAccountToken: {expirationSeconds: 3607, path: token}
            - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
            - downwardAPI: {items: [{path: namespace, fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}]}
    """)
    try:
        paths = node.mount(wanted)
        assert (paths["s"] / "password").read_bytes() == b"hunter2"
        assert all(mounting.is_mount_point(path) for path in paths.values())
        assert {f.name: f.read_text() for f in paths["token"].iterdir() if not f.name.startswith("..")} == {
            "token": "token-robot-1",
            "ca.crt": "PEM",
            "namespace": "ns",
        }
        bound = node.api.requests[0].spec.boundObjectRef
        assert bound is not None
        assert (bound.kind, bound.name, bound.uid) == ("Pod", "p", "u1")
        node.clock.move(3607 * 0.7)
        node.mount(wanted)
        assert (paths["token"] / "token").read_text() == "token-robot-1"
        node.clock.move(3607 * 0.11)
        node.mount(wanted)
        assert (paths["token"] / "token").read_text() == "token-robot-2", "renewed at 80 % of its life"
    finally:
        node.unmount()
    assert mounting.mount_points(tmp_path) == []
    assert not (tmp_path / "pods/u1").exists()


@root
def test_memory_medium_is_bounded_by_its_limit(tmp_path: Path) -> None:
    node = Node(tmp_path)
    try:
        path = node.mount(pod("volumes: [{name: v, emptyDir: {medium: Memory, sizeLimit: 1Mi}}]"))["v"]
        space = os.statvfs(path)
        assert space.f_blocks * space.f_frsize == 1 << 20
    finally:
        node.unmount()


def bounded(name: str, memory: str) -> str:
    return f"{{name: {name}, resources: {{limits: {{memory: '{memory}'}}}}}}"


@pytest.mark.parametrize(
    ("spec", "limit", "size"),
    [
        ("containers: [{name: c}]", None, 1000),
        ("containers: [{name: c}]", "700", 700),
        (f"containers: [{bounded('c', '300')}, {{name: d}}]", None, 1000),
        (f"containers: [{bounded('c', '300')}, {bounded('d', '200')}]", "700", 500),
        (f"initContainers: [{bounded('i', '400')}]\ncontainers: [{bounded('c', '300')}]", None, 400),
        ("resources: {limits: {memory: '250'}}\ncontainers: [{name: c}]", None, 250),
    ],
)
def test_a_volume_in_memory_is_no_larger_than_what_its_pod_may_have(spec: str, limit: str | None, size: int) -> None:
    assert memory_size(pod(spec), limit, {"memory": "1000"}) == size


@root
def test_volumes_in_memory_are_sticky_and_parts_of_them_too(tmp_path: Path) -> None:
    node = Node(tmp_path, secret("s", password=b"hunter2"))
    wanted = pod("""
        securityContext: {fsGroup: 123}
        containers: [{name: c, volumeMounts: [{name: v, mountPath: /v, subPath: a/b}]}]
        volumes:
        - {name: v, emptyDir: {medium: Memory}}
        - {name: s, secret: {secretName: s}}
    """)
    try:
        paths = node.mount(wanted)
        node.mounts(wanted)
        made = (paths["v"], paths["v"] / "a", paths["v"] / "a/b", paths["s"])
        assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o3777}
    finally:
        node.unmount()


@root
def test_a_sub_path_is_made_and_pinned(tmp_path: Path) -> None:
    node = Node(tmp_path, config_map("settings", a="1"))
    wanted = pod("""
        volumes: [{name: v, emptyDir: {}}, {name: c, configMap: {name: settings}}]
        containers:
        - name: c
          volumeMounts:
          - {name: v, mountPath: /logs, subPathExpr: logs/$(POD)}
          - {name: c, mountPath: /a, subPath: a}
          - {name: c, mountPath: /all}
    """)
    try:
        paths = node.mount(wanted)
        logs, single, whole = node.mounts(wanted, POD="p")
        assert (paths["v"] / "logs/p").is_dir()
        assert stat.S_IMODE((paths["v"] / "logs/p").stat().st_mode) == 0o777
        Path(logs.host_path, "x").write_text("seen")
        assert (paths["v"] / "logs/p/x").read_text() == "seen"
        assert Path(single.host_path).read_text() == "1"
        assert (single.readonly, whole.readonly, logs.readonly) == (True, True, False)
        assert node.mounts(wanted, POD="p")[0].host_path == logs.host_path
        with pytest.raises(VolumeError, match="missing value for POD"):
            node.mounts(wanted)
    finally:
        node.unmount()
    assert mounting.mount_points(tmp_path) == []


@root
def test_a_sub_path_that_leads_out_of_the_volume_is_refused(tmp_path: Path) -> None:
    node = Node(tmp_path)
    wanted = pod("""
        volumes: [{name: v, emptyDir: {}}]
        containers: [{name: c, volumeMounts: [{name: v, mountPath: /m, subPath: link/deep}]}]
    """)
    try:
        path = node.mount(wanted)["v"]
        (path / "link").symlink_to("/tmp")
        with pytest.raises(VolumeError, match='failed to prepare subPath for volumeMount "v" of container "c"'):
            node.mounts(wanted)
        assert not Path("/tmp/deep").exists()
    finally:
        node.unmount()


def test_host_paths_are_checked_by_type(tmp_path: Path) -> None:
    node = Node(tmp_path / "kubelet")
    (tmp_path / "file").write_text("")
    path = node.mount(pod(f"volumes: [{{name: v, hostPath: {{path: {tmp_path}/made, type: DirectoryOrCreate}}}}]"))["v"]
    assert path.is_dir()
    with pytest.raises(MountError, match=f"hostPath type check failed: {tmp_path}/file is not a directory"):
        node.mount(pod(f"volumes: [{{name: v, hostPath: {{path: {tmp_path}/file, type: Directory}}}}]"))
    node.unmount()
    assert path.is_dir(), "the node's own files outlive the pod"


def test_a_claim_stands_for_its_bound_volume(tmp_path: Path) -> None:
    claim = PersistentVolumeClaim(metadata=ObjectMeta(name="data", namespace="ns", uid="c1"))
    node = Node(tmp_path / "kubelet", claim)
    wanted = pod("volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]")
    with pytest.raises(MountError, match="error processing PVC ns/data: PVC is not bound"):
        node.mount(wanted)
    claim.spec.volumeName, claim.status.phase = "pv1", "Bound"
    volume = PersistentVolume(metadata=ObjectMeta(name="pv1"))
    volume.spec.hostPath = pod(f"volumes: [{{name: v, hostPath: {{path: {tmp_path}}}}}]").spec.volumes[0].hostPath
    volume.spec.claimRef = ObjectReference(uid="c1")
    node.api.put(volume)
    assert node.mount(wanted)["v"] == tmp_path


def test_a_volume_inside_a_read_only_volume_finds_its_mount_point(tmp_path: Path) -> None:
    node = Node(tmp_path, config_map("settings", a="1"))
    wanted = pod("""
        volumes: [{name: outer, configMap: {name: settings}}, {name: inner, emptyDir: {}}]
        containers: [{name: c, volumeMounts: [{name: outer, mountPath: /etc/app}, {name: inner, mountPath: /etc/app/cache}]}]
    """)
    assert (node.mount(wanted)["outer"] / "cache").is_dir()


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        ("recursiveReadOnly: Enabled", "it is not read-only"),
        ("readOnly: true, recursiveReadOnly: Enabled", "it is not supported by the runtime"),
        (
            "readOnly: true, recursiveReadOnly: IfPossible, mountPropagation: HostToContainer",
            'not compatible with propagation "HostToContainer"',
        ),
    ],
)
def test_a_promise_of_read_only_mounts_that_cannot_be_kept_is_refused(tmp_path: Path, mount: str, message: str) -> None:
    node = Node(tmp_path)
    wanted = pod(
        f"{{volumes: [{{name: v, emptyDir: {{}}}}], containers: [{{name: c, volumeMounts: [{{name: v, mountPath: /m, {mount}}}]}}]}}"
    )
    node.mount(wanted)
    with pytest.raises(VolumeError, match=message):
        node.mounts(wanted)


@root
def test_an_image_of_many_layers_is_mounted_though_its_options_are_longer_than_a_page(tmp_path: Path) -> None:
    layers = [tmp_path / ("layer" * 12) / str(number) for number in range(100)]
    for number, layer in enumerate(layers):
        layer.mkdir(parents=True)
        (layer / f"file{number}").write_text(str(number))
    target = tmp_path / "merged"
    target.mkdir()
    mounting.mount_as("overlay", "overlay", [f"lowerdir={':'.join(map(str, layers))}"], target)
    try:
        assert len(list(target.iterdir())) == 100
        with pytest.raises(OSError, match="Read-only file system"):
            (target / "new").touch()
    finally:
        mounting.unmount(target)


@root
def test_an_image_of_one_layer_is_a_read_only_bind_mount(tmp_path: Path) -> None:
    layer, target = tmp_path / "layer", tmp_path / "merged"
    layer.mkdir()
    target.mkdir()
    (layer / "file").write_text("x")
    mounting.mount_as("bind", str(layer), ["ro", "rbind"], target)
    try:
        assert (target / "file").read_text() == "x"
        with pytest.raises(OSError, match="Read-only file system"):
            (target / "new").touch()
    finally:
        mounting.unmount(target)


class TestImageVolumes:
    """What runtimes are told, by what they can do."""

    @pytest.mark.parametrize(
        ("name", "version", "helped"),
        [
            ("containerd", "1.6.20~ds1", True),
            ("containerd", "v1.7.27", True),
            ("containerd", "2.0.5", True),
            ("containerd", "v2.1.0", False),
            ("containerd", "2.2.0-rc.1", False),
            ("cri-o", "1.31.0", False),
        ],
    )
    def test_older_containerds_are_helped(self, tmp_path: Path, name: str, version: str, helped: bool) -> None:  # noqa: FBT001 - a column
        told = cri.VersionResponse(runtime_name=name, runtime_version=version)
        assert isinstance(image.image_volumes(told, None, NodeFiles(tmp_path)), image.Views) is helped  # type: ignore[arg-type]  # not asked

    def test_a_runtime_that_can_is_given_the_image_and_the_path_in_it(self, tmp_path: Path) -> None:
        of = pod(
            "containers: [{name: c, volumeMounts: [{name: v, mountPath: /v, subPath: a/b}]}]\nvolumes: [{name: v, image: {reference: i}}]"
        )
        volume = asyncio.run(image.ByRuntime().provide("u1", "v", cri.Image(id="sha256:1"), "i"))
        found = ContainerMounts(of.spec.containers[0], {"v": volume}, {}, NodeFiles(tmp_path).pod("u1")).mounts()[0]
        assert (found.container_path, found.host_path, found.readonly, found.image_sub_path) == ("/v", "", True, "a/b")
        assert (found.image.image, found.image.user_specified_image) == ("sha256:1", "i")


def local_claim(folder: Path, mode: str) -> tuple[PersistentVolume, PersistentVolumeClaim]:
    volume = PersistentVolume(metadata=ObjectMeta(name="pv"))
    volume.spec.local, volume.spec.volumeMode = LocalVolumeSource(path=str(folder)), mode
    volume.spec.claimRef = ObjectReference(uid="c1")
    claim = PersistentVolumeClaim(metadata=ObjectMeta(name="claim", namespace="ns", uid="c1"))
    claim.spec.volumeName, claim.status.phase = "pv", "Bound"
    return volume, claim


CLAIMED = "volumes: [{name: v, persistentVolumeClaim: {claimName: claim}}]\n"


def test_a_block_volume_must_be_a_device(tmp_path: Path) -> None:
    node = Node(tmp_path, *local_claim(tmp_path, "Block"))
    with pytest.raises(MountError, match=f"hostPath type check failed: {tmp_path} is not a block device"):
        node.mount(pod(CLAIMED + "containers: [{name: c, volumeDevices: [{name: v, devicePath: /dev/x}]}]"))


def test_devices_and_mounts_are_not_mixed_up(tmp_path: Path) -> None:
    device, folder = Mounted(tmp_path / "device", block=True), Mounted(tmp_path)
    files = NodeFiles(tmp_path).pod("u1")
    raw = pod("containers: [{name: c, volumeDevices: [{name: v, devicePath: /dev/x}]}]").spec.containers[0]
    mounted = pod("containers: [{name: c, volumeMounts: [{name: v, mountPath: /v}]}]").spec.containers[0]
    found = ContainerMounts(raw, {"v": device}, {}, files).devices()
    assert [(one.container_path, one.host_path, one.permissions) for one in found] == [("/dev/x", str(tmp_path / "device"), "mrw")]
    with pytest.raises(VolumeError, match="volume v has volumeMode Filesystem, but is specified in volumeDevices"):
        ContainerMounts(raw, {"v": folder}, {}, files).devices()
    with pytest.raises(VolumeError, match="volume v has volumeMode Block, but is specified in volumeMounts"):
        ContainerMounts(mounted, {"v": device}, {}, files).mounts()


def test_a_network_file_system_that_cannot_be_mounted_says_what_was_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "mount").write_text("#!/bin/sh\necho no route\nexit 32\n")
    (tools / "mount").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    node = Node(tmp_path / "node")
    with pytest.raises(MountError) as caught:
        node.mount(pod("volumes: [{name: v, nfs: {server: 10.0.0.9, path: /export, readOnly: true}}]"))
    target = tmp_path / "node/pods/u1/volumes/kubernetes.io~nfs/v"
    said = f"Mounting arguments: -t nfs -o ro 10.0.0.9:/export {target}\nOutput: no route\n"
    assert str(caught.value).endswith(f"mount failed: exit status 32\nMounting command: mount\n{said}")
