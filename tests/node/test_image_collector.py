"""Image collection on a disk that is full or not by decree."""

from __future__ import annotations

from pathlib import Path

from tests.node.builders import HandClock

from sagong.node.cri import api_pb2 as cri
from sagong.node.image_collector import ImageCollector


class World:
    def __init__(self) -> None:
        self.images = [cri.Image(id=name, repo_tags=[f"{name}:1"], size=1 << 40) for name in ("used", "old", "older")]
        self.images.append(cri.Image(id="kept", repo_tags=["sagong.local/kept:1"], size=1 << 40))
        self.running = ["used", "old", "older"]

    async def list_images(self) -> list[cri.Image]:
        return list(self.images)

    async def list_containers(self) -> list[cri.Container]:
        return [cri.Container(image_ref=name) for name in self.running]

    async def remove_image(self, image: str) -> None:
        self.images = [known for known in self.images if known.id != image]

    @property
    def names(self) -> list[str]:
        return [image.id for image in self.images]


async def test_the_image_unused_for_longest_goes_first(tmp_path: Path) -> None:
    world, clock = World(), HandClock()
    clock.move(1000)
    collector = ImageCollector(world, tmp_path, clock, high=2.0, low=0.0)  # type: ignore[arg-type] # a runtime in parts
    await collector.collect()
    clock.move(100)
    world.running.remove("older")
    await collector.collect()
    clock.move(100)
    world.running.remove("old")
    await collector.collect()
    assert world.names == ["used", "old", "older", "kept"], "the disk is not full"
    collector.high = 0.0
    await collector.collect()
    assert world.names == ["used", "old", "kept"], "one image is enough"
    await collector.free_all()
    assert world.names == ["used", "kept"]


async def test_too_little_room_is_told_of(tmp_path: Path) -> None:
    world, clock, told = World(), HandClock(), list[str]()
    clock.move(1000)
    collector = ImageCollector(world, tmp_path, clock, high=0.0, low=-1e12, failed=told.append)  # type: ignore[arg-type] # a runtime in parts
    await collector.collect()
    world.running.remove("older")
    clock.move(1000)
    await collector.collect()
    assert [text.partition("unused images ")[2].partition(".")[0] for text in told] == ["(freed 0 bytes)", f"(freed {1 << 40} bytes)"]
    assert told[0].startswith("Insufficient free disk space on the node's image filesystem (")
    collector.low = 1.0
    await collector.collect()
    assert len(told) == 2


async def test_a_fresh_image_is_safe(tmp_path: Path) -> None:
    world, clock = World(), HandClock()
    world.running.clear()
    collector = ImageCollector(world, tmp_path, clock)  # type: ignore[arg-type] # a runtime in parts
    await collector.free_all()
    assert len(world.names) == 4
    clock.move(121)
    await collector.free_all()
    assert world.names == ["kept"]


async def test_an_image_that_nothing_has_used_for_long_goes_whatever_room_there_is(tmp_path: Path) -> None:
    world, clock = World(), HandClock()
    clock.move(1000)
    collector = ImageCollector(world, tmp_path, clock, high=2.0, max_age=3600)  # type: ignore[arg-type] # a runtime in parts
    await collector.collect()
    world.running = ["used"]
    clock.move(3599)
    await collector.collect()
    assert len(world.names) == 4
    clock.move(1)
    await collector.collect()
    assert world.names == ["used", "kept"]
