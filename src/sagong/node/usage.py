"""What pods and the node use of disk and network, read from the kernel."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagong.node.volumes.untrusted import every_entry

_BLOCK = 512  # the unit of st_blocks
_TRIES = 3
_FIELDS = 16  # numbers of a line of /proc/net/dev


@dataclass(frozen=True, slots=True)
class Interface:
    """Counters of a network interface since it is there."""

    name: str
    received: int
    receive_errors: int
    sent: int
    send_errors: int
    received_packets: int = 0
    receive_drops: int = 0
    sent_packets: int = 0
    send_drops: int = 0


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes and inodes that files take."""

    used: int = 0
    inodes: int = 0

    def __add__(self, other: Disk) -> Disk:
        return Disk(self.used + other.used, self.inodes + other.inodes)


def disk_usage(root: Path) -> Disk:
    """Return what lies below `root` on its own file system; a file with several names counts once. Files may vanish meanwhile."""
    for _ in range(_TRIES):
        try:
            return _sizes(root)
        except FileNotFoundError:
            break
        except OSError:  # its owner moves folders about
            continue
    return Disk()


def interfaces(process: int | str = "self") -> Sequence[Interface]:
    """Return the interfaces of a process's network namespace, loopback aside; none when it is gone."""
    try:
        lines = Path(f"/proc/{process}/net/dev").read_text().splitlines()[2:]
    except OSError:
        return []
    return list(_parsed(lines))


def first_process(cgroups: Iterable[Path]) -> int | None:
    """Return a process of the cgroups, their children included."""
    for top in cgroups:
        for folder, _, _ in os.walk(top):
            try:
                found = Path(folder, "cgroup.procs").read_text().split()
            except OSError:
                continue
            if found:
                return int(found[0])
    return None


def _parsed(lines: Iterable[str]) -> Iterator[Interface]:
    for line in lines:
        name, _, numbers = line.partition(":")
        values = [int(text) for text in numbers.split()]
        if name.strip() != "lo" and len(values) == _FIELDS:
            yield Interface(
                name.strip(),
                *(values[0], values[2], values[8], values[10]),
                received_packets=values[1],
                receive_drops=values[3],
                sent_packets=values[9],
                send_drops=values[11],
            )


def _sizes(root: Path) -> Disk:
    top = root.lstat()
    sizes = {top.st_ino: top.st_blocks}
    if stat.S_ISDIR(top.st_mode):
        sizes.update((status.st_ino, status.st_blocks) for _, _, status in every_entry(root, one_device=True))
    return Disk(sum(sizes.values()) * _BLOCK, len(sizes))
