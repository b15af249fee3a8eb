"""What a cluster's pods leave on the host, as text that can be compared: taken before and after, both must be the same."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from sagong.cluster.config import directories
from tests.e2e.conftest import Cluster

HostState = Mapping[str, frozenset[str]]

_VERSION_OF_A_VOLUME = re.compile(r"\.\.\d{4}_\d\d_\d\d[^/]*")
_PEER_GROUP = re.compile(r"\b(shared|master|propagate_from):\d+")


def host_state(cluster: Cluster) -> HostState:
    """Look at everything that a pod has outside the API."""
    mine = directories(str(cluster.data_dir))
    run_dir = mine["run_dir"]
    marks = (str(cluster.data_dir), run_dir)
    return {
        "mounts": frozenset(_mounts(marks)),
        "cgroups": frozenset(_cgroups(mine["cgroup_root"])),
        "network namespaces": frozenset(_names(Path(run_dir, "containerd/io.containerd.grpc.v1.cri/netns"))),
        "interfaces": frozenset(_interfaces(cluster, mine["bridge"])),
        "packet rules": frozenset(_rules(cluster)),
        "addresses": frozenset(name for name in _names(cluster.data_dir / "cni/sagong") if name[0].isdigit()),
        "runc": frozenset(_names(Path(run_dir, "runc/k8s.io"))),
        "directories": frozenset(_directories(cluster, Path(run_dir))),
        "runtime": frozenset(_runtime(cluster, Path(run_dir))),
        "processes": frozenset(_processes(marks)),
    }


def differences(before: HostState, after: HostState) -> list[str]:
    """Return what is more (+) and what is less (-) than before."""
    found = []
    for what, then in before.items():
        found += [f"+ {what}: {text}" for text in sorted(after[what] - then)]
        found += [f"- {what}: {text}" for text in sorted(then - after[what])]
    return found


def _names(directory: Path) -> Iterable[str]:
    return [path.name for path in directory.iterdir()] if directory.is_dir() else []


def _mounts(marks: Iterable[str]) -> Iterable[str]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if any(mark in line for mark in marks):
            yield _PEER_GROUP.sub("", line.split(maxsplit=3)[3])


def _cgroups(root: str) -> Iterable[str]:
    for mount in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/")):
        group = mount / root.strip("/") / "kubepods"
        yield from (folder for folder, _, _ in os.walk(group))


def _interfaces(cluster: Cluster, bridge: str) -> Iterable[str]:
    for line in cluster.run("ip", "-o", "link").stdout.splitlines():
        name = line.split(": ")[1].partition("@")[0]
        master = re.search(r"master (\S+)", line)
        if master is None or master[1] == bridge:
            yield name


def _rules(cluster: Cluster) -> Iterable[str]:
    for line in cluster.run("nft", "list", "tables").stdout.splitlines():
        if "sagong" in line:
            listing = cluster.run("nft", "list", *line.split()).stdout
            listing = re.sub(r"counter packets \d+ bytes \d+", "counter", listing)
            yield from (f"{line}: {word.strip()}" for row in listing.splitlines() for word in row.split(","))


def _directories(cluster: Cluster, run_dir: Path) -> Iterable[str]:
    data, state, root = cluster.data_dir, run_dir / "containerd", cluster.data_dir / "containerd"
    roots = [data / "kubelet" / "pods", data / "log" / "pods", data / "log" / "containers"]
    roots += [top / name for top in (state, root) for name in ("io.containerd.runtime.v2.task/k8s.io", "io.containerd.grpc.v1.cri")]
    roots.append(root / "io.containerd.snapshotter.v1.overlayfs/snapshots")
    for root in roots:
        for path in _walk(root):
            yield _VERSION_OF_A_VOLUME.sub("..version", path)


def _walk(root: Path) -> Iterable[str]:
    """Return what is below, without what is in containers' and snapshots' own filesystems."""
    listed = subprocess.run(["find", str(root), "-xdev", "-maxdepth", "6"], capture_output=True, text=True, check=False).stdout
    for path in listed.splitlines():
        if "/rootfs/" not in path and not re.search(r"/snapshots/\d+/", path) and not re.search(r"\.log(\.|$)", path):
            yield path


def _runtime(cluster: Cluster, run_dir: Path) -> Iterable[str]:
    socket = run_dir / "containerd.sock"
    for kind in ("containers", "tasks", "snapshots", "leases"):
        done = cluster.run("ctr", "--address", str(socket), "--namespace", "k8s.io", kind, "ls", *(["-q"] if kind != "snapshots" else []))
        assert done.returncode == 0, done.stderr
        yield from (f"{kind}: {line.split()[0]}" for line in done.stdout.splitlines() if line.strip())


def _processes(marks: Iterable[str]) -> Iterable[str]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if "containerd-shim" in command and any(mark in command for mark in marks):
                yield command
