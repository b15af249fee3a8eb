"""The store on a real etcd, Debian's."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from tests.store.encryption.test_ciphers import document, provider

from sagong.cluster.clock import RealClock
from sagong.store.base import (
    CompactedError,
    Event,
    RevisionMismatchError,
    Seal,
    SlowWatcherError,
    StoreClosedError,
    StoreOpenError,
    StoreWriteError,
    Watch,
    Write,
)
from sagong.store.encryption.encryption import Encryption
from sagong.store.etcd import EtcdStore

pytestmark = pytest.mark.skipif(shutil.which("etcd") is None, reason="etcd is not installed")
A, B = "/registry/pods/default/a", "/registry/pods/default/b"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Etcd:
    def __init__(self, directory: Path) -> None:
        self.directory, self.port, self.peer = directory, free_port(), free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        client, peer = f"http://{self.address}", f"http://127.0.0.1:{self.peer}"
        urls = ["--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer]
        own = ["--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}", "--data-dir", str(self.directory)]
        self.process = subprocess.Popen(["etcd", *urls, *own], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[Etcd]:
    running = Etcd(tmp_path / "etcd")
    yield running
    running.kill()


async def opened(etcd: Etcd, seal: Seal | None = None) -> EtcdStore:
    deadline = time.monotonic() + 20
    while True:
        try:
            return await EtcdStore.open([etcd.address], clock=RealClock(), seal=seal)
        except StoreOpenError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


async def take(watch: Watch, count: int) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(10):
        async for batch in watch:
            events += batch
            if len(events) >= count:
                break
    return events


async def test_it_is_a_store(etcd: Etcd) -> None:
    store = await opened(etcd)
    start = store.revision
    watch = store.watch("/registry/pods/", start)
    first = await store.write(A, b"1", 0)
    entry = store.get(A)
    assert entry is not None
    assert (entry.value, entry.revision, entry.created) == (b"1", first, first)
    with pytest.raises(RevisionMismatchError) as mismatch:
        await store.write(A, b"x", 0)
    assert mismatch.value.current == entry
    with pytest.raises(RevisionMismatchError) as absent:
        await store.write(B, b"x", 7)
    assert absent.value.current is None
    second = await store.write(A, b"2", first)
    both = await store.write_all([Write(B, b"3", 0), Write(A, None, second)])
    assert store.get(A) is None
    assert [entry.key for entry in store.list("/registry/")] == [B]
    assert [entry.value for entry in store.list_at("/registry/", second)] == [b"2"]
    assert sorted(await take(watch, 4), key=lambda event: (event.revision, event.key)) == [
        Event(A, b"1", first, None, 0),
        Event(A, b"2", second, b"1", first),
        Event(A, None, both, b"2", second),
        Event(B, b"3", both, None, 0),
    ]
    await store.compact(second)
    with pytest.raises(CompactedError):
        store.watch("/registry/", first)
    await store.close()
    with pytest.raises(StoreClosedError):
        await store.write(A, b"", 0)
    again = await EtcdStore.open([etcd.address], clock=RealClock())
    assert (again.revision, [entry.revision for entry in again.list("/registry/")]) == (both, [both])
    await again.close()


async def test_two_servers_see_each_others_writes(etcd: Etcd) -> None:
    left = await opened(etcd)
    right = await EtcdStore.open([etcd.address], clock=RealClock())
    revision = await left.write(A, b"1", 0)
    await asyncio.wait_for(right.wait_revision(revision), 20)
    assert right.get(A) == left.get(A)
    revision = await right.write_all([Write(f"/registry/x/{n:03}", b"", 0) for n in range(300)])
    await asyncio.wait_for(left.wait_revision(revision), 20)
    assert left.count("/registry/x/") == 300
    await left.close()
    await right.close()


async def test_an_etcd_that_comes_back_is_followed_again(etcd: Etcd) -> None:
    store = await opened(etcd)
    revision = await store.write(A, b"1", 0)
    watch = store.watch("/registry/", revision)
    etcd.kill()
    assert store.get(A) is not None
    etcd.start()
    other = await opened(etcd)
    newer = await other.write(B, b"2", 0)
    assert await take(watch, 1) == [Event(B, b"2", newer, None, 0)]
    await other.close()
    await store.close()


async def test_a_write_waits_for_an_etcd_that_is_away(etcd: Etcd, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await opened(etcd)
    revision = await store.write(A, b"1", 0)
    etcd.kill()
    # What is sent before the loss is noticed may have happened, or not.
    await store._client._channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
    waiting = asyncio.create_task(store.write(A, b"2", revision))
    await asyncio.sleep(0)
    etcd.start()
    newer = await waiting
    entry = store.get(A)
    assert entry is not None
    assert (entry.value, entry.revision) == (b"2", newer)
    etcd.kill()
    monkeypatch.setattr("sagong.store.etcd_client.TIMEOUT", 0.5)
    with pytest.raises(StoreWriteError, match="etcd refuses writes"):
        await store.write(A, b"3", newer)
    await store.close()


async def test_an_etcd_that_starts_later_is_waited_for(tmp_path: Path) -> None:
    later = Etcd(tmp_path / "etcd")
    later.kill()
    opening = asyncio.create_task(EtcdStore.open([later.address], clock=RealClock(), patience=30))
    await asyncio.sleep(0)
    later.start()
    try:
        store = await opening
        assert await store.write(A, b"1", 0) == store.revision
        await store.close()
    finally:
        later.kill()


async def test_watches_end_when_etcd_has_forgotten_what_they_missed(etcd: Etcd) -> None:
    store = await opened(etcd)
    first = await store.write(A, b"1", 0)
    watch = store.watch("/registry/", first)
    other = await opened(etcd)
    store._follower.cancel()
    await asyncio.wait([store._follower])
    second = await other.write(A, b"2", first)
    third = await other.write(B, b"3", 0)
    await other.compact(third)
    store._follower = asyncio.create_task(store._follow())
    with pytest.raises(SlowWatcherError):
        await asyncio.wait_for(anext(aiter(watch)), 10)
    assert [entry.revision for entry in store.list("/registry/")] == [second, third]
    assert store.oldest == store.revision == third
    await other.close()
    await store.close()


async def test_an_etcd_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagong.store.etcd_client.TIMEOUT", 0.5)
    with pytest.raises(StoreOpenError, match=r"etcd at 127.0.0.1:1 does not answer .*: start it"):
        await EtcdStore.open(["127.0.0.1:1"], clock=RealClock())


async def test_values_are_sealed_on_their_way_to_etcd(etcd: Etcd, tmp_path: Path) -> None:
    config = tmp_path / "encryption.yaml"
    config.write_bytes(document((["secrets"], [provider()])))
    key = "/registry/secrets/default/s"
    sealed = await opened(etcd, Encryption(config, os.urandom))
    revision = await sealed.write(key, b"plain", 0)
    with pytest.raises(RevisionMismatchError) as error:
        await sealed.write(key, b"again", 0)
    assert error.value.current is not None
    assert error.value.current.value == b"plain"
    entry = sealed.get(key)
    assert entry is not None
    assert (entry.value, entry.revision) == (b"plain", revision)
    bare = await EtcdStore.open([etcd.address], clock=RealClock())
    stored = bare.get(key)
    assert stored is not None
    assert stored.value.startswith(b"k8s:enc:aesgcm:v1:key1:")
    await sealed.close()
    again = await EtcdStore.open([etcd.address], clock=RealClock(), seal=Encryption(config, os.urandom))
    assert again.get(key) == entry
    await bare.write(key, b"k8s:enc:aesgcm:v1:key1:nonsense", revision)
    async with asyncio.timeout(20):
        with pytest.raises(StoreClosedError, match="cannot be decrypted"):
            await again.wait_revision(revision + 1)
    await again.close()
    await bare.close()
    with pytest.raises(StoreOpenError, match="etcd cannot be decrypted"):
        await EtcdStore.open([etcd.address], clock=RealClock(), seal=Encryption(config, os.urandom))


async def test_it_tells_what_etcd_takes_while_that_answers(etcd: Etcd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagong.store.etcd_client.TIMEOUT", 2.0)
    store = await opened(etcd)
    assert ((await store.size()) or 0) > 0
    etcd.kill()
    assert await store.size() is None
    await store.close()
