"""What a hostile pod can put into its volumes, and what the node makes of it. Its secret stands for any file of the host."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.node.builders import pod
from tests.node.volumes.test_manager import Node, root

from sagong.node import usage
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri import labels
from sagong.node.downward import Facts
from sagong.node.env import EnvBuilder
from sagong.node.ports import ContainerConfigError
from sagong.node.terminations import message_of
from sagong.node.volumes import ownership, subpath
from sagong.node.volumes.errors import VolumeError
from sagong.node.volumes.untrusted import every_entry, read_below, read_tail, remove_tree


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    found = tmp_path / "host" / "secret"
    found.parent.mkdir()
    found.write_text("A='stolen'\n")
    found.chmod(0o600)
    return found


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    found = tmp_path / "volume"
    found.mkdir()
    yield found
    if found.exists():
        remove_tree(found)


def deep(folder: Path, depth: int) -> None:
    """Nest folders deeper than any path is long."""
    handle = os.open(folder, os.O_DIRECTORY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=handle)
        inner = os.open("d", os.O_DIRECTORY, dir_fd=handle)
        os.close(handle)
        handle = inner
    bottom = os.open("bottom", os.O_CREAT | os.O_WRONLY, dir_fd=handle)
    os.write(bottom, bytes(8192))
    os.close(bottom)
    os.close(handle)


def test_folders_nested_beyond_any_path_are_counted_and_removed(volume: Path) -> None:
    deep(volume, 5000)
    assert usage.disk_usage(volume).inodes == 5002
    assert sum(1 for _ in every_entry(volume)) == 5001
    remove_tree(volume)
    assert not volume.exists()
    remove_tree(volume)


@root
def test_a_volume_nested_that_deep_is_taken_down_with_its_pod(tmp_path: Path) -> None:
    node = Node(tmp_path)
    wanted = pod("containers: [{name: c}]\nvolumes: [{name: v, emptyDir: {}}]")
    deep(node.mount(wanted)["v"], 3000)
    node.unmount()
    assert node.volumes.pod_uids() == []


def test_links_are_removed_not_followed(volume: Path, secret: Path) -> None:
    (volume / "file").symlink_to(secret)
    (volume / "folder").symlink_to(secret.parent)
    deep(volume, 2000)
    remove_tree(volume)
    assert secret.read_text() == "A='stolen'\n"


@root
def test_ownership_stops_at_links(volume: Path, secret: Path) -> None:
    (volume / "file").symlink_to(secret)
    (volume / "folder").symlink_to(secret.parent)
    (volume / "own").write_text("x")
    deep(volume, 1200)
    ownership.give_to_group(volume, 4242, read_only=False)
    assert (volume / "own").stat().st_gid == 4242
    assert (volume / "file").lstat().st_gid == 4242
    assert (secret.stat().st_gid, stat.S_IMODE(secret.stat().st_mode)) == (0, 0o600)
    assert secret.parent.stat().st_gid == 0


@root
def test_a_file_that_becomes_a_link_while_it_is_owned_leads_nowhere(volume: Path, secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (volume / "file").write_text("x")
    opened = os.open

    def swap(name: str, flags: int, *more: int, dir_fd: int | None = None) -> int:
        found = opened(name, flags, *more, dir_fd=dir_fd)
        if name == "file":
            (volume / "file").unlink()
            (volume / "file").symlink_to(secret)
        return found

    monkeypatch.setattr(os, "open", swap)
    ownership.give_to_group(volume, 4242, read_only=False)
    assert (secret.stat().st_gid, stat.S_IMODE(secret.stat().st_mode)) == (0, 0o600)


def test_reading_stays_in_the_volume_waits_for_nothing_and_has_a_bound(volume: Path, secret: Path) -> None:
    (volume / "inner").mkdir()
    (volume / "inner/file").write_text("hello")
    (volume / "link").symlink_to("inner/file")
    (volume / "out").symlink_to(secret)
    (volume / "up").symlink_to("../host")
    os.mkfifo(volume / "fifo")
    assert read_below(volume, "inner/file", 10) == b"hello"
    assert read_below(volume, "/link", 5) == b"hello"
    for name in ("out", "up/secret", "../host/secret"):
        with pytest.raises(VolumeError, match="outside of the volume"):
            read_below(volume, name, 10)
    for name in ("fifo", "inner", "none"):
        with pytest.raises(OSError):  # noqa: PT011 - each in its own words
            read_below(volume, name, 10)
    with pytest.raises(OSError, match="File too large"):
        read_below(volume, "link", 4)


@pytest.mark.parametrize("name", ["fifo", "link", "folder"])
def test_a_termination_message_is_a_file_or_nothing(volume: Path, secret: Path, name: str) -> None:
    os.mkfifo(volume / "fifo")
    (volume / "link").symlink_to(secret)
    (volume / "folder").mkdir()
    status = cri.ContainerStatus(
        annotations={labels.MESSAGE_PATH: "/m"}, mounts=[cri.Mount(container_path="/m", host_path=str(volume / name))]
    )
    assert "stolen" not in message_of(status)
    assert message_of(status).startswith("Error on reading termination log ")


def test_the_end_of_a_long_file_is_read(volume: Path) -> None:
    (volume / "log").write_bytes(b"a" * 100 + b"end")
    assert read_tail(volume / "log", 5) == b"aaend"


async def test_variables_are_not_read_from_the_nodes_files(volume: Path, secret: Path) -> None:
    (volume / "env").symlink_to(secret)
    of = pod("containers: [{name: c, env: [{name: A, valueFrom: {fileKeyRef: {volumeName: v, path: env, key: A}}}]}]")
    builder = EnvBuilder(None)  # type: ignore[arg-type]  # no object is asked for
    with pytest.raises(ContainerConfigError, match="couldn't parse env file"):
        await builder.environment(of, of.spec.containers[0], Facts(), (), {"v": volume})
    (volume / "env").unlink()
    os.mkfifo(volume / "env")
    with pytest.raises(ContainerConfigError, match="couldn't parse env file"):
        await asyncio.wait_for(builder.environment(of, of.spec.containers[0], Facts(), (), {"v": volume}), 20)


@pytest.mark.parametrize("wanted", ["../host", "a/../../host", "/host"])
def test_a_sub_path_that_is_spelled_outward_is_refused(wanted: str) -> None:
    with pytest.raises(VolumeError):
        subpath.check(wanted)


@root
@pytest.mark.parametrize("wanted", ["out", "out/new", "up", "up/new/er"])
def test_a_sub_path_that_leads_outward_is_refused_and_makes_nothing_there(volume: Path, secret: Path, tmp_path: Path, wanted: str) -> None:
    (volume / "out").symlink_to(secret.parent)
    (volume / "up").symlink_to("../host")
    with pytest.raises(VolumeError):
        subpath.pin(volume, wanted, tmp_path / "pin")
    assert [entry.name for entry in secret.parent.iterdir()] == ["secret"]
    assert not (tmp_path / "pin").exists()
