"""Leases of a containerd that was killed are removed once, by the one that came after it."""

from __future__ import annotations

import os
from pathlib import Path

from google.protobuf.timestamp_pb2 import Timestamp

from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import CriError, Runtime
from sagong.node.leases import Leases

EMPTIED = ["View native/sagong-empty", "Remove native/sagong-empty"]


class Containerd:
    """Answers the calls about leases and snapshots. The second snapshot is there already: a kubelet was killed before it removed that."""

    def __init__(self, **made: int) -> None:
        self.made = made
        self.lists = 0
        self.snapshots: list[str] = []

    async def unary(self, path: str, request: object, answer: type, timeout: float | None, metadata: object = ()) -> object:  # noqa: ASYNC109 - gRPC's own deadline
        del answer, timeout, metadata
        if path.endswith("/List"):
            self.lists += 1
            return cri.ListLeasesResponse(leases=[cri.Lease(id=name, created_at=Timestamp(seconds=at)) for name, at in self.made.items()])
        if path.endswith("/Status"):
            return cri.StatusResponse(info={"config": '{"containerd": {"snapshotter": "native"}}'})
        if isinstance(request, cri.ViewSnapshotRequest | cri.SnapshotRequest):
            self.snapshots.append(f"{path.rpartition('/')[2]} {request.snapshotter}/{request.key}")
            if len(self.snapshots) == 3:
                raise CriError("ALREADY_EXISTS", "snapshot exists")
            return cri.SnapshotMounts()
        assert isinstance(request, cri.DeleteLeaseRequest)
        del self.made[request.id]
        return cri.Nothing()


async def test_only_leases_older_than_the_runtime_go_and_are_looked_for_once(tmp_path: Path) -> None:
    socket = tmp_path / "socket"
    socket.touch()
    os.utime(socket, (100, 100))
    containerd = Containerd(old=99, new=101)
    leases = Leases(Runtime(containerd), socket)  # type: ignore[arg-type] # generic over answers, which this is not
    await leases.prune()
    await leases.prune()
    assert (list(containerd.made), containerd.lists) == (["new"], 1)
    assert containerd.snapshots == EMPTIED, "a snapshot is removed, so that layers of nobody are looked for"
    os.utime(socket, (200, 200))  # started again
    await leases.prune()
    assert containerd.made == {}
    assert containerd.snapshots == EMPTIED * 2
