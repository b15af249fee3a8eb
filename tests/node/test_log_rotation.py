"""Log rotation with a runtime that writes where it is told."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tests.node.builders import HandClock

from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import CriError
from sagong.node.log_rotation import LogRotator, rotated


class World:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.works = True

    async def list_containers(self) -> list[cri.Container]:
        return [cri.Container(id="1", state=cri.CONTAINER_RUNNING)]

    async def container_status(self, container: str) -> cri.ContainerStatus:
        return cri.ContainerStatus(id=container, log_path=str(self.path))

    async def reopen_log(self, container: str) -> None:
        if not self.works:
            raise CriError("UNKNOWN", "no")
        self.path.touch()


async def test_long_logs_are_set_aside_compressed_and_removed(tmp_path: Path) -> None:
    log = tmp_path / "ns_p_u1/c/0.log"
    log.parent.mkdir(parents=True)
    clock = HandClock()
    rotator = LogRotator(World(log), tmp_path, 10, 3, clock)  # type: ignore[arg-type] # a runtime in parts
    for turn in range(4):
        log.write_text(f"turn {turn} is long\n")
        await rotator.rotate_all()
        assert log.read_text() == ""
        clock.move(1)
    assert [path.name for path in rotated(log)] == ["0.log.20260102-030407.gz", "0.log.20260102-030408"]
    assert gzip.decompress(rotated(log)[0].read_bytes()) == b"turn 2 is long\n"
    log.write_text("short\n")
    await rotator.rotate_all()
    assert log.read_text() == "short\n"


async def test_a_runtime_that_does_not_reopen_keeps_its_log(tmp_path: Path) -> None:
    log = tmp_path / "ns_p_u1/c/0.log"
    log.parent.mkdir(parents=True)
    log.write_text("something long\n")
    world = World(log)
    world.works = False
    with pytest.raises(CriError):
        await LogRotator(world, tmp_path, 10, 3, HandClock()).rotate_all()  # type: ignore[arg-type] # a runtime in parts
    assert log.read_text() == "something long\n"
