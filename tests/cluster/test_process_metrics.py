"""What a process shows of itself under /metrics."""

from __future__ import annotations

import os
import time

from sagong.api.exposition import exposition
from sagong.cluster import process_metrics


def test_what_the_kernel_says_of_a_process() -> None:
    lines = exposition(process_metrics.used()).splitlines()
    shown = {name: float(value) for name, _, value in (line.partition(" ") for line in lines if not line.startswith("#"))}
    assert time.time() - 3600 * 24 < shown["process_start_time_seconds"] <= time.time() + 1
    assert shown["process_resident_memory_bytes"] < shown["process_virtual_memory_bytes"]
    assert shown["process_cpu_seconds_total"] > 0
    assert shown["process_open_fds"] <= shown["process_max_fds"]
    before = shown["process_open_fds"]
    opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(5)]
    again = exposition(process_metrics.used())
    for descriptor in opened:
        os.close(descriptor)
    assert f"process_open_fds {before + 5:.0f}\n" in again


def test_what_it_was_built_from() -> None:
    (line,) = process_metrics.build("v1.36.0+sagong").rows()
    assert 'git_version="v1.36.0+sagong"' in line
    assert 'major="1",minor="36"' in line


def test_every_process_tells_its_features_too() -> None:
    page = exposition(process_metrics.own("v1.36.0"))
    assert 'kubernetes_feature_enabled{name="SidecarContainers",stage=""} 1\n' in page
    for name in ("WatchList", "ComponentStatusz", "ComponentFlagz"):
        assert f'kubernetes_feature_enabled{{name="{name}",stage="BETA"}} 1\n' in page
    assert "kubernetes_build_info{" in page
    assert "process_open_fds " in page
