"""What every process shows of itself under /metrics: its version, and what it uses."""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from sagong.api import features
from sagong.api.exposition import Metric


def build(version: str) -> Metric:
    """Return what it was built from; the version is like v1.36.0."""
    found = Metric("kubernetes_build_info", "gauge", "A metric with a constant '1' value, labeled by what the process was built from.")
    major, minor = version.removeprefix("v").split(".")[:2]
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    found.add(
        1,
        major=major,
        minor=minor,
        git_version=version,
        git_commit="",
        git_tree_state="",
        build_date="",
        go_version="",
        compiler=sys.implementation.name,
        platform=f"{sys.platform}/{machine}",
    )
    return found


def own(version: str) -> Iterable[Metric]:
    """Return all of them."""
    return build(version), features.enabled(), *used()


def used() -> Iterable[Metric]:
    """Return Prometheus' usual metrics of a process, read from the kernel."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    size = os.sysconf("SC_PAGE_SIZE")
    virtual, resident = (int(field) * size for field in Path("/proc/self/statm").read_text().split()[:2])
    found: list[tuple[Literal["counter", "gauge"], str, str, float]] = [
        ("counter", "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", usage.ru_utime + usage.ru_stime),
        ("gauge", "process_resident_memory_bytes", "Resident memory size in bytes.", resident),
        ("gauge", "process_virtual_memory_bytes", "Virtual memory size in bytes.", virtual),
        ("gauge", "process_open_fds", "Number of open file descriptors.", sum(1 for _ in Path("/proc/self/fd").iterdir())),
        ("gauge", "process_max_fds", "Maximum number of open file descriptors.", resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        ("gauge", "process_start_time_seconds", "Start time of the process since unix epoch in seconds.", _started()),
    ]
    metrics = []
    for kind, name, text, value in found:
        metrics.append(Metric(name, kind, text))
        metrics[-1].add(value)
    return metrics


def started() -> datetime:
    """Return when the process started."""
    return datetime.fromtimestamp(_started(), UTC)


def _started() -> float:
    """Return the seconds since 1970 at that moment: the kernel counts ticks since it booted."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    return float(booted.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
