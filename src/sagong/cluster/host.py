"""What a cluster leaves on the host, and its removal: mounts, cgroups, network, processes. Every step can be repeated."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from sagong.cluster.config import ClusterConfig
from sagong.cluster.preflight import find

_PASSES = 5


def clear_network(config: ClusterConfig) -> None:
    """Remove the proxy's packet rules and the pods' network namespaces; the bridge goes with `remove_bridge`."""
    nft = find("nft")
    if nft:
        for family in ("ip", "ip6", "inet"):
            listed = run(nft, "list", "tables", family)
            for line in listed.splitlines():
                name = line.split()[-1]
                if name.startswith("sagong"):
                    run(nft, "delete", "table", family, name)
    for node in config.all_nodes:
        for lease in node.addresses.glob("[0-9]*"):
            lease.unlink(missing_ok=True)


def remove_bridge(config: ClusterConfig) -> None:
    """Delete the pods' bridge, and the route to service addresses that the proxy makes where there is no default route."""
    ip = find("ip")
    if ip:
        run(ip, "link", "delete", config.bridge)
        run(ip, "route", "delete", config.service_cidr, "dev", "lo")


def unmount_under(*directories: str) -> None:
    """Unmount everything at or below the directories, deepest first."""
    for _ in range(_PASSES):
        points = [line.split()[4].replace("\\040", " ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        inside = [p for p in points if any(p == d or p.startswith(f"{d}/") for d in directories)]
        if not inside:
            return
        for point in sorted(inside, key=len, reverse=True):
            run("umount", "-l", point)


def remove_cgroups(cgroup_root: str) -> None:
    """Remove the kubelet's cgroup tree below `cgroup_root` in every hierarchy, killing what is still in it."""
    name = cgroup_root.strip("/") or "kubepods"
    for root in (*Path("/sys/fs/cgroup").glob(f"*/{name}"), Path("/sys/fs/cgroup", name)):
        if root.is_dir():
            for directory, _, _ in os.walk(root, topdown=False):
                _empty_cgroup(Path(directory))


def _empty_cgroup(directory: Path) -> None:
    with contextlib.suppress(OSError):
        for pid in (directory / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    for _ in range(_PASSES):
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)  # a killed process leaves its cgroup a moment later
        else:
            return


def remove_directories(*directories: str) -> None:
    """Remove trees; what is not there is no error."""
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


def processes_with(marker: str) -> list[int]:
    """Return the pids of processes whose command line names the marker (a directory of the cluster), this process aside."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if marker.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def end(pids: list[int], wait: float = 10.0) -> None:
    """End processes: SIGTERM, then SIGKILL for those that are left."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + wait
        while pids and time.monotonic() < deadline:
            pids = [pid for pid in pids if alive(pid)]
            time.sleep(0.02)
        if not pids:
            return


def alive(pid: int) -> bool:
    """Say whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def run(*command: str) -> str:
    """Run a command and return its output; a failure gives what it printed, no error."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own command lines
    return done.stdout
