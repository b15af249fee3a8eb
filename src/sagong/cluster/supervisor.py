"""The small supervisor: keeps containerd and the kubelet alive, and nothing else.

It is a process of its own that imports little. A child that dies is started again at once, then with growing pauses (1 s, 2 s, ... 10 s)
while it keeps dying within ten seconds. Containers are not its children: containerd's shims keep them running through any restart.
SIGTERM stops the kubelet, then containerd, then itself. The supervisor holds a lock on its pid file while it lives.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

SETTLED = 10.0
LONGEST_PAUSE = 10.0
STOP_WAIT = 10.0
BEFORE_WAIT = 30.0


@dataclass(slots=True)
class Child:
    """One supervised process: its command, its log, and how it has been doing."""

    name: str
    argv: list[str]
    log: str
    env: dict[str, str] = field(default_factory=dict)
    before: list[str] = field(default_factory=list)
    """A command to run before each start, while there is anything in the directory `remains`."""
    remains: str = ""
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 0.0
    start_at: float = 0.0

    def start(self, now: float) -> None:
        """Start the process in a session of its own, output appended to its log."""
        with Path(self.log).open("ab") as log:
            if self.before and _occupied(self.remains):
                with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                    subprocess.run(self.before, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False, timeout=BEFORE_WAIT)  # noqa: S603
            self.process = subprocess.Popen(  # noqa: S603 - the command line is our own
                self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env={**os.environ, **self.env}
            )
        self.started = now

    def reap(self, now: float) -> bool:
        """Say whether the process has ended; if so, plan its next start."""
        if self.process is None or self.process.poll() is None:
            return False
        self.process = None
        self.pause = 0.0 if now - self.started >= SETTLED else min(self.pause + 1.0, LONGEST_PAUSE)
        # The first death is answered at once; only a child that keeps dying waits.
        self.start_at = now if self.pause <= 1.0 else now + self.pause
        return True

    def stop(self) -> None:
        """Ask the process to end, and make it after ten seconds."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _occupied(directory: str) -> bool:
    try:
        return bool(os.listdir(directory))  # noqa: PTH208 - no names are wanted
    except OSError:
        return False


def lock(path: Path) -> IO[str] | None:
    """Take the pid file's lock and write our pid into it; None when another supervisor holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = path.open("a+")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.close()
        return None
    stream.truncate(0)
    stream.write(f"{os.getpid()}\n")
    stream.flush()
    return stream


def holder(path: Path) -> int | None:
    """Return the pid of the supervisor that holds the pid file's lock; None when nobody does."""
    try:
        with path.open("r+") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                text = stream.read().strip()
                return int(text) if text.isdigit() else 0
    except FileNotFoundError:
        pass
    return None


def supervise(children: list[Child], wake: int) -> None:
    """Start the children in order and keep them running until the wake pipe says that a stop was asked for."""
    stopping = False
    while not stopping:
        now = time.monotonic()
        for child in children:
            child.reap(now)
            if child.process is None and child.start_at <= now:
                child.start(now)
        waiting = [child.start_at - now for child in children if child.process is None]
        readable, _, _ = select.select([wake], [], [], max(min(waiting), 0.01) if waiting else None)
        stopping = bool(readable) and signal.SIGTERM in os.read(wake, 512)
    for child in reversed(children):
        child.stop()


def main() -> None:
    """Run from the JSON file named on the command line: {"pid_file", "children": [{"name", "argv", "log", "env", "before", "remains"}]}."""
    spec = json.loads(Path(sys.argv[1]).read_text())
    held = lock(Path(spec["pid_file"]))
    if held is None:
        sys.exit("another supervisor is running")
    readable, writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    with held, contextlib.suppress(KeyboardInterrupt):
        supervise([Child(**child) for child in spec["children"]], readable)


if __name__ == "__main__":
    main()
