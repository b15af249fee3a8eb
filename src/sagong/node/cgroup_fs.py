"""The kernel's two cgroup file systems behind one face: v1 (one tree a controller) and v2 (one tree).

Paths are the kernel's own, from the root of each tree: `/kubepods/burstable/pod<uid>`.
"""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from sagong.node.qos import CPU_PERIOD, Amounts

MOUNT = Path("/sys/fs/cgroup")
_V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids")
_MIN_SHARES, _MAX_SHARES = 2, 262_144
UNLIMITED = 1 << 62  # v1 says "no limit" with a number near 2^63
Resource = Literal["memory", "cpu"]


class CgroupFs(Protocol):
    """Makes, limits and removes cgroups."""

    traits: Traits

    def make(self, path: str) -> None:
        """Make the cgroup and its parents. Raises OSError."""
        ...

    def limit(self, path: str, amounts: Amounts, pids: int = 0) -> None:
        """Set the limits; None and 0 leave a limit open. Raises OSError."""
        ...

    def resize(self, path: str, resource: Resource, amounts: Amounts) -> None:
        """Set only the limits of CPU or memory. Raises OSError."""
        ...

    def amounts(self, path: str) -> Amounts:
        """Return the limits of CPU and memory as they are set; where the kernel keeps another scale, shares are near. Raises OSError."""
        ...

    def folders(self, path: str) -> Sequence[Path]:
        """Return the cgroup's folders that exist, one a tree."""
        ...

    def usage(self, path: str) -> Usage:
        """Return what the cgroup uses now; zeros when it is not there."""
        ...

    def details(self, path: str) -> Details | None:
        """Return what more is known of it, None when it is not there."""
        ...

    version: int
    """1 or 2"""


