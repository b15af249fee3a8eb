"""Shims that containerd has forgotten are ended, and no others."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.node.builders import HandClock

from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import CriError, Runtime
from sagong.node.shims import GRACE_SECONDS, LOOK_SECONDS, Shims


class Containerd:
    """Answers what containers it has written down."""

    def __init__(self, *recorded: str) -> None:
        self.recorded = set(recorded)
        self.asked: list[str] = []
        self.failure: CriError | None = None

    async def unary(self, path: str, request: cri.ContainerRequest, answer: type, timeout: float | None, metadata: object = ()) -> object:  # noqa: ASYNC109 - gRPC's own deadline
        del answer, timeout
        assert (path, metadata) == ("/containerd.services.containers.v1.Containers/Get", (("containerd-namespace", "k8s.io"),))
        self.asked.append(request.container_id)
        if self.failure:
            raise self.failure
        if request.container_id not in self.recorded:
            raise CriError("NOT_FOUND", "no such container")
        return cri.Nothing()


@contextmanager
def shim(container: str, socket: str, namespace: str = "k8s.io") -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that looks like a shim."""
    words = ["containerd-shim-runc-v2", "-c", "read line", "-namespace", namespace, "-id", container, "-address", socket, "-x"]
    with subprocess.Popen(words, executable="/bin/sh", stdin=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_a_shim_whose_container_is_not_written_down_is_ended_after_a_while(tmp_path: object) -> None:
    socket, clock, containerd = f"{tmp_path}/c.sock", HandClock(), Containerd("kept", "late")
    shims = Shims(Runtime(containerd), socket, clock)  # type: ignore[arg-type] # generic over answers, which this is not
    with (
        shim("lost", socket) as lost,
        shim("kept", socket) as kept,
        shim("known", socket) as known,
        shim("lost", socket, "moby") as another_client,
        shim("lost", f"{socket}.other") as another_containerd,
        shim("back", socket) as back,
    ):
        await shims.prune({"known"})
        clock.move(GRACE_SECONDS - 1)
        containerd.recorded.add("back")
        await shims.prune({"known"})
        assert lost.poll() is None, "it may be just ending"
        asked = len(containerd.asked)
        await shims.prune({"known"})
        assert len(containerd.asked) == asked, "processes are looked through now and then only"
        containerd.recorded.remove("back")
        clock.move(LOOK_SECONDS)
        await shims.prune({"known"})
        assert lost.wait(10) == -9
        assert [one.poll() for one in (kept, known, another_client, another_containerd, back)] == [None] * 5
        assert "known" not in containerd.asked


async def test_a_runtime_that_cannot_say_loses_no_shim(tmp_path: object) -> None:
    socket, clock, containerd = f"{tmp_path}/c.sock", HandClock(), Containerd()
    containerd.failure = CriError("UNIMPLEMENTED", "unknown service")
    shims = Shims(Runtime(containerd), socket, clock)  # type: ignore[arg-type] # generic over answers, which this is not
    with shim("lost", socket) as lost:
        for _ in range(3):
            clock.move(GRACE_SECONDS)
            await shims.prune(())
        assert lost.poll() is None
