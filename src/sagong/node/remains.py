"""What a containerd that was killed leaves half made, removed before it starts again: nothing of it is known to containerd itself.

    network namespace, address   made first; containerd writes the sandbox down only when its network stands
    shim, bundle                 started next; the task is there once runc has written init.pid
    task                         taken from its shim first when it is deleted, the shim and the bundle only then

containerd is not running when this runs, so nobody is about to use any of it. A task that its shim knows is left alone: it runs, or the
shim keeps its exit code. One that its shim knows nothing of was being made or deleted. containerd 1.6 takes it up when it starts, for the
shim answers, but then finds no task to delete: nobody would ever end that shim. What containerd or the kubelet finds missing later is no
error for them.
Runs by itself, with the standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time  # noqa: TID251 - this is a program of its own, which has no clock of ours
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SETTLE_SECONDS = 5.0
PAUSE_SECONDS = 0.05
SHIM_SECONDS = 5.0
"""A shim that does not answer within these is left alone. It answers for a task that it is just deleting once that is done."""
ASKED_AT_ONCE = 16
RESULTS = Path("/var/lib/cni/results")
"""where libcni, in containerd, remembers what networks it has set up"""

_SANDBOX = "io.kubernetes.cri.sandbox-id"
_NAMESPACE, _NETWORK = "k8s.io", "sagong"
_TASKS = "containerd.task.v2.Task"
_FRAME = struct.Struct(">IIBB")
"""ttrpc's: length, stream, type, flags."""
_REQUEST, _NOT_FOUND = 1, 5
_BYTES = 2
_STATE, _EXIT_STATUS, _EXITED_AT = 4, 9, 10
_STOPPED = 3
"""containerd.task.v2.StateResponse, and its status"""


@dataclass(frozen=True)
class Places:
    """Where one containerd keeps things."""

    state: Path
    socket: Path
    runc: Path
    """runc's state, which its namespaces lie below"""
    addresses: Path
    """host-local's files, one an address"""
    ends: Path
    """where the kubelet looks for exit codes that containerd has lost (node/ends.py)"""

    @property
    def bundles(self) -> Path:
        """The directories of tasks."""
        return self.state / "io.containerd.runtime.v2.task" / _NAMESPACE

    @property
    def network_namespaces(self) -> Path:
        """The files that hold network namespaces."""
        return self.state / "io.containerd.grpc.v1.cri" / "netns"


@dataclass(frozen=True)
class Bundle:
    """One container's directory, as its task was made. `sandbox` is the container whose shim it has, which may be itself."""

    id: str
    made: bool
    """The task was made, and not deleted since."""
    sandbox: str = ""
    network_namespace: str = ""
    address: str = ""
    end: tuple[int, int] | None = None
    """How its process ended, for the shim knows that still; not for sandboxes."""


@dataclass(frozen=True)
class Remains:
    """What is to be removed: ids of bundles, ids of shims, paths of namespaces, names of addresses."""

    bundles: Sequence[str] = ()
    shims: Sequence[str] = ()
    network_namespaces: Sequence[str] = ()
    addresses: Sequence[str] = ()

    def summary(self) -> str:
        """Return one line for the log."""
        counts = (f"{len(found)} {name.replace('_', ' ')}" for name, found in vars(self).items() if found)
        return ", ".join(counts) or "nothing"


def plan(bundles: Sequence[Bundle], shims: Iterable[str], namespaces: Iterable[str], addresses: dict[str, str]) -> Remains:
    """Return what nobody will ask for any more. `shims` are ids of running shims, `addresses` names the container that has each."""
    made = [bundle for bundle in bundles if bundle.made]
    needed = {bundle.sandbox for bundle in made} | {bundle.id for bundle in made}
    taken = {bundle.network_namespace for bundle in made}
    return Remains(
        bundles=[bundle.id for bundle in bundles if not bundle.made],
        shims=sorted(set(shims) - needed),
        network_namespaces=sorted(set(namespaces) - taken),
        addresses=sorted(address for address, owner in addresses.items() if owner not in needed),
    )