@dataclass(frozen=True, slots=True)
class Traits:
    """What containers' settings depend on: whether swap can be limited, and whether a container can be killed as a whole."""

    swap: bool = False
    group_oom: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What a cgroup and everything below it uses: nanoseconds of CPU, bytes of memory, faults, processes."""

    cpu_nanoseconds: int = 0
    memory: int = 0
    working_set: int = 0
    rss: int = 0
    page_faults: int = 0
    major_page_faults: int = 0
    processes: int = 0
    memory_limit: int = 0


@dataclass(frozen=True, slots=True)
class Io:
    """What a cgroup did to one device."""

    reads: int = 0
    writes: int = 0
    read_bytes: int = 0
    written_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Details:
    """What more is known of a cgroup: how often it was throttled, its page cache, swap, kills, limits (0: none), devices by number."""

    periods: int = 0
    throttled_periods: int = 0
    throttled_nanoseconds: int = 0
    cache: int = 0
    swap: int = 0
    oom_kills: int = 0
    cpu_quota: int = 0
    cpu_shares: int = 0
    memory_limit: int = 0
    io: Mapping[str, Io] = field(default_factory=dict)


def detect(mount: Path = MOUNT) -> CgroupFs:
    """Return the file system of this machine; a hybrid one, with v1 controllers and an empty v2 tree, counts as v1."""
    if (mount / "cgroup.controllers").exists():
        return CgroupV2(mount)
    return CgroupV1(mount)


class CgroupV1:
    """One tree a controller, each mounted at its own folder."""

    version = 1

    def __init__(self, mount: Path) -> None:
        listed = [entry for entry in mount.iterdir() if entry.is_dir() and not entry.is_symlink()]
        self._trees = {name: entry for entry in listed for name in entry.name.split(",") if entry.name != "unified"}
        self._unified = [entry for entry in listed if entry.name == "unified"]
        self.traits = Traits(swap=(self._folder("memory", "/") / "memory.memsw.limit_in_bytes").exists())

    def make(self, path: str) -> None:
        """Make the cgroup where limits are set; the runtime makes it elsewhere when it needs to."""
        for name in ("cpu", "memory", "pids", "hugetlb"):
            if name in self._trees:
                self._folder(name, path).mkdir(parents=True, exist_ok=True)

    def limit(self, path: str, amounts: Amounts, pids: int = 0) -> None:
        """Set the limits."""
        self.resize(path, "cpu", amounts)
        self.resize(path, "memory", amounts)
        self._write("pids", path, "pids.max", pids or "max")
        for size, value in (amounts.huge_pages or {}).items():
            self._write("hugetlb", path, f"hugetlb.{size.removesuffix('i')}B.limit_in_bytes", value)

    def resize(self, path: str, resource: Resource, amounts: Amounts) -> None:
        """Set the limits of CPU or memory."""
        if resource == "memory":
            self._write("memory", path, "memory.limit_in_bytes", amounts.memory or -1)
            return
        self._write("cpu", path, "cpu.shares", amounts.cpu_shares)
        self._write("cpu", path, "cpu.cfs_period_us", CPU_PERIOD)
        self._write("cpu", path, "cpu.cfs_quota_us", amounts.cpu_quota or -1)

    def amounts(self, path: str) -> Amounts:
        """Return the limits of CPU and memory."""
        cpu, memory = self._folder("cpu", path), _number(self._folder("memory", path) / "memory.limit_in_bytes")
        quota = _number(cpu / "cpu.cfs_quota_us")
        return Amounts(_number(cpu / "cpu.shares"), quota if quota > 0 else None, memory if 0 < memory < UNLIMITED else None)

    def folders(self, path: str) -> Sequence[Path]:
        """Return the folders that exist; where the v2 tree is mounted too, the runtime makes its cgroups there as well."""
        return [folder for tree in dict.fromkeys([*self._trees.values(), *self._unified]) if (folder := _join(tree, path)).is_dir()]

    def usage(self, path: str) -> Usage:
        """Return what the cgroup uses now."""
        memory = self._folder("memory", path)
        stat = _table(memory / "memory.stat")
        used = _number(memory / "memory.usage_in_bytes")
        return Usage(
            cpu_nanoseconds=_number(self._folder("cpuacct", path) / "cpuacct.usage"),
            memory=used,
            working_set=max(used - stat.get("total_inactive_file", 0), 0),
            rss=stat.get("total_rss", 0),
            page_faults=stat.get("total_pgfault", 0),
            major_page_faults=stat.get("total_pgmajfault", 0),
            processes=_number(self._folder("pids", path) / "pids.current"),
            memory_limit=_number(memory / "memory.limit_in_bytes"),
        )

    def details(self, path: str) -> Details | None:
        """Return what more is known of the cgroup."""
        cpu, memory, block = (self._folder(name, path) for name in ("cpu", "memory", "blkio"))
        if not memory.is_dir():
            return None
        stat, throttled = _table(memory / "memory.stat"), _table(cpu / "cpu.stat")
        return Details(
            periods=throttled.get("nr_periods", 0),
            throttled_periods=throttled.get("nr_throttled", 0),
            throttled_nanoseconds=throttled.get("throttled_time", 0),
            cache=stat.get("total_cache", 0),
            swap=stat.get("total_swap", 0),
            oom_kills=_table(memory / "memory.oom_control").get("oom_kill", 0),
            cpu_quota=_number(cpu / "cpu.cfs_quota_us"),
            cpu_shares=_number(cpu / "cpu.shares"),
            memory_limit=_number(memory / "memory.limit_in_bytes"),
            io=_block_io(block),
        )

    def _folder(self, controller: str, path: str) -> Path:
        return _join(self._trees.get(controller, MOUNT / controller), path)

    def _write(self, controller: str, path: str, name: str, value: int | str) -> None:
        if controller in self._trees:
            (self._folder(controller, path) / name).write_text(str(value))


class CgroupV2:
    """One tree for all controllers; a parent must pass each controller on to its children."""

    version = 2

    def __init__(self, mount: Path) -> None:
        self._mount = mount
        # the root has no limits of its own: any cgroup below tells
        self.traits = Traits(swap=next(mount.glob("*/memory.swap.max"), None) is not None, group_oom=True)

    def make(self, path: str) -> None:
        """Make the cgroup, with the controllers on at each level above it."""
        folder = self._mount
        for name in path.strip("/").split("/"):
            _pass_on(folder)
            folder /= name
            folder.mkdir(exist_ok=True)
        _pass_on(folder)

    def limit(self, path: str, amounts: Amounts, pids: int = 0) -> None:
        """Set the limits."""
        self.resize(path, "cpu", amounts)
        self.resize(path, "memory", amounts)
        pages = {f"hugetlb.{size.removesuffix('i')}B.max": value for size, value in (amounts.huge_pages or {}).items()}
        self._write(path, {"pids.max": pids or "max", **pages})

    def resize(self, path: str, resource: Resource, amounts: Amounts) -> None:
        """Set the limits of CPU or memory."""
        if resource == "memory":
            self._write(path, {"memory.max": amounts.memory or "max"})
        else:
            self._write(path, {"cpu.weight": cpu_weight(amounts.cpu_shares), "cpu.max": f"{amounts.cpu_quota or 'max'} {CPU_PERIOD}"})

    def amounts(self, path: str) -> Amounts:
        """Return the limits of CPU and memory."""
        folder = _join(self._mount, path)
        quota = (folder / "cpu.max").read_text().split()[0]
        shares = cpu_shares(_number(folder / "cpu.weight"))
        return Amounts(shares, int(quota) if quota != "max" else None, _number(folder / "memory.max") or None)

    def _write(self, path: str, values: Mapping[str, int | str]) -> None:
        folder = _join(self._mount, path)
        for name, value in values.items():
            if (folder / name).exists():
                (folder / name).write_text(str(value))

    def folders(self, path: str) -> Sequence[Path]:
        """Return the folder if it exists."""
        folder = _join(self._mount, path)
        return [folder] if folder.is_dir() else []

    def usage(self, path: str) -> Usage:
        """Return what the cgroup uses now."""
        folder = _join(self._mount, path)
        stat = _table(folder / "memory.stat")
        used = _number(folder / "memory.current")
        return Usage(
            cpu_nanoseconds=_table(folder / "cpu.stat").get("usage_usec", 0) * 1000,
            memory=used,
            working_set=max(used - stat.get("inactive_file", 0), 0),
            rss=stat.get("anon", 0),
            page_faults=stat.get("pgfault", 0),
            major_page_faults=stat.get("pgmajfault", 0),
            processes=_number(folder / "pids.current"),
            memory_limit=_number(folder / "memory.max"),
        )

    def details(self, path: str) -> Details | None:
        """Return what more is known of the cgroup."""
        folder = _join(self._mount, path)
        if not folder.is_dir():
            return None
        stat, throttled, weight = _table(folder / "memory.stat"), _table(folder / "cpu.stat"), _number(folder / "cpu.weight")
        quota = _words(folder / "cpu.max")[:1]
        return Details(
            periods=throttled.get("nr_periods", 0),
            throttled_periods=throttled.get("nr_throttled", 0),
            throttled_nanoseconds=throttled.get("throttled_usec", 0) * 1000,
            cache=stat.get("file", 0),
            swap=_number(folder / "memory.swap.current"),
            oom_kills=_table(folder / "memory.events").get("oom_kill", 0),
            cpu_quota=int(quota[0]) if quota and quota[0].isdigit() else 0,
            cpu_shares=cpu_shares(weight) if weight else 0,
            memory_limit=_number(folder / "memory.max"),
            io=_io(folder / "io.stat"),
        )


def _io(path: Path) -> Mapping[str, Io]:
    """Read v2's lines: `8:0 rbytes=1 wbytes=2 rios=3 wios=4 ...`."""
    found = {}
    for line in _lines(path):
        device, *pairs = line.split()
        values = {name: int(value) for name, _, value in (pair.partition("=") for pair in pairs) if value.isdigit()}
        if values:
            found[device] = Io(values.get("rios", 0), values.get("wios", 0), values.get("rbytes", 0), values.get("wbytes", 0))
    return found


