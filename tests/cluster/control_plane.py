"""A control plane of real processes: an API server on SQLite and TLS, and as many managers and schedulers as a test wants."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.server.harness import Pki

from sagong.api.errors import ApiError
from sagong.api.types.coordination import Lease
from sagong.client.client import Client
from sagong.client.config import load_kubeconfig
from sagong.cluster.clock import RealClock, RealRandom

SOURCES = str(Path(__file__).parents[2] / "src")
SECONDS = 40
"""how long anything may take that takes a second or two when nothing else runs"""
USERS = {
    "admin": ("admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
}


@dataclass
class Member:
    """One process, known by the port of its health."""

    component: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        await until(lambda: self.process.poll() is not None)
        return self.process.returncode

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


class ControlPlane:
    """Starts processes and finds out who leads. `client` is the administrator's."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.members = directory, list[Member]()
        self.api_port = free_port()
        pki = Pki(directory)
        for file, (name, group) in USERS.items():
            pki.issue(name, *filter(None, [group]), file=file)
            self._kubeconfig(file)
        pki.issue("server", server=True)
        Path(pki.path("sa.key")).write_bytes(Path(pki.path("ca.key")).read_bytes())
        config = {
            "port": self.api_port,
            "certificate": pki.path("server.crt"),
            "key": pki.path("server.key"),
            "client_ca": pki.path("ca.crt"),
            "service_account_key": pki.path("sa.key"),
            "store": pki.path("store"),
        }
        (directory / "apiserver.json").write_text(json.dumps(config))
        self.client = Client(load_kubeconfig(pki.path("admin.conf")), clock=RealClock(), random=RealRandom())

    def start(self, component: str, *arguments: str) -> Member:
        """Start a process: apiserver, controller-manager or scheduler."""
        port, log = free_port(), self.directory / f"{component}-{len(self.members)}.log"
        module = f"sagong.cluster.{component.replace('-', '_')}"
        if component == "apiserver":
            said = ["--config", str(self.directory / "apiserver.json")]
        else:
            said = ["--kubeconfig", str(self.directory / f"{component}.conf"), "--pki", str(self.directory), "--port", str(port)]
        with log.open("wb") as output:
            command = [sys.executable, "-m", module, *said, *arguments]
            process = subprocess.Popen(command, stderr=output, env=os.environ | {"PYTHONPATH": SOURCES})
        self.members.append(Member(component, port, process, log))
        return self.members[-1]

    def leader(self, component: str, lease: Lease) -> Member | None:
        """Return who holds a lease, if it is one of ours that lives."""
        port = (lease.spec.holderIdentity or "").rpartition("-")[2]
        found = [member for member in self.members if (member.component, str(member.port)) == (component, port)]
        return found[0] if found and found[0].process.poll() is None else None

    async def wait_leader(self, component: str, other_than: Member | None = None) -> Member:
        async with asyncio.timeout(SECONDS):
            while True:
                try:
                    lease = await self.client.get(Lease, f"kube-{component}", "kube-system")
                    found = self.leader(component, lease)
                    if found is not None and found is not other_than:
                        return found
                except (ApiError, OSError):
                    pass
                await asyncio.sleep(0.05)

    def stop(self) -> None:
        """End what still runs, also what is frozen."""
        for member in reversed(self.members):
            if member.process.poll() is None:
                member.process.kill()
                member.signal(signal.SIGCONT)
            member.process.wait(SECONDS)

    def _kubeconfig(self, user: str) -> None:
        cluster = {"server": f"https://127.0.0.1:{self.api_port}", "certificate-authority": str(self.directory / "ca.crt")}
        keys = {"client-certificate": str(self.directory / f"{user}.crt"), "client-key": str(self.directory / f"{user}.key")}
        document: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": cluster}],
            "users": [{"name": "u", "user": keys}],
        }
        (self.directory / f"{user}.conf").write_text(json.dumps(document))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def until(condition: Callable[[], Any], seconds: float = SECONDS) -> None:
    """Wait for something that happens outside."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - looked at from outside
            await asyncio.sleep(0.02)


@contextmanager
def _stopping(plane: ControlPlane) -> Iterator[None]:
    try:
        yield
    finally:
        plane.stop()


@asynccontextmanager
async def control_plane(directory: Path) -> AsyncIterator[ControlPlane]:
    """Run an API server; what else was started is ended too."""
    plane = ControlPlane(directory)
    with _stopping(plane):
        plane.start("apiserver")
        async with plane.client:
            async with asyncio.timeout(SECONDS):
                while True:
                    try:
                        await plane.client.raw("GET", "/readyz")
                        break
                    except (ApiError, OSError):
                        await asyncio.sleep(0.02)
            yield plane