def look(places: Places) -> tuple[Remains, dict[str, list[int]], Sequence[Bundle]]:
    """Return what remains, the processes of shims by id, and the bundles."""
    with ThreadPoolExecutor(ASKED_AT_ONCE) as threads:
        bundles = list(threads.map(_bundle, _entries(places.bundles)))
    shims = shims_of(str(places.socket))
    namespaces = [str(path) for path in _entries(places.network_namespaces)]
    addresses = {path.name: _owner(path) for path in _entries(places.addresses) if path.name[:1].isdigit() or ":" in path.name}
    return plan(bundles, shims, namespaces, addresses), shims, bundles


def sweep(places: Places) -> Remains:
    """Remove what remains. Shims that are just making or deleting a container are waited for, a little."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while _busy(shims_of(str(places.socket))) and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
    time.sleep(PAUSE_SECONDS)  # a shim whose runc has ended notes that
    remains, shims, bundles = look(places)
    for shim in remains.shims:
        for pid in shims.get(shim, ()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    by_id = {bundle.id: bundle for bundle in bundles}
    for name in {*remains.bundles, *remains.shims}:
        _run("runc", "--root", str(places.runc / _NAMESPACE), "delete", "--force", name)
    for name in remains.bundles:
        _remove_bundle(places.bundles / name, by_id[name].address if name in remains.shims else "")
    for path in remains.network_namespaces:
        _run("umount", "-l", path)
        Path(path).unlink(missing_ok=True)
    for name in remains.addresses:
        (places.addresses / name).unlink(missing_ok=True)
    remove_torn_results()
    _note_ends(places.ends, bundles)
    return remains


def _note_ends(directory: Path, bundles: Iterable[Bundle]) -> None:
    """Write down how containers ended: containerd takes their tasks from the shims as soon as it starts, and may be killed with that."""
    for bundle in bundles:
        if bundle.end is not None:
            with contextlib.suppress(OSError):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                (directory / bundle.id).write_text("{} {}\n".format(*bundle.end))


def remove_torn_results(directory: Path = RESULTS) -> Sequence[str]:
    """Remove what a containerd that was killed had half written down; return the names. With it, no network is taken down again.

    The directory is the host's: what other networks have there is left alone.
    """
    torn = []
    for path in directory.glob(f"{_NETWORK}-*"):
        try:
            json.loads(path.read_bytes())
        except ValueError:
            path.unlink(missing_ok=True)
            torn.append(path.name)
        except OSError:
            continue
    return torn


def _remove_bundle(path: Path, address: str) -> None:
    _run("umount", "-l", str(path / "rootfs"))
    work = path / "work"
    if work.is_symlink():
        shutil.rmtree(work.readlink(), ignore_errors=True)
    if address.startswith("unix://"):
        Path(address.removeprefix("unix://")).unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)


def _bundle(path: Path) -> Bundle:
    try:
        config = json.loads((path / "config.json").read_bytes())
    except (OSError, ValueError):
        config = {}
    listed = (config.get("linux") or {}).get("namespaces") or []
    network = next((str(found.get("path", "")) for found in listed if found.get("type") == "network"), "")
    sandbox = str((config.get("annotations") or {}).get(_SANDBOX, path.name))
    try:
        address = (path / "address").read_text().strip()
    except OSError:
        address = ""
    made = (path / "init.pid").exists() and not path.name.startswith(".")  # renamed so before it is removed
    task = ask(address, path.name) if made else Task()
    return Bundle(path.name, made and not task.lacking, sandbox, network, address, None if sandbox == path.name else task.end)


@dataclass(frozen=True)
class Task:
    """What a shim says of a task. `end`: its exit code, and when it ended in nanoseconds since 1970."""

    lacking: bool = False
    end: tuple[int, int] | None = None


def ask(address: str, task: str) -> Task:
    """Ask the shim that serves at the address, `unix://` and a path, about a task. One that cannot tell may have it."""
    try:
        answer = _fields(call_shim(address, "State", task))
        status, payload = _fields(_inner(answer, 1)), _fields(_inner(answer, 2))
        at = _fields(_inner(payload, _EXITED_AT))
    except (OSError, IndexError, ValueError):
        return Task()
    if payload.get(_STATE) != _STOPPED:
        return Task(lacking=status.get(1) == _NOT_FOUND)
    code, seconds, nanoseconds = (number if isinstance(number, int) else 0 for number in (payload.get(_EXIT_STATUS), at.get(1), at.get(2)))
    return Task(end=(code, seconds * 10**9 + nanoseconds))


def call_shim(address: str, method: str, task: str) -> bytes:
    """Call a method that wants a task's id alone; return the response, a ttrpc Response. Raises OSError."""
    call = ((1, _TASKS.encode()), (2, method.encode()), (3, _text(1, task.encode())))
    request = b"".join(_text(number, value) for number, value in call)
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(SHIM_SECONDS)
        stream.connect(address.removeprefix("unix://"))
        stream.sendall(_FRAME.pack(len(request), 1, _REQUEST, 0) + request)
        header = _read(stream, _FRAME.size)
        return _read(stream, _FRAME.unpack(header)[0])


