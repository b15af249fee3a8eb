"""The machine as the kernel describes it: processors, memory, disk, identity, addresses."""

from __future__ import annotations

import fcntl
import ipaddress
import os
import platform
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_SIOCGIFADDR = 0x8915
_HUGE_PAGES = Path("/sys/kernel/mm/hugepages")


@dataclass(frozen=True, slots=True)
class Machine:
    """What does not change while the machine runs."""

    cpus: int
    memory: int
    """bytes"""
    swap: int
    huge_pages: Mapping[str, int] = field(default_factory=dict)
    """bytes set aside, by page size as Kubernetes writes it: 2Mi, 1Gi"""
    machine_id: str = ""
    system_uuid: str = ""
    boot_id: str = ""
    kernel: str = ""
    os_image: str = ""
    architecture: str = ""
    max_pid: int = 0


@dataclass(frozen=True, slots=True)
class FileSystem:
    """Space and inodes of the file system that holds a path."""

    capacity: int
    available: int
    inodes: int
    inodes_free: int

    @property
    def used(self) -> int:
        """Return the bytes in use."""
        return self.capacity - self.available


def read_machine() -> Machine:
    """Read the machine's description; what cannot be read stays empty."""
    memory = _meminfo()
    return Machine(
        cpus=os.sysconf("SC_NPROCESSORS_ONLN"),
        memory=memory.get("MemTotal", 0),
        swap=memory.get("SwapTotal", 0),
        huge_pages=_huge_pages(),
        machine_id=_text("/etc/machine-id") or _text("/var/lib/dbus/machine-id"),
        system_uuid=_text("/sys/class/dmi/id/product_uuid") or _text("/etc/machine-id"),
        boot_id=_text("/proc/sys/kernel/random/boot_id"),
        kernel=platform.release(),
        os_image=_os_release().get("PRETTY_NAME", "Linux"),
        architecture=_ARCHITECTURES.get(platform.machine(), platform.machine()),
        max_pid=int(_text("/proc/sys/kernel/pid_max") or "32768"),
    )


def memory_available() -> int:
    """Return the bytes of memory that could still be used without swapping."""
    return _meminfo().get("MemAvailable", 0)


def file_system(path: Path) -> FileSystem:
    """Return the state of the file system below `path`. Raises OSError."""
    found = os.statvfs(path)
    return FileSystem(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize, found.f_files, found.f_favail)


def booted() -> datetime | None:
    """Return when the machine booted, None where the kernel does not tell."""
    found = next((line.split()[1] for line in _text("/proc/stat").splitlines() if line.startswith("btime ")), "")
    return datetime.fromtimestamp(int(found), UTC) if found else None


def processes() -> int:
    """Return how many processes and threads the machine has."""
    running = _text("/proc/loadavg").split()[3]  # "2/345": runnable of all
    return int(running.partition("/")[2])


def node_address(wanted: str = "") -> str:
    """Return the address others reach this node at: `wanted`, that of the default route, or of any interface that has one."""
    if wanted:
        return str(ipaddress.ip_address(wanted))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # choosing a route sends nothing
            probe.connect(("192.0.2.1", 9))
            found = str(probe.getsockname()[0])
        except OSError:
            found = ""
        if found:
            return found
        interfaces = (name for _, name in socket.if_nameindex() if name != "lo")
        return next(filter(None, (_interface_address(probe, name) for name in interfaces)), "127.0.0.1")


def _interface_address(probe: socket.socket, name: str) -> str:
    try:
        answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
    except OSError:
        return ""
    return socket.inet_ntoa(answer[20:24])


def _meminfo() -> dict[str, int]:
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines}


def _huge_pages() -> dict[str, int]:
    found = {}
    for folder in _HUGE_PAGES.glob("hugepages-*kB"):
        kib = int(folder.name.removeprefix("hugepages-").removesuffix("kB"))
        name = f"{kib >> 20}Gi" if kib >= 1 << 20 else f"{kib >> 10}Mi"
        found[name] = int(_text(str(folder / "nr_hugepages")) or "0") * kib * 1024
    return found


def _os_release() -> dict[str, str]:
    lines = (line.partition("=") for line in _text("/etc/os-release").splitlines())
    return {name: value.strip().strip('"') for name, _, value in lines}


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
