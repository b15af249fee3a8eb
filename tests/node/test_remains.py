"""What is taken for the remains of a killed containerd, and what is not; and their removal, on directories as containerd makes them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from sagong.node import remains
from sagong.node.cri.exits import End
from sagong.node.ends import Ends
from sagong.node.remains import Bundle, Places, Remains, Task, plan

RUNNING = Bundle("sandbox", made=True, sandbox="sandbox", network_namespace="/n/1")
CONTAINER = Bundle("container", made=True, sandbox="sandbox", network_namespace="/proc/7/ns/net")


@pytest.mark.parametrize(
    ("bundles", "shims", "namespaces", "addresses", "expected"),
    [
        ((RUNNING, CONTAINER), ("sandbox",), ("/n/1",), {"10.0.0.2": "sandbox"}, Remains()),
        # killed while the network was made
        ((RUNNING,), ("sandbox",), ("/n/1", "/n/2"), {"10.0.0.3": "new"}, Remains(network_namespaces=["/n/2"], addresses=["10.0.0.3"])),
        # killed while the sandbox's task was made
        (
            (RUNNING, Bundle("new", made=False, sandbox="new", network_namespace="/n/2")),
            ("sandbox", "new"),
            ("/n/1", "/n/2"),
            {"10.0.0.2": "sandbox", "10.0.0.3": "new"},
            Remains(["new"], ["new"], ["/n/2"], ["10.0.0.3"]),
        ),
        # killed while a container was made: its shim is the sandbox's, and goes on
        ((RUNNING, Bundle("half", made=False, sandbox="sandbox")), ("sandbox",), ("/n/1",), {}, Remains(["half"])),
        # the sandbox's process is gone, but its shim may have a container's exit code
        ((CONTAINER,), ("sandbox",), (), {"10.0.0.2": "sandbox"}, Remains()),
        # killed while the sandbox was deleted: its shim has let go of it
        (
            (RUNNING, Bundle("left", made=False, sandbox="left", network_namespace="/n/2")),
            ("sandbox", "left"),
            ("/n/1", "/n/2"),
            {"10.0.0.3": "left"},
            Remains(["left"], ["left"], ["/n/2"], ["10.0.0.3"]),
        ),
        # a shim whose bundle was removed already
        ((), ("gone",), (), {}, Remains(shims=["gone"])),
    ],
)
def test_what_remains(
    bundles: tuple[Bundle, ...], shims: tuple[str, ...], namespaces: tuple[str, ...], addresses: dict[str, str], expected: Remains
) -> None:
    found = plan(bundles, shims, namespaces, addresses)
    assert [list(part) for part in vars(found).values()] == [list(part) for part in vars(expected).values()]


def test_remains_are_removed_and_what_runs_is_not(tmp_path: Path) -> None:
    places = Places(tmp_path / "state", tmp_path / "sock", tmp_path / "runc", tmp_path / "addresses", tmp_path / "kubelet" / "ends")
    places.addresses.mkdir()
    places.network_namespaces.mkdir(parents=True)
    for number, (name, made) in enumerate((("runs", True), ("half", False), (".leaving", True))):
        bundle = places.bundles / name
        (bundle / "rootfs").mkdir(parents=True)
        (tmp_path / "work" / name).mkdir(parents=True)
        (bundle / "work").symlink_to(tmp_path / "work" / name)
        namespace = places.network_namespaces / f"cni-{name}"
        namespace.touch()
        config = {"linux": {"namespaces": [{"type": "pid"}, {"type": "network", "path": str(namespace)}]}}
        (bundle / "config.json").write_text(json.dumps(config))
        (places.addresses / f"10.0.0.{number}").write_text(f"{name}\r\neth0")
        if made:
            (bundle / "init.pid").write_text("1")
    (places.addresses / "last_reserved_ip.0").write_text("10.0.0.9")
    command = [sys.executable, "-P", "-S", remains.__file__, *map(str, vars(places).values())]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == "removed what a killed containerd has left: 2 bundles, 2 network namespaces, 2 addresses\n"
    assert [path.name for path in places.bundles.iterdir()] == ["runs"]
    assert [path.name for path in places.network_namespaces.iterdir()] == ["cni-runs"]
    assert sorted(path.name for path in places.addresses.iterdir()) == ["10.0.0.0", "last_reserved_ip.0"]
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["runs"]


UNKNOWN = bytes.fromhex("0a24 0805 1220") + b"container not created: not found"
RUNS = bytes.fromhex("1204 0a02") + b"id"
"""What shims answer, as containerd-shim-runc-v2 sends it: a ttrpc Response with a status, or with a payload."""


@contextmanager
def shim(path: Path, answers: Mapping[bytes, bytes]) -> Iterator[str]:
    """Serve as a shim at the path; the answer is that of the id which is asked for. None to others: the connection is closed."""

    def serve() -> None:
        while True:
            try:
                stream, _ = server.accept()
            except OSError:
                return
            with stream:
                length, channel, kind, flags = remains._FRAME.unpack(stream.recv(remains._FRAME.size, socket.MSG_WAITALL))
                request = stream.recv(length, socket.MSG_WAITALL)
                assert (channel, kind, flags) == (1, 1, 0)
                assert request.startswith(b"\x0a\x17containerd.task.v2.Task\x12\x05State\x1a")
                answer = answers.get(request.rpartition(b"\x0a")[2][1:], b"")
                # In two parts, for a stream has no messages.
                head = remains._FRAME.pack(len(answer), channel, 2, 0)
                stream.sendall(head[:3])
                stream.sendall(head[3:] + answer if answer else b"")

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown(socket.SHUT_RDWR)


def state(*, status: int, code: int = 0, seconds: int = 0, nanoseconds: int = 0) -> bytes:
    """Return a ttrpc Response with a StateResponse, made by another's encoder."""
    number, text, inner = FieldDescriptorProto.TYPE_UINT32, FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_MESSAGE
    file = FileDescriptorProto(name="state.proto", package="p", syntax="proto3")
    for name, fields in {
        "At": {"seconds": (1, number), "nanos": (2, number)},
        "State": {"id": (1, text), "pid": (3, number), "status": (4, number), "exit_status": (9, number), "exited_at": (10, inner)},
        "Response": {"payload": (2, inner)},
    }.items():
        message = file.message_type.add(name=name)
        for field, (at, kind) in fields.items():
            message.field.add(name=field, number=at, type=kind, label=1, type_name={"exited_at": ".p.At", "payload": ".p.State"}.get(field))
    pool = DescriptorPool()
    pool.Add(file)
    response: Any = GetMessageClass(pool.FindMessageTypeByName("p.Response"))()
    response.payload.id, response.payload.pid, response.payload.status, response.payload.exit_status = "t" * 200, 4711, status, code
    response.payload.exited_at.seconds, response.payload.exited_at.nanos = seconds, nanoseconds
    return bytes(response.SerializeToString())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(UNKNOWN, Task(lacking=True), id="not found"),
        pytest.param(bytes.fromhex("0a9001 0805 128b01") + b"x" * 139, Task(lacking=True), id="not found, with a long message"),
        pytest.param(RUNS, Task(), id="found"),
        pytest.param(b"\x0a\x00" + RUNS, Task(), id="found, and a status without a code"),
        pytest.param(bytes.fromhex("0a02 080c"), Task(), id="the method is unknown"),
        pytest.param(b"", Task(), id="the shim hangs up"),
        pytest.param(b"\x0a\x24\x08", Task(), id="half an answer"),
        pytest.param(b"\x0d\x00\x00\x00\x00", Task(), id="another kind of answer"),
        pytest.param(state(status=2), Task(), id="runs"),
        pytest.param(
            state(status=3, code=137, seconds=1_800_000_000, nanoseconds=5), Task(end=(137, 1_800_000_000_000_000_005)), id="ended"
        ),
        pytest.param(state(status=3, seconds=2), Task(end=(0, 2_000_000_000)), id="ended well"),
    ],
)
def test_what_a_shim_says_of_a_task(tmp_path: Path, answer: bytes, expected: Task) -> None:
    with shim(tmp_path / "s", {b"t": answer}) as address:
        assert remains.ask(address, "t") == expected
    assert remains.ask(f"unix://{tmp_path}/absent", "t") == Task()
    assert remains.ask("", "t") == Task()