def _text(number: int, value: bytes) -> bytes:
    """Return a field of a protobuf message: its number and type, its length, which is below 128 here, and the value."""
    return bytes((number << 3 | 2, len(value))) + value


def _fields(message: bytes) -> dict[int, int | bytes]:
    """Read a protobuf message of numbers and of what has a length. Raises IndexError, ValueError for another one."""
    found: dict[int, int | bytes] = {}
    at = 0
    while at < len(message):
        tag, at = _number(message, at)
        value, at = _number(message, at)
        if tag & 7 == _BYTES:
            found[tag >> 3] = message[at : at + value]
            at += value
        elif tag & 7 == 0:
            found[tag >> 3] = value
        else:
            raise ValueError(tag)
    return found


def _number(message: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004 - the eighth bit says that more follows
            return value, at


def _inner(fields: dict[int, int | bytes], number: int) -> bytes:
    value = fields.get(number, b"")
    return value if isinstance(value, bytes) else b""


def _read(stream: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        part = stream.recv(length - len(found))
        if not part:
            raise ConnectionError("the shim closed the connection")
        found += part
    return found


def _owner(path: Path) -> str:
    try:
        return path.read_text().split()[0]
    except (OSError, IndexError):
        return ""


def shims_of(served: str) -> dict[str, list[int]]:
    """Return the processes of the shims that the containerd at a socket has started for pods, by the container that each was started for.

    Those that serve, and those that start them.
    """
    found: dict[str, list[int]] = {}
    for entry in _entries(Path("/proc")):
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_text().split("\0")
        except (OSError, UnicodeDecodeError):
            continue
        if words[0].rsplit("/", 1)[-1].startswith("containerd-shim") and {served, _NAMESPACE, "-id"} <= set(words[:-1]):
            found.setdefault(words[words.index("-id") + 1], []).append(int(entry.name))
    return found


def _busy(shims: dict[str, list[int]]) -> bool:
    """Say whether a shim runs runc."""
    threads = (thread for pids in shims.values() for pid in pids for thread in _entries(Path(f"/proc/{pid}/task")))
    return any("runc" in _children(thread) for thread in threads)


def _children(thread: Path) -> Iterable[str]:
    """Return the names of the processes that a thread has started, and that are not over."""
    try:
        return [Path(f"/proc/{child}/comm").read_text().strip() for child in (thread / "children").read_text().split()]
    except OSError:
        return ()


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []


def _run(*command: str) -> None:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(command, check=False, capture_output=True, timeout=10)  # noqa: S603 - our own words


if __name__ == "__main__":
    places = Places(*map(Path, sys.argv[1:6]))
    sys.stderr.write(f"removed what a killed containerd has left: {sweep(places).summary()}\n")
