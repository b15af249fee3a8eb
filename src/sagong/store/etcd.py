"""The store on etcd 3.4 or newer: writes are transactions there, reads come from a copy in memory that one watch keeps.

Keys are those of upstream's kube-apiserver. A write is answered when its event has come back, so that the one who wrote reads it.
When the watch has lost too much (etcd compacted while the connection was down), the copy is made anew and all watches end.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import grpc.aio

from sagong.api.clock import Clock
from sagong.store import etcd_pb2 as pb
from sagong.store.base import (
    Entry,
    RevisionMismatchError,
    Seal,
    SealError,
    SlowWatcherError,
    StoreClosedError,
    StoreOpenError,
    StoreWriteError,
    Write,
)
from sagong.store.etcd_client import TIMEOUT, EtcdClient, EtcdTls
from sagong.store.log import Log
from sagong.store.reader import LogReader

_PREFIX = "/registry/"
_MOST_OPERATIONS = 128  # etcd's --max-txn-ops
_RETRY_SECONDS = 0.5
_HISTORY_EVENTS, _HISTORY_BYTES = 100_000, 64 << 20


class EtcdStore(LogReader):
    """A `Store` in an etcd cluster that other API servers may use too. Make it with `open`."""

    cluster_id = "etcd-0"

    def __init__(self, client: EtcdClient, log: Log, clock: Clock) -> None:
        super().__init__(log)
        self._client, self._clock = client, clock
        self._follower = asyncio.get_running_loop().create_task(self._follow())

    @classmethod
    async def open(
        cls, endpoints: Sequence[str], *, clock: Clock, tls: EtcdTls | None = None, seal: Seal | None = None, patience: float = 0
    ) -> EtcdStore:
        """Connect to `host:port` addresses and read everything; `seal` encrypts. Raises StoreOpenError.

        `patience`: so many seconds an etcd is waited for that is not there yet.
        """
        try:
            client = EtcdClient(endpoints, tls, seal)
        except OSError as error:
            raise StoreOpenError(f"etcd's certificates cannot be read ({error}): check their paths") from error
        try:
            if patience:
                await client.wait(patience)
            log = await _read(client)
        except grpc.aio.AioRpcError as error:
            await client.close()
            raise StoreOpenError(f"etcd at {', '.join(endpoints)} does not answer ({error.details()}): start it") from error
        except SealError as error:
            await client.close()
            raise StoreOpenError(f"etcd cannot be decrypted ({error}): add the key it was written with") from error
        return cls(client, log, clock)

    async def write(self, key: str, value: bytes | None, expected: int) -> int:
        """Compare, swap, make durable."""
        return await self.write_all((Write(key, value, expected),))

    async def write_all(self, writes: Sequence[Write]) -> int:
        """Do all the writes or none; more than 128 go in several steps, since etcd takes no more at a time."""
        revision = self._log.revision
        for at in range(0, len(writes), _MOST_OPERATIONS):
            revision = await self._transaction(writes[at : at + _MOST_OPERATIONS])
        return revision

    async def compact(self, revision: int) -> None:
        """Forget history before `revision`, here and in etcd."""
        self._check_open()
        self._log.forget(revision)
        try:
            await self._client.compact(revision)
        except grpc.aio.AioRpcError as error:
            raise StoreWriteError(f"etcd does not compact: {error.details()}") from error

    async def size(self) -> int | None:
        """Return how many bytes the database of one member takes; None when it does not answer."""
        try:
            return await self._client.size()
        except grpc.aio.AioRpcError:
            return None

    async def close(self) -> None:
        """Close the connection."""
        self._closed = self._closed or StoreClosedError("the store is closed")
        self._follower.cancel()
        await asyncio.wait([self._follower])
        self._log.fail_waiters(None, self._closed)
        self._log.fanout.close()
        await self._client.close()

    async def _transaction(self, writes: Sequence[Write]) -> int:
        self._check_open()
        for write in writes:
            if write.value is None and not write.expected:
                raise ValueError(f"{write.key} is absent: there is nothing to delete")
        try:
            response = await self._client.write(writes)
        except grpc.aio.AioRpcError as error:
            raise StoreWriteError(f"etcd refuses writes ({error.details()}); this one may have happened") from error
        except SealError as error:
            raise StoreWriteError(f"what etcd holds cannot be decrypted: {error}") from error
        if not response.succeeded:
            raise _mismatch(writes, response)
        revision = response.header.revision
        # The answer may come before the event; after ten seconds without it, the write is still a fact.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TIMEOUT):
                await self._log.wait_revision(revision)
        return revision

    async def _follow(self) -> None:
        try:
            await self._follow_on()
        except SealError as error:
            self._closed = StoreClosedError(f"etcd holds what cannot be decrypted ({error}): add the key to the configuration")
            self._log.fail_waiters(None, self._closed)
            self._log.fanout.fail(self._closed)

    async def _follow_on(self) -> None:
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                async with contextlib.aclosing(self._client.watch(_PREFIX, self._log.revision + 1)) as responses:
                    async for response in responses:
                        if response.compact_revision:
                            await self._start_anew()
                        if response.canceled:
                            break
                        self._apply(response)
            await self._clock.sleep(_RETRY_SECONDS)

    def _apply(self, response: pb.WatchResponse) -> None:
        log = self._log
        events = []
        for event in response.events:
            value = event.kv.value if event.type == pb.Event.PUT else None
            events.append(log.apply(event.kv.key.decode(), value, event.kv.mod_revision))
        if not response.events and not response.created:
            log.revision = max(log.revision, response.header.revision)  # a progress notice: nothing happened up to there
        log.publish(events)
        if log.history_length > _HISTORY_EVENTS or log.history_bytes > _HISTORY_BYTES:
            log.forget(log.revision_at(0.25))

    async def _start_anew(self) -> None:
        old, self._log = self._log, await _read(self._client)
        old.hand_waiters_to(self._log)
        old.fanout.fail(SlowWatcherError("etcd was compacted while the connection to it was down"))


async def _read(client: EtcdClient) -> Log:
    found, revision = await client.read(_PREFIX)
    return Log(revision, [_entry(kv) for kv in found])


def _entry(kv: pb.KeyValue) -> Entry:
    return Entry(kv.key.decode(), kv.value, kv.mod_revision, kv.create_revision)


def _mismatch(writes: Sequence[Write], response: pb.TxnResponse) -> RevisionMismatchError:
    live: list[Entry | None] = [next((_entry(kv) for kv in one.response_range.kvs), None) for one in response.responses]
    for write, entry in zip(writes, live, strict=True):
        if (entry.revision if entry else 0) != write.expected:
            return RevisionMismatchError(write.key, entry)
    return RevisionMismatchError(writes[0].key, live[0])
