"""The server's requests, who may make them, and logs; over real sockets, without a runtime."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from tests.node.builders import FixedRandom, HandClock, pod

from sagong.api.types.authentication import TokenReview, UserInfo
from sagong.api.types.authorization import SubjectAccessReview
from sagong.api.types.core import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    Pod,
)
from sagong.api.zpages import Process, Zpages
from sagong.node.cri import api_pb2 as cri
from sagong.node.server.app import KubeletServer
from sagong.node.server.auth import AuthSettings, Gatekeeper, subresources, user_of
from sagong.node.server.http import HttpError
from sagong.node.server.log_lines import Options, Renderer, options, tail_start
from sagong.node.server.logs import Follower, container_to_show

T = TypeVar("T")
LOG = b"".join(
    [
        b"2026-01-02T03:04:05.1Z stdout F one\n",
        b"2026-01-02T03:04:06.2Z stderr P tw\n",
        b"2026-01-02T03:04:06.3Z stderr F o\n",
        b"2026-01-02T03:04:07Z stdout F three\n",
    ]
)


class World:
    """A host with one pod, and a runtime that knows its container's log file."""

    node_name = "n1"

    def __init__(self, folder: Path) -> None:
        self.pod = pod("containers: [{name: c}]")
        self.log = folder / "0.log"
        self.log.write_bytes(LOG)
        self.state = cri.CONTAINER_EXITED
        running = ContainerState(running=ContainerStateRunning())
        self.pod.status.containerStatuses = [ContainerStatus(name="c", state=running, containerID="containerd://1")]

    def pods(self) -> list[Pod]:
        return [self.pod]

    def find(self, namespace: str, name: str) -> Pod | None:
        return self.pod if (namespace, name) == ("ns", "p") else None

    def settings(self) -> dict[str, Any]:
        return {"port": 10250}

    async def container_status(self, container: str) -> cri.ContainerStatus:
        return cri.ContainerStatus(log_path=str(self.log), state=self.state)


class Reviewer:
    """An API server that knows one token, and allows by subresource."""

    def __init__(self, *allowed: str) -> None:
        self.allowed = allowed
        self.asked: list[str] = []

    async def create(self, obj: T) -> T:
        if isinstance(obj, TokenReview):
            self.asked.append("token")
            obj.status.authenticated = obj.spec.token == "good"
            obj.status.user = UserInfo(username="ann", groups=["dev"])
        if isinstance(obj, SubjectAccessReview):
            attributes = obj.spec.resourceAttributes
            assert attributes is not None
            self.asked.append(f"{obj.spec.user} {attributes.verb} {attributes.resource}/{attributes.subresource}")
            obj.status.allowed = attributes.subresource in self.allowed
        return obj


@asynccontextmanager
async def served(world: World, reviewer: Reviewer | None = None) -> AsyncIterator[int]:
    clock = HandClock()
    settings = AuthSettings(anonymous=reviewer is None, always_allow=reviewer is None)
    process = Process("kubelet", "v1.36.0+sagong", "python3", clock.now(), {"node-ip": "10.0.0.1"})
    server = KubeletServer(
        world,
        world,  # type: ignore[arg-type] # a runtime in parts
        Gatekeeper(reviewer, "n1", clock, settings),
        RealSleep(),
        None,
        world.log.parent,
        zpages=lambda paths: Zpages(process, paths, clock, FixedRandom()),
    )
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


class RealSleep(HandClock):
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 10)


