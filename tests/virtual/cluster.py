"""A cluster in virtual time: the real API server on its SQLite store, controllers, scheduler and simulated nodes, in one process.

Every part can be stopped and started again; faults, if any, are between them and the server. The clients of a test meet none.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from unittest import mock

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from tests.server.harness import Pki
from tests.virtual.faults import Faults
from tests.virtual.loop import START, SeededRandom, VirtualClock
from tests.virtual.wire import WiredTransport

from sagong.client.accounts import Accounts
from sagong.client.client import Client
from sagong.client.config import ClientConfig
from sagong.client.credentials import AskedToken
from sagong.controllers.catalog import Settings, controllers, parts
from sagong.controllers.runner import Runner
from sagong.node.simulated.fleet import Fleet
from sagong.node.simulated.settings import SimulationSettings
from sagong.scheduler.app import Scheduler
from sagong.server.app import ApiServer
from sagong.server.config import ServerConfig
from sagong.store import sqlite
from sagong.store.sqlite import SqliteStore
from sagong.store.sqlite_file import Row
from sagong.store.sqlite_writer import Compaction, Job, Writer

FOREVER = 10**9
ROWS_AT_ONCE = 500


class _WriterInLine(Writer):
    """Writes on the loop: many rows at a time, since nothing is lost when a power cut is out of the question."""

    def start(self) -> None:
        """Start with nothing to write."""
        self._later: list[Row] = []

    def put(self, job: Job) -> None:
        if job is None:
            self._write_out()
            self._file.close()
        elif isinstance(job, Compaction):
            self._write_out()
            self._compact(job)
            self._delete()
        else:
            self._write(job)

    def _append(self, rows: Sequence[Row]) -> Exception | None:
        self._later += rows
        return self._write_out() if len(self._later) >= ROWS_AT_ONCE else None

    def _write_out(self) -> Exception | None:
        rows, self._later = self._later, []
        return super()._append(rows)

    def join(self) -> None:
        """Wait for nothing."""


class _WiredAccounts(Accounts):
    """Accounts whose clients need no socket."""

    def __init__(self, client: Client, cluster: Cluster) -> None:
        super().__init__(client)
        self._cluster = cluster

    def client_of(self, name: str) -> Client:
        cluster = self._cluster
        bearer = AskedToken(lambda: self._token(name), cluster.clock)
        return cluster.client_over(WiredTransport(cluster.server.pipeline, cluster.clock, bearer=bearer, faults=cluster.faults))


class Part:
    """Something that runs until it is stopped, and can be started anew."""

    def __init__(self, run: Callable[[], Awaitable[None]]) -> None:
        self._run = run
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        assert self._task is None
        self._task = asyncio.create_task(cast("Any", self._run()))
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Stop at once; what is under way at the server is finished there."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def restart(self) -> None:
        await self.stop()
        self.start()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            task.get_loop().call_exception_handler({"message": "a part has failed", "exception": task.exception()})


class Pods:
    """What the store's log says of pods: how often one was made, by the name of what its label `app` says."""

    def __init__(self) -> None:
        self.made: Counter[str] = Counter()
        self.deleted: Counter[str] = Counter()
        self.moved: list[str] = []
        self._nodes: dict[str, str] = {}

    def see(self, value: bytes | None, previous: bytes | None) -> None:
        """Take one change of one pod."""
        pod = msgspec.json.decode(value or previous or b"", type=_Pod)
        app = pod.metadata.labels.get("app", "")
        if value is None:
            self.deleted[app] += 1
        elif previous is None:
            self.made[app] += 1
        node = self._nodes.setdefault(pod.metadata.uid, pod.spec.nodeName)
        if node != pod.spec.nodeName:
            self._nodes[pod.metadata.uid] = pod.spec.nodeName
            if node:
                self.moved.append(pod.metadata.uid)


class _Meta(msgspec.Struct):
    uid: str
    labels: dict[str, str] = {}


class _Spec(msgspec.Struct):
    nodeName: str = ""


class _Pod(msgspec.Struct):
    metadata: _Meta
    spec: _Spec


