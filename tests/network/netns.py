"""A small world of network namespaces: a node with a bridge, pods on it, an outside machine. All of it goes with `close()`."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def run(*command: str, text: str = "") -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


class Namespace:
    def __init__(self, name: str) -> None:
        self.name = name
        run("ip", "netns", "add", name)

    def run(self, *command: str, text: str = "") -> str:
        return run("ip", "netns", "exec", self.name, *command, text=text)

    def sysctl(self, **values: int) -> None:
        for key, value in values.items():
            self.run("sysctl", "-qw", f"{key.replace('__', '.')}={value}")

    def call(self, function: Callable[[], T]) -> T:
        """Call in this namespace, on a thread of its own; sockets made there stay in it."""
        found: list[T] = []
        failed: list[BaseException] = []

        def enter() -> None:
            try:
                with Path("/run/netns", self.name).open() as handle:
                    assert _libc.setns(handle.fileno(), CLONE_NEWNET) == 0, ctypes.get_errno()
                found.append(function())
            except BaseException as error:  # noqa: BLE001 - it is raised again on the caller's thread
                failed.append(error)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]
        return found[0]

    def close(self) -> None:
        """Delete it, and with the last one what `ip` mounted for the first; as long as there are others, that is busy and stays."""
        subprocess.run(["ip", "netns", "delete", self.name], check=False, capture_output=True)
        subprocess.run(["umount", "/run/netns"], check=False, capture_output=True)


class World:
    """Node 192.168.99.1 (and fd99::1) with pods on 10.244.0.0/24 (fd00:10:244::/64); outside machine 192.168.99.100 (fd99::100)."""

    def __init__(self, pods: int = 3) -> None:
        self._open: list[Callable[[], None]] = []
        self._mark = f"sgt{os.getpid() % 100000}"
        self.node, self.outside = self._space("node"), self._space("out")
        self.node.run("ip", "link", "set", "lo", "up")
        self.node.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)
        self.node.run("ip", "link", "add", "br0", "type", "bridge")
        self.node.run("ip", "addr", "add", "10.244.0.1/24", "dev", "br0")
        self.node.run("ip", "addr", "add", "fd00:10:244::1/64", "dev", "br0", "nodad")
        self.node.run("ip", "link", "set", "br0", "up")
        for name in ("iptables", "ip6tables"):
            path = f"/proc/sys/net/bridge/bridge-nf-call-{name}"
            self.node.run("sh", "-c", f"test ! -e {path} || echo 1 > {path}")
        self._wire(self.outside, "eth0", "up0", ("192.168.99.100/24", "fd99::100/64"))
        for address in ("192.168.99.1/24", "fd99::1/64"):
            self.node.run("ip", "addr", "add", address, "dev", "up0", *(("nodad",) if ":" in address else ()))
        self.outside.run("ip", "route", "add", "default", "via", "192.168.99.1")
        self.outside.run("ip", "-6", "route", "add", "default", "via", "fd99::1")
        self.pods = [self._pod(n) for n in range(2, pods + 2)]

    def _space(self, name: str) -> Namespace:
        space = Namespace(f"{self._mark}{name}")
        self._open.append(space.close)
        return space

    def _pod(self, number: int) -> Namespace:
        pod = self._space(f"p{number}")
        host = f"veth{number}"
        self._wire(pod, "eth0", host, (f"10.244.0.{number}/24", f"fd00:10:244::{number}/64"))
        self.node.run("ip", "link", "set", host, "master", "br0")
        self.node.run("bridge", "link", "set", "dev", host, "hairpin", "on")
        pod.run("ip", "route", "add", "default", "via", "10.244.0.1")
        pod.run("ip", "-6", "route", "add", "default", "via", "fd00:10:244::1")
        return pod

    def _wire(self, space: Namespace, inside: str, host: str, addresses: Sequence[str]) -> None:
        space.run("ip", "link", "set", "lo", "up")
        self.node.run("ip", "link", "add", host, "type", "veth", "peer", "name", inside, "netns", space.name)
        self.node.run("ip", "link", "set", host, "up")
        space.run("ip", "link", "set", inside, "up")
        for address in addresses:
            space.run("ip", "addr", "add", address, "dev", inside, *(("nodad",) if ":" in address else ()))

    def serve(self, space: Namespace, port: int, *, kind: str = "tcp", address: str = "", say: str = "") -> None:
        """Answer each connection (or datagram) on a port with `<say> <client's address>`, until the world ends."""
        family = socket.AF_INET6 if not address or ":" in address else socket.AF_INET
        sort = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
        listener = space.call(lambda: socket.socket(family, sort))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address or "::", port))
        if kind == "tcp":
            listener.listen(64)
        self._open.append(lambda: _shut(listener))
        threading.Thread(target=_answer, args=(listener, kind, say or space.name), daemon=True).start()

    def close(self) -> None:
        for close in reversed(self._open):
            close()


def _shut(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _answer(listener: socket.socket, kind: str, name: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            if kind == "tcp":
                connection, peer = listener.accept()
                connection.sendall(f"{name} {_plain(peer[0])}".encode())
                connection.close()
            else:
                data, peer = listener.recvfrom(2048)
                if not data:
                    return
                listener.sendto(f"{name} {_plain(peer[0])}".encode(), peer)


def _plain(address: str) -> str:
    return address.removeprefix("::ffff:")


def ask(space: Namespace, address: str, port: int, *, kind: str = "tcp", source: tuple[str, int] | None = None) -> tuple[str, str]:
    """Return who answered and which client address it saw; ("refused", "") or ("timeout", "") when nobody did."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    handle = space.call(lambda: socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM))
    with handle:
        handle.settimeout(0.5)
        if source:
            handle.bind(source)
        try:
            handle.connect((address, port))
            if kind == "udp":
                handle.send(b"?")
            who, _, seen = handle.recv(2048).decode().partition(" ")
        except ConnectionRefusedError:
            return "refused", ""
        except (TimeoutError, OSError):
            return "timeout", ""
        return who, seen