def test_how_containers_ended_is_written_down_before_containerd_takes_their_tasks(tmp_path: Path) -> None:
    places = Places(tmp_path / "state", tmp_path / "sock", tmp_path / "runc", tmp_path / "addresses", tmp_path / "kubelet" / "ends")
    ended = state(status=3, code=3, seconds=2)
    with shim(tmp_path / "s", {b"sandbox": ended, b"ended": ended, b"runs": RUNS}) as address:
        for name in ("sandbox", "ended", "runs"):
            bundle = places.bundles / name
            bundle.mkdir(parents=True)
            (bundle / "init.pid").write_text("1")
            (bundle / "address").write_text(address)
            (bundle / "config.json").write_text(json.dumps({"annotations": {"io.kubernetes.cri.sandbox-id": "sandbox"}}))
        remains.sweep(places)
    assert [path.name for path in places.ends.iterdir()] == ["ended"], "a sandbox has no exit code that anybody asks for"
    assert Ends(tmp_path / "kubelet").recall("ended") == End(3, 2_000_000_000)


def test_a_task_that_its_shim_does_not_know_is_a_remain(tmp_path: Path) -> None:
    places = Places(tmp_path / "state", tmp_path / "sock", tmp_path / "runc", tmp_path / "addresses", tmp_path / "kubelet" / "ends")
    with shim(tmp_path / "s", {b"left": UNKNOWN, b"runs": RUNS}) as address:
        for name in ("left", "runs"):
            bundle = places.bundles / name
            bundle.mkdir(parents=True)
            (bundle / "init.pid").write_text("1")
            (bundle / "address").write_text(address)
        assert remains.sweep(places).summary() == "1 bundles"
    assert [path.name for path in places.bundles.iterdir()] == ["runs"]


def test_results_of_networks_that_are_half_written_are_removed(tmp_path: Path) -> None:
    (tmp_path / "sagong-a-eth0").write_text("")
    (tmp_path / "sagong-b-eth0").write_text('{"kind": "cniCacheV1", "con')
    (tmp_path / "sagong-c-eth0").write_text('{"kind": "cniCacheV1"}')
    (tmp_path / "others-d-eth0").write_text("")
    assert sorted(remains.remove_torn_results(tmp_path)) == ["sagong-a-eth0", "sagong-b-eth0"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["others-d-eth0", "sagong-c-eth0"], "another network's is not ours to remove"
    assert remains.remove_torn_results(tmp_path / "absent") == []