async def get(port: int, path: str, **headers: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    extra = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{extra}\r\n".encode())
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head:
        whole = b""
        while body and not body.startswith(b"0\r\n"):
            size, _, body = body.partition(b"\r\n")
            whole, body = whole + body[: int(size, 16)], body[int(size, 16) + 2 :]
        body = whole
    return int(head.split(b" ", 2)[1]), body


async def test_plain_paths(tmp_path: Path) -> None:
    async with served(World(tmp_path)) as port:
        assert await get(port, "/healthz") == (200, b"ok")
        assert b'kubernetes_healthcheck{name="syncloop",type="healthz"} 1\n' in (await get(port, "/metrics/slis"))[1]
        status, body = await get(port, "/pods")
        assert (status, msgspec.json.decode(body)["items"][0]["metadata"]["name"]) == (200, "p")
        assert (await get(port, "/configz"))[1] == b'{"kubeletconfig":{"port":10250}}'
        assert (await get(port, "/logs/0.log"))[1] == LOG
        assert (await get(port, "/logs/%2e%2e/%2e%2e/etc/passwd"))[0] == 404
        assert (await get(port, "/nothing"))[0] == 404


async def test_what_the_kubelet_says_of_its_process(tmp_path: Path) -> None:
    async with served(World(tmp_path)) as port:
        status, body = await get(port, "/statusz")
        assert (status, body.splitlines()[1]) == (200, b"kubelet statusz")
        assert body.endswith(b"Paths= /configz /flagz /healthz /metrics\n")
        assert (await get(port, "/flagz"))[1].endswith(b"\nnode-ip=10.0.0.1\n")
        status, body = await get(port, "/flagz", Accept="application/json;v=v1alpha1;g=config.k8s.io;as=Flagz")
        assert (status, msgspec.json.decode(body)["flags"]) == (200, {"node-ip": "10.0.0.1"})
        assert (await get(port, "/flagz", Accept="application/json"))[0] == 406
        assert (await get(port, "/statusz/more"))[0] == 404


@pytest.mark.parametrize(("allowed", "path"), [("statusz", "/statusz"), ("configz", "/flagz")])
async def test_each_of_those_pages_has_its_own_right(tmp_path: Path, allowed: str, path: str) -> None:
    async with served(World(tmp_path), Reviewer(allowed)) as port:
        assert (await get(port, path, Authorization="Bearer good"))[0] == 200
    async with served(World(tmp_path), Reviewer("proxy", "metrics")) as port:
        refused = f"Forbidden (user=ann, verb=get, resource=nodes, subresource(s)={allowed})\n".encode()
        assert await get(port, path, Authorization="Bearer good") == (403, refused)


async def test_callers_are_identified_and_asked_about(tmp_path: Path) -> None:
    reviewer = Reviewer("proxy", "metrics")
    async with served(World(tmp_path), reviewer) as port:
        assert (await get(port, "/pods"))[0] == 401
        assert (await get(port, "/pods", Authorization="Bearer bad"))[0] == 401
        assert (await get(port, "/pods", Authorization="Bearer good"))[0] == 200
        assert (await get(port, "/pods", Authorization="Bearer good"))[0] == 200
        assert reviewer.asked == ["token", "token", "ann get nodes/pods", "ann get nodes/proxy"], "answers are kept for a while"
        status, body = await get(port, "/stats/summary", Authorization="Bearer good")
        assert (status, body) == (403, b"Forbidden (user=ann, verb=get, resource=nodes, subresource(s)=stats)\n")


def test_certificates_name_users() -> None:
    subject = ((("organizationName", "system:masters"),), (("commonName", "kube-apiserver-kubelet-client"),))
    assert user_of({"subject": subject}) == UserInfo(
        username="kube-apiserver-kubelet-client", groups=["system:masters", "system:authenticated"]
    )


@pytest.mark.parametrize(
    ("path", "wanted"), [("/exec/a/b/c", ["proxy"]), ("/pods", ["pods", "proxy"]), ("/metrics/cadvisor", ["metrics"]), ("/logs/", ["log"])]
)
def test_paths_and_subresources(path: str, wanted: list[str]) -> None:
    assert list(subresources(path)) == wanted


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", b"one\ntwo\nthree\n"),
        ("?timestamps=true", b"2026-01-02T03:04:05.1Z one\n2026-01-02T03:04:06.2Z two\n2026-01-02T03:04:07Z three\n"),
        ("?tailLines=1", b"three\n"),
        ("?tailLines=0", b""),
        ("?limitBytes=5", b"one\nt"),
        ("?sinceTime=2026-01-02T03:04:06.25Z", b"o\nthree\n"),
        ("?stream=Stderr", b"two\n"),
    ],
)
async def test_logs_are_cut_as_asked(tmp_path: Path, query: str, wanted: bytes) -> None:
    async with served(World(tmp_path)) as port:
        assert await get(port, f"/containerLogs/ns/p/c{query}") == (200, wanted)