class Cluster:
    """The parts. `admin` is the administrator's client."""

    def __init__(self, server: ApiServer, store: SqliteStore, pki: Pki, seed: int, faults: Faults | None) -> None:
        self.server, self.store, self.faults = server, store, faults
        self.clock, self.random = VirtualClock(asyncio.get_running_loop()), SeededRandom(seed)
        self.pods = Pods()
        self._pki = pki
        self._certificates: dict[str, bytes] = {}
        self.admin = self.client("admin", "system:masters")
        self.manager = Part(self._manage)
        self.scheduler = Part(self._schedule)
        self.fleets: list[Part] = []
        self.only: Callable[[str], bool] = lambda _: True
        """which controllers the manager runs, by name"""
        self.runner: Runner | None = None

    def client(self, user: str, *groups: str, faulty: bool = False) -> Client:
        """Return a client that acts as the user."""
        if user not in self._certificates:
            stem = self._pki.issue(user, *groups, file=f"user-{len(self._certificates)}")
            pem = Path(self._pki.path(f"{stem}.crt")).read_bytes()
            self._certificates[user] = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
        faults = self.faults if faulty else None
        certificate = self._certificates[user]
        return self.client_over(WiredTransport(self.server.pipeline, self.clock, certificate=certificate, faults=faults))

    def client_over(self, transport: WiredTransport) -> Client:
        """Return a client that uses the transport."""
        return Client(ClientConfig("http://server.invalid"), clock=self.clock, random=self.random, transport=transport)

    def fleet(self, names: Iterable[str], **settings: Any) -> Part:
        """Make simulated nodes; the part is to be started."""
        made = SimulationSettings(**settings)
        wanted = list(names)
        place = 1000 * len(self.fleets)

        async def run() -> None:
            client = self.client("nodes", "system:masters", faulty=True)
            await Fleet(client, wanted, made, self.clock, self.random, address="127.0.0.1", port=10350 + place).run()

        self.fleets.append(Part(run))
        return self.fleets[-1]

    async def follow_pods(self) -> None:
        """Keep `pods`, until cancelled."""
        async for batch in self.store.watch("/registry/pods/", self.store.revision, capacity=FOREVER):
            for event in batch:
                self.pods.see(event.value, event.previous)

    def left(self, namespace: str) -> Sequence[str]:
        """Return the keys of all that is in a namespace, and its own."""
        ends, within = f"/namespaces/{namespace}", f"/{namespace}/"
        return [entry.key for entry in self.store.list("/registry/") if entry.key.endswith(ends) or within in entry.key]

    async def _manage(self) -> None:
        client = self.client("system:kube-controller-manager", faulty=True)
        settings = Settings(root_ca=Path(self._pki.path("ca.crt")).read_text())
        accounts = _WiredAccounts(client, self)
        chosen = [loop for loop in controllers(settings) if self.only(loop.name)]
        makers = [maker for name, maker in parts().items() if self.only(name)]
        self.runner = Runner(client, chosen, accounts=accounts, makers=makers)
        await self.runner.run()

    async def _schedule(self) -> None:
        client = self.client("system:kube-scheduler", faulty=True)
        await Scheduler(client, clock=self.clock, random=self.random).run()


async def until(clock: VirtualClock, condition: Callable[[], Awaitable[bool]], seconds: float, every: float = 1.0) -> None:
    """Wait, in virtual time, until something holds. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await clock.sleep(every)


@asynccontextmanager
async def cluster(
    directory: Path, *, seed: int = 1, faults: Callable[[SeededRandom], Faults] | None = None, **settings: Any
) -> AsyncIterator[Cluster]:
    """Run the server, with settings of ServerConfig; nothing else runs yet. For a virtual loop only."""
    pki = Pki(directory, now=START, valid=timedelta(days=1000))
    random = SeededRandom(seed + 1)
    clock = VirtualClock(asyncio.get_running_loop())
    config = ServerConfig(client_ca=pki.path("ca.crt"), service_account_key=pki.path("ca.key"), **settings)
    with mock.patch.object(sqlite, "Writer", _WriterInLine):
        store = await SqliteStore.open(directory / "store", durable=False)
    server = ApiServer(config, store, clock=clock, random=random)
    try:
        async with server.working():
            server.ready.set()
            made = Cluster(server, store, pki, seed, faults(SeededRandom(seed + 2)) if faults is not None else None)
            following = Part(made.follow_pods)
            following.start()
            try:
                yield made
            finally:
                for part in (made.manager, made.scheduler, *made.fleets, following):
                    await part.stop()
    finally:
        await store.close()


__all__ = ["Cluster", "Part", "Pods", "cluster", "until"]