def _block_io(folder: Path) -> Mapping[str, Io]:
    """Read v1's two files, with lines like `8:0 Read 3`."""
    counts: dict[str, dict[str, int]] = {}
    for name, suffix in (("io_serviced", ""), ("io_service_bytes", "Bytes")):
        for line in _lines(folder / f"blkio.throttle.{name}_recursive") or _lines(folder / f"blkio.throttle.{name}"):
            words = line.split()
            if len(words) == 3:  # noqa: PLR2004 - device, operation, number
                counts.setdefault(words[0], {})[words[1] + suffix] = int(words[2])
    return {
        device: Io(values.get("Read", 0), values.get("Write", 0), values.get("ReadBytes", 0), values.get("WriteBytes", 0))
        for device, values in counts.items()
    }


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()


def cpu_weight(shares: int) -> int:
    """Return v2's weight (1 to 10000) for v1's shares: the runtimes' curve, which maps 2, 1024 and 262144 to 1, 100, 10000."""
    if shares <= _MIN_SHARES:
        return 1
    if shares >= _MAX_SHARES:
        return 10_000
    power = math.log2(shares)
    return math.ceil(10 ** ((power * power + 125 * power) / 612 - 7 / 34))


def cpu_shares(weight: int) -> int:
    """Return the least of v1's shares that stand for this weight."""
    low, high = _MIN_SHARES, _MAX_SHARES
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if cpu_weight(middle) < weight else (low, middle)
    return low


def remove(fs: CgroupFs, path: str) -> bool:
    """Kill what runs in the cgroup and remove it; say whether it is gone.

    A killed process stays until its parent has reaped it: when the answer is no, ask again a little later.
    """
    folders = fs.folders(path)
    for folder in folders:
        for process in _processes(folder):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    for folder in folders:
        for inner, _, _ in os.walk(folder, topdown=False):
            with suppress(OSError):
                Path(inner).rmdir()
    return not fs.folders(path)


def _processes(folder: Path) -> Iterator[int]:
    for inner, _, _ in os.walk(folder):
        with suppress(OSError):
            yield from map(int, Path(inner, "cgroup.procs").read_text().split())


def _pass_on(folder: Path) -> None:
    control = folder / "cgroup.subtree_control"
    if not control.exists():
        return
    there = set((folder / "cgroup.controllers").read_text().split())
    wanted = [name for name in _V2_CONTROLLERS if name in there - set(control.read_text().split())]
    if wanted:
        control.write_text(" ".join(f"+{name}" for name in wanted))


def _join(tree: Path, path: str) -> Path:
    return tree / path.strip("/")


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # not there, or "max"
        return 0


def _table(path: Path) -> dict[str, int]:
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {words[0]: int(words[1]) for words in lines}