async def test_a_followed_log_goes_on_through_rotation_until_the_container_ends(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.state = cri.CONTAINER_RUNNING
    async with served(world) as port:
        answer = asyncio.ensure_future(get(port, "/containerLogs/ns/p/c?follow=true&tailLines=1"))
        await asyncio.sleep(0.05)
        with world.log.open("ab") as file:
            file.write(b"2026-01-02T03:04:08Z stdout F fo")
            file.flush()
            await asyncio.sleep(0.05)
            file.write(b"ur\n")
        await asyncio.sleep(0.05)
        world.log.rename(tmp_path / "0.log.old")
        world.log.write_bytes(b"2026-01-02T03:04:09Z stdout F five\n")
        await asyncio.sleep(0.05)
        world.state = cri.CONTAINER_EXITED
        assert await answer == (200, b"three\nfour\nfive\n")


async def test_what_has_no_log_is_told_in_upstreams_words(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with served(world) as port:
        assert await get(port, "/containerLogs/ns/q/c") == (404, b'pod "q" does not exist\n')
        assert await get(port, "/containerLogs/ns/p/d") == (404, b'container "d" not found in pod "p"\n')
        assert (await get(port, "/containerLogs/ns/p/c?tailLines=x"))[0] == 400
        text = b'previous terminated container "c" in pod "p" not found\n'
        assert await get(port, "/containerLogs/ns/p/c?previous=true") == (400, text)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("ErrImagePull", "image can't be pulled"),
        ("ImagePullBackOff", "trying and failing to pull image"),
        ("PodInitializing", "PodInitializing"),
    ],
)
def test_a_waiting_container_says_why(reason: str, text: str) -> None:
    wanted = pod("containers: [{name: c}]")
    waiting = ContainerState(waiting=ContainerStateWaiting(reason=reason))
    wanted.status.containerStatuses = [ContainerStatus(name="c", state=waiting)]
    with pytest.raises(HttpError, match=f'container "c" in pod "p" is waiting to start: {text}'):
        container_to_show(wanted, "c", previous=False)


def test_the_last_run_speaks_for_a_container_that_crashes() -> None:
    wanted = pod("containers: [{name: c}]")
    ended = ContainerState(terminated=ContainerStateTerminated(containerID="containerd://old"))
    waiting = ContainerState(waiting=ContainerStateWaiting(reason="CrashLoopBackOff"))
    wanted.status.containerStatuses = [ContainerStatus(name="c", state=waiting, lastState=ended)]
    assert container_to_show(wanted, "c", previous=False) == "containerd://old"
    assert container_to_show(wanted, "c", previous=True) == "containerd://old"


@pytest.mark.parametrize(("lines", "wanted"), [(0, b""), (1, b"c\n"), (2, b"b\nc\n"), (3, b"a\nb\nc\n"), (9, b"a\nb\nc\n")])
def test_tails_are_found_from_the_end(lines: int, wanted: bytes) -> None:
    file = io.BytesIO(b"a\nb\nc\n")
    assert b"a\nb\nc\n"[tail_start(file, lines) :] == wanted
    assert b"a\nbc"[tail_start(io.BytesIO(b"a\nbc"), 1) :] == b"bc"
    long = b"x" * 200_000 + b"\n" + b"y" * 200_000 + b"\n"
    assert tail_start(io.BytesIO(long), 1) == 200_001


def test_since_seconds_count_from_now() -> None:
    now = datetime(2026, 1, 2, 3, 4, 10, tzinfo=UTC)
    assert options({"sinceSeconds": ["4"]}, now).since == datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)
    assert Renderer(Options()).render(b"not a log line\n") == b"line\n"


STAMP = "2026-01-02T03:04:05.00000000"


