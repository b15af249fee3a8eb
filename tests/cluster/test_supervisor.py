"""The supervisor on real processes: restarts, back-off, one at a time, a clean stop."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sagong.cluster import host, supervisor
from sagong.cluster.supervisor import Child


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    children = [
        {"name": name, "argv": ["/bin/sh", "-c", f"echo $$ >> {tmp_path}/{name}.pids; exec sleep 300"], "log": f"{tmp_path}/{name}.log"}
        for name in ("one", "two")
    ]
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({"pid_file": f"{tmp_path}/pid", "children": children}))
    return path


@pytest.fixture
def running(spec: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-S", supervisor.__file__, str(spec)], stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def pids(spec: Path, name: str) -> list[int]:
    file = spec.parent / f"{name}.pids"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def test_what_a_killed_child_has_left_is_cleared_before_it_starts_again(tmp_path: Path) -> None:
    remains = tmp_path / "remains"
    remains.mkdir()
    sweep = ["/bin/sh", "-c", f"echo swept; rm {remains}/*"]
    child = Child("one", ["/bin/echo", "started"], f"{tmp_path}/log", before=sweep, remains=str(remains))
    for left in ((), ("a", "b")):
        for name in left:
            (remains / name).touch()
        child.start(0.0)
        assert child.process is not None
        child.process.wait(10)
    assert (tmp_path / "log").read_text().split() == ["started", "swept", "started"]
    assert list(remains.iterdir()) == []


def test_a_killed_child_comes_back_at_once_and_alone(spec: Path, running: subprocess.Popen[bytes]) -> None:
    eventually(lambda: len(pids(spec, "one")) == len(pids(spec, "two")) == 1)
    began = time.monotonic()
    os.kill(pids(spec, "one")[0], signal.SIGKILL)
    eventually(lambda: len(pids(spec, "one")) == 2)
    assert time.monotonic() - began < 5
    assert len(pids(spec, "two")) == 1
    assert host.alive(pids(spec, "one")[1])


def test_a_stop_ends_all_children(spec: Path, running: subprocess.Popen[bytes]) -> None:
    eventually(lambda: bool(pids(spec, "one") and pids(spec, "two")))
    running.terminate()
    running.wait(20)
    assert not any(host.alive(pid) for name in ("one", "two") for pid in pids(spec, name))
    assert supervisor.holder(spec.parent / "pid") is None


def test_a_second_supervisor_gives_way(spec: Path, running: subprocess.Popen[bytes]) -> None:
    eventually(lambda: supervisor.holder(spec.parent / "pid") == running.pid)
    second = subprocess.run([sys.executable, "-S", supervisor.__file__, str(spec)], capture_output=True, text=True, check=False)
    assert second.returncode != 0
    assert "another supervisor" in second.stderr
    assert supervisor.holder(spec.parent / "pid") == running.pid


def test_a_child_that_keeps_dying_waits_longer_each_time(tmp_path: Path) -> None:
    child = Child("x", ["/bin/true"], str(tmp_path / "log"))
    pauses = []
    now = 100.0
    for _ in range(13):
        child.start(now)
        assert child.process is not None
        child.process.wait()
        now += 0.5
        assert child.reap(now)
        pauses.append(child.start_at - now)
        now = child.start_at
    assert pauses[:4] == [0.0, 2.0, 3.0, 4.0]
    assert pauses[-1] == 10.0
    child.start(now)
    assert child.process is not None
    child.process.wait()
    assert child.reap(now + 60.0)
    assert child.start_at == now + 60.0