@pytest.mark.parametrize(
    "wanted",
    [
        Options(),
        Options(timestamps=True),
        Options(stream="Stderr"),
        Options(limit=70),
        Options(since=datetime(2026, 1, 2, 3, 4, 4, tzinfo=UTC)),
        Options(since=datetime(2026, 1, 2, 3, 4, 5, 4000, tzinfo=UTC)),
    ],
    ids=lambda wanted: str(wanted)[8:60],
)
@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_many_lines_at_once_are_shown_as_one_after_the_other(wanted: Options, size: int) -> None:
    texts = [
        "stdout F one",
        "stdout F at once\ron one line",
        "stderr F two",
        "stdout F ",
        "stdout P part ",
        "stdout P of ",
        "stdout F a line",
        "stdout F",
        "stderr F last P",
    ]
    lines = [f"{STAMP}{number}Z {text}\n".encode() for number, text in enumerate(texts)] + [b"no log\n", b"no time stdout F x\n", b"\n"]
    lines *= 3
    one, many = Renderer(wanted), Renderer(wanted)
    expected = b"".join(one.render(line) for line in lines)
    assert b"".join(many.render(b"".join(lines[at : at + size])) for at in range(0, len(lines), size)) == expected


@pytest.mark.parametrize(
    "wanted", [Options(), Options(timestamps=True), Options(since=datetime(2026, 1, 1, tzinfo=UTC))], ids=["", "times", "since"]
)
def test_whole_lines_are_taken_together_though_their_times_end_without_zeros(wanted: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    stamps = [f"2026-01-02T03:04:05.{number:09}".rstrip("0.") + "Z" for number in range(0, 10**9, 12_345_000)]
    expected = "".join(f"{stamp} {stamp}\n" if wanted.timestamps else f"{stamp}\n" for stamp in stamps).encode()
    monkeypatch.delattr(Renderer, "_line")
    assert Renderer(wanted).render("".join(f"{stamp} stdout F {stamp}\n" for stamp in stamps).encode()) == expected


def test_a_carriage_return_ends_no_line() -> None:
    lines = f"{STAMP}1Z stdout P 10 %\r\n{STAMP}2Z stdout F 20 %\r\n".encode()
    assert Renderer(Options()).render(lines) == b"10 %\r20 %\r\n"


def test_plain_lines_lose_their_heads() -> None:
    lines = "".join(f"{STAMP}{number}Z {stream} F text {number}\n" for number, stream in enumerate(["stdout", "stderr"])).encode()
    assert Renderer(Options()).render(lines) == b"text 0\ntext 1\n"
    assert Renderer(Options(timestamps=True)).render(lines) == f"{STAMP}0Z text 0\n{STAMP}1Z text 1\n".encode()
    assert Renderer(Options(limit=9)).render(lines) == b"text 0\nte"


def test_a_growing_file_is_read_in_whole_lines_and_after_its_rotation(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(b"a\nb")
    with Follower(path) as log, path.open("ab") as writer:
        assert [log.lines(last=False), log.lines(last=False)] == [b"a\n", b""]
        writer.write(b"c\n" + b"x" * 600_000)
        writer.flush()
        assert [log.lines(last=False), log.lines(last=False)] == [b"bc\n", b""]
        writer.write(b"\n")
        writer.flush()
        assert log.lines(last=False) == b"x" * 600_000 + b"\n"
        path.rename(tmp_path / "0.log.old")
        path.write_bytes(b"new\nend")
        assert [log.lines(last=False), log.lines(last=False), log.lines(last=True)] == [b"new\n", b"", b"end"]


def test_a_file_that_grows_as_fast_as_it_is_read_is_behind_only_until_where_it_ended_at_first(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    begun = b"x" * 99_999 + b"\n"
    path.write_bytes(5 * begun + b"un")
    seen = b""
    with Follower(path) as log, path.open("ab", buffering=0) as writer:
        while log.behind:
            writer.write(b"finished\n" + b"y" * 299_999 + b"\n" + b"un")
            seen += log.lines(last=True)
    assert seen.startswith(5 * begun + b"unfinished\n")
    assert seen.endswith(b"\n")


def test_what_was_behind_may_end_without_a_newline(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(b"a\nunfinished")
    with Follower(path) as log:
        assert [log.behind, log.lines(last=True), log.behind, log.lines(last=True), log.behind] == [
            True,
            b"a\n",
            True,
            b"unfinished",
            False,
        ]
